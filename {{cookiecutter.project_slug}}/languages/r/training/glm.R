# Why not glm(): the rows may lie on several hosts, and be more than fit into memory.
#
# So each host makes a small triangle of its own rows, block by block, and the first stacks them.
# The numbers are those of glm() on all rows.

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
  found <- over_rows("training", stack, weigh_block, coefficients)
  inner <- seq_len(ncol(found$r) - 1)
  list(
    deviance = found$deviance,
    triangle = list(
      factor = found$r[inner, inner, drop = FALSE], response = found$r[inner, ncol(found$r)]
    )
  )
}

weigh_block <- function(block, coefficients) {
  eta <- linear_predictor(coefficients, block)
  mu <- logit$linkinv(eta)
  slope <- logit$mu.eta(eta)
  root_weight <- slope / sqrt(logit$variance(mu))
  weighed <- root_weight * cbind(block$x, eta + (block$y - mu) / slope)
  # With a tolerance of 0 the columns stay in their order.
  list(deviance = deviance_at(eta, block), r = qr.R(qr(weighed, tol = 0)))
}

stack <- function(a, b) {
  list(deviance = a$deviance + b$deviance, r = qr.R(qr(rbind(a$r, b$r), tol = 0)))
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

# Make the design of a formula: its terms, and what its coefficients are called.
#
# schema: what was agreed on: see `read_tables()`.
# rows: how many rows of training there are; too few are a failure.
# Returns a list of `terms`, `names` of the coefficients, `of`, the term that each belongs to, and
#   `contrasts` and `xlevels`, as a `glm` has them.
make_design <- function(formula, schema, rows) {
  row <- lapply(stats::setNames(nm = schema$columns), function(name) {
    levels <- schema$levels[[name]]
    if (is.null(levels)) 0 else factor(levels[1], levels)
  })
  frame <- stats::model.frame(formula, list2DF(row))
  terms <- attr(frame, "terms")
  matrix <- stats::model.matrix(terms, frame)
  if (rows < ncol(matrix)) {
    job$fail(sprintf(
      "There are %.0f rows of training, too few for %d coefficients.", rows, ncol(matrix)
    ))
  }
  list(
    terms = terms, names = colnames(matrix),
    of = c("(Intercept)", attr(terms, "term.labels"))[attr(matrix, "assign") + 1],
    contrasts = attr(matrix, "contrasts"), xlevels = schema$levels
  )
}

check_rows <- function(model, schema) {
  rows <- model$rows$training
  if (model$positives %in% c(0, rows)) {
    job$fail(sprintf(
      'The target column "%s" is %d in every row of training: there is nothing to learn.',
      model$target, as.integer(model$positives > 0)
    ))
  }
  if (length(schema$columns) == 1) {
    job$fail(sprintf('There is no column beside the target "%s".', model$target))
  }
  for (name in names(Filter(function(levels) length(levels) == 1, schema$levels))) {
    fail_constant(name)
  }
}

fail_constant <- function(column) {
  job$fail(sprintf(
    'The column "%s" has the same value in every row of training: leave it out.', column
  ))
}

check_columns <- function(model) {
  # At the start all rows weigh the same.
  dependent <- find_dependent(model$triangle$factor)
  if (length(dependent) == 0) {
    return(invisible())
  }
  column <- model$design$of[dependent[1]]
  others <- setdiff(model$design$of[dependent[-1]], c("(Intercept)", column))
  if (length(others) > 0) {
    job$fail(sprintf(
      'The column "%s" is a linear combination of %s: leave it out.', column, toString(others)
    ))
  }
  if (spread()[dependent[1]] == 0) fail_constant(column)
  job$fail(sprintf(
    'The column "%s" has nearly the same value in every row of training, %s: leave it out.',
    column, "as far as its digits go"
  ))
}

# How far apart the least and the greatest value of each column of the design are.
spread <- function() {
  limits <- over_rows("training", pmax, function(block) {
    c(apply(-block$x, 2, max), apply(block$x, 2, max))
  })
  rowSums(matrix(limits, ncol = 2))
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
  furthest <- over_rows(
    "training", pmax, find_furthest, model$coefficients, before, 10 * (model$steps + 1)
  )
  if (furthest[["right"]] < 0.5 || furthest[["wrong"]] > 0.1) {
    return(integer())
  }
  which(abs(model$coefficients - before) * spread() > 0.1)
}

# How far a step has moved logits of a block the right way and the wrong way.
#
# far: logits of far outliers are large from the start, and so is what is left to settle of them.
find_furthest <- function(block, coefficients, before, far) {
  logits <- linear_predictor(coefficients, block)
  moved <- (logits - linear_predictor(before, block)) * ifelse(block$y == 1, 1, -1)
  moved <- moved[abs(logits) < far]
  c(right = max(moved, 0), wrong = max(-moved, 0))
}

# Warn of coefficients that are none, at the end of the training.
warn_of_result <- function(model, separating) {
  model$separated <- length(separating) > 0
  if (model$separated) {
    job$log_line(
      "WARNING: the classes are (nearly) separated by ",
      toString(unique(model$design$of[separating])),
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
# predict() with standard errors, vcov(), summary(), AIC(), BIC() and nobs() give what glm() on the
# same data gives. What the rows are needed for (residuals, plots) can't be had from it.
#
# model: the model.
# Returns a `glm`.
as_glm <- function(model) {
  names <- model$design$names
  factor <- model$factor
  dimnames(factor) <- list(names, names)
  rank <- length(names)
  rows <- model$rows$training
  share <- model$positives / rows
  # One of its own: R marks the functions that it has compiled, which shows in the file's bytes.
  family <- stats::binomial()
  # summary() of R before 4.3 asks for residuals.
  family$dev.resids <- as.function(alist(y = , mu = , wt = , NA_real_), baseenv())
  # R crashes where these have no element at all.
  of_rows <- c("fitted.values", "linear.predictors", "weights", "y", "effects")
  structure(
    class = c("glm", "lm"),
    c(sapply(of_rows, function(name) NA_real_, simplify = FALSE), list(
      # BIC() and nobs() count them; R keeps a sequence as its ends. As a factor it can't be taken
      # for numbers.
      residuals = structure(seq_len(rows), levels = "not kept", class = "factor"),
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
      family = family,
      deviance = model$deviance,
      aic = model$deviance + 2 * rank,
      null.deviance = -2 * rows * (share * log(share) + (1 - share) * log(1 - share)),
      iter = model$steps,
      df.residual = rows - rank,
      df.null = rows - 1,
      converged = model$converged,
      boundary = FALSE,
      call = call("glm", formula = stats::formula(model$design$terms), family = quote(binomial())),
      formula = stats::formula(model$design$terms),
      terms = model$design$terms,
      offset = NULL,
      contrasts = model$design$contrasts,
      xlevels = model$design$xlevels
    ))
  )
}
