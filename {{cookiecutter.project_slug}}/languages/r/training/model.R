# A binomial GLM for a target of 0 and 1, on CSV files: replace this file by your model.
#
# train.R calls, in this order: model_new, model_read, model_load_checkpoint (if there is one), then
# model_step, model_metrics and model_save_checkpoint until model_finished, and at the end
# model_save, model_load, model_metadata. A model is a list with an element `steps`, the number of
# steps done; a function that changes it returns it. A model with one blocking fit does it in
# model_step and is finished when `steps` is 1.
#
# With `several_hosts <- TRUE` a job may have several hosts. All this then happens on the first, and
# what each must do on its own data is called by parallel::clusterCall(job$nodes, ...): see
# cluster.R. Without that line there is one host, and `channels` are its own.

source("tables.R", encoding = "UTF-8")

several_hosts <- TRUE

model_hyperparameters <- list(
  job$hyperparameter("target", "string", "is_male", "column to predict, 0 or 1"),
  job$hyperparameter(
    "max_iterations", "integer", 25, "iterations at most", minimum = 1, maximum = 100000
  ),
  job$hyperparameter(
    "tolerance", "number", 1e-8, "relative change of the deviance that ends the training",
    minimum = 0, maximum = 1
  ),
  job$hyperparameter(
    "in_memory", "boolean", TRUE, "keep the rows in memory; false keeps them in /tmp"
  )
)

model_required_channels <- "training"

# What glm() works with too: link, variance, deviance.
logit <- stats::binomial()

# What glm() allows to be left of a column once the others are taken out, before it is dependent.
dependent_below <- 1e-11

#' Make a model that has read nothing yet
#'
#' @param hyperparameters A list of typed values, by name.
#' @return The model, a list.
model_new <- function(hyperparameters) {
  c(hyperparameters, list(steps = 0, converged = FALSE, separated = FALSE))
}

#' Read the CSV files of "training" and, if it is there, "validation"
#'
#' Data that can't be read, a target of one value and columns that depend on one another are
#' failures, with file, line and column where there are any.
#'
#' @param model The model.
#' @param channels For each host, by its name, the paths of each channel's files, by the channel's
#'   name.
#' @return The model, with what is known of the data. The rows stay on their hosts.
model_read <- function(model, channels) {
  first <- find_first(channels)
  found <- parallel::clusterApply(
    job$nodes, channels, read_shard,
    first = first, target = model$target, in_memory = model$in_memory
  )
  found <- Reduce(function(a, b) Map(add_traits, a, b), found)
  rows <- vapply(found, function(traits) traits$rows, 0)
  job$log_line("Read ", toString(sprintf("%.0f rows of %s", rows, names(rows))), ".")
  if (any(rows == 0)) {
    empty <- unlist(lapply(channels, `[[`, names(which(rows == 0))[1]))[1]
    job$fail(empty, " has a header but no rows.")
  }
  model$features <- setdiff(first$columns, model$target)
  model$rows <- as.list(rows)
  model$positives <- found$training$positives
  model$least <- found$training$least[model$features]
  model$most <- found$training$most[model$features]
  check_rows(model)
  model[c("deviance", "triangle")] <- weigh(NULL)
  check_columns(model)
  model
}

#' Whether the deviance has settled or the iterations are used up
#'
#' @param model The model.
#' @return TRUE or FALSE.
model_finished <- function(model) {
  model$converged || model$steps >= model$max_iterations
}

#' Do one iteration of iteratively reweighted least squares
#'
#' As glm() does it, with the same start, decomposition and criterion of convergence. Two things
#' differ: the rows are decomposed block by block, and a step after which the deviance has grown is
#' halved.
#'
#' @param model The model.
#' @return The model after the step.
model_step <- function(model) {
  before <- model$coefficients
  model$steps <- model$steps + 1
  model$factor <- model$triangle$factor
  dependent <- find_dependent(model$factor)
  if (length(dependent) > 0) {
    # Weights have become 0, as they do for separated classes: nothing more can be learned.
    model$converged <- TRUE
    return(warn_of_result(model, dependent))
  }
  coefficients <- solved <- backsolve(model$factor, model$triangle$response)
  for (halvings in 1:30) {
    weighed <- weigh(coefficients)
    change <- (weighed$deviance - model$deviance) / (abs(weighed$deviance) + 0.1)
    # The first deviance is not that of a model, so it may grow.
    if (is.null(before) || change < 1e-8) break
    coefficients <- before + (solved - before) / 2^halvings
  }
  model$coefficients <- coefficients
  model[c("deviance", "triangle")] <- weighed
  model$converged <- abs(change) < model$tolerance
  if (model_finished(model)) {
    model <- warn_of_result(model, find_separating(model, before))
  }
  model
}

#' Log loss (natural logarithm) and accuracy (share of rows, threshold 0.5)
#'
#' @param model The model.
#' @return Numbers with names; those of validation only with that channel.
model_metrics <- function(model) {
  metrics <- c("training:log_loss" = model$deviance / 2 / model$rows$training)
  found <- over_rows("validation", `+`, function(block) {
    logits <- linear_predictor(model$coefficients, block)
    c(deviance_at(logits, block), sum((logits > 0) == (block$y == 1)))
  })
  if (is.null(found)) {
    return(metrics)
  }
  rows <- model$rows$validation
  c(metrics, "validation:log_loss" = found[1] / 2 / rows, "validation:accuracy" = found[2] / rows)
}

# What makes the model: no more numbers than coefficients, squared. And how its data are known.
state <- c("steps", "converged", "separated", "coefficients", "deviance", "factor", "triangle")
data_traits <- c("features", "rows", "positives", "least", "most")

#' Write all that `model_load_checkpoint()` needs to go on to one file
#'
#' @param model The model.
#' @param path The file to write.
model_save_checkpoint <- function(model, path) {
  saveRDS(model[c(state, data_traits)], path)
}

#' Go on from a checkpoint
#'
#' @param model The model, with its data read.
#' @param path The file to read; one that is broken or does not fit is an error.
#' @return The model as it was.
model_load_checkpoint <- function(model, path) {
  saved <- readRDS(path)
  if (!identical(saved[data_traits], model[data_traits])) {
    stop("it was made from other data")
  }
  model[state] <- saved[state]
  model
}

#' Write model.rds, a `glm` to predict with, and coefficients.csv, its table
#'
#' @param model The model.
#' @param folder An empty folder.
model_save <- function(model, folder) {
  glm <- as_glm(model)
  saveRDS(glm, file.path(folder, "model.rds"))
  table <- data.table::data.table(c("(Intercept)", model$features), stats::coef(summary(glm)))
  names(table) <- c("term", "estimate", "std_error", "z_value", "p_value")
  data.table::fwrite(table, file.path(folder, "coefficients.csv"))
}

#' Read back what `model_save()` wrote
#'
#' @param folder The folder; a broken file in it is an error.
#' @return The `glm`, to predict with.
model_load <- function(folder) {
  glm <- readRDS(file.path(folder, "model.rds"))
  table <- data.table::fread(file.path(folder, "coefficients.csv"))
  if (nrow(table) != length(stats::coef(glm)) || anyNA(table$p_value)) {
    stop("coefficients.csv is not complete")
  }
  glm
}

#' What a reader of the model must know: rows seen, features, versions
#'
#' @param model The model.
#' @return A list for metadata.json.
model_metadata <- function(model) {
  list(
    rows = model$rows,
    target = model$target,
    features = as.list(model$features),
    converged = model$converged,
    separated = model$separated,
    versions = list(
      R = as.character(getRversion()),
      data.table = as.character(utils::packageVersion("data.table"))
    )
  )
}

# ---- The algorithm -------------------------------------------------------------------------

#' The logits of a block's rows
#'
#' @param coefficients NULL for the start of the training, where glm() takes probabilities of 0.25
#'   and 0.75.
#' @param block A list of `x` and `y`.
linear_predictor <- function(coefficients, block) {
  if (is.null(coefficients)) {
    logit$linkfun((block$y + 0.5) / 2)
  } else {
    drop(block$x %*% coefficients)
  }
}

#' @noRd
deviance_at <- function(logits, block) {
  sum(logit$dev.resids(block$y, logit$linkinv(logits), 1))
}

#' Weigh the training's rows and decompose them (QR)
#'
#' The triangles of two blocks, or of two hosts, one on top of the other, have the triangle of all
#' their rows, so no more than a block is decomposed at once. Unlike crossproducts it loses no
#' digits.
#'
#' @inheritParams linear_predictor
#' @return A list of `deviance` and `triangle`, which is one of `factor`, the triangle of the
#'   weighed columns, and `response`, the weighed working response in its terms.
weigh <- function(coefficients) {
  force(coefficients)
  # With a tolerance of 0 the columns stay in their order.
  stack <- function(a, b) {
    list(deviance = a$deviance + b$deviance, r = qr.R(qr(rbind(a$r, b$r), tol = 0)))
  }
  found <- over_rows("training", stack, function(block) {
    eta <- linear_predictor(coefficients, block)
    mu <- logit$linkinv(eta)
    slope <- logit$mu.eta(eta)
    root_weight <- slope / sqrt(logit$variance(mu))
    weighed <- root_weight * cbind(block$x, eta + (block$y - mu) / slope)
    list(deviance = deviance_at(eta, block), r = qr.R(qr(weighed, tol = 0)))
  })
  inner <- seq_len(ncol(found$r) - 1)
  list(
    deviance = found$deviance,
    triangle = list(
      factor = found$r[inner, inner, drop = FALSE], response = found$r[inner, ncol(found$r)]
    )
  )
}

#' Find the first column that the ones before it already tell
#'
#' @param factor The triangle of the columns.
#' @return The column's number, then those of the columns that tell it; integer() if there is none.
find_dependent <- function(factor) {
  decomposed <- qr(factor, tol = dependent_below)
  if (decomposed$rank == ncol(factor)) {
    return(integer())
  }
  kept <- seq_len(decomposed$rank)
  dependent <- decomposed$pivot[decomposed$rank + 1]
  r <- qr.R(decomposed)
  share <- backsolve(r[kept, kept, drop = FALSE], r[kept, decomposed$rank + 1])
  # What each of the others adds to the column, beside the column's own size.
  size <- sqrt(colSums(factor^2))
  telling <- abs(share) * size[decomposed$pivot[kept]] > 1e-6 * size[dependent]
  c(dependent, sort(decomposed$pivot[kept][telling]))
}

#' @noRd
check_rows <- function(model) {
  rows <- model$rows$training
  if (model$positives %in% c(0, rows)) {
    job$fail(sprintf(
      'The target column "%s" is %d in every row of training: there is nothing to learn.',
      model$target, as.integer(model$positives > 0)
    ))
  }
  if (length(model$features) == 0) {
    job$fail(sprintf('There is no column beside the target "%s".', model$target))
  }
  if (rows <= length(model$features)) {
    job$fail(sprintf(
      "There are %.0f rows of training, too few for %d coefficients.",
      rows, length(model$features) + 1
    ))
  }
}

#' @noRd
check_columns <- function(model) {
  # At the start all rows weigh the same.
  dependent <- find_dependent(model$triangle$factor)
  if (length(dependent) == 0) {
    return(invisible())
  }
  others <- model$features[setdiff(dependent[-1], 1) - 1]
  job$fail(sprintf(
    'The column "%s" %s: leave it out.',
    model$features[dependent[1] - 1],
    if (length(others) == 0) {
      "has the same value in every row of training"
    } else {
      paste("is a linear combination of", toString(others))
    }
  ))
}

#' Find columns whose coefficients grow without bound, since they tell the classes apart
#'
#' Where classes are separated, each step still moves the logits of the rows that are told apart by
#' 1, and none the wrong way, when the deviance has long settled.
#'
#' @param model The model after its last step.
#' @param before The coefficients before that step.
#' @return The numbers of the columns.
find_separating <- function(model, before) {
  if (is.null(before)) {
    return(integer())
  }
  furthest <- over_rows("training", pmax, function(block) {
    logits <- linear_predictor(model$coefficients, block)
    moved <- (logits - linear_predictor(before, block)) * ifelse(block$y == 1, 1, -1)
    # Those of far outliers are large from the start, and so is what is left to settle of them.
    moved <- moved[abs(logits) < 10 * model$steps]
    c(right = max(moved, 0), wrong = max(-moved, 0))
  })
  if (furthest[["right"]] < 0.5 || furthest[["wrong"]] > 0.1) {
    return(integer())
  }
  which(abs(model$coefficients - before) * c(0, model$most - model$least) > 0.1)
}

#' Warn of coefficients that are none, at the end of the training
#' @noRd
warn_of_result <- function(model, separating) {
  model$separated <- length(separating) > 0
  if (model$separated) {
    job$log_line(
      "WARNING: the classes are (nearly) separated by ",
      toString(model$features[setdiff(separating, 1) - 1]),
      ": the coefficients grow without bound, and their standard errors mean nothing."
    )
  } else if (!model$converged) {
    job$log_line(
      "WARNING: not converged after ", model$steps, " iterations: raise max_iterations."
    )
  }
  model
}

#' Make a `glm` without its rows
#'
#' predict() with standard errors, vcov(), summary() and AIC() give what glm() on the same data
#' gives. What the rows are needed for (residuals, plots, BIC()) can't be had from it.
#'
#' @param model The model.
#' @return A `glm`.
as_glm <- function(model) {
  # An empty row of the data gives the terms, whatever the names of the columns are.
  columns <- c(model$target, model$features)
  row <- stats::setNames(as.data.frame(as.list(numeric(length(columns)))), columns)
  formula <- stats::reformulate(".", as.name(model$target), env = globalenv())
  terms <- attr(stats::model.frame(formula, row), "terms")

  names <- c("(Intercept)", attr(terms, "term.labels"))
  factor <- model$factor
  dimnames(factor) <- list(names, names)
  rank <- length(names)
  rows <- model$rows$training
  share <- model$positives / rows
  # R crashes where these have no element at all.
  of_rows <- c(
    "residuals", "fitted.values", "linear.predictors", "weights", "prior.weights", "y", "effects"
  )
  structure(
    class = c("glm", "lm"),
    c(sapply(of_rows, function(name) NA_real_, simplify = FALSE), list(
      coefficients = stats::setNames(model$coefficients, names),
      R = factor,
      rank = rank,
      qr = structure(
        class = "qr",
        list(
          qr = factor, rank = rank, qraux = rep(1, rank), pivot = seq_len(rank),
          tol = dependent_below
        )
      ),
      family = logit,
      deviance = model$deviance,
      aic = model$deviance + 2 * rank,
      null.deviance = -2 * rows * (share * log(share) + (1 - share) * log(1 - share)),
      iter = model$steps,
      df.residual = rows - rank,
      df.null = rows - 1,
      converged = model$converged,
      boundary = FALSE,
      call = call("glm", formula = stats::formula(terms), family = quote(binomial())),
      formula = stats::formula(terms),
      terms = terms,
      offset = NULL,
      contrasts = NULL,
      xlevels = stats::setNames(list(), character())
    ))
  )
}
