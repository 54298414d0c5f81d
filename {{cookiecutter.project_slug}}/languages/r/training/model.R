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
rows_per_block <- 8192

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
#' @param channels The paths of each channel's files, by the channel's name.
#' @return The model with its data: for each channel a list of blocks of rows.
model_read <- function(model, channels) {
  data.table::setDTthreads(0)
  data.table::setDTthreads(min(data.table::getDTthreads(), opt_ml$cpu_limit()))
  first <- channels$training[1]
  channels <- channels[intersect(c("training", "validation"), names(channels))]
  model$blocks <- lapply(channels, read_channel, first = first, target = model$target)
  rows <- vapply(model$blocks, sum_over, 0, function(block) length(block$y))
  opt_ml$log_line("Read ", toString(sprintf("%.0f rows of %s", rows, names(rows))), ".")

  training <- model$blocks$training
  model$features <- setdiff(read_header(first), model$target)
  model$rows <- as.list(rows)
  model$positives <- sum_over(training, function(block) sum(block$y))
  # Without the intercept.
  model$least <- -reduce_blocks(training, pmax, function(block) -apply(block$x, 2, min)[-1])
  model$most <- reduce_blocks(training, pmax, function(block) apply(block$x, 2, max)[-1])
  model$deviance <- deviance_at(NULL, training)
  check_data(model)
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
  training <- model$blocks$training
  triangle <- decompose(before, training)
  model$steps <- model$steps + 1
  dependent <- find_dependent(triangle$factor)
  if (length(dependent) > 0) {
    # Weights have become 0, as they do for separated classes: nothing more can be learned.
    model$converged <- TRUE
    return(warn_of_result(model, dependent))
  }
  coefficients <- solved <- backsolve(triangle$factor, triangle$response)
  for (halvings in 1:30) {
    deviance <- deviance_at(coefficients, training)
    change <- (deviance - model$deviance) / (abs(deviance) + 0.1)
    # The first deviance is not that of a model, so it may grow.
    if (is.null(before) || change < 1e-8) break
    coefficients <- before + (solved - before) / 2^halvings
  }
  model$coefficients <- coefficients
  model$deviance <- deviance
  model$factor <- triangle$factor
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
  validation <- model$blocks$validation
  if (is.null(validation)) {
    return(metrics)
  }
  right <- sum_over(validation, function(block) {
    sum((linear_predictor(model$coefficients, block) > 0) == (block$y == 1))
  })
  c(
    metrics,
    "validation:log_loss" = deviance_at(model$coefficients, validation) / 2 / model$rows$validation,
    "validation:accuracy" = right / model$rows$validation
  )
}

# What makes the model: no more numbers than coefficients, squared. And how its data are known.
state <- c("steps", "converged", "separated", "coefficients", "deviance", "factor")
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

#' @noRd
reduce_blocks <- function(blocks, combine, summarise) {
  Reduce(combine, lapply(blocks, summarise))
}

#' @noRd
sum_over <- function(blocks, summarise) {
  reduce_blocks(blocks, `+`, summarise)
}

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
deviance_at <- function(coefficients, blocks) {
  sum_over(blocks, function(block) {
    mu <- logit$linkinv(linear_predictor(coefficients, block))
    sum(logit$dev.resids(block$y, mu, 1))
  })
}

#' Weigh the rows and decompose them (QR)
#'
#' The triangles of two blocks (or hosts), one on top of the other, have the triangle of all their
#' rows, so no more than a block is decomposed at once. Unlike crossproducts it loses no digits.
#'
#' @inheritParams linear_predictor
#' @param blocks A channel's blocks.
#' @return A list of `factor`, the triangle of the weighed columns, and `response`, the weighed
#'   working response in its terms.
decompose <- function(coefficients, blocks) {
  triangle <- NULL
  for (block in blocks) {
    eta <- linear_predictor(coefficients, block)
    mu <- logit$linkinv(eta)
    slope <- logit$mu.eta(eta)
    root_weight <- slope / sqrt(logit$variance(mu))
    weighed <- root_weight * cbind(block$x, eta + (block$y - mu) / slope)
    # With a tolerance of 0 the columns stay in their order.
    triangle <- qr.R(qr(rbind(triangle, weighed), tol = 0))
  }
  inner <- seq_len(ncol(triangle) - 1)
  list(
    factor = triangle[inner, inner, drop = FALSE],
    response = triangle[inner, ncol(triangle)]
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
check_data <- function(model) {
  rows <- model$rows$training
  if (model$positives %in% c(0, rows)) {
    opt_ml$fail(sprintf(
      'The target column "%s" is %d in every row of training: there is nothing to learn.',
      model$target, as.integer(model$positives > 0)
    ))
  }
  if (length(model$features) == 0) {
    opt_ml$fail(sprintf('There is no column beside the target "%s".', model$target))
  }
  if (rows <= length(model$features)) {
    opt_ml$fail(sprintf(
      "There are %.0f rows of training, too few for %d coefficients.",
      rows, length(model$features) + 1
    ))
  }
  # At the start all rows weigh the same.
  dependent <- find_dependent(decompose(NULL, model$blocks$training)$factor)
  if (length(dependent) == 0) {
    return(invisible())
  }
  others <- model$features[setdiff(dependent[-1], 1) - 1]
  opt_ml$fail(sprintf(
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
  furthest <- reduce_blocks(model$blocks$training, pmax, function(block) {
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
    opt_ml$log_line(
      "WARNING: the classes are (nearly) separated by ",
      toString(model$features[setdiff(separating, 1) - 1]),
      ": the coefficients grow without bound, and their standard errors mean nothing."
    )
  } else if (!model$converged) {
    opt_ml$log_line(
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

# ---- Reading CSV ---------------------------------------------------------------------------

#' Read all the files of a channel
#'
#' @param files Paths.
#' @param first The file that says which columns there are, and in which order.
#' @param target The column with 0 and 1.
#' @return A list of blocks: `x`, a matrix of ones and the features, and `y`, the target.
read_channel <- function(files, first, target) {
  columns <- read_header(first)
  blocks <- lapply(files, function(file) {
    table <- read_table(file, first, target, columns)
    starts <- seq(1, length.out = ceiling(nrow(table) / rows_per_block), by = rows_per_block)
    lapply(starts, function(start) {
      rows <- table[seq(start, min(start + rows_per_block - 1, nrow(table))), columns, drop = FALSE]
      x <- as.matrix(rows[columns != target])
      list(x = unname(cbind(1, x)), y = as.numeric(rows[[target]]))
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
#' @param columns The columns of `first`.
#' @return A data frame, all columns numeric and finite.
read_table <- function(file, first, target, columns = read_header(first)) {
  header <- read_header(file)
  check_header(file, header, first, columns, target)
  # Without `fill`, fread() silently leaves out the first rows where their lengths differ.
  odd <- function(condition) NULL
  table <- tryCatch(
    data.table::fread(
      file = file, sep = ",", dec = ".", header = FALSE, skip = 1, col.names = header,
      fill = TRUE, blank.lines.skip = TRUE, na.strings = NULL, integer64 = "double",
      data.table = FALSE, showProgress = FALSE
    ),
    warning = odd,
    error = odd
  )
  if (is_numbers(table, header, target)) table else read_slowly(file, header, target)
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
check_header <- function(file, header, first, columns, target) {
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
