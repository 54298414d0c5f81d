# A binomial GLM on several hosts: R's own `parallel`, and nothing else.

input <- "/opt/ml/input"
resources <- jsonlite::fromJSON(file.path(input, "config/resourceconfig.json"))
steps <- jsonlite::fromJSON(file.path(input, "config/hyperparameters.json"))$max_iterations
hosts <- resources$hosts

if (resources$current_host != hosts[1]) {
  words <- c(
    paste0("MASTER=", hosts[1]), "PORT=11234", "OUT=", "SETUPTIMEOUT=60", "TIMEOUT=60",
    "XDR=FALSE", "SETUPSTRATEGY=sequential"
  )
  quit(status = system2("Rscript", c("-e", shQuote("parallel:::.workRSOCK()"), words)))
}
nodes <- parallel::makePSOCKcluster(1, useXDR = FALSE)
if (length(hosts) > 1) {
  there <- parallel::makePSOCKcluster(
    hosts[-1], manual = TRUE, master = hosts[1], port = 11234, useXDR = FALSE
  )
  nodes <- structure(c(unclass(nodes), unclass(there)), class = class(nodes))
}

read <- function(channel) {
  files <- list.files(file.path("/opt/ml/input/data", channel), full.names = TRUE)
  table <- data.table::rbindlist(lapply(files, data.table::fread, nThread = 1))
  list(x = cbind(1, as.matrix(table[, -"is_male"])), y = table$is_male)
}
sums <- function(beta) {
  p <- 1 / (1 + exp(-drop(training$x %*% beta)))
  list(
    crossprod(training$x, training$x * (p * (1 - p))),
    crossprod(training$x, training$y - p),
    -sum(log(ifelse(training$y == 1, p, 1 - p)))
  )
}
environment(sums) <- globalenv()
invisible(parallel::clusterCall(nodes, function(read) training <<- read("training"), read))
validation <- read("validation")
beta <- numeric(ncol(validation$x))
for (step in seq_len(as.integer(steps))) {
  total <- Reduce(function(a, b) Map(`+`, a, b), parallel::clusterCall(nodes, sums, beta))
  beta <- beta + drop(solve(total[[1]], total[[2]]))
  p <- 1 / (1 + exp(-drop(validation$x %*% beta)))
  cat(sprintf("step=%d %.6g %.6g\n", step, total[[3]], mean((p > 0.5) == validation$y)))
}
saveRDS(beta, "/opt/ml/model/model.rds")
parallel::stopCluster(nodes)
