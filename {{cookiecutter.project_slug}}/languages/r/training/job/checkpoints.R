# Checkpoints: kept, skipped where broken, resumed.

checkpoints_kept <- 3

# Look for /opt/ml/checkpoints, which a job has only with a CheckpointConfig (C64).
#
# save: a function of the model and a path that writes one file.
# load: a function of the model and a path that returns the model as it was; any error of it means
#   that the file is broken.
# Returns an environment for the functions below.
open_checkpoints <- function(save, load) {
  checkpoints <- new.env()
  checkpoints$save <- save
  checkpoints$load <- load
  checkpoints$folder <- path_to("checkpoints")
  checkpoints$kept <- dir.exists(checkpoints$folder)
  checkpoints$due_at <- -Inf
  if (!checkpoints$kept) {
    log_line(
      "No checkpoints: ", checkpoints$folder, " does not exist (the job has no CheckpointConfig)."
    )
  }
  checkpoints
}

# Go on from the newest checkpoint, or from the one before where that is broken.
#
# checkpoints: what `open_checkpoints()` returned.
# model: the model as it is without a checkpoint.
# Returns the model to go on with.
resume <- function(checkpoints, model) {
  found <- find_checkpoints(checkpoints)
  for (path in rev(found)) {
    name <- basename(path)
    resumed <- tryCatch(
      suppressWarnings(checkpoints$load(model, path)),
      error = function(condition) {
        log_line(
          "WARNING: ", name, " is broken (", first_line(condition), "): trying the one before."
        )
        NULL
      }
    )
    if (!is.null(resumed)) {
      log_line("Resuming from ", name, ", after step ", resumed$steps, ".")
      return(resumed)
    }
  }
  if (length(found) > 0) {
    log_line("WARNING: no checkpoint could be read: training starts from the beginning.")
  }
  model
}

# Whether to save now: at most every second, and for at most a tenth of the time.
checkpoint_due <- function(checkpoints) {
  checkpoints$kept && seconds() >= checkpoints$due_at
}

# Write a checkpoint aside, read it back, rename it, and delete all but the last few.
#
# The service uploads nothing that ends in .sagemaker-ignore (C65). It deletes in S3 what is
# deleted here, so a file that it still uploads is left alone.
#
# model: the model; `model$steps` names the file.
save_checkpoint <- function(checkpoints, model) {
  if (!checkpoints$kept) {
    return(invisible())
  }
  start <- seconds()
  path <- file.path(checkpoints$folder, sprintf("checkpoint-%08d", model$steps))
  aside <- paste0(path, ".sagemaker-ignore")
  write_or_fail(path, aside, {
    checkpoints$save(model, aside)
    # R says nothing of a write that fails, as on a full disk: only reading back shows it.
    checkpoints$load(model, aside)
    rename(aside, path)
  })
  # Later ones than this are broken, else the training would have gone on from them.
  found <- find_checkpoints(checkpoints)
  old <- utils::head(found[found <= path], -checkpoints_kept)
  unlink(old[!file.exists(paste0(old, ".sagemaker-uploading"))])
  now <- seconds()
  checkpoints$due_at <- now + max(1, 10 * (now - start))
  invisible()
}

find_checkpoints <- function(checkpoints) {
  # Exact names, so that the uploader's marker files are never taken for checkpoints.
  list.files(checkpoints$folder, "^checkpoint-[0-9]{8}$", full.names = TRUE) |>
    sort(method = "radix")
}
