# A random forest that predicts the weight of penguins, in grams.

library(ranger)
source("features.R")

model_hyperparameters <- list(
  job$hyperparameter("outcome", "string", "body_mass_g", "column to predict"),
  job$hyperparameter("trees", "integer", 200, "trees of the forest", minimum = 1),
  job$hyperparameter("splits", "integer", 10, "random splits that a node tries", minimum = 1),
  job$hyperparameter("bootstrap", "boolean", TRUE, "whether a tree sees a sample of the rows")
)

model_required_channels <- c("train", "holdout")

model_new <- function(hyperparameters) {
  list(hyperparameters = hyperparameters, steps = 0)
}

model_read <- function(model, channels) {
  model$tables <- lapply(channels, read_penguins)
  refuse_strangers(model$tables$holdout, model$tables$train)
  model
}

model_finished <- function(model) {
  model$steps >= 1
}

model_step <- function(model) {
  given <- model$hyperparameters
  job$log_line("Growing ", given$trees, " trees.")
  model$forest <- ranger(
    stats::reformulate(".", given$outcome), model$tables$train,
    num.trees = given$trees, replace = given$bootstrap,
    splitrule = "extratrees", num.random.splits = given$splits,
    num.threads = 1, seed = 1, verbose = FALSE
  )
  model$steps <- 1
  model
}

model_metrics <- function(model) {
  rmse <- function(table) {
    guess <- stats::predict(model$forest, table, num.threads = 1)$predictions
    sqrt(mean((guess - table[[model$hyperparameters$outcome]])^2))
  }
  c("training:rmse" = rmse(model$tables$train), "holdout:rmse" = rmse(model$tables$holdout))
}

model_save_checkpoint <- function(model, path) {
  saveRDS(model$forest, path)
}

model_load_checkpoint <- function(model, path) {
  model$forest <- readRDS(path)
  model$steps <- 1
  model
}

model_save <- function(model, folder) {
  saveRDS(model$forest, file.path(folder, "forest.rds"))
}

model_load <- function(folder) {
  readRDS(file.path(folder, "forest.rds"))
}

model_metadata <- function(model) {
  list(
    rows = lapply(model$tables, nrow),
    versions = list(ranger = as.character(utils::packageVersion("ranger")))
  )
}
