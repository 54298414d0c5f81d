# The whole program, started as the service starts it, on the data and the job of this repository.

test_that("the job of this repository trains", {
  base <- local_job()
  run <- train_in(base, "train")
  expect_identical(run$stderr, character())
  expect_identical(run$status, 0L)
  expect_identical(run$failure, character())
  expect_match(run$stdout, "^Saved the model in .*metadata\\.json", all = FALSE)
  expect_gt(length(model_files(base)), 1)
  expect_no_error(model_load(file.path(base, "model")))
  metadata <- jsonlite::read_json(file.path(base, "model", "metadata.json"))
  expect_false(metadata$stopped)
  expect_gte(metadata$steps, 1)
  for (each in model_hyperparameters) {
    given <- request$HyperParameters[[each$name]]
    expected <- if (is.null(given)) each$default else job$decode(each, given)
    expect_equal(metadata$hyperparameters[[each$name]], expected)
  }
})

test_that("every metric of training-job.json is found in the log", {
  base <- local_job()
  log <- train_in(base)$stdout
  for (metric in request$AlgorithmSpecification$MetricDefinitions) {
    expect_match(log, metric$Regex, perl = TRUE, all = FALSE, info = metric$Name)
  }
})

test_that("without any configuration the folders are the channels", {
  base <- local_job()
  for (name in c("inputdataconfig.json", "resourceconfig.json")) {
    unlink(file.path(base, "input", "config", name))
  }
  run <- train_in(base)
  expect_identical(run$status, 0L)
  expect_match(run$stdout, "^inputdataconfig.json is missing: taking the folders", all = FALSE)
})

test_that("--help lists the hyperparameters", {
  base <- local_opt_ml()
  run <- train_in(base, "--help")
  expect_identical(run$status, 0L)
  for (each in model_hyperparameters) {
    expect_match(run$stdout, paste0("--", each$name), fixed = TRUE, all = FALSE)
  }
})

test_that("anything but train is refused", {
  base <- local_opt_ml()
  run <- train_in(base, "serve")
  sentence <- 'This image only trains: start it with "train" or nothing, not "serve".'
  expect_identical(run$status, 2L)
  expect_identical(run$stderr, sentence)
  expect_identical(run$failure, sentence)
  for (word in c("-e", "--version", "--args", "-g", "--no-such-thing")) {
    expect_identical(train_in(base, word, "x")$status, 2L, info = word)
  }
})

test_that("an unknown hyperparameter is one sentence and leaves no model", {
  base <- local_job()
  write_config(base, "hyperparameters.json", list(no_such_thing = "1"))
  run <- train_in(base)
  expect_identical(run$status, 1L)
  expect_match(run$failure, '^Unknown hyperparameter "no_such_thing"')
  expect_identical(run$stderr, run$failure)
  expect_identical(model_files(base), character())
})

test_that("a missing channel is one sentence and leaves no model", {
  skip_if(length(model_required_channels) == 0)
  base <- local_job()
  write_config(base, "inputdataconfig.json", stats::setNames(list(), character()))
  run <- train_in(base)
  expect_identical(run$status, 1L)
  expect_identical(run$failure, sprintf(
    'Channel "%s" is missing: the job has no channels.', model_required_channels[1]
  ))
  expect_identical(run$stderr, run$failure)
  expect_identical(model_files(base), character())
})

test_that("SIGTERM in a step: the step is finished and the model saved", {
  base <- local_job()
  process <- start(base, "train", program = local_program(slow_steps))
  expect_true(wait_for_line(process, base, "^a step begins"))
  process$signal(tools::SIGTERM)
  process$signal(tools::SIGTERM)
  run <- finish(process, base)
  expect_identical(run$status, 0L)
  expect_length(grep("^SIGTERM received: finishing this step", run$stdout), 1)
  expect_length(grep("^step=", run$stdout), 1)
  expect_no_error(model_load(file.path(base, "model")))
  expect_equal(jsonlite::read_json(file.path(base, "model", "metadata.json"))$steps, 1)
  # And the next run goes on from there.
  expect_match(
    train_in(base)$stdout, "^Resuming from checkpoint-00000001, after step 1\\.$",
    all = FALSE
  )
})

test_that("SIGTERM before the first step: there is no model", {
  base <- local_job()
  slow_reading <- "
model_new <- function(hyperparameters) {
  job$log_line('reading begins')
  Sys.sleep(1)
  list(steps = 0)
}
model_read <- function(model, channels) model
model_finished <- function(model) FALSE
"
  process <- start(base, program = local_program(slow_reading))
  expect_true(wait_for_line(process, base, "^reading begins"))
  process$signal(tools::SIGTERM)
  run <- finish(process, base)
  expect_identical(run$status, 1L)
  expect_identical(
    run$failure, "Stopped by SIGTERM before the first step was done: there is no model to save."
  )
  expect_identical(model_files(base), character())
})

test_that("a killed training is resumed", {
  base <- local_job()
  process <- start(base, program = local_program(slow_steps))
  expect_true(wait_for_line(process, base, "^step=1 "))
  # The checkpoint is written right after the line.
  end <- Sys.time() + 10
  while (!file.exists(file.path(base, "checkpoints/checkpoint-00000001")) && Sys.time() < end) {
    Sys.sleep(0.05)
  }
  process$signal(tools::SIGKILL)
  process$wait()
  unlink(file.path(base, "model", list.files(file.path(base, "model"))))
  run <- train_in(base)
  expect_identical(run$status, 0L)
  expect_match(run$stdout, "^Resuming from checkpoint-00000001, after step 1\\.$", all = FALSE)
  expect_no_error(model_load(file.path(base, "model")))
})

test_that("a model that ends R is a failure, not a success without a model", {
  for (end in c("q('no')", "quit('no', runLast = FALSE)", "quit('no', status = 3)")) {
    base <- local_job()
    run <- train_in(base, program = local_program(sprintf("model_step <- function(model) %s", end)))
    expect_identical(run$status, 1L)
    sentence <- "The program was ended by quit() before the model was saved: let train end it."
    expect_identical(run$failure, sentence)
    expect_identical(run$stderr, sentence)
    expect_identical(model_files(base), character())
  }
})

test_that("metrics and metadata that fail cost no model", {
  base <- local_job()
  run <- train_in(base, program = local_program("
model_metrics <- function(model) stop('no metrics')
model_metadata <- function(model) stop('no metadata')"))
  expect_identical(run$status, 0L, info = paste(run$stderr, collapse = "\n"))
  expect_identical(grep("^WARNING: the met", run$stdout, value = TRUE), sprintf(
    "WARNING: the %1$s can't be had (simpleError: no %1$s): the model is saved without them.",
    c("metrics", "metadata")
  ))
  expect_no_error(model_load(file.path(base, "model")))
  expect_identical(jsonlite::read_json(file.path(base, "model/metadata.json"))$metrics, list())
})

test_that("a model of five functions trains, is kept as a checkpoint and resumed", {
  program <- local_program()
  writeLines("
model_hyperparameters <- list(
  job$hyperparameter('nothing', 'number', NULL, 'a value that is none'),
  job$hyperparameter('seconds', 'number', 0, 'how long it takes')
)
model_read <- function(model, channels) c(model, list(data = readLines(channels$training[1])))
model_fit <- function(model) {
  job$log_line('The fit begins.')
  end <- Sys.time() + model$hyperparameters$seconds
  while (Sys.time() < end && !job$stop_requested()) Sys.sleep(0.05)
  model$lines <- length(model$data)
  model
}
model_metrics <- function(model) c('training:lines' = model$lines)
model_save <- function(model, folder) saveRDS(model$lines, file.path(folder, 'model.rds'))
", file.path(program, "model.R"))
  local_fit <- function(frame = parent.frame()) {
    base <- local_job(frame)
    write_config(base, "hyperparameters.json", stats::setNames(list(), character()))
    base
  }
  base <- local_fit()
  run <- train_in(base, program = program)
  expect_identical(run$status, 0L, info = paste(run$stderr, collapse = "\n"))
  expect_match(run$stdout, "^step=1 training:lines=[0-9]+$", all = FALSE)
  read <- function() jsonlite::read_json(file.path(base, "model/metadata.json"))
  metadata <- read()
  expect_null(metadata$hyperparameters$nothing)
  expect_false(metadata$stopped)
  # Without the data.
  expect_lt(file.size(file.path(base, "checkpoints/checkpoint-00000001")), 500)
  again <- train_in(base, program = program)
  expect_match(again$stdout, "^Resuming from checkpoint-00000001, after step 1\\.$", all = FALSE)
  expect_no_match(again$stdout, "^The fit begins")
  expect_identical(read(), metadata)
  other <- train_in(base, "train", "--seconds", "1", program = program)
  expect_identical(other$status, 1L)
  expect_identical(other$failure, paste(
    "checkpoint-00000001 was made with seconds=0, and this job has seconds=1:",
    "give the same, or start it without checkpoints."
  ))
  # A fit that asks whether to stop: its model is saved, and no checkpoint.
  base <- local_fit()
  process <- start(base, "train", "--seconds", "100", program = program)
  expect_true(wait_for_line(process, base, "^The fit begins"))
  process$signal(tools::SIGTERM)
  run <- finish(process, base)
  expect_identical(run$status, 0L, info = paste(run$stderr, collapse = "\n"))
  expect_true(read()$stopped)
  expect_identical(list.files(file.path(base, "checkpoints")), character())
})

test_that("a model without one of the five is told which", {
  base <- local_job()
  run <- train_in(base, program = local_program("rm(model_metrics)"))
  expect_identical(
    run$failure, "There is no function model_metrics in model.R, which job/algorithm.R asks for."
  )
})

test_that("an error in the model comes with its stack trace and leaves no model", {
  base <- local_job()
  run <- train_in(base, program = local_program("model_step <- function(model) stop('oops')"))
  expect_identical(run$status, 1L)
  expect_identical(run$failure[1], "simpleError: oops")
  expect_match(run$stderr, "^  model.R#[0-9]+: stop\\(.oops.\\)$", all = FALSE)
  expect_identical(model_files(base), character())
})
