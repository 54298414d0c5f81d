# The model folder: all or nothing.

# Write the model's files and metadata.json to /opt/ml/model, all or nothing (C59).
#
# Where `save` wrote nothing it is a failure: the service takes a job without a model for
# completed (C60).
#
# model: the model.
# save: a function of the model and an empty folder that writes the files into it.
# load: a function of a folder that reads them back; any error of it is a failure.
# metadata: a list for metadata.json.
save_model <- function(model, save, load, metadata) {
  folder <- path_to("model")
  aside <- file.path(folder, ".saving")
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
      fail("The model folder ", folder, " would be empty: save() in model wrote no file.")
    }
    # R says nothing of a write that fails, as on a full disk: only reading back shows it.
    load(aside)
    write_text(file.path(aside, "metadata.json"), as_json(metadata))
    files <- c(sort(files, method = "radix"), "metadata.json")
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

as_json <- function(metadata) {
  text <- jsonlite::toJSON(metadata, auto_unbox = TRUE, digits = NA, pretty = TRUE, null = "null")
  paste0(text, "\n")
}
