# What the tests share. They know nothing of the algorithm: what it needs, they take from
# training-job.json and data/.

root <- normalizePath(testthat::test_path("..", ".."))
code <- file.path(root, "training")
source(file.path(code, "train.R"), chdir = TRUE)
source(file.path(code, "model.R"), chdir = TRUE)

#' Make an empty /opt/ml for one test, and have the program look there
#'
#' @param ... Files to write: their content, by the path below /opt/ml.
#' @return Its path.
local_opt_ml <- function(..., frame = parent.frame()) {
  base <- normalizePath(withr::local_tempdir(.local_envir = frame))
  withr::local_envvar(SAGEMAKER_BASE_DIR = base, .local_envir = frame)
  for (folder in c("input/config", "input/data", "model", "output", "checkpoints")) {
    dir.create(file.path(base, folder), recursive = TRUE)
  }
  write_files(base, list(...))
  base
}

write_files <- function(folder, files) {
  for (name in names(files)) {
    path <- file.path(folder, name)
    dir.create(dirname(path), showWarnings = FALSE, recursive = TRUE)
    cat(files[[name]], file = path)
  }
}

#' The model's files, hidden ones too
model_files <- function(base) {
  list.files(file.path(base, "model"), all.files = TRUE, no.. = TRUE)
}

#' Expect a failure with exactly this sentence
expect_failure_sentence <- function(code, sentence, exit_code = 1L) {
  failure <- testthat::expect_error(code, class = "training_failure")
  testthat::expect_identical(conditionMessage(failure), sentence)
  testthat::expect_identical(failure$exit_code, exit_code)
}

#' Evaluate code without its log
quietly <- function(code) {
  utils::capture.output(value <- code)
  value
}
