# A binomial GLM for a target of 0 and 1, on CSV files: replace this file by your model.
#
# What train.R calls, and what of it has a default, stands in job/algorithm.R. Of several hosts the
# first calls it all; what each must do on its own data is in glm.R and tables.R.

source("csv.R", encoding = "UTF-8")
source("tables.R", encoding = "UTF-8")
source("glm.R", encoding = "UTF-8")

model_several_hosts <- TRUE

model_hyperparameters <- list(
  job$hyperparameter("target", "string", "is_male", "column to predict, 0 or 1"),
  job$hyperparameter(
    "max_iterations", "integer", 25, "iterations at most", minimum = 1, maximum = 100000
  ),
  job$hyperparameter(
    "tolerance", "number", 1e-8, "relative change of the deviance that ends the training",
    minimum = 0, maximum = 1
  )
)

model_new <- function(hyperparameters) {
  c(hyperparameters, list(steps = 0, converged = FALSE, separated = FALSE))
}

# Any will do whose terms look at one row at a time, such as is_male ~ log(body_mass_g) * species.
make_formula <- function(target) {
  stats::reformulate(".", as.name(target), env = globalenv())
}

# Reads the CSV files of "training" and, if it is there, "validation". The rows stay on their hosts.
model_read <- function(model, channels) {
  read <- read_tables(channels, model$target)
  model$rows <- lapply(read$traits, function(traits) as.numeric(traits$rows))
  model$positives <- read$traits$training$positives
  model$features <- setdiff(read$schema$columns, model$target)
  check_rows(model, read$schema)
  model$design <- make_design(make_formula(model$target), read$schema, model$rows$training)
  parallel::clusterCall(job$nodes(), set_design, model$design$terms, read$schema)
  model[c("deviance", "triangle")] <- weigh(NULL)
  check_columns(model)
  moments <- crossprod(cbind(model$triangle$factor, model$triangle$response))
  # What tells these data from others, however they are shared out.
  model$data <- list(
    names = model$design$names, rows = model$rows, positives = model$positives,
    sizes = log(diag(moments)), correlations = stats::cov2cor(moments)
  )
  model
}

model_finished <- function(model) {
  model$converged || model$steps >= model$max_iterations
}

model_step <- function(model) iterate(model)

# Log loss (natural logarithm) and accuracy (share of rows, threshold 0.5).
model_metrics <- function(model) {
  metrics <- c("training:log_loss" = model$deviance / 2 / model$rows$training)
  found <- over_rows("validation", `+`, judge, model$coefficients)
  if (is.null(found)) {
    return(metrics)
  }
  rows <- model$rows$validation
  c(metrics, "validation:log_loss" = found[1] / 2 / rows, "validation:accuracy" = found[2] / rows)
}

judge <- function(block, coefficients) {
  logits <- linear_predictor(coefficients, block)
  c(deviance_at(logits, block), sum((logits > 0) == (block$y == 1)))
}

# What makes the model: no more numbers than coefficients, squared. And how its data are known.
state <- c("converged", "separated", "coefficients", "deviance", "factor", "triangle")

model_save_checkpoint <- function(model, path) {
  saveRDS(model[c(state, "data")], path)
}

model_load_checkpoint <- function(model, path) {
  saved <- readRDS(path)
  if (!isTRUE(all.equal(saved$data, model$data))) {
    stop("it was made from other data")
  }
  model[state] <- saved[state]
  model
}

# model.rds is a `glm` to predict with, coefficients.csv its table.
model_save <- function(model, folder) {
  glm <- as_glm(model)
  saveRDS(glm, file.path(folder, "model.rds"))
  table <- data.frame(model$design$names, stats::coef(summary(glm)))
  names(table) <- c("term", "estimate", "std_error", "z_value", "p_value")
  data.table::fwrite(table, file.path(folder, "coefficients.csv"))
}

model_load <- function(folder) {
  job$refuse_unfinished(folder)
  glm <- readRDS(file.path(folder, "model.rds"))
  table <- data.table::fread(file.path(folder, "coefficients.csv"))
  if (nrow(table) != length(stats::coef(glm)) || anyNA(table$p_value)) {
    stop("coefficients.csv is not complete")
  }
  glm
}

model_metadata <- function(model) {
  list(
    rows = model$rows,
    target = model$target,
    features = as.list(model$features),
    categories = lapply(model$design$xlevels, as.list),
    converged = model$converged,
    separated = model$separated,
    versions = list(
      R = as.character(getRversion()),
      data.table = as.character(utils::packageVersion("data.table"))
    )
  )
}
