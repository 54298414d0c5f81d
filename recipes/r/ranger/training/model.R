# A random forest of ranger that predicts the weight of penguins: text columns are factors, and rows
# that miss a value are left out.

library(ranger)

model_hyperparameters <- list(
  job$hyperparameter("outcome", "string", "body_mass_g", "column to predict"),
  job$hyperparameter("trees", "integer", 200, "trees of the forest", minimum = 1),
  job$hyperparameter("mtry", "integer", NULL, "columns that a split tries", minimum = 1),
  job$hyperparameter("splits", "integer", 10, "random splits that a node tries", minimum = 1),
  job$hyperparameter("bootstrap", "boolean", TRUE, "whether a tree sees a sample of the rows")
)

model_required_channels <- c("train", "holdout")

read_penguins <- function(files) {
  read <- function(file) {
    utils::read.csv(file, na.strings = c("NA", ""), stringsAsFactors = TRUE)
  }
  stats::na.omit(do.call(rbind, lapply(files, read)))
}

model_read <- function(model, channels) {
  model$tables <- lapply(channels, read_penguins)
  species <- lapply(model$tables, function(table) levels(table$species))
  for (stranger in setdiff(species$holdout, species$train)) {
    job$fail('The species "', stranger, '" of holdout is not among those of train.')
  }
  model
}

model_fit <- function(model) {
  given <- model$hyperparameters
  job$log_line("Growing ", given$trees, " trees.")
  model$forest <- ranger(
    stats::reformulate(".", given$outcome), model$tables$train,
    num.trees = given$trees, mtry = given$mtry, replace = given$bootstrap,
    splitrule = "extratrees", num.random.splits = given$splits,
    num.threads = 1, seed = 1, verbose = FALSE
  )
  model
}

model_metrics <- function(model) {
  rmse <- function(table) {
    guess <- stats::predict(model$forest, table, num.threads = 1)$predictions
    sqrt(mean((guess - table[[model$hyperparameters$outcome]])^2))
  }
  c("training:rmse" = rmse(model$tables$train), "holdout:rmse" = rmse(model$tables$holdout))
}

model_save <- function(model, folder) {
  saveRDS(model$forest, file.path(folder, "forest.rds"))
}

model_metadata <- function(model) {
  list(rows = lapply(model$tables, nrow), versions = list(ranger = utils::packageVersion("ranger")))
}
