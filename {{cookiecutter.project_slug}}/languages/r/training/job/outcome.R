# How a job ends: exit code, failure file, one sentence with the cause. The first line of the file
# becomes the job's FailureReason (C58).

failure_length <- 1024
cause_length <- 400

# End the training with one sentence about what the user can mend, without a stack trace.
#
# ...: the sentence, pasted together.
# exit_code: what the program ends with; 2 for words that mean nothing here.
# class: of the condition, where someone must tell it from others.
fail <- function(..., exit_code = 1L, class = NULL) {
  class <- c(class, "training_failure")
  stop(errorCondition(paste0(...), class = class, exit_code = exit_code))
}

# Say in one sentence that what a model gave is no use: it is saved without that.
unusable <- function(...) {
  stop(errorCondition(paste0(...), class = "unusable"))
}

# Call the program's work and return its exit code: 0 for success alone (C56).
#
# work: a function without arguments.
# failure_file: where the failure is reported, beside stderr.
# on_failure: a function of the failure's condition and sentence, called before the end.
# Returns 0; else 1 or the failure's own exit code.
run <- function(work, failure_file, on_failure = function(condition, sentence) NULL) {
  # A warning belongs where it happens in the log, not at the end.
  options(warn = 1)
  # Neither sorting nor messages depend on the caller's locale, and text is UTF-8.
  Sys.setenv(LANGUAGE = "en")
  Sys.setlocale("LC_COLLATE", "C")
  if (!l10n_info()[["UTF-8"]]) Sys.setlocale("LC_CTYPE", "C.UTF-8")
  unlink(failure_file)
  guard_the_end(failure_file)
  on.exit(the$is_running <- FALSE)
  end <- function(condition, sentence, trace = character()) {
    report_failure(failure_file, sentence, trace)
    tryCatch(on_failure(condition, sentence), error = function(condition) NULL)
    if (is.null(condition$exit_code)) 1L else condition$exit_code
  }
  tryCatch(
    {
      with_trace(work())
      0L
    },
    training_failure = function(failure) end(failure, conditionMessage(failure)),
    error = function(condition) {
      known <- known_cause(condition)
      if (is.null(known)) {
        end(condition, explain(condition), the$trace)
      } else {
        end(condition, known)
      }
    },
    interrupt = function(condition) {
      report_failure(failure_file, "Interrupted.")
      130L
    }
  )
}

# Call what a finished model can do without: where it fails, say so once and return NULL.
#
# what: its name.
# call: a function without arguments.
attempt <- function(what, call) {
  tryCatch(
    with_trace(call()),
    error = function(condition) {
      if (inherits(condition, "training_failure")) stop(condition)
      if (!what %in% the$missed) {
        the$missed <- c(the$missed, what)
        them <- if (startsWith(what, "last")) "it" else "them"
        is_known <- inherits(condition, "unusable")
        said <- if (is_known) conditionMessage(condition) else explain(condition)
        log_line(
          "WARNING: the ", what, " can't be had (", said, "): ",
          "the model is saved without ", them, "."
        )
        if (!is_known) message(paste(the$trace, collapse = "\n"))
      }
      NULL
    }
  )
}

# Have quit() in a model fail the job: no handler of conditions sees it.
guard_the_end <- function(failure_file) {
  the$is_running <- TRUE
  process <- Sys.getpid()
  reg.finalizer(the, onexit = TRUE, function(the) {
    if (the$is_running && Sys.getpid() == process) {
      the$is_running <- FALSE
      report_failure(
        failure_file,
        "The program was ended by quit() before the model was saved: let train end it."
      )
      quit(save = "no", status = 1, runLast = FALSE)
    }
  })
}

# Write the sentence to stderr and to the failure file, the trace after it.
#
# trace: lines; of a long one the end is kept.
report_failure <- function(failure_file, sentence, trace = character()) {
  sentence <- plain(sentence)
  message(paste(c(sentence, trace), collapse = "\n"))
  text <- paste0(substr(sentence, 1, failure_length - 1), "\n")
  room <- failure_length - nchar(text)
  trace <- plain(paste(c(trace, ""), collapse = "\n"))
  text <- paste0(text, substring(trace, nchar(trace) - room + 1))
  dir.create(dirname(failure_file), showWarnings = FALSE, recursive = TRUE)
  tryCatch(
    # A model's options(warn = 2) must not make another failure of a warning.
    suppressWarnings(writeBin(charToRaw(text), failure_file)),
    error = function(condition) {
      message("The failure file can't be written: ", conditionMessage(condition))
    }
  )
}

# ---- The sentence --------------------------------------------------------------------------

# What an error says, and what the ones say that it came from (rlang's `parent`), in one line.
explain <- function(condition) {
  chain <- chain_of(condition)
  said <- sprintf("%s: %s", vapply(chain, function(each) class(each)[1], ""), messages_of(chain))
  # Many libraries repeat what they were told.
  is_new <- !vapply(messages_of(chain), grepl, TRUE, x = said[1], fixed = TRUE)
  causes <- unique(said[-1][is_new[-1]])
  if (length(causes) == 0) said[1] else sprintf("%s (caused by %s)", said[1], toString(causes))
}

chain_of <- function(condition) {
  chain <- list()
  while (inherits(condition, "condition") && length(chain) < 20) {
    chain <- c(chain, list(condition))
    condition <- condition$parent
  }
  chain
}

messages_of <- function(chain) {
  vapply(chain, message_of, "")
}

# A message in one line, without what rlang adds of the parents, and without bullets.
message_of <- function(condition) {
  text <- tryCatch(plain(conditionMessage(condition)), error = function(condition) "")
  lines <- trimws(strsplit(paste(text, collapse = "\n"), "\n", fixed = TRUE)[[1]])
  if (inherits(condition, c("rlang_error", "rlib_error"))) {
    lines <- lines[cumsum(startsWith(lines, "Caused by error")) == 0]
    lines <- sub("^([!*xi]|\u2716|\u2139|\u2022) ", "", lines)
  }
  line <- paste(lines[lines != ""], collapse = " ")
  if (line == "") {
    "no message"
  } else if (nchar(line) > cause_length) {
    paste0(substr(line, 1, cause_length), "\u2026")
  } else {
    line
  }
}

# The sentence for what a user can mend outside of the program; NULL for all else.
known_cause <- function(condition) {
  chain <- messages_of(chain_of(condition))
  said <- paste(chain, collapse = "\n")
  find <- function(pattern) regmatches(said, regexec(pattern, said, perl = TRUE))[[1]]
  if (length(memory <- find("cannot allocate [^\n]*|std::bad_alloc|Cannot allocate memory")) > 0) {
    paste0(
      "The memory is full (", memory[1], "): choose a larger InstanceType in training-job.json."
    )
  } else if (length(library <- find("([\\w.+-]+\\.so[.\\d]*): cannot open shared object")) > 0) {
    missing_library(library[2])
  } else if (length(package <- find("there is no package called .([\\w.]+)")) > 0) {
    paste0("The package ", package[2], " is not in the image: add it to packages.txt.")
  } else if (any(grepl("^cannot open the connection", chain))) {
    unreadable_file()
  }
}

# The sentence for a shared library that a package needs and the image has not.
missing_library <- function(library) {
  # Debian's rule for the name of a library's package, and where it is not kept.
  package <- tolower(library) |>
    sub(pattern = "([0-9])\\.so\\.", replacement = "\\1-") |>
    sub(pattern = "\\.so\\.?", replacement = "") |>
    gsub(pattern = "_", replacement = "-")
  others <- c(
    "libxml2-2" = "libxml2", libz1 = "zlib1g", "libgeos-c1" = "libgeos-c1v5",
    "libglib-2.0-0" = "libglib2.0-0"
  )
  if (package %in% names(others)) package <- others[[package]]
  paste0(
    library, " is missing in the image: put its Debian package (", package,
    ") into SYSTEM_LIBRARIES of the Dockerfile."
  )
}

# The sentence for a file that R could not open: not its error names it, but the warning before.
unreadable_file <- function() {
  pattern <- "cannot open (compressed )?file '(.*)'(:|, probable reason) '?([^']*)'?$"
  found <- regmatches(the$warning, regexec(pattern, the$warning))
  if (length(found) > 0 && length(found[[1]]) > 0) {
    sprintf("Can't read %s: %s.", name_of(found[[1]][3]), trimws(found[[1]][5]))
  }
}

# ---- The trace -----------------------------------------------------------------------------

# Evaluate code, and keep what led to its error, and what it was warned of before.
with_trace <- function(code) {
  withCallingHandlers(
    code,
    warning = function(condition) the$warning <- conditionMessage(condition),
    # All but this function's own call.
    error = function(condition) the$trace <- describe_calls(utils::head(sys.calls(), -1))
  )
}

# Lines that say which calls led to an error, with their places.
describe_calls <- function(calls) {
  heads <- lapply(calls, function(call) call[[1]])
  # What lies around the work explains nothing, and neither do the handlers.
  around <- max(which(heads %in% c("work", "call")), 0)
  handlers <- match(".handleSimpleError", heads, nomatch = length(calls) + 1)
  inner <- calls[seq_along(calls) > around & seq_along(calls) < handlers]
  if (length(inner) > 0) paste0("  ", utils::limitedLabels(inner, 80L))
}

# Text with neither colours nor control characters nor bytes that are no text.
plain <- function(text) {
  text <- iconv(enc2utf8(text), "UTF-8", "UTF-8", sub = "byte")
  text <- gsub("\033\\[[0-9;]*[A-Za-z]", "", text)
  gsub("[\001-\010\013-\037\177]", " ", text)
}
