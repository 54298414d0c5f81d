# Checkpoints: kept, skipped, resumed.

save_steps <- function(model, path) saveRDS(model$steps, path)
load_steps <- function(model, path) list(steps = readRDS(path))

open_checkpoints <- function(..., save = save_steps, load = load_steps) {
  job$open_checkpoints(list(...), save, load)
}

checkpoint <- function(checkpoints, step) {
  job$save_checkpoint(checkpoints, list(steps = step))
}

test_that("the last three checkpoints are kept, and one that is being uploaded", {
  base <- local_opt_ml("checkpoints/checkpoint-00000001.sagemaker-uploading" = "")
  checkpoints <- open_checkpoints()
  for (step in 1:6) checkpoint(checkpoints, step)
  expect_identical(list.files(file.path(base, "checkpoints")), c(
    "checkpoint-00000001", "checkpoint-00000001.sagemaker-uploading", "checkpoint-00000004",
    "checkpoint-00000005", "checkpoint-00000006"
  ))
})

test_that("the newest checkpoint that is whole is taken", {
  base <- local_opt_ml(
    "checkpoints/checkpoint-00000009" = "broken",
    "checkpoints/checkpoint-00000010.sagemaker-uploaded" = "",
    "checkpoints/checkpoint-00000011.sagemaker-ignore" = "half"
  )
  checkpoints <- open_checkpoints()
  for (step in 1:8) checkpoint(checkpoints, step)
  log <- capture.output(
    model <- job$resume(checkpoints, list(steps = 0))
  )
  expect_identical(model$steps, 8)
  expect_match(
    log[1], "^WARNING: checkpoint-00000009 is broken \\(.+\\): trying the one before\\.$"
  )
  expect_identical(log[2], "Resuming from checkpoint-00000008, after step 8.")
})

test_that("broken checkpoints alone mean the beginning, and do not push new ones out", {
  base <- local_opt_ml(
    "checkpoints/checkpoint-00000007" = "x", "checkpoints/checkpoint-00000008" = "x",
    "checkpoints/checkpoint-00000009" = "x"
  )
  checkpoints <- open_checkpoints()
  log <- capture.output(
    model <- job$resume(checkpoints, list(steps = 0))
  )
  expect_identical(model$steps, 0)
  expect_identical(
    log[4], "WARNING: no checkpoint could be read: training starts from the beginning."
  )
  checkpoint(checkpoints, 1)
  expect_true(file.exists(file.path(base, "checkpoints/checkpoint-00000001")))
})

test_that("the first checkpoint is due at once, the next not before a second", {
  local_opt_ml()
  checkpoints <- open_checkpoints()
  expect_true(job$checkpoint_due(checkpoints))
  checkpoint(checkpoints, 1)
  expect_false(job$checkpoint_due(checkpoints))
  checkpoints$due_at <- job$seconds()
  expect_true(job$checkpoint_due(checkpoints))
})

test_that("without the folder there are no checkpoints", {
  base <- local_opt_ml()
  unlink(file.path(base, "checkpoints"), recursive = TRUE)
  expect_output(checkpoints <- open_checkpoints(), paste0(
    "No checkpoints: ", base, "/checkpoints does not exist (the job has no CheckpointConfig)."
  ), fixed = TRUE)
  expect_false(job$checkpoint_due(checkpoints))
  checkpoint(checkpoints, 1)
  expect_identical(job$resume(checkpoints, "as it was"), "as it was")
  expect_false(dir.exists(file.path(base, "checkpoints")))
})

test_that("a checkpoint that can't be read back is none", {
  base <- local_opt_ml()
  half <- function(model, path) writeLines("half", path)
  expect_error(
    job$save_checkpoint(open_checkpoints(save = half), list(steps = 1))
  )
  expect_identical(list.files(file.path(base, "checkpoints")), character())
})

test_that("a changed byte anywhere in a checkpoint makes it a broken one", {
  base <- local_opt_ml()
  checkpoint(open_checkpoints(trees = 50, label = "a b"), 1)
  file <- file.path(base, "checkpoints/checkpoint-00000001")
  whole <- readBin(file, "raw", 1e5)
  for (place in seq_along(whole)) {
    changed <- whole
    changed[place] <- xor(changed[place], as.raw(1))
    writeBin(changed, file)
    log <- capture.output(model <- job$resume(open_checkpoints(), list(steps = 0)))
    expect_identical(log[1], paste(
      "WARNING: checkpoint-00000001 is broken (it is damaged): trying the one before."
    ))
  }
  for (length in c(0, 1, 31, 41, length(whole) - 1)) {
    writeBin(utils::head(whole, length), file)
    expect_output(job$resume(open_checkpoints(), list(steps = 0)), "it is damaged")
  }
})

test_that("resuming with other hyperparameters is said, and refused where nothing is left", {
  local_opt_ml()
  checkpoint(open_checkpoints(trees = 50, mtry = NULL, rate = 0.1), 1)
  same <- open_checkpoints(trees = 50, mtry = NULL, rate = 0.1)
  expect_identical(
    capture.output(invisible(job$resume(same, list(steps = 0)))),
    "Resuming from checkpoint-00000001, after step 1."
  )
  expect_no_error(job$refuse_change(same))
  other <- open_checkpoints(trees = 400, mtry = 3, rate = 0.1)
  log <- capture.output(invisible(job$resume(other, list(steps = 0))))
  expect_identical(log[2], paste(
    "WARNING: checkpoint-00000001 was made with other hyperparameters:",
    "trees=50, now 400; mtry=null, now 3."
  ))
  expect_failure_sentence(job$refuse_change(other), paste(
    "checkpoint-00000001 was made with trees=50, and this job has trees=400:",
    "give the same, or start it without checkpoints."
  ))
})

test_that("a step beyond the eighth digit is found again", {
  local_opt_ml()
  checkpoints <- open_checkpoints()
  for (step in c(99999999, 100000000)) checkpoint(checkpoints, step)
  expect_output(model <- job$resume(open_checkpoints(), list(steps = 0)), "after step 100000000\\.")
  expect_identical(model$steps, 1e8)
})
