# A binomial GLM on the CSV files of a folder: fread() and glm.fit(), and nothing else.

library(stats) # the image loads no package by itself

input <- "/opt/ml/input"
cat("Start\n")
steps <- jsonlite::fromJSON(file.path(input, "config/hyperparameters.json"))$max_iterations
read <- function(file) {
  if (endsWith(file, ".gz")) {
    data.table::fread(cmd = paste("gzip -dc", file), showProgress = FALSE)
  } else {
    data.table::fread(file, showProgress = FALSE)
  }
}
tables <- lapply(list.files(file.path(input, "data/training"), full.names = TRUE), read)
cat("Read\n")
table <- data.table::rbindlist(tables)
x <- cbind(1, as.matrix(table[, -"is_male"]))
start <- NULL
for (step in seq_len(as.integer(steps))) {
  # One iteration at a time, to print; glm.fit() warns after each that it has not converged.
  model <- suppressWarnings(
    glm.fit(x, table$is_male, family = binomial(), start = start, control = list(maxit = 1))
  )
  start <- model$coefficients
  cat(sprintf("step=%d training:log_loss=%.6g\n", step, model$deviance / nrow(x) / 2))
}
