# The model folder: all or nothing.

unfinished <- ".saving"

# Write the model's files and metadata.json to /opt/ml/model, all or nothing (C59).
#
# They are written aside, read back, and renamed into place. Aside is in /opt/ml/model, as nothing
# can be renamed from one mount to another; a process that is killed leaves it there, for a mark
# that the model is not whole. Where `save` wrote nothing it is a failure: the service takes a job
# without a model for completed (C60).
#
# model: the model.
# save: a function of the model and an empty folder that writes the files into it.
# load: a function of a folder that reads them back; any error of it is a failure.
# metadata: a list of anything.
save_model <- function(model, save, load, metadata) {
  folder <- path_to("model")
  aside <- file.path(folder, unfinished)
  placed <- character()
  done <- FALSE
  on.exit({
    unlink(aside, recursive = TRUE)
    if (!done) unlink(placed, recursive = TRUE)
  })
  write_or_fail(folder, aside, {
    unlink(aside, recursive = TRUE)
    make_folder(aside)
    save(model, aside)
    files <- list.files(aside, recursive = TRUE, all.files = TRUE)
    if (sum(file.size(file.path(aside, files))) == 0) {
      fail("model_save() in model.R wrote no file into its folder: ", folder, " would be empty.")
    }
    # R says nothing of a write that fails, as on a full disk: only reading back shows it.
    load(aside)
    description <- "metadata.json"
    if (description %in% files) {
      description <- "training-metadata.json"
      log_line(
        "WARNING: model_save() wrote a metadata.json: what train says of the job is in ",
        description, "."
      )
    }
    write_text(file.path(aside, description), paste0(as_json(sayable(metadata)), "\n"))
    files <- c(sort(files, method = "radix"), description)
    for (name in files) {
      place <- file.path(folder, name)
      make_folder(dirname(place))
      placed <- c(placed, place)
      rename(file.path(aside, name), place)
    }
  })
  done <- TRUE
  log_line("Saved the model in ", folder, ": ", toString(sort(files, method = "radix")), ".")
}

# Refuse a model that a killed job left half-written.
refuse_unfinished <- function(folder) {
  if (file.exists(file.path(folder, unfinished))) {
    fail(
      folder, " holds ", unfinished, ": the job was killed while it saved the model, ",
      "so it is not whole."
    )
  }
}

as_json <- function(value) {
  jsonlite::toJSON(value, auto_unbox = TRUE, digits = NA, pretty = TRUE, null = "null")
}

# What JSON can say of a value of any type: what it has no word for as text.
sayable <- function(value) {
  if (!is.object(value) && (is.list(value) || (is.atomic(value) && !is.null(names(value))))) {
    return(lapply(as.list(value), sayable))
  }
  is_said <- tryCatch(is.character(as_json(value)), error = function(condition) FALSE)
  if (is_said) value else as_words(value)
}

as_words <- function(value) {
  tryCatch(
    as.character(if (is.object(value)) format(value) else deparse(value)),
    error = function(condition) class(value)[1]
  )
}
