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
# An environment of its own, so that no name in model.R can replace one of the contract's; `the` is
# what changes in it.
job <- new.env(parent = baseenv())
job$the <- new.env(parent = emptyenv())
sys.source(file.path(code, "job", "stop.R"), job)
if (is_program) {
  # First of all, since the kernel drops a SIGTERM that comes before (C6). So the image has R start
  # without its default packages, which take the longest, and without compiling functions as it
  # meets them, which takes half of a short job: see compile_when_long().
  job$watch_sigterm(file.path(code, "job"))
  Sys.unsetenv(c("R_DEFAULT_PACKAGES", "R_ENABLE_JIT"))
  # As R does it, but without its search for names that two of them have.
  c("methods", "datasets", "utils", "grDevices", "graphics", "stats") |>
    setdiff(.packages()) |>
    lapply(attachNamespace) |>
    invisible()
}
list.files(file.path(code, "job"), "[.]R$", full.names = TRUE) |>
  lapply(sys.source, envir = job) |>
  invisible()

# Run the program.
#
# arguments: the words after the program's name.
# Returns the exit code: 0, 1 for a failed training, 2 for words that mean nothing here.
main <- function(arguments) {
  job$limit_blas_threads()
  job$run(
    function() train(arguments), job$path_to("output", "failure"),
    on_failure = job$tell_others
  )
}

# Read, train step by step, keep checkpoints, save the model.
train <- function(arguments) {
  # Not before, since it may take a while, and SIGTERM and a failure count from the start. With the
  # source, a stack trace has line numbers; what was parsed of it would only go to the other hosts.
  options(keep.source = TRUE, keep.parse.data = FALSE)
  # Where rm(list = ls()) in model.R does not reach it.
  attach(list(job = job), name = "job", warn.conflicts = FALSE)
  source(file.path(code, "model.R"), chdir = TRUE, encoding = "UTF-8")
  if (!exists("learn")) {
    job$fail("model.R removes what train.R defines: take rm(list = ls()) out of it.")
  }
  job$complete_model()

  if ("--help" %in% arguments) {
    cat(job$usage(model_hyperparameters), sep = "\n")
    return(invisible())
  }
  overrides <- job$read_arguments(arguments, model_hyperparameters)
  hyperparameters <- job$read_hyperparameters(model_hyperparameters, overrides)
  hosts <- job$read_hosts()
  job$join(hosts, model_several_hosts)
  if (hosts$rank > 0) {
    return(job$serve())
  }
  nodes <- job$nodes()
  channels <- parallel::clusterEvalQ(nodes, job$read_channels(model_required_channels)) |>
    stats::setNames(hosts$names)
  parallel::clusterCall(nodes, function(channels) job$check_channels(channels), channels)

  model <- model_new(hyperparameters) |>
    model_read(if (model_several_hosts) channels else channels[[1]]) |>
    job$returned("model_read")
  job$the$model_as_read <- model
  checkpoints <- job$open_checkpoints(
    hyperparameters, model_save_checkpoint, model_load_checkpoint
  )
  model <- job$resume(checkpoints, model)
  if (job$is_finished(model)) {
    job$refuse_change(checkpoints)
  }

  learned <- learn(model, checkpoints)
  model <- learned$model
  metadata <- list(
    hyperparameters = hyperparameters,
    metrics = as.list(learned$metrics),
    steps = model$steps,
    stopped = job$stop_was_told() || !job$is_finished(model)
  )
  metadata <- c(metadata, job$attempt("metadata", function() {
    job$with_names("model_metadata", model_metadata(model))
  }))
  job$save_model(model, model_save, model_load, metadata)
  # Who resumes from a fit that was cut short would take it for a whole one.
  if (!job$stop_was_told()) {
    job$attempt("last checkpoint", function() job$save_checkpoint(checkpoints, model))
  }
  job$leave()
}

# Step by step, until the model is finished or the job is stopped.
#
# Returns a list of `model` and its `metrics`.
learn <- function(model, checkpoints) {
  find_metrics <- function() {
    job$attempt("metrics", function() job$named_numbers(model_metrics(model)))
  }
  metrics <- NULL
  while (!job$is_finished(model) && !job$sigterm_received()) {
    steps <- model$steps + 1
    job$compile_when_long()
    model <- job$returned(model_step(model), "model_step")
    model$steps <- steps
    if (job$checkpoint_due(checkpoints) && !job$is_finished(model) && !job$stop_was_told()) {
      job$save_checkpoint(checkpoints, model)
    }
    metrics <- find_metrics()
    job$log_step(steps, metrics)
  }
  if (model$steps == 0) {
    job$fail_if_stopped()
  }
  list(model = model, metrics = if (is.null(metrics)) find_metrics() else metrics)
}

if (is_program) {
  quit(save = "no", status = main(commandArgs(trailingOnly = TRUE)))
}
