# A binomial GLM by hand and not by glm(), since the rows of a job may lie on several
# hosts: each makes a small triangle of its own, block by block, and the first stacks them. On one
# host the numbers are those of glm().

# What glm() works with too: link, variance, deviance.
logit <- stats::binomial()

# What glm() allows to be left of a column once the others are taken out, before it is dependent.
dependent_below <- 1e-11

# The logits of a block's rows.
#
# coefficients: NULL for the start of the training, where glm() takes probabilities of 0.25
#   and 0.75.
# block: a list of `x` and `y`.
linear_predictor <- function(coefficients, block) {
  if (is.null(coefficients)) {
    logit$linkfun((block$y + 0.5) / 2)
  } else {
    drop(block$x %*% coefficients)
  }
}

deviance_at <- function(logits, block) {
  sum(logit$dev.resids(block$y, logit$linkinv(logits), 1))
}

# Do one iteration of iteratively reweighted least squares.
#
# As glm() does it, with the same start, decomposition and criterion of convergence. Two things
# differ: the rows are decomposed block by block, and a step after which the deviance has grown is
# halved.
#
# model: the model.
# Returns the model after the step.
iterate <- function(model) {
  before <- model$coefficients
  model$factor <- model$triangle$factor
  dependent <- find_dependent(model$factor)
  if (length(dependent) > 0) {
    # Weights have become 0, as they do for separated classes: nothing more can be learned.
    model$converged <- TRUE
    return(warn_of_result(model, dependent))
  }
  solved <- backsolve(model$factor, model$triangle$response)
  for (halvings in 0:30) {
    coefficients <- if (halvings == 0) solved else before + (solved - before) / 2^halvings
    weighed <- weigh(coefficients)
    change <- (weighed$deviance - model$deviance) / (abs(weighed$deviance) + 0.1)
    # The first deviance is not that of a model, so it may grow.
    if (is.null(before) || change < 1e-8) break
  }
  model$coefficients <- coefficients
  model[c("deviance", "triangle")] <- weighed
  model$converged <- abs(change) < model$tolerance
  if (model$converged || model$steps + 1 >= model$max_iterations) {
    model <- warn_of_result(model, find_separating(model, before))
  }
  model
}

# Weigh the training's rows and decompose them (QR).
#
# The triangles of two blocks, or of two hosts, one on top of the other, have the triangle of all
# their rows, so no more than a block is decomposed at once. Unlike crossproducts it loses no
# digits.
#
# Returns a list of `deviance` and `triangle`, which is one of `factor`, the triangle of the
#   weighed columns, and `response`, the weighed working response in its terms.
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

# Find the first column that the ones before it already tell.
#
# factor: the triangle of the columns.
# Returns the column's number, then those of the columns that tell it; integer() if there is none.
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

check_columns <- function(model) {
  # At the start all rows weigh the same.
  dependent <- find_dependent(model$triangle$factor)
  if (length(dependent) == 0) {
    return(invisible())
  }
  column <- model$features[dependent[1] - 1]
  others <- model$features[setdiff(dependent[-1], 1) - 1]
  job$fail(sprintf(
    'The column "%s" %s: leave it out.',
    column,
    if (model$least[[column]] == model$most[[column]]) {
      "has the same value in every row of training"
    } else if (length(others) == 0) {
      "has nearly the same value in every row of training, as far as its digits go"
    } else {
      paste("is a linear combination of", toString(others))
    }
  ))
}

# Find columns whose coefficients grow without bound, since they tell the classes apart.
#
# Where classes are separated, each step still moves the logits of the rows that are told apart by
# 1, and none the wrong way, when the deviance has long settled.
#
# model: the model after its last step.
# before: the coefficients before that step.
# Returns the numbers of the columns.
find_separating <- function(model, before) {
  if (is.null(before)) {
    return(integer())
  }
  furthest <- over_rows("training", pmax, function(block) {
    logits <- linear_predictor(model$coefficients, block)
    moved <- (logits - linear_predictor(before, block)) * ifelse(block$y == 1, 1, -1)
    # Those of far outliers are large from the start, and so is what is left to settle of them.
    moved <- moved[abs(logits) < 10 * (model$steps + 1)]
    c(right = max(moved, 0), wrong = max(-moved, 0))
  })
  if (furthest[["right"]] < 0.5 || furthest[["wrong"]] > 0.1) {
    return(integer())
  }
  which(abs(model$coefficients - before) * c(0, model$most - model$least) > 0.1)
}

# Warn of coefficients that are none, at the end of the training.
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
      "WARNING: not converged after ", model$steps + 1, " iterations: raise max_iterations."
    )
  }
  model
}

# Make a `glm` without its rows.
#
# predict() with standard errors, vcov(), summary() and AIC() give what glm() on the same data
# gives. What the rows are needed for (residuals, plots, BIC()) can't be had from it.
#
# model: the model.
# Returns a `glm`.
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
