# Train the model on the hosts of a SageMaker training job, each of which runs this program.
#
#     Rscript train.R [train] [--hyperparameter value ...]
#
# The service starts the image with the word "train" (C1); everything else comes from files under
# /opt/ml. The algorithm is in model.R, the service's contract in opt_ml.R, what makes several hosts
# one in cluster.R.

# Where the other files lie: beside this one. Rscript writes a blank in a path as "~+~".
is_program <- sys.nframe() == 0
code <- if (is_program) {
  sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]) |>
    gsub(pattern = "~+~", replacement = " ", fixed = TRUE) |>
    dirname() |>
    normalizePath()
} else {
  getwd()
}
# With the source, a stack trace has line numbers.
options(keep.source = TRUE, keep.source.pkgs = TRUE)
# Environments of their own, so that no name in model.R can replace one of the contract's.
opt_ml <- new.env(parent = baseenv())
sys.source(file.path(code, "opt_ml.R"), opt_ml, chdir = TRUE)
cluster <- list2env(list(opt_ml = opt_ml), parent = baseenv())
sys.source(file.path(code, "cluster.R"), cluster)

#' Run the program
#'
#' @param arguments The words after the program's name.
#' @return The exit code: 0, 1 for a failed training, 2 for words that mean nothing here.
main <- function(arguments) {
  # R compiles functions as it meets them, which a short job pays with a quarter of its time: see
  # the loop below.
  compiler::enableJIT(0)
  opt_ml$watch_sigterm()
  opt_ml$limit_blas_threads()
  opt_ml$run(function() train(arguments))
}

#' Read, train step by step, keep checkpoints, save the model
#'
#' @inheritParams main
train <- function(arguments) {
  # Not before, since it may take a while, and SIGTERM and a failure count from the start.
  source(file.path(code, "model.R"), chdir = TRUE, encoding = "UTF-8")

  if ("--help" %in% arguments) {
    cat(opt_ml$usage(model_hyperparameters), sep = "\n")
    return(invisible())
  }
  overrides <- opt_ml$read_arguments(arguments, model_hyperparameters)
  hyperparameters <- opt_ml$read_hyperparameters(model_hyperparameters, overrides)
  hosts <- opt_ml$read_hosts()
  for_several <- isTRUE(get0("several_hosts"))
  cluster$join(hosts, for_several)
  if (hosts$rank > 0) {
    return(cluster$serve())
  }
  nodes <- cluster$nodes
  channels <- parallel::clusterEvalQ(nodes, opt_ml$read_channels(model_required_channels)) |>
    stats::setNames(hosts$names)
  parallel::clusterCall(nodes, function(channels) opt_ml$check_channels(channels), channels)

  model <- model_new(hyperparameters) |>
    model_read(if (for_several) channels else channels[[1]])
  checkpoints <- opt_ml$open_checkpoints()
  model <- opt_ml$resume(checkpoints, model, model_load_checkpoint)

  metrics <- NULL
  while (!model_finished(model) && !opt_ml$sigterm_received()) {
    if (proc.time()[["elapsed"]] > 2) {
      compiler::enableJIT(3)
    }
    model <- model_step(model)
    metrics <- model_metrics(model)
    opt_ml$log_step(model$steps, metrics)
    if (opt_ml$checkpoint_due(checkpoints)) {
      opt_ml$save_checkpoint(checkpoints, model, model_save_checkpoint, model_load_checkpoint)
    }
  }

  if (model$steps == 0) {
    opt_ml$fail_if_stopped()
  }
  opt_ml$save_checkpoint(checkpoints, model, model_save_checkpoint, model_load_checkpoint)
  metadata <- list(
    hyperparameters = hyperparameters,
    metrics = as.list(if (is.null(metrics)) model_metrics(model) else metrics),
    steps = model$steps,
    stopped = !model_finished(model)
  )
  opt_ml$save_model(model, model_save, model_load, c(metadata, model_metadata(model)))
  cluster$leave()
}

if (is_program) {
  quit(save = "no", status = main(commandArgs(trailingOnly = TRUE)))
}
