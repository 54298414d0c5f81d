# What train.R asks of model.R: this page is the contract between the two.
#
# A model is a list. It begins as list(hyperparameters = , steps = 0), and a function that changes
# it returns it. A model with one fit writes these five, and nothing else:
#
# model_hyperparameters:
#   A list of job$hyperparameter()s, each declared once: name, type, default, meaning, range.
# model_read(model, channels):
#   Reads the data. `channels` has the paths of each channel's files, by the channel's name.
#   What is wrong with them is told by job$fail(): a sentence, without a stack trace.
# model_fit(model):
#   Fits. A fit that takes longer than the 120 s of a stop (C5) asks job$stop_requested() now and
#   then, and where that is TRUE returns what it has.
# model_metrics(model):
#   Returns numbers with names, as in training-job.json: c("validation:rmse" = 0.3).
# model_save(model, folder):
#   Writes the model's files into an empty folder.
#
# Packages are attached by library() at the top of model.R, so that a run that resumes has them too.
# All else has a default, which is below; a function of the same name in model.R takes its place.

# The channels without which the job is a failure.
default_required_channels <- "training"

# Whether the model can be trained on several hosts (C97). If so, `channels` has those of each host,
# by its name, and what each must do is called by parallel::clusterCall(job$nodes(), ...): see
# cluster.R.
default_several_hosts <- FALSE

# hyperparameters: typed values, by name.
# Returns a model that has read nothing yet.
default_new <- function(hyperparameters) {
  list(hyperparameters = by_whole_name(hyperparameters), steps = 0)
}

# An algorithm that learns step by step writes this one and model_finished() in place of
# model_fit(). Between the steps a stop is obeyed and a checkpoint is written. train counts them:
# `model$steps` says how many are done.
default_step <- function(model) {
  # All of the training may be in this one step.
  compiler::enableJIT(3)
  returned(get("model_fit", globalenv())(model), "model_fit")
}

# Returns TRUE where no step is left.
default_finished <- function(model) {
  model$steps >= 1
}

# Writes what model_load_checkpoint() needs to go on, to one file.
default_save_checkpoint <- function(model, path) {
  # Not the data, which the next run reads again.
  read <- the$model_as_read
  is_new <- vapply(names(model), function(name) !identical(model[[name]], read[[name]]), TRUE)
  saveRDS(model[is_new], path)
}

# Returns the model as it was; an error means that the file is broken, or does not fit.
#
# model: as model_read() left it.
default_load_checkpoint <- function(model, path) {
  saved <- readRDS(path)
  model[names(saved)] <- saved
  model
}

# Reads back what model_save() wrote, which must be an error where a file is broken.
default_load <- function(folder) {
  refuse_unfinished(folder)
  lapply(list.files(folder, "[.]rds$", full.names = TRUE, ignore.case = TRUE), readRDS)
}

# Returns a list for metadata.json: what a reader of the model must know.
default_metadata <- function(model) {
  list()
}

# Put the defaults where model.R defines nothing, beside what it defines.
complete_model <- function() {
  require_package("jsonlite")
  needed <- c("hyperparameters", "read", "metrics", "save")
  # One without an end would end after its first step.
  needed <- c(needed, if (exists("model_step", globalenv())) "finished" else "fit")
  for (name in paste0("model_", needed)) {
    mode <- if (name == "model_hyperparameters") "list" else "function"
    if (!exists(name, globalenv(), mode = mode)) {
      fail("There is no ", mode, " ", name, " in model.R, which job/algorithm.R asks for.")
    }
  }
  refuse_arguments()
  defaults <- grep("^default_", ls(environment(complete_model)), value = TRUE)
  for (name in defaults) {
    ours <- sub("default", "model", name)
    if (!exists(ours, globalenv())) assign(ours, get(name), globalenv())
  }
}

# Refuse a function of model.R that can't be called: that of model_save() would come last.
refuse_arguments <- function() {
  two <- c(
    model_read = "channels", model_save = "folder",
    model_save_checkpoint = "path", model_load_checkpoint = "path"
  )
  for (name in c(names(two), "model_fit", "model_step", "model_finished", "model_metrics")) {
    if (!exists(name, globalenv(), mode = "function")) next
    wanted <- c("model", two[name][name %in% names(two)])
    found <- formals(args(get(name, globalenv())))
    is_needed <- vapply(found, function(default) identical(default, quote(expr = )), TRUE)
    is_open <- "..." %in% names(found)
    if (sum(is_needed) > length(wanted) + is_open || (length(found) < length(wanted) && !is_open)) {
      fail(
        name, "() in model.R takes other arguments than it gets: write function(",
        toString(wanted), ")."
      )
    }
  }
}

# What job/ needs may have gone from packages.txt with the packages of another model.
require_package <- function(name) {
  if (!nzchar(system.file(package = name))) {
    fail("The package ", name, " is not in the image, and job/ needs it: add it to packages.txt.")
  }
}

# Refuse what is no model: R returns the value of a function's last line, whatever that is.
#
# model: what a function of model.R returned.
# name: of the function.
# Returns the model.
returned <- function(model, name) {
  if (!is.list(model) || is.null(model$steps)) {
    fail(name, "() in model.R must return the model that it was given: let its last line be model.")
  }
  model
}

is_finished <- function(model) {
  finished <- get("model_finished", globalenv())(model)
  if (!isTRUE(finished) && !isFALSE(finished)) {
    fail("model_finished() in model.R must return TRUE or FALSE.")
  }
  finished
}

# What model_metrics() returned as a named vector of numbers; `unusable` says which is none.
named_numbers <- function(metrics) {
  metrics <- with_names("model_metrics", metrics)
  for (name in names(metrics)) {
    value <- metrics[[name]]
    if (length(value) != 1 || !(is.numeric(value) || is.logical(value))) {
      said <- substr(paste(deparse(value), collapse = " "), 1, 80)
      unusable(
        'the metric "', name, '" of model_metrics() in model.R is ', said, ": it must be a number"
      )
    }
  }
  vapply(metrics, as.numeric, 0)
}

# What a function of model.R returned, as a list; one without names is an error.
with_names <- function(name, value) {
  value <- as.list(value)
  if (length(value) > 0 && (is.null(names(value)) || any(names(value) == ""))) {
    unusable(name, "() in model.R returned a value without a name: each must have one")
  }
  value
}
