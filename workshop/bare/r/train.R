# A training as one writes it first: each line with a number goes wrong on SageMaker.

arguments <- commandArgs(trailingOnly = TRUE)
settings <- jsonlite::fromJSON("/opt/ml/input/config/hyperparameters.json")
target <- if (length(arguments) > 0) arguments[1] else settings$target # 1: the word "train" comes
epochs <- if (is.null(settings$epochs)) 3 else as.integer(settings$epochs)

table <- utils::read.csv("/opt/ml/input/data/training/penguins.csv")
if (!target %in% names(table)) { # 2: it may be quoted
  stop("there is no column ", target)
}

for (epoch in seq_len(epochs)) { # 3: nobody listens to SIGTERM
  Sys.sleep(0.1)
  cat(sprintf("step=%d training:mean=%.6g\n", epoch, mean(table[[target]])))
}
saveRDS(table, "model.rds") # 4: not in /opt/ml/model
