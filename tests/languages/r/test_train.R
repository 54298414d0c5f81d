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

test_that("an error in the model comes with its stack trace and leaves no model", {
  base <- local_job()
  run <- train_in(base, program = local_program("model_step <- function(model) stop('oops')"))
  expect_identical(run$status, 1L)
  expect_identical(run$failure[1], "simpleError: oops")
  expect_match(run$stderr, "^  model.R#[0-9]+: stop\\(.oops.\\)$", all = FALSE)
  expect_identical(model_files(base), character())
})
