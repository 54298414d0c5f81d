# Hyperparameters: declared once, decoded from every encoding.

reserved_names <- "^sagemaker_|^_tuning_objective_metric$"

# Declare a setting of the algorithm.
#
# name: the name in training-job.json.
# type: "integer", "number", "boolean" or "string".
# default: the value where none is given; NULL is one too.
# meaning: a few words for --help.
# minimum, maximum: bounds of a number, inclusive.
# choices: the only values of a string.
# Returns a list for `read_hyperparameters()`; a declaration that makes no sense is a failure.
hyperparameter <- function(
    name,
    type,
    default,
    meaning,
    minimum = -Inf,
    maximum = Inf,
    choices = NULL) {
  declared <- list(
    name = name,
    type = type,
    default = default,
    meaning = meaning,
    minimum = minimum,
    maximum = maximum,
    choices = choices
  )
  refuse <- function(...) fail('Hyperparameter "', name, '" in model.R ', ...)
  if (grepl(reserved_names, name) || name == "help") {
    refuse("has a name that is reserved: choose another.")
  }
  if (!type %in% c("integer", "number", "boolean", "string")) {
    refuse("must have the type integer, number, boolean or string.")
  }
  if (!is.null(default) && !is_valid(declared, typed(declared, as_text(default)))) {
    refuse('has the default "', default, '": it must be ', expected(declared), ".")
  }
  declared
}

# Say what a value must be, for messages and for --help.
#
# declared: a `hyperparameter()`.
# Returns a few words.
expected <- function(declared) {
  paste0(kind_of(declared), if (is.null(declared$default)) " or null")
}

kind_of <- function(declared) {
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
  plain <- without_quotes(text)
  # Such as the choice "None".
  if (trimws(plain) %in% c("", "null", "None") && !plain %in% declared$choices) {
    return(declared$default)
  }
  value <- typed(declared, plain)
  if (!is_valid(declared, value)) {
    fail(sprintf(
      'Hyperparameter "%s" is "%s": it must be %s.', declared$name, plain, expected(declared)
    ))
  }
  value
}

# The value of a text, or NA.
typed <- function(declared, text) {
  switch(declared$type,
    string = text,
    boolean = decode_boolean(trimws(text)),
    integer = decode_number(trimws(text), integral = TRUE),
    number = decode_number(trimws(text))
  )
}

is_valid <- function(declared, value) {
  !is.na(value) && if (is.numeric(value)) {
    value >= declared$minimum && value <= declared$maximum
  } else {
    is.null(declared$choices) || value %in% declared$choices
  }
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
    "null"
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
  is_declared <- vapply(declared, function(each) is.list(each) && is.character(each$name), TRUE)
  if (!is.list(declared) || !all(is_declared)) {
    fail('model_hyperparameters in model.R must be a list: list(job$hyperparameter("trees", ...)).')
  }
  vapply(declared, function(each) each$name, "")
}

# Read what stands after the word "train", which may be missing: --name value or --name=value
# (C1, C9).
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
    name <- sub("=.*", "", substring(word, 3))
    if (!name %in% names_of(declared)) {
      fail(unknown_hyperparameter(name, declared), exit_code = 2L)
    }
    if (grepl("=", word, fixed = TRUE)) {
      arguments <- c(word, sub("^[^=]*=", "", word), arguments[-1])
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
  twice <- anyDuplicated(names(declared))
  if (twice > 0) {
    fail('Hyperparameter "', names(declared)[twice], '" stands twice in model.R.')
  }
  values <- lapply(declared, function(each) each$default)
  expected <- "one flat object of strings"
  given <- c(read_config("hyperparameters.json", expected), overrides)
  skipped <- grepl(reserved_names, names(given))
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
  shown <- sprintf("%s=%s", names(shown), vapply(shown, as_text, ""))
  log_line("Hyperparameters: ", paste(shown, collapse = " "))
  values
}

# Have the values found by their whole names alone: a list gives NULL for one that it does not have.
by_whole_name <- function(values) structure(values, class = c("hyperparameters", "list"))

look_up <- function(values, name, ...) {
  if (is.character(name) && !name %in% names(values)) {
    fail("model.R: ", unknown_hyperparameter(name, get("model_hyperparameters", globalenv())))
  }
  .subset2(values, name)
}
registerS3method("$", "hyperparameters", look_up)
registerS3method("[[", "hyperparameters", look_up)

unknown_hyperparameter <- function(name, declared) {
  known <- sort(names_of(declared), method = "radix")
  distance <- drop(utils::adist(name, known))
  near <- known[distance <= nchar(name) / 3][which.min(distance[distance <= nchar(name) / 3])]
  hint <- if (length(near) > 0) sprintf(': did you mean "%s"?', near) else "."
  sprintf('Unknown hyperparameter "%s"%s Known are %s.', name, hint, toString(known))
}
