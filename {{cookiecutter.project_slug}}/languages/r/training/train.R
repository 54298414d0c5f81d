# Train the model on the hosts of a SageMaker training job, each of which runs this program.
#
#     Rscript train.R [train] [--hyperparameter value ...]
#
# The service starts the image with the word "train" (C1); everything else comes from files under
# /opt/ml. The algorithm is in model.R, what SageMaker asks of a container in job/.

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
# An environment of its own, so that no name in model.R can replace one of the contract's.
job <- new.env(parent = baseenv())
job$code <- file.path(code, "job")
for (file in list.files(job$code, "[.]R$", full.names = TRUE)) {
  sys.source(file, job)
}

#' Run the program
#'
#' @param arguments The words after the program's name.
#' @return The exit code: 0, 1 for a failed training, 2 for words that mean nothing here.
main <- function(arguments) {
  # R compiles functions as it meets them, which a short job pays with a quarter of its time: see
  # the loop below.
  compiler::enableJIT(0)
  job$watch_sigterm()
  job$limit_blas_threads()
  job$run(function() train(arguments))
}

#' Read, train step by step, keep checkpoints, save the model
#'
#' @inheritParams main
train <- function(arguments) {
  # Not before, since it may take a while, and SIGTERM and a failure count from the start.
  source(file.path(code, "model.R"), chdir = TRUE, encoding = "UTF-8")

  if ("--help" %in% arguments) {
    cat(job$usage(model_hyperparameters), sep = "\n")
    return(invisible())
  }
  overrides <- job$read_arguments(arguments, model_hyperparameters)
  hyperparameters <- job$read_hyperparameters(model_hyperparameters, overrides)
  hosts <- job$read_hosts()
  for_several <- isTRUE(get0("several_hosts"))
  job$join(hosts, for_several)
  if (hosts$rank > 0) {
    return(job$serve())
  }
  nodes <- job$nodes
  channels <- parallel::clusterEvalQ(nodes, job$read_channels(model_required_channels)) |>
    stats::setNames(hosts$names)
  parallel::clusterCall(nodes, function(channels) job$check_channels(channels), channels)

  model <- model_new(hyperparameters) |>
    model_read(if (for_several) channels else channels[[1]])
  checkpoints <- job$open_checkpoints()
  model <- job$resume(checkpoints, model, model_load_checkpoint)

  metrics <- NULL
  while (!model_finished(model) && !job$sigterm_received()) {
    if (proc.time()[["elapsed"]] > 2) {
      compiler::enableJIT(3)
    }
    model <- model_step(model)
    metrics <- model_metrics(model)
    job$log_step(model$steps, metrics)
    if (job$checkpoint_due(checkpoints)) {
      job$save_checkpoint(checkpoints, model, model_save_checkpoint, model_load_checkpoint)
    }
  }

  if (model$steps == 0) {
    job$fail_if_stopped()
  }
  job$save_checkpoint(checkpoints, model, model_save_checkpoint, model_load_checkpoint)
  metadata <- list(
    hyperparameters = hyperparameters,
    metrics = as.list(if (is.null(metrics)) model_metrics(model) else metrics),
    steps = model$steps,
    stopped = !model_finished(model)
  )
  job$save_model(model, model_save, model_load, c(metadata, model_metadata(model)))
  job$leave()
}

if (is_program) {
  quit(save = "no", status = main(commandArgs(trailingOnly = TRUE)))
}
