# Hyperparameters: declared once, decoded from every encoding.

# Declare a setting of the algorithm.
#
# name: the name in training-job.json.
# type: "integer", "number", "boolean" or "string".
# default: the value where none is given; NULL is one too.
# meaning: a few words for --help.
# minimum, maximum: bounds of a number, inclusive.
# choices: the only values of a string.
# Returns a list for `read_hyperparameters()`.
hyperparameter <- function(
    name,
    type = c("integer", "number", "boolean", "string"),
    default,
    meaning,
    minimum = -Inf,
    maximum = Inf,
    choices = NULL) {
  list(
    name = name,
    type = match.arg(type),
    default = default,
    meaning = meaning,
    minimum = minimum,
    maximum = maximum,
    choices = choices
  )
}

# Say what a value must be, for messages and for --help.
#
# declared: a `hyperparameter()`.
# Returns a few words.
expected <- function(declared) {
  if (declared$type == "boolean") {
    return("true or false")
  }
  if (declared$type == "string") {
    return(if (is.null(declared$choices)) "text" else paste("one of", toString(declared$choices)))
  }
  kind <- if (declared$type == "integer") "an integer" else "a number"
  low <- as_text(declared$minimum)
  high <- as_text(declared$maximum)
  if (is.finite(declared$minimum) && is.finite(declared$maximum)) {
    sprintf("%s from %s to %s", kind, low, high)
  } else if (is.finite(declared$minimum)) {
    sprintf("%s of at least %s", kind, low)
  } else if (is.finite(declared$maximum)) {
    sprintf("%s of at most %s", kind, high)
  } else {
    kind
  }
}

# Decode the text of a hyperparameter, which callers encode in several ways (C30).
#
# declared: a `hyperparameter()`.
# text: what the caller gave: `10`, `"10"`, `True`, `null`, ...
# Returns the typed value; a text that is none is a failure.
decode <- function(declared, text) {
  if (trimws(text) %in% c("", "null", "None")) {
    return(declared$default)
  }
  plain <- without_quotes(text)
  value <- switch(declared$type,
    string = plain,
    boolean = decode_boolean(trimws(plain)),
    integer = decode_number(trimws(plain), integral = TRUE),
    number = decode_number(trimws(plain))
  )
  valid <- !is.na(value) && if (is.numeric(value)) {
    value >= declared$minimum && value <= declared$maximum
  } else {
    is.null(declared$choices) || value %in% declared$choices
  }
  if (!valid) {
    fail(sprintf(
      'Hyperparameter "%s" is "%s": it must be %s.', declared$name, plain, expected(declared)
    ))
  }
  value
}

# Undo the JSON encoding of a string, which some SDK classes add (C30).
without_quotes <- function(text) {
  if (!grepl('^".*"$', text)) {
    return(text)
  }
  tryCatch(jsonlite::parse_json(text), error = function(condition) text)
}

decode_boolean <- function(text) {
  switch(tolower(text),
    true = ,
    yes = ,
    "1" = TRUE,
    false = ,
    no = ,
    "0" = FALSE,
    NA
  )
}

decode_number <- function(text, integral = FALSE) {
  # as.numeric() alone would take "inf" and "0x1F" too.
  if (!grepl("^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$", text)) {
    return(NA_real_)
  }
  value <- as.numeric(text)
  if (is.infinite(value) || (integral && value != round(value))) NA_real_ else value
}

# Write a value of a hyperparameter as it stands in training-job.json.
#
# value: a string, number or boolean, or NULL.
# Returns a string; whole numbers have no exponent.
as_text <- function(value) {
  if (is.null(value)) {
    "none"
  } else if (is.logical(value)) {
    tolower(value)
  } else if (is.numeric(value) && is.finite(value) && value == round(value) && abs(value) < 1e15) {
    sprintf("%.0f", value)
  } else {
    as.character(value)
  }
}

# The text of --help.
#
# declared: a list of `hyperparameter()`s.
# Returns the lines.
usage <- function(declared) {
  describe <- function(each) {
    c(
      sprintf("  --%s  %s", each$name, each$meaning),
      sprintf("      %s; default %s", expected(each), as_text(each$default))
    )
  }
  c(
    "usage: [train] [--hyperparameter value ...]",
    "",
    "Trains on the files under /opt/ml/input and saves the model in /opt/ml/model.",
    "Hyperparameters come from hyperparameters.json, then from the command line:",
    unlist(lapply(declared[order(names_of(declared), method = "radix")], describe))
  )
}

names_of <- function(declared) {
  vapply(declared, function(each) each$name, "")
}

# Read the `--name value` pairs after the word "train", which may be missing (C1, C9).
#
# Anything else is a failure with exit code 2: an image that only trains must say so when it is
# started with "serve" (C22).
#
# arguments: the words of the command line.
# declared: a list of `hyperparameter()`s.
# Returns the values as strings, by name.
read_arguments <- function(arguments, declared) {
  if (identical(arguments[1], "train")) {
    arguments <- arguments[-1]
  }
  pairs <- list()
  while (length(arguments) > 0) {
    word <- arguments[1]
    if (!startsWith(word, "--")) {
      fail(
        sprintf('This image only trains: start it with "train" or nothing, not "%s".', word),
        exit_code = 2L
      )
    }
    name <- substring(word, 3)
    if (!name %in% names_of(declared)) {
      fail(unknown_hyperparameter(name, declared), exit_code = 2L)
    }
    if (length(arguments) == 1) {
      fail(word, " needs a value after it.", exit_code = 2L)
    }
    pairs[[name]] <- arguments[2]
    arguments <- arguments[-(1:2)]
  }
  pairs
}

# Read the hyperparameters.
#
# Values come from hyperparameters.json, all of them strings (C27), then from the command line
# (C9). Names that the platform and the SDKs add are skipped (C31). An unknown name, a bad value
# and a file that can't be read are failures.
#
# declared: a list of `hyperparameter()`s.
# overrides: what `read_arguments()` returned.
# Returns the typed values, by name.
read_hyperparameters <- function(declared, overrides = list()) {
  names(declared) <- names_of(declared)
  values <- lapply(declared, function(each) each$default)
  expected <- "one flat object of strings"
  given <- c(read_config("hyperparameters.json", expected), overrides)
  skipped <- grepl("^sagemaker_|^_tuning_objective_metric$", names(given))
  for (i in which(!skipped)) {
    name <- names(given)[i]
    if (!name %in% names(declared)) {
      fail(unknown_hyperparameter(name, declared))
    }
    if (is.list(given[[i]])) {
      fail(path_to("input", "config", "hyperparameters.json"), " must be ", expected, ".")
    }
    text <- if (is.null(given[[i]])) "null" else as_text(given[[i]])
    # In a list, since NULL alone would take the element away.
    values[name] <- list(decode(declared[[name]], text))
  }
  shown <- values[order(names(values), method = "radix")]
  log_line("Hyperparameters: ", paste0(names(shown), "=", lapply(shown, as_text), collapse = " "))
  values
}

unknown_hyperparameter <- function(name, declared) {
  known <- sort(names_of(declared), method = "radix")
  distance <- drop(utils::adist(name, known))
  near <- known[distance <= nchar(name) / 3][which.min(distance[distance <= nchar(name) / 3])]
  hint <- if (length(near) > 0) sprintf(': did you mean "%s"?', near) else "."
  sprintf('Unknown hyperparameter "%s"%s Known are %s.', name, hint, toString(known))
}
