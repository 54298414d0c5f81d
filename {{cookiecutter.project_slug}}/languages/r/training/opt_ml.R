# The contract between a SageMaker training job and its container: files under /opt/ml.
#
# Knows nothing of the algorithm. Clause numbers (C27, ...) are those of docs/contract.md of the
# template; each names its source in AWS's documentation. train.R loads this file into an
# environment of its own: model.R calls opt_ml$log_line() and so on.

# Where this file lies: it is sourced with `chdir = TRUE`.
code <- getwd()
failure_length <- 1024
checkpoints_kept <- 3

#' The path of something below /opt/ml, or below what SAGEMAKER_BASE_DIR puts in its place
#'
#' @param ... Names of folders and a file.
#' @return A path.
path_to <- function(...) {
  file.path(Sys.getenv("SAGEMAKER_BASE_DIR", "/opt/ml"), ...)
}

#' Print a line to stdout at once: the service shows it in CloudWatch (C93)
#'
#' @param ... Text, pasted together.
log_line <- function(...) {
  # One call of cat() with one string is one write, which the line of SIGTERM can't cut in two.
  cat(paste0(..., "\n"))
}

#' Print the metrics of a step as the regexes of training-job.json find them (C94)
#'
#' @param step The number of steps done.
#' @param metrics Numbers with names, in the order in which to print them.
log_step <- function(step, metrics) {
  # Lower case, since R writes "NaN".
  pairs <- sprintf("%s=%s", names(metrics), tolower(sprintf("%.6g", unlist(metrics))))
  log_line(paste(c(sprintf("step=%.0f", step), pairs), collapse = " "))
}

#' End the training with one sentence about what the user can mend, without a stack trace
#'
#' @param ... The sentence, pasted together.
#' @param exit_code What the program ends with: 1, or 2 for words that mean nothing here.
fail <- function(..., exit_code = 1L) {
  stop(structure(
    class = c("training_failure", "error", "condition"),
    list(message = paste0(...), call = NULL, exit_code = exit_code)
  ))
}

# ---- Hyperparameters -----------------------------------------------------------------------

#' Declare a setting of the algorithm
#'
#' @param name The name in training-job.json.
#' @param type "integer", "number", "boolean" or "string".
#' @param default The value where none is given.
#' @param meaning A few words for --help.
#' @param minimum,maximum Bounds of a number, inclusive.
#' @param choices The only values of a string.
#' @return A list for `read_hyperparameters()`.
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

#' Say what a value must be, for messages and for --help
#'
#' @param declared A `hyperparameter()`.
#' @return A few words.
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

#' Decode the text of a hyperparameter, which callers encode in several ways (C30)
#'
#' @param declared A `hyperparameter()`.
#' @param text What the caller gave: `10`, `"10"`, `True`, `null`, ...
#' @return The typed value; a text that is none is a failure.
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

#' Undo the JSON encoding of a string, which some SDK classes add (C30)
#' @noRd
without_quotes <- function(text) {
  if (!grepl('^".*"$', text)) {
    return(text)
  }
  tryCatch(jsonlite::parse_json(text), error = function(condition) text)
}

#' @noRd
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

#' @noRd
decode_number <- function(text, integral = FALSE) {
  # as.numeric() alone would take "inf" and "0x1F" too.
  if (!grepl("^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$", text)) {
    return(NA_real_)
  }
  value <- as.numeric(text)
  if (is.infinite(value) || (integral && value != round(value))) NA_real_ else value
}

#' Write a value of a hyperparameter as it stands in training-job.json
#'
#' @param value A string, number or boolean.
#' @return A string; whole numbers have no exponent.
as_text <- function(value) {
  if (is.logical(value)) {
    tolower(value)
  } else if (is.numeric(value) && is.finite(value) && value == round(value) && abs(value) < 1e15) {
    sprintf("%.0f", value)
  } else {
    as.character(value)
  }
}

#' The text of --help
#'
#' @param declared A list of `hyperparameter()`s.
#' @return The lines.
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

#' @noRd
names_of <- function(declared) {
  vapply(declared, function(each) each$name, "")
}

#' Read the `--name value` pairs after the word "train", which may be missing (C1, C9)
#'
#' Anything else is a failure with exit code 2: an image that only trains must say so when it is
#' started with "serve" (C22).
#'
#' @param arguments The words of the command line.
#' @param declared A list of `hyperparameter()`s.
#' @return The values as strings, by name.
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

#' Read the hyperparameters
#'
#' Values come from hyperparameters.json, all of them strings (C27), then from the command line
#' (C9). Names that the platform and the SDKs add are skipped (C31). An unknown name, a bad value
#' and a file that can't be read are failures.
#'
#' @param declared A list of `hyperparameter()`s.
#' @param overrides What `read_arguments()` returned.
#' @return The typed values, by name.
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
    values[[name]] <- decode(declared[[name]], text)
  }
  shown <- values[order(names(values), method = "radix")]
  log_line("Hyperparameters: ", paste0(names(shown), "=", lapply(shown, as_text), collapse = " "))
  values
}

#' @noRd
unknown_hyperparameter <- function(name, declared) {
  known <- sort(names_of(declared), method = "radix")
  distance <- drop(utils::adist(name, known))
  near <- known[distance <= nchar(name) / 3][which.min(distance[distance <= nchar(name) / 3])]
  hint <- if (length(near) > 0) sprintf(': did you mean "%s"?', near) else "."
  sprintf('Unknown hyperparameter "%s"%s Known are %s.', name, hint, toString(known))
}

# ---- Hosts and channels --------------------------------------------------------------------

#' Read the hosts of resourceconfig.json (C34)
#'
#' @return A list: `current`, the name of this host; `names`, all of them, sorted; `rank`, the
#'   place of this host among them, from 0, which leads (C35, C36).
read_hosts <- function() {
  config <- read_config("resourceconfig.json")
  current <- if (is.null(config$current_host)) "algo-1" else config$current_host
  names <- if (is.null(config$hosts)) current else sort(unlist(config$hosts), method = "radix")
  list(current = current, names = names, rank = match(current, names) - 1L)
}

#' Find the files of each channel (C32, C43)
#'
#' Skips what is no data: names that start with "." or "_", and folder markers. Several hosts share
#' out the files of a channel that each of them has as a whole, so that each row counts once (C52).
#' A required channel that is missing and Pipe mode (C50) are failures.
#'
#' @param required Names of channels.
#' @return Absolute paths, sorted, by the channel's name.
read_channels <- function(required) {
  data <- path_to("input", "data")
  if (!dir.exists(path_to("input"))) {
    fail(path_to("input"), " does not exist: start with `make train`, or mount it.")
  }
  config <- read_config("inputdataconfig.json")
  if (is.null(config)) {
    log_line("inputdataconfig.json is missing: taking the folders under ", data, " as channels.")
    # Folders only: the service puts a file <channel>-manifest beside each (C44).
    folders <- list.dirs(data, full.names = FALSE, recursive = FALSE)
    config <- sapply(folders[!startsWith(folders, ".")], function(name) list(), simplify = FALSE)
  }
  config <- config[order(names(config), method = "radix")]
  for (name in setdiff(required, names(config))) {
    present <- if (length(config) == 0) {
      "no channels"
    } else {
      paste("only the channels", toString(names(config)))
    }
    fail(sprintf('Channel "%s" is missing: the job has %s.', name, present))
  }
  hosts <- read_hosts()
  channels <- sapply(names(config), simplify = FALSE, function(name) {
    if (identical(config[[name]]$TrainingInputMode, "Pipe")) {
      fail(
        'Channel "', name, "\" comes in Pipe mode, which this program can't read: ",
        "use FastFile in training-job.json, which streams as well."
      )
    }
    files <- find_files(file.path(data, name))
    is_mine <- (seq_along(files) - 1) %% length(hosts$names) == hosts$rank
    if (identical(config[[name]]$S3DistributionType, "FullyReplicated")) files[is_mine] else files
  })
  counts <- sprintf("%s (%s)", names(channels), count(lengths(channels), "file"))
  log_line("Channels: ", if (length(counts) > 0) toString(counts) else "none", ".")
  channels
}

#' Refuse a channel that is empty, which on one of several hosts it may be (C52)
#'
#' @param channels What `read_channels()` returned on each host.
check_channels <- function(channels) {
  for (name in names(channels[[1]])) {
    if (sum(lengths(lapply(channels, `[[`, name))) == 0) {
      fail(
        'Channel "', name, '" is empty: there is no file under ', path_to("input", "data", name),
        if (length(channels) > 1) " on any host", "."
      )
    }
  }
}

#' @noRd
find_files <- function(folder) {
  names <- list.files(folder, recursive = TRUE, all.files = TRUE, no.. = TRUE)
  names <- names[!grepl("(^|/)[._]", names, useBytes = TRUE)]
  # By their bytes: R refuses to order what is no text in its locale.
  bytes <- names
  Encoding(bytes) <- "bytes"
  files <- file.path(folder, names[order(bytes, method = "radix")])
  marker <- file.size(files) == 0 & !grepl("[.][^./]+$", files, useBytes = TRUE)
  files[!marker]
}

#' @noRd
count <- function(number, noun) {
  paste0(number, " ", noun, ifelse(number == 1, "", "s"))
}

#' @noRd
read_config <- function(name, expected = "a JSON object") {
  path <- path_to("input", "config", name)
  if (!file.exists(path)) {
    return(NULL)
  }
  text <- paste(readLines(path, warn = FALSE, encoding = "UTF-8"), collapse = "\n")
  content <- tryCatch(
    jsonlite::parse_json(text),
    error = function(condition) {
      fail(path, " is not valid JSON: ", trimws(first_line(condition)), ".")
    }
  )
  if (!is.list(content) || is.null(names(content))) {
    fail(path, " must be ", expected, ".")
  }
  content
}

#' The processors that the container may use, whatever the machine has
#'
#' @param cgroup Where the control group is.
#' @return A number; Inf where there is no limit.
cpu_limit <- function(cgroup = "/sys/fs/cgroup") {
  # The second version of control groups has both numbers in one file, the first has two.
  files <- file.path(cgroup, c("cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
  limit <- unlist(lapply(files[file.exists(files)], scan, what = "", quiet = TRUE))
  if (length(limit) != 2 || limit[1] %in% c("max", "-1")) {
    return(Inf)
  }
  ceiling(as.numeric(limit[1]) / as.numeric(limit[2]))
}

#' Have OpenBLAS, where R uses it, start no more threads than there are processors for them
#'
#' It counts the machine's.
limit_blas_threads <- function() {
  blas <- tryCatch(dyn.load(extSoftVersion()[["BLAS"]]), error = function(condition) NULL)
  routine <- "openblas_set_num_threads"
  if (is.finite(cpu_limit()) && !is.null(blas) && is.loaded(routine, blas[["name"]], "Fortran")) {
    .Fortran(routine, as.integer(cpu_limit()), PACKAGE = blas[["name"]])
  }
  invisible()
}

# ---- Stopping ------------------------------------------------------------------------------

#' Have SIGTERM logged at once and remembered
#'
#' The service sends it to stop a job, then waits 120 s (C5). R has no handler for it, so a few
#' lines of C are loaded; see sigterm.c.
watch_sigterm <- function() {
  library_file <- paste0("sigterm", .Platform$dynlib.ext)
  # The image has it compiled; a run without a container compiles it for itself.
  path <- file.path(code, library_file)
  if (!file.exists(path)) {
    path <- file.path(tempdir(), library_file)
    source <- file.path(tempdir(), "sigterm.c")
    file.copy(file.path(code, "sigterm.c"), source)
    system2(
      file.path(R.home("bin"), "R"), c("CMD", "SHLIB", shQuote(source)),
      stdout = FALSE, stderr = FALSE
    )
  }
  loaded <- tryCatch(dyn.load(path), error = function(condition) NULL)
  if (is.null(loaded)) {
    log_line("WARNING: sigterm.c can't be compiled here: SIGTERM will end the training at once.")
    return(invisible())
  }
  .C(getNativeSymbolInfo("watch_sigterm", loaded))
  sigterm_received <<- function() {
    .C(getNativeSymbolInfo("sigterm_received", loaded), answer = 0L)$answer == 1
  }
  invisible()
}

#' Whether SIGTERM has come
#'
#' @return TRUE or FALSE; `watch_sigterm()` puts one that knows in its place.
sigterm_received <- function() {
  FALSE
}

#' End the training where SIGTERM has come and nothing is done yet
fail_if_stopped <- function() {
  if (sigterm_received()) {
    fail("Stopped by SIGTERM before the first step was done: there is no model to save.")
  }
}

# ---- Checkpoints ---------------------------------------------------------------------------

#' Look for /opt/ml/checkpoints, which a job has only with a CheckpointConfig (C64)
#'
#' @return An environment for the functions below.
open_checkpoints <- function() {
  checkpoints <- new.env()
  checkpoints$folder <- path_to("checkpoints")
  checkpoints$kept <- dir.exists(checkpoints$folder)
  checkpoints$due_at <- -Inf
  if (!checkpoints$kept) {
    log_line(
      "No checkpoints: ", checkpoints$folder, " does not exist (the job has no CheckpointConfig)."
    )
  }
  checkpoints
}

#' Go on from the newest checkpoint, or from the one before where that is broken
#'
#' @param checkpoints What `open_checkpoints()` returned.
#' @param model The model as it is without a checkpoint.
#' @param load A function of the model and a path that returns the model as it was; any error of
#'   it means that the file is broken.
#' @return The model to go on with.
resume <- function(checkpoints, model, load) {
  found <- find_checkpoints(checkpoints)
  for (path in rev(found)) {
    name <- basename(path)
    resumed <- tryCatch(
      muffle_warnings(load(model, path)),
      error = function(condition) {
        log_line(
          "WARNING: ", name, " is broken (", first_line(condition), "): trying the one before."
        )
        NULL
      }
    )
    if (!is.null(resumed)) {
      log_line("Resuming from ", name, ", after step ", resumed$steps, ".")
      return(resumed)
    }
  }
  if (length(found) > 0) {
    log_line("WARNING: no checkpoint could be read: training starts from the beginning.")
  }
  model
}

#' Whether to save now: at most every second, and for at most a tenth of the time
#'
#' @inheritParams resume
#' @return TRUE or FALSE.
checkpoint_due <- function(checkpoints) {
  checkpoints$kept && seconds() >= checkpoints$due_at
}

#' Write a checkpoint aside, read it back, rename it, and delete all but the last few
#'
#' The service uploads nothing that ends in .sagemaker-ignore (C65). It deletes in S3 what is
#' deleted here, so a file that it still uploads is left alone.
#'
#' @inheritParams resume
#' @param model The model; `model$steps` names the file.
#' @param save A function of the model and a path that writes one file.
save_checkpoint <- function(checkpoints, model, save, load) {
  if (!checkpoints$kept) {
    return(invisible())
  }
  start <- seconds()
  path <- file.path(checkpoints$folder, sprintf("checkpoint-%08d", model$steps))
  aside <- paste0(path, ".sagemaker-ignore")
  write_or_fail(path, aside, {
    save(model, aside)
    # R says nothing of a write that fails, as on a full disk: only reading back shows it.
    load(model, aside)
    rename(aside, path)
  })
  # Later ones than this are broken, else the training would have gone on from them.
  found <- find_checkpoints(checkpoints)
  old <- utils::head(found[found <= path], -checkpoints_kept)
  unlink(old[!file.exists(paste0(old, ".sagemaker-uploading"))])
  now <- seconds()
  checkpoints$due_at <- now + max(1, 10 * (now - start))
  invisible()
}

#' @noRd
find_checkpoints <- function(checkpoints) {
  # Exact names, so that the uploader's marker files are never taken for checkpoints.
  list.files(checkpoints$folder, "^checkpoint-[0-9]{8}$", full.names = TRUE) |>
    sort(method = "radix")
}

#' @noRd
seconds <- function() {
  proc.time()[["elapsed"]]
}

# ---- Model ---------------------------------------------------------------------------------

#' Write the model's files and metadata.json to /opt/ml/model, all or nothing (C59)
#'
#' Where `save` wrote nothing it is a failure: the service takes a job without a model for
#' completed (C60).
#'
#' @param model The model.
#' @param save A function of the model and an empty folder that writes the files into it.
#' @param load A function of a folder that reads them back; any error of it is a failure.
#' @param metadata A list for metadata.json.
save_model <- function(model, save, load, metadata) {
  folder <- path_to("model")
  aside <- file.path(folder, ".saving")
  placed <- character()
  done <- FALSE
  on.exit({
    unlink(aside, recursive = TRUE)
    if (!done) unlink(placed, recursive = TRUE)
  })
  write_or_fail(folder, aside, {
    unlink(aside, recursive = TRUE)
    make_folder(aside)
    save(model, aside)
    files <- list.files(aside, recursive = TRUE, all.files = TRUE)
    if (sum(file.size(file.path(aside, files))) == 0) {
      fail("The model folder ", folder, " would be empty: save() in model wrote no file.")
    }
    # R says nothing of a write that fails, as on a full disk: only reading back shows it.
    load(aside)
    write_text(file.path(aside, "metadata.json"), as_json(metadata))
    files <- c(sort(files, method = "radix"), "metadata.json")
    for (file in files) {
      place <- file.path(folder, file)
      make_folder(dirname(place))
      placed <- c(placed, place)
      rename(file.path(aside, file), place)
    }
  })
  done <- TRUE
  log_line("Saved the model in ", folder, ": ", toString(sort(files, method = "radix")), ".")
}

#' @noRd
as_json <- function(metadata) {
  text <- jsonlite::toJSON(metadata, auto_unbox = TRUE, digits = NA, pretty = TRUE, null = "null")
  paste0(text, "\n")
}

# ---- Success and failure -------------------------------------------------------------------

#' Call the program's work and return its exit code: 0 for success alone (C56)
#'
#' The first line of /opt/ml/output/failure becomes the job's FailureReason (C58).
#'
#' @param work A function without arguments.
#' @return 0; else 1 or the failure's own exit code, and the failure is reported.
run <- function(work) {
  # A warning belongs where it happens in the log, not at the end.
  options(warn = 1)
  # Neither sorting nor messages depend on the caller's locale, and text is UTF-8.
  Sys.setenv(LANGUAGE = "en")
  Sys.setlocale("LC_COLLATE", "C")
  if (!l10n_info()[["UTF-8"]]) Sys.setlocale("LC_CTYPE", "C.UTF-8")
  trace <- character()
  tryCatch(
    {
      unlink(path_to("output", "failure"))
      withCallingHandlers(work(), error = function(condition) trace <<- describe_calls(sys.calls()))
      0L
    },
    training_failure = function(failure) {
      report_failure(conditionMessage(failure))
      failure$exit_code
    },
    error = function(condition) {
      report_failure(sprintf("%s: %s", class(condition)[1], first_line(condition)), trace)
      1L
    },
    interrupt = function(condition) {
      report_failure("Interrupted.")
      130L
    }
  )
}

#' Write the sentence to stderr and to /opt/ml/output/failure, the trace after it
#'
#' @param sentence What went wrong.
#' @param trace Lines; of a long one the end is kept.
report_failure <- function(sentence, trace = character()) {
  sentence <- plain(sentence)
  message(paste(c(sentence, trace), collapse = "\n"))
  text <- paste0(substr(sentence, 1, failure_length - 1), "\n")
  room <- failure_length - nchar(text)
  trace <- plain(paste(c(trace, ""), collapse = "\n"))
  path <- path_to("output", "failure")
  tryCatch(
    write_or_fail(path, path, {
      make_folder(dirname(path))
      write_text(path, paste0(text, substring(trace, nchar(trace) - room + 1)))
    }),
    error = function(condition) {
      message("The failure file can't be written: ", first_line(condition))
    }
  )
}

#' @noRd
describe_calls <- function(calls) {
  # What lies around the work, and the handler's own calls, explain nothing.
  heads <- lapply(calls, function(call) call[[1]])
  around <- seq_along(calls) <= match("work", heads)
  handlers <- vapply(heads, is.function, TRUE) | heads %in% c(".handleSimpleError", "h")
  vapply(calls[!around & !handlers], function(call) {
    source <- attr(call, "srcref")
    place <- if (!is.null(source) && attr(source, "srcfile")$filename != "") {
      sprintf(" (%s, line %d)", basename(attr(source, "srcfile")$filename), source[1])
    }
    paste0("  ", substr(deparse(call, nlines = 1)[1], 1, 80), place)
  }, "")
}

#' @noRd
plain <- function(text) {
  # Neither colours nor control characters nor bytes that are no text.
  text <- iconv(enc2utf8(text), "UTF-8", "UTF-8", sub = "byte")
  text <- gsub("\033\\[[0-9;]*[A-Za-z]", "", text)
  gsub("[\001-\010\013-\037\177]", " ", text)
}

#' @noRd
first_line <- function(condition) {
  lines <- strsplit(conditionMessage(condition), "\n", fixed = TRUE)[[1]]
  if (length(lines) > 0) lines[1] else "no message"
}

# ---- Writing -------------------------------------------------------------------------------

#' Evaluate code that writes, and give the disk's fault as a sentence
#'
#' @param path The path to name in the sentence.
#' @param aside What the code writes; deleted where it fails.
#' @param code The code.
#' @return The code's value.
write_or_fail <- function(path, aside, code) {
  reason <- ""
  done <- FALSE
  on.exit(if (!done) unlink(aside, recursive = TRUE))
  value <- withCallingHandlers(
    code,
    # R's errors say "cannot open the connection", and a warning before them why.
    warning = function(condition) {
      pattern <- "^(cannot (open|create|rename)|[Pp]roblem ).*(reason '|: +)([^:']+)'?$"
      if (grepl(pattern, conditionMessage(condition))) {
        reason <<- sub(pattern, "\\4", conditionMessage(condition))
        invokeRestart("muffleWarning")
      }
    },
    error = function(condition) {
      if (inherits(condition, "training_failure")) {
        return()
      }
      said <- c(reason, conditionMessage(condition))
      if (any(grepl("No space left on device", said)) || disk_is_full(dirname(aside))) {
        fail(
          "No space is left on the disk (", path, "): raise VolumeSizeInGB in training-job.json."
        )
      }
      if (reason != "") {
        fail("Can't write ", path, ": ", reason, ".")
      }
    }
  )
  done <- TRUE
  value
}

#' @noRd
disk_is_full <- function(folder) {
  # R has no function that asks the file system, and no error for a write that fails.
  probe <- file.path(folder, ".probe.sagemaker-ignore")
  on.exit(unlink(probe))
  try(muffle_warnings(writeBin(raw(65536), probe)), silent = TRUE)
  isTRUE(file.size(probe) < 65536)
}

#' @noRd
write_text <- function(path, text) {
  write_bytes(path, charToRaw(enc2utf8(text)))
}

#' @noRd
write_bytes <- function(path, bytes) {
  writeBin(bytes, path)
  if (file.size(path) != length(bytes)) {
    stop(path, " was not written as a whole", call. = FALSE)
  }
}

#' @noRd
make_folder <- function(path) {
  if (!dir.exists(path) && !dir.create(path, recursive = TRUE)) {
    stop("can't make the folder ", path, call. = FALSE)
  }
}

#' @noRd
rename <- function(from, to) {
  if (!file.rename(from, to)) {
    stop("can't rename ", from, " to ", to, call. = FALSE)
  }
}

#' @noRd
muffle_warnings <- function(code) {
  withCallingHandlers(code, warning = function(condition) invokeRestart("muffleWarning"))
}
