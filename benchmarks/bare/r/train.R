# A binomial GLM on the CSV files of two folders: what one writes who needs nothing else.

read <- function(channel) {
  files <- list.files(file.path("/opt/ml/input/data", channel), full.names = TRUE)
  data.table::rbindlist(lapply(files, data.table::fread), use.names = TRUE)
}

training <- read("training")
validation <- read("validation")
tolerance <- 1e-8
start <- NULL
deviance <- Inf
for (step in 1:25) {
  # One iteration at a time, to print; glm() warns after each that it has not converged.
  model <- suppressWarnings(
    glm(is_male ~ ., binomial, training, start = start, control = list(maxit = 1))
  )
  start <- coef(model)
  probability <- predict(model, validation, type = "response")
  cat(sprintf(
    "step=%d training:log_loss=%.6g validation:log_loss=%.6g validation:accuracy=%.6g\n",
    step,
    model$deviance / nobs(model) / 2,
    -mean(log(ifelse(validation$is_male == 1, probability, 1 - probability)), na.rm = TRUE),
    mean((probability > 0.5) == (validation$is_male == 1), na.rm = TRUE)
  ))
  if (abs(model$deviance - deviance) / (model$deviance + 0.1) < tolerance) break
  deviance <- model$deviance
}
saveRDS(model, "/opt/ml/model/model.rds")
coefficients <- data.table::as.data.table(coef(summary(model)), keep.rownames = "term")
data.table::fwrite(coefficients, "/opt/ml/model/coefficients.csv")
