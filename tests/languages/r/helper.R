# What the tests share. They know nothing of the algorithm: what it needs, they take from
# training-job.json and data/.

root <- normalizePath("..")
code <- file.path(root, "training")
source(file.path(code, "train.R"), chdir = TRUE)
source(file.path(code, "model.R"), chdir = TRUE, encoding = "UTF-8")
job$complete_model()
job$join(list(names = "algo-1"), able = FALSE)

# Make an empty /opt/ml for one test, and have the program look there.
#
# ...: files to write: their content, by the path below /opt/ml.
# Returns its path.
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

# The model's files, hidden ones too.
model_files <- function(base) {
  list.files(file.path(base, "model"), all.files = TRUE, no.. = TRUE)
}

# Expect a failure with exactly this sentence.
expect_failure_sentence <- function(code, sentence, exit_code = 1L) {
  failure <- testthat::expect_error(code, class = "training_failure")
  testthat::expect_identical(conditionMessage(failure), sentence)
  testthat::expect_identical(failure$exit_code, exit_code)
}

# Evaluate code without its log.
quietly <- function(code) {
  utils::capture.output(value <- code)
  value
}

# ---- The whole program ---------------------------------------------------------------------

request <- jsonlite::read_json(file.path(root, "training-job.json"))
limit <- 120 # seconds

# Make /opt/ml as the job of training-job.json has it.
local_job <- function(frame = parent.frame()) {
  base <- local_opt_ml(frame = frame)
  write_config(base, "hyperparameters.json", request$HyperParameters)
  channels <- vapply(request$InputDataConfig, function(channel) channel$ChannelName, "")
  config <- lapply(channels, function(name) {
    list(TrainingInputMode = "File", S3DistributionType = "FullyReplicated")
  })
  write_config(base, "inputdataconfig.json", stats::setNames(config, channels))
  write_config(base, "resourceconfig.json", list(
    current_host = "algo-1", hosts = list("algo-1"), network_interface_name = "eth0"
  ))
  file.copy(
    file.path(root, "data", channels), file.path(base, "input", "data"),
    recursive = TRUE
  )
  base
}

write_config <- function(base, name, content) {
  path <- file.path(base, "input", "config", name)
  jsonlite::write_json(content, path, auto_unbox = TRUE)
}

# Copy the program and add some lines to its model.
local_program <- function(..., frame = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = frame)
  file.copy(list.files(code, full.names = TRUE), folder, recursive = TRUE)
  cat("\n", ..., file = file.path(folder, "model.R"), sep = "\n", append = TRUE)
  folder
}

start <- function(base, ..., program = code) {
  processx::process$new(
    "Rscript", c(file.path(program, "train.R"), ...),
    stdout = file.path(base, "stdout"), stderr = file.path(base, "stderr"),
    env = c("current", SAGEMAKER_BASE_DIR = base)
  )
}

# Wait for the end of the program.
#
# Returns a list of `status` and the lines of `stdout`, `stderr` and `failure`.
finish <- function(process, base) {
  process$wait(limit * 1000)
  on.exit(process$kill())
  read <- function(name) {
    path <- file.path(base, name)
    if (file.exists(path)) readLines(path, encoding = "UTF-8") else character()
  }
  list(
    status = process$get_exit_status(), stdout = read("stdout"), stderr = read("stderr"),
    failure = read("output/failure")
  )
}

train_in <- function(base, ..., program = code) {
  finish(start(base, ..., program = program), base)
}

wait_for_line <- function(process, base, pattern) {
  end <- Sys.time() + limit
  while (Sys.time() < end && process$is_alive()) {
    if (any(grepl(pattern, readLines(file.path(base, "stdout"), warn = FALSE)))) {
      return(TRUE)
    }
    Sys.sleep(0.05)
  }
  FALSE
}

# Each step says that it begins, and takes a while.
slow_steps <- "
model_step <- local({
  quick <- model_step
  function(model) {
    job$log_line('a step begins')
    Sys.sleep(1)
    quick(model)
  }
})"
