# Checkpoints: kept, skipped where broken, resumed.

checkpoints_kept <- 3

# Look for /opt/ml/checkpoints, which a job has only with a CheckpointConfig (C64).
#
# hyperparameters: those of this job, by name; each checkpoint keeps them.
# save: a function of the model and a path that writes one file.
# load: a function of the model and a path that returns the model as it was; any error of it means
#   that the file is broken.
# Returns an environment for the functions below.
open_checkpoints <- function(hyperparameters, save, load) {
  checkpoints <- new.env()
  checkpoints$hyperparameters <- lapply(hyperparameters, as_text)
  checkpoints$save <- save
  checkpoints$load <- load
  checkpoints$folder <- path_to("checkpoints")
  checkpoints$kept <- dir.exists(checkpoints$folder)
  checkpoints$due_at <- -Inf
  checkpoints$newest <- -1 # the step of the newest that this run has saved
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
    state <- tempfile("checkpoint-")
    resumed <- tryCatch(
      {
        made_with <- unseal(path, state)
        suppressWarnings(checkpoints$load(model, state))
      },
      error = function(condition) {
        reason <- message_of(condition)
        log_line("WARNING: ", name, " is broken (", reason, "): trying the one before.")
        NULL
      }
    )
    unlink(state)
    if (!is.null(resumed)) {
      resumed$steps <- steps_of(path)
      log_line("Resuming from ", name, sprintf(", after step %.0f.", resumed$steps))
      compare_hyperparameters(checkpoints, name, made_with)
      return(resumed)
    }
  }
  if (length(found) > 0) {
    log_line("WARNING: no checkpoint could be read: training starts from the beginning.")
  }
  model
}

compare_hyperparameters <- function(checkpoints, name, made_with) {
  now <- checkpoints$hyperparameters
  changed <- names(now)[!mapply(identical, now, made_with[names(now)])]
  if (length(changed) == 0) {
    return(invisible())
  }
  before <- vapply(changed, function(each) as_text(made_with[[each]]), "")
  said <- sprintf("%s=%s, now %s", changed, before, now[changed])
  log_line(
    "WARNING: ", name, " was made with other hyperparameters: ", paste(said, collapse = "; "), "."
  )
  checkpoints$change <- sprintf(
    "%s was made with %s=%s, and this job has %s=%s",
    name, changed[1], before[1], changed[1], now[[changed[1]]]
  )
}

# Refuse a checkpoint that was made with other hyperparameters and leaves nothing to train: the
# model would have nothing of these.
refuse_change <- function(checkpoints) {
  if (!is.null(checkpoints$change)) {
    fail(checkpoints$change, ": give the same, or start it without checkpoints.")
  }
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
  if (!checkpoints$kept || model$steps == checkpoints$newest) {
    return(invisible())
  }
  start <- seconds()
  path <- file.path(checkpoints$folder, sprintf("checkpoint-%08.0f", model$steps))
  aside <- paste0(path, ".sagemaker-ignore")
  write_or_fail(path, aside, {
    checkpoints$save(model, aside)
    # R says nothing of a write that fails, as on a full disk: only reading back shows it.
    checkpoints$load(model, aside)
    seal(aside, checkpoints$hyperparameters)
    rename(aside, path)
  })
  checkpoints$newest <- model$steps
  # Later ones than this are broken, else the training would have gone on from them.
  found <- find_checkpoints(checkpoints)
  old <- utils::head(found[steps_of(found) <= model$steps], -checkpoints_kept)
  unlink(old[!file.exists(paste0(old, ".sagemaker-uploading"))])
  now <- seconds()
  checkpoints$due_at <- now + max(1, 10 * (now - start))
  invisible()
}

find_checkpoints <- function(checkpoints) {
  # Exact names, so that the uploader's marker files are never taken for checkpoints.
  found <- list.files(checkpoints$folder, "^checkpoint-[0-9]{8,}$", full.names = TRUE)
  found[order(steps_of(found))]
}

steps_of <- function(paths) {
  as.numeric(sub("checkpoint-", "", basename(paths)))
}

# ---- The file: the model's bytes, the hyperparameters as JSON, their length, an MD5 of all ------

length_digits <- 10
md5_digits <- 32

# Put the hyperparameters and the checksum of all behind what the model wrote.
seal <- function(path, hyperparameters) {
  label <- charToRaw(jsonlite::toJSON(hyperparameters, auto_unbox = TRUE))
  append_bytes(path, c(label, charToRaw(sprintf("%0*d", length_digits, length(label)))))
  append_bytes(path, charToRaw(tools::md5sum(path)))
}

# Copy what the model wrote to `state`, and return the hyperparameters; a damaged file is an error.
unseal <- function(path, state) {
  tryCatch(
    {
      end <- file.size(path) - md5_digits
      copy_start(path, state, end)
      stopifnot(text_at(path, end, md5_digits) == tools::md5sum(state))
      end <- end - length_digits
      label_length <- as.integer(text_at(path, end, length_digits))
      copy_start(path, state, end - label_length)
      jsonlite::parse_json(text_at(path, end - label_length, label_length))
    },
    error = function(condition) stop("it is damaged", call. = FALSE)
  )
}

text_at <- function(path, place, count) {
  connection <- file(path, "rb")
  on.exit(close(connection))
  seek(connection, place)
  rawToChar(readBin(connection, "raw", count))
}

copy_start <- function(from, to, count) {
  connections <- list(file(from, "rb"), file(to, "wb"))
  on.exit(lapply(connections, close))
  while (count > 0) {
    bytes <- readBin(connections[[1]], "raw", min(count, 2^22))
    writeBin(bytes, connections[[2]])
    count <- if (length(bytes) > 0) count - length(bytes) else 0
  }
}

append_bytes <- function(path, bytes) {
  size <- file.size(path)
  connection <- file(path, "ab")
  writeBin(bytes, connection)
  close(connection)
  if (file.size(path) != size + length(bytes)) {
    stop(path, " was not written as a whole", call. = FALSE)
  }
}
