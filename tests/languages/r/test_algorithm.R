# A model that writes no more than it must, and what people get wrong in one.

parts <- c(
  hyperparameters = "model_hyperparameters <- list(job$hyperparameter('a', 'integer', 1, 'x'))",
  read = "model_read <- function(model, channels) {
    model$numbers <- scan(channels$training, quiet = TRUE)
    model
  }",
  fit = "model_fit <- function(model) {
    model$fitted <- mean(model$numbers)
    model
  }",
  metrics = "model_metrics <- function(model) c('training:mean' = model$fitted)",
  save = "model_save <- function(model, folder) saveRDS(model$fitted, file.path(folder, 'm.rds'))"
)

# Train the model with other parts than those, which are given by name, and further ones.
train_with <- function(..., frame = parent.frame()) {
  base <- local_opt_ml("input/data/training/a.txt" = "1 3", frame = frame)
  program <- local_program(frame = frame)
  changed <- c(...)
  all <- parts
  all[names(changed)] <- changed
  writeLines(all, file.path(program, "model.R"))
  c(train_in(base, program = program), base = base)
}

expect_failure_of <- function(run, sentence) {
  testthat::expect_identical(run$stderr, sentence)
  testthat::expect_identical(run$status, 1L)
  testthat::expect_identical(model_files(run$base), character())
}

test_that("a model of one fit has all else by default", {
  run <- train_with()
  expect_identical(run$status, 0L, info = run$stderr)
  expect_match(run$stdout, "^step=1 training:mean=2$", all = FALSE)
  expect_identical(readRDS(file.path(run$base, "model/m.rds")), 2)
})

test_that("a function that does not return the model is told, not saved", {
  for (name in c("read", "fit")) {
    for (last in c("model$fitted <- 3", "invisible()", "lm(b ~ a, data.frame(a = 1:2, b = 1:2))")) {
      run <- train_with(stats::setNames(
        sprintf("model_%s <- function(model, channels = 0) {\n%s\n}", name, last), name
      ))
      expect_failure_of(run, paste0(
        "model_", name, "() in model.R must return the model that it was given: let its last ",
        "line be model."
      ))
    }
  }
})

test_that("a function that can't be called is told before anything is read", {
  wrong <- c(fit = "model, data", fit = "", read = "model", save = "model", metrics = "a, b")
  right <- c(fit = "model", read = "model, channels", save = "model, folder", metrics = "model")
  for (i in seq_along(wrong)) {
    name <- names(wrong)[i]
    run <- train_with(stats::setNames(
      sprintf("model_%s <- function(%s) stop('called')", name, wrong[i]), name
    ))
    expect_failure_of(run, sprintf(
      "model_%s() in model.R takes other arguments than it gets: write function(%s).",
      name, right[[name]]
    ))
  }
  run <- train_with(c(fit = "model_fit <- function(model, ..., trees = 3) stop('called')"))
  expect_match(run$failure[1], "called")
})

test_that("what is missing is told before anything is read", {
  for (name in names(parts)) {
    mode <- if (name == "hyperparameters") "list" else "function"
    run <- train_with(stats::setNames(sprintf("model_%s <- 3", name), name))
    expect_failure_of(run, sprintf(
      "There is no %s model_%s in model.R, which job/algorithm.R asks for.", mode, name
    ))
  }
  run <- train_with(first = "model_step <- function(model) model")
  expect_failure_of(
    run, "There is no function model_finished in model.R, which job/algorithm.R asks for."
  )
  run <- train_with(
    hyperparameters = "model_hyperparameters <- job$hyperparameter('a', 'integer', 1, '')"
  )
  expect_failure_of(
    run,
    'model_hyperparameters in model.R must be a list: list(job$hyperparameter("trees", ...)).'
  )
  run <- train_with(first = "model_finished <- function(model) NULL")
  expect_failure_of(run, "model_finished() in model.R must return TRUE or FALSE.")
  run <- train_with(
    hyperparameters = paste0("rm(list = ls())\n", parts[["hyperparameters"]])
  )
  expect_failure_of(run, "model.R removes what train.R defines: take rm(list = ls()) out of it.")
})

test_that("metrics that are no numbers cost no model, and the log says which", {
  wrong <- c(
    "c(0.3, 0.4)" = "model_metrics() in model.R returned a value without a name: each must have",
    "c(a = 0.3, 0.4)" = "model_metrics() in model.R returned a value without a name: each must",
    "c(a = 'good')" = 'the metric "a" of model_metrics() in model.R is "good": it must be a number',
    "list(a = 0.3, b = NULL)" = 'the metric "b" of model_metrics() in model.R is NULL: it must be',
    "list(a = c(0.3, 1))" = 'the metric "a" of model_metrics() in model.R is c(0.3, 1): it must be'
  )
  for (returned in names(wrong)) {
    run <- train_with(metrics = paste("model_metrics <- function(model)", returned))
    expect_identical(run$status, 0L, info = returned)
    expect_match(run$stdout, fixed = TRUE, all = FALSE, paste0(
      "WARNING: the metrics can't be had (", wrong[[returned]]
    ))
    expect_identical(run$stderr, character(), info = returned)
    expect_match(run$stdout, "^step=1$", all = FALSE)
  }
  run <- train_with(metrics = "model_metrics <- function(model) list(a = NA, b = TRUE, c = -Inf)")
  expect_match(run$stdout, "^step=1 a=nan b=1 c=-inf$", all = FALSE)
})

test_that("a hyperparameter that is not declared is told, and none stands for a longer one", {
  declare <- "model_hyperparameters <- list(job$hyperparameter('trees', 'integer', NULL, ''))"
  for (asked in c("$tree", "$leaves", "[['leaves']]")) {
    run <- train_with(hyperparameters = declare, fit = paste0(
      "model_fit <- function(model) {\nmodel$fitted <- model$hyperparameters", asked, "\nmodel\n}"
    ))
    expect_match(
      run$stderr, 'model.R: Unknown hyperparameter "(tree|leaves)".* Known are trees.$', all = FALSE
    )
    expect_identical(run$status, 1L)
  }
  run <- train_with(
    hyperparameters = declare,
    fit = "model_fit <- function(model) {
      stopifnot(is.null(model$hyperparameters$trees))
      model$fitted <- length(lapply(model$hyperparameters, identity))
      model
    }",
    more = "model_metadata <- function(model) list(all = model$hyperparameters)"
  )
  expect_identical(run$stderr, character())
  expect_match(run$stdout, "^step=1 training:mean=1$", all = FALSE)
})

test_that("metadata without names cost no model", {
  run <- train_with(first = "model_metadata <- function(model) c(1, 2)")
  expect_identical(run$status, 0L)
  expect_match(run$stdout, fixed = TRUE, all = FALSE, paste(
    "WARNING: the metadata can't be had (model_metadata() in model.R returned a value without a",
    "name: each must have one): the model is saved without them."
  ))
})

test_that("a package that job/ needs and packages.txt has lost is told", {
  expect_failure_sentence(
    job$require_package("nosuchpackage"),
    "The package nosuchpackage is not in the image, and job/ needs it: add it to packages.txt."
  )
  expect_silent(job$require_package("jsonlite"))
})
