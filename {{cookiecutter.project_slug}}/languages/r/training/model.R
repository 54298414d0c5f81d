# A binomial GLM for a target of 0 and 1, on CSV files: replace this file by your model.
#
# train.R calls, in this order: model_new, model_read, model_load_checkpoint (if there is one), then
# model_step, model_metrics and model_save_checkpoint until model_finished, and at the end
# model_save, model_load, model_metadata. A model is a list with an element `steps`, the number of
# steps done; a function that changes it returns it. A model with one blocking fit does it in
# model_step and is finished when `steps` is 1.

model_hyperparameters <- list(
  opt_ml$hyperparameter("target", "string", "is_male", "column to predict, 0 or 1"),
  opt_ml$hyperparameter(
    "max_iterations", "integer", 25, "iterations at most", minimum = 1, maximum = 100000
  ),
  opt_ml$hyperparameter(
    "tolerance", "number", 1e-8, "relative change of the deviance that ends the training",
    minimum = 0, maximum = 1
  )
)

model_required_channels <- "training"

# Rows that are weighed at once: it bounds the memory that a step needs beside the data.
rows_per_block <- 65536

# What glm() works with too: link, variance, deviance.
family <- stats::binomial()

#' Make a model that has read nothing yet
#'
#' @param hyperparameters A list of typed values, by name.
#' @return The model, a list.
model_new <- function(hyperparameters) {
  list(
    target = hyperparameters$target,
    max_iterations = hyperparameters$max_iterations,
    tolerance = hyperparameters$tolerance,
    steps = 0,
    converged = FALSE,
    separated = FALSE
  )
}

#' Read the CSV files of "training" and, if it is there, "validation"
#'
#' Data that can't be read, a target of one value and columns that depend on one another are
#' failures, with file, line and column where there are any.
#'
#' @param model The model.
#' @param channels The paths of each channel's files, by the channel's name.
#' @return The model with its data: for each channel a list of blocks of rows.
model_read <- function(model, channels) {
  data.table::setDTthreads(0)
  data.table::setDTthreads(min(data.table::getDTthreads(), opt_ml$cpu_limit()))
  first <- channels$training[1]
  channels <- channels[intersect(c("training", "validation"), names(channels))]
  blocks <- lapply(channels, read_channel, first = first, target = model$target)
  rows <- vapply(blocks, count_rows, 0)
  opt_ml$log_line("Read ", toString(sprintf("%.0f rows of %s", rows, names(rows))), ".")

  model$features <- setdiff(read_header(first), model$target)
  model$rows <- as.list(rows)
  model$positives <- sum_over(blocks$training, function(block) sum(block$y))
  check_target(model)
  model$scaling <- find_scaling(blocks$training)
  model$blocks <- lapply(blocks, lapply, standardise, scaling = model$scaling)
  check_columns_differ(model)
  model$sums <- sum_weighed(model$blocks$training, NULL)
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
#' As glm() does it, with the same start and the same criterion of convergence. Two things differ:
#' the weighted crossproducts are sums over blocks of rows, of columns that are centred and scaled
#' (so they lose no digits), and a step after which the deviance has grown is halved.
#'
#' @param model The model.
#' @return The model after the step.
model_step <- function(model) {
  before <- model$sums
  factor <- tryCatch(chol(before$information), error = function(condition) NULL)
  model$steps <- model$steps + 1
  if (is.null(factor)) {
    # The weights have become 0, as they do for separated classes: nothing more can be learned.
    model$converged <- TRUE
    return(check_result(model))
  }
  increment <- backsolve(factor, backsolve(factor, before$score, transpose = TRUE))
  start <- if (is.null(model$coefficients)) 0 else model$coefficients
  for (halvings in 0:30) {
    coefficients <- start + increment / 2^halvings
    after <- sum_weighed(model$blocks$training, coefficients)
    change <- (after$deviance - before$deviance) / (abs(after$deviance) + 0.1)
    # The first deviance is not that of a model, so it may grow.
    if (model$steps == 1 || isTRUE(change < max(model$tolerance, 1e-8))) break
  }
  model$coefficients <- coefficients
  model$sums <- after
  model$factor <- factor
  model$converged <- abs(change) < model$tolerance
  if (model_finished(model)) check_result(model) else model
}

#' Log loss (natural logarithm) and accuracy (share of rows, threshold 0.5)
#'
#' @param model The model.
#' @return Numbers with names; those of validation only with that channel.
model_metrics <- function(model) {
  metrics <- c("training:log_loss" = model$sums$deviance / model$rows$training / 2)
  if (is.null(model$blocks$validation)) {
    return(metrics)
  }
  sums <- sum_over(model$blocks$validation, function(block) {
    eta <- drop(block$x %*% model$coefficients)
    deviance <- sum(family$dev.resids(block$y, family$linkinv(eta), 1))
    c(deviance / 2, sum((eta > 0) == (block$y == 1))) / model$rows$validation
  })
  c(metrics, "validation:log_loss" = sums[1], "validation:accuracy" = sums[2])
}

# What makes the model, beside the data: no more than the number of coefficients, squared.
state <- c(
  "steps", "converged", "separated", "coefficients", "sums", "factor", "features", "scaling", "rows"
)

#' Write all that `model_load_checkpoint()` needs to go on to one file
#'
#' @param model The model.
#' @param path The file to write.
model_save_checkpoint <- function(model, path) {
  saveRDS(model[state], path)
}

#' Go on from a checkpoint
#'
#' @param model The model, with its data read.
#' @param path The file to read; one that is broken or does not fit is an error.
#' @return The model as it was.
model_load_checkpoint <- function(model, path) {
  saved <- readRDS(path)
  same <- c("features", "scaling", "rows")
  if (!identical(saved[same], model[same])) {
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
  table <- stats::coef(summary(glm))
  data.table::fwrite(
    data.table::data.table(
      term = c("(Intercept)", model$features),
      estimate = table[, 1],
      std_error = table[, 2],
      z_value = table[, 3],
      p_value = table[, 4]
    ),
    file.path(folder, "coefficients.csv")
  )
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

#' @noRd
sum_over <- function(blocks, summarise) {
  Reduce(`+`, lapply(blocks, summarise))
}

#' @noRd
count_rows <- function(blocks) {
  sum(vapply(blocks, function(block) length(block$y), 0))
}

#' Weigh the rows at some coefficients
#'
#' All sums are over rows, so those of several blocks (or hosts) can be added up.
#'
#' @param blocks A channel's blocks, standardised.
#' @param coefficients Those of the standardised columns; NULL for the start of the training, where
#'   glm() takes 0.25 and 0.75 for the probabilities.
#' @return A list of `information` (X'WX), `score` (X'W times the working response, less what the
#'   coefficients explain of it) and `deviance`.
sum_weighed <- function(blocks, coefficients) {
  weigh <- function(block) {
    eta <- if (is.null(coefficients)) {
      family$linkfun((block$y + 0.5) / 2)
    } else {
      drop(block$x %*% coefficients)
    }
    mu <- family$linkinv(eta)
    slope <- family$mu.eta(eta)
    weight <- slope^2 / family$variance(mu)
    residual <- (block$y - mu) / slope
    if (is.null(coefficients)) {
      residual <- residual + eta
    }
    list(
      information = crossprod(block$x * sqrt(weight)),
      score = drop(crossprod(block$x, weight * residual)),
      deviance = sum(family$dev.resids(block$y, mu, 1))
    )
  }
  Reduce(function(a, b) Map(`+`, a, b), lapply(blocks, weigh))
}

#' The mean and the standard deviation of each column
#' @noRd
find_scaling <- function(blocks) {
  rows <- count_rows(blocks)
  centre <- sum_over(blocks, function(block) colSums(block$x)) / rows
  variance <- sum_over(blocks, function(block) {
    colSums((block$x - rep(centre, each = nrow(block$x)))^2)
  }) / rows
  list(centre = centre, scale = sqrt(variance))
}

#' Centre and scale the columns, and put one for the intercept before them
#' @noRd
standardise <- function(block, scaling) {
  # A constant column is left as it is: check_columns_differ() names it.
  scale <- ifelse(scaling$scale > 0, scaling$scale, 1)
  rows <- nrow(block$x)
  x <- (block$x - rep(scaling$centre, each = rows)) / rep(scale, each = rows)
  list(x = cbind(1, x), y = block$y)
}

#' Undo `standardise()`
#'
#' @param model The model.
#' @return The upper triangular matrix that times the columns as they were read gives the
#'   standardised ones (`forward`), and its inverse (`back`).
transformation <- function(model) {
  centre <- model$scaling$centre
  scale <- model$scaling$scale
  forward <- diag(c(1, 1 / scale))
  forward[1, -1] <- -centre / scale
  back <- diag(c(1, scale))
  back[1, -1] <- centre
  list(forward = forward, back = back)
}

#' @noRd
check_target <- function(model) {
  if (model$positives %in% c(0, model$rows$training)) {
    opt_ml$fail(sprintf(
      'The target column "%s" is %d in every row of training: there is nothing to learn.',
      model$target, as.integer(model$positives > 0)
    ))
  }
}

#' Refuse columns of which the others already say everything: they have no coefficient
#' @noRd
check_columns_differ <- function(model) {
  if (length(model$features) == 0) {
    opt_ml$fail(sprintf('There is no column beside the target "%s".', model$target))
  }
  if (model$rows$training <= length(model$features)) {
    opt_ml$fail(sprintf(
      "There are %.0f rows of training, too few for %d coefficients.",
      model$rows$training, length(model$features) + 1
    ))
  }
  crossproducts <- sum_over(model$blocks$training, function(block) crossprod(block$x))
  decomposed <- qr(crossproducts, tol = 1e-11)
  rank <- decomposed$rank
  if (rank == ncol(crossproducts)) {
    return(invisible())
  }
  kept <- seq_len(rank)
  share <- backsolve(qr.R(decomposed)[kept, kept], qr.R(decomposed)[kept, rank + 1])
  dependent <- model$features[decomposed$pivot[rank + 1] - 1]
  others <- model$features[sort(setdiff(decomposed$pivot[kept][abs(share) > 1e-6], 1)) - 1]
  opt_ml$fail(sprintf(
    'The column "%s" %s: leave it out.',
    dependent,
    if (length(others) == 0) {
      "has the same value in every row of training"
    } else {
      paste("is a linear combination of", toString(others))
    }
  ))
}

#' Warn of coefficients that are none, at the end of the training
#' @noRd
check_result <- function(model) {
  separating <- find_separating(model)
  model$separated <- length(separating) > 0
  if (model$separated) {
    opt_ml$log_line(
      "WARNING: the classes are (nearly) separated by ", toString(separating),
      ": the coefficients grow without bound, and their standard errors mean nothing."
    )
  } else if (!model$converged) {
    opt_ml$log_line(
      "WARNING: not converged after ", model$steps, " iterations: raise max_iterations."
    )
  }
  model
}

#' Columns whose coefficients grow without bound, since they tell the classes apart
#'
#' Their variance is large beside what it would be if all rows had the mean's weight.
#' @noRd
find_separating <- function(model) {
  share <- model$positives / model$rows$training
  crossproducts <- sum_over(model$blocks$training, function(block) crossprod(block$x))
  variance <- diag(chol2inv(model$factor))
  even <- diag(chol2inv(chol(crossproducts))) / share / (1 - share)
  model$features[(variance / even)[-1] > 1e5]
}

#' Make a `glm` without its rows
#'
#' predict() with standard errors, vcov(), summary() and AIC() give what glm() on the same data
#' gives. What the rows are needed for (residuals, plots) is NA.
#'
#' @param model The model.
#' @return A `glm`.
as_glm <- function(model) {
  terms <- make_terms(model$target, model$features)
  names <- c("(Intercept)", attr(terms, "term.labels"))
  to <- transformation(model)
  factor <- model$factor %*% to$back
  dimnames(factor) <- list(names, names)
  rank <- length(names)
  rows <- model$rows$training
  share <- model$positives / rows
  deviance <- model$sums$deviance
  structure(
    class = c("glm", "lm"),
    list(
      coefficients = stats::setNames(drop(to$forward %*% model$coefficients), names),
      # R crashes where these have no element at all.
      residuals = NA_real_,
      fitted.values = NA_real_,
      linear.predictors = NA_real_,
      weights = NA_real_,
      prior.weights = NA_real_,
      y = NA_real_,
      effects = NA_real_,
      R = factor,
      rank = rank,
      qr = structure(
        class = "qr",
        list(qr = factor, rank = rank, qraux = rep(1, rank), pivot = seq_len(rank), tol = 1e-11)
      ),
      family = stats::binomial(),
      deviance = deviance,
      aic = deviance + 2 * rank,
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
    )
  )
}

#' @noRd
make_terms <- function(target, features) {
  # Names, not text, so that any column name will do.
  sum <- Reduce(function(left, right) call("+", left, right), lapply(features, as.name))
  formula <- stats::as.formula(call("~", as.name(target), sum), env = globalenv())
  terms <- stats::terms(formula)
  classes <- rep("numeric", length(features) + 1)
  attr(terms, "dataClasses") <- stats::setNames(classes, c(target, features))
  attr(terms, "predvars") <- as.call(c(list(quote(list)), lapply(c(target, features), as.name)))
  terms
}

# ---- Reading CSV ---------------------------------------------------------------------------

#' Read all the files of a channel
#'
#' @param files Paths.
#' @param first The file that says which columns there are, and in which order.
#' @param target The column with 0 and 1.
#' @return A list of blocks: `x`, a matrix of the features, and `y`, the target.
read_channel <- function(files, first, target) {
  features <- setdiff(read_header(first), target)
  blocks <- lapply(files, function(file) {
    table <- read_table(file, first, target)
    # Split into blocks of rows.
    lapply(seq_len(ceiling(nrow(table) / rows_per_block)), function(i) {
      rows <- seq((i - 1) * rows_per_block + 1, min(i * rows_per_block, nrow(table)))
      x <- matrix(0, length(rows), length(features))
      for (j in seq_along(features)) {
        x[, j] <- table[[features[j]]][rows]
      }
      list(x = x, y = as.numeric(table[[target]][rows]))
    })
  })
  blocks <- unlist(blocks, recursive = FALSE)
  if (length(blocks) == 0) {
    opt_ml$fail(files[1], " has a header but no rows.")
  }
  blocks
}

#' Read the numbers of a CSV file
#'
#' fread() reads; where it fails, or what it read looks odd, a slow reader finds the place for the
#' message, or reads what fread() could not.
#'
#' @inheritParams read_channel
#' @param file A path.
#' @return A data frame, all columns numeric and finite.
read_table <- function(file, first, target) {
  header <- read_header(file)
  check_header(file, header, first, target)
  odd <- FALSE
  note <- function(condition) {
    odd <<- TRUE
    tryInvokeRestart("muffleWarning")
  }
  # Without `fill`, fread() silently leaves out the first rows where their lengths differ.
  table <- tryCatch(
    withCallingHandlers(
      data.table::fread(
        file = file, sep = ",", dec = ".", header = FALSE, skip = 1, col.names = header,
        fill = TRUE, na.strings = NULL, integer64 = "double", data.table = FALSE,
        showProgress = FALSE
      ),
      warning = note
    ),
    error = note
  )
  if (odd || !is_numbers(table, header, target)) {
    table <- read_slowly(file, header, target)
  }
  table
}

#' @noRd
is_numbers <- function(table, header, target) {
  is.data.frame(table) && ncol(table) == length(header) &&
    all(vapply(table, function(column) is.numeric(column) && is.finite(sum(column)), TRUE)) &&
    all(table[[target]] %in% c(0, 1))
}

#' Read the column names of a CSV file
#'
#' @param file A path.
#' @return The names.
read_header <- function(file) {
  # A file that is no text has a zero byte near its start.
  start <- readBin(file, "raw", 65536)
  lines <- suppressWarnings(readLines(file, 1, warn = FALSE, skipNul = TRUE, encoding = "UTF-8"))
  if (any(start == 0) || !all(validUTF8(lines))) {
    fail_not_text(file)
  }
  line <- sub("^\ufeff", "", lines)
  # Only where the first line is blank are the others looked at.
  if (all(trimws(line) == "") && all(trimws(readLines(file, warn = FALSE)) == "")) {
    opt_ml$fail(file, " is empty.")
  }
  trimws(split_line(line))
}

#' @noRd
check_header <- function(file, header, first, target) {
  columns <- read_header(first)
  fail_here <- function(...) opt_ml$fail(file, ", line 1: ", ...)
  for (i in seq_along(header)) {
    if (header[i] == "") {
      fail_here("column ", i, " has no name.")
    }
    if (header[i] %in% header[-i]) {
      fail_here('the column "', header[i], '" stands twice.')
    }
  }
  for (name in setdiff(header, columns)) {
    fail_here('column "', name, '" is not in ', first, ".")
  }
  for (name in setdiff(columns, header)) {
    fail_here('column "', name, '" is missing.')
  }
  if (!target %in% header) {
    fail_here(
      'the target column "', target, '" is missing; the columns are ', toString(header), "."
    )
  }
}

#' Read a CSV file line by line, and fail at the first that is no row of numbers
#' @noRd
read_slowly <- function(file, header, target) {
  connection <- file(file, "r")
  on.exit(close(connection))
  readLines(connection, 1)
  number <- 1
  chunks <- list()
  while (length(lines <- read_lines(connection, file)) > 0) {
    numbers <- number + seq_along(lines)
    number <- number + length(lines)
    blank <- trimws(lines) == ""
    rows <- lapply(lines[!blank], split_line)
    chunks <- c(chunks, list(parse_rows(file, numbers[!blank], rows, header, target)))
  }
  as.data.frame(do.call(rbind, chunks), check.names = FALSE)
}

#' @noRd
read_lines <- function(connection, file) {
  lines <- withCallingHandlers(
    readLines(connection, 10000, warn = TRUE, encoding = "UTF-8"),
    warning = function(condition) {
      if (grepl("nul", conditionMessage(condition))) {
        fail_not_text(file)
      }
      invokeRestart("muffleWarning")
    }
  )
  if (!all(validUTF8(lines))) {
    fail_not_text(file)
  }
  lines
}

#' @noRd
parse_rows <- function(file, numbers, rows, header, target) {
  ragged <- which(lengths(rows) != length(header))[1]
  # What comes before is read first, so that the first fault of the file is the one that is named.
  whole <- if (is.na(ragged)) seq_along(rows) else seq_len(ragged - 1)
  text <- matrix(trimws(unlist(rows[whole])), ncol = length(header), byrow = TRUE)
  is_number <- grepl("^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$", text)
  values <- matrix(NA_real_, nrow(text), length(header), dimnames = list(NULL, header))
  values[is_number] <- as.numeric(text[is_number])
  bad <- !is.finite(values)
  bad[, target] <- !values[, target] %in% c(0, 1)
  if (any(bad)) {
    row <- which(rowSums(bad) > 0)[1]
    column <- which(bad[row, ])[1]
    is_target <- header[column] == target
    cell <- text[row, column]
    opt_ml$fail(
      sprintf('%s, line %d, column "%s": ', file, numbers[row], header[column]),
      if (cell == "" && is_target) {
        "the target is empty."
      } else if (cell == "") {
        "the cell is empty, and a GLM needs every value."
      } else if (!is.finite(values[row, column])) {
        sprintf('"%s" is not a number.', cell)
      } else {
        sprintf("%s is neither 0 nor 1.", cell)
      }
    )
  }
  if (!is.na(ragged)) {
    opt_ml$fail(sprintf(
      "%s, line %d: %d fields, but the header has %d.",
      file, numbers[ragged], length(rows[[ragged]]), length(header)
    ))
  }
  values
}

#' @noRd
split_line <- function(line) {
  if (grepl('"', line, fixed = TRUE)) {
    return(scan(text = line, what = "", sep = ",", quote = '"', quiet = TRUE))
  }
  # strsplit() drops an empty field at the end, unless something comes after it.
  fields <- strsplit(paste0(line, ",."), ",", fixed = TRUE)[[1]]
  fields[-length(fields)]
}

#' @noRd
fail_not_text <- function(file) {
  opt_ml$fail(file, " is not a text file in UTF-8: only CSV can be read.")
}
