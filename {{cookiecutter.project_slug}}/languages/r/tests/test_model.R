# The model, trained by the program on the job and the data of this repository: a test to start
# from. `make test` runs each test_*.R that lies here.

root <- normalizePath("..")
request <- jsonlite::read_json(file.path(root, "training-job.json"))
metrics <- request$AlgorithmSpecification$MetricDefinitions

# For model_load(), which is tested below.
source(file.path(root, "training", "train.R"), chdir = TRUE)
source(file.path(root, "training", "model.R"), chdir = TRUE, encoding = "UTF-8")
job$complete_model()

# Train as the service does.
#
# ...: hyperparameters that differ from those of training-job.json.
# Returns the folder in the place of /opt/ml, the exit code, and the lines of the log.
train_in_folder <- function(...) {
  folder <- tempfile("opt-ml-")
  for (name in c("input/config", "model", "output")) {
    dir.create(file.path(folder, name), recursive = TRUE)
  }
  file.copy(file.path(root, "data"), file.path(folder, "input"), recursive = TRUE)
  jsonlite::write_json(
    utils::modifyList(request$HyperParameters, list(...)),
    file.path(folder, "input/config/hyperparameters.json"),
    auto_unbox = TRUE
  )
  log <- file.path(folder, "log")
  exit_code <- system2(
    "Rscript", shQuote(file.path(root, "training", "train.R")),
    stdout = log, stderr = log, env = paste0("SAGEMAKER_BASE_DIR=", shQuote(folder))
  )
  list(folder = folder, exit_code = exit_code, log = readLines(log, encoding = "UTF-8"))
}

# Expect success, and where there is none show the log.
expect_trained <- function(run) {
  testthat::expect(run$exit_code == 0, paste(c("The log says:", run$log), collapse = "\n"))
}

test_that("the job trains, prints its metrics and saves a model that can be loaded", {
  run <- train_in_folder()
  expect_trained(run)
  for (metric in metrics) {
    expect_match(run$log, metric$Regex, perl = TRUE, all = FALSE, info = metric$Name)
  }
  expect_no_error(model_load(file.path(run$folder, "model")))
})

test_that("the same data give the same model", {
  runs <- list(train_in_folder(), train_in_folder())
  lapply(runs, expect_trained)
  models <- lapply(runs, function(run) {
    list.files(file.path(run$folder, "model"), recursive = TRUE, full.names = TRUE)
  })
  expect_identical(basename(models[[1]]), basename(models[[2]]))
  expect_identical(unname(tools::md5sum(models[[1]])), unname(tools::md5sum(models[[2]])))
})
