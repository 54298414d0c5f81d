# How a job ends: exit code, failure file, sentence. The first line of the file becomes the job's
# FailureReason (C58).

failure_length <- 1024

# End the training with one sentence about what the user can mend, without a stack trace.
#
# ...: the sentence, pasted together.
# exit_code: what the program ends with; 2 for words that mean nothing here.
fail <- function(..., exit_code = 1L) {
  stop(errorCondition(paste0(...), class = "training_failure", exit_code = exit_code))
}

# Call the program's work and return its exit code: 0 for success alone (C56).
#
# work: a function without arguments.
# failure_file: where the failure is reported, beside stderr.
# Returns 0; else 1 or the failure's own exit code.
run <- function(work, failure_file) {
  # A warning belongs where it happens in the log, not at the end.
  options(warn = 1)
  # Neither sorting nor messages depend on the caller's locale, and text is UTF-8.
  Sys.setenv(LANGUAGE = "en")
  Sys.setlocale("LC_COLLATE", "C")
  if (!l10n_info()[["UTF-8"]]) Sys.setlocale("LC_CTYPE", "C.UTF-8")
  unlink(failure_file)
  seen <- new.env()
  tryCatch(
    {
      withCallingHandlers(work(), error = function(condition) {
        # All but this function's own call.
        seen$calls <- utils::head(sys.calls(), -1)
      })
      0L
    },
    training_failure = function(failure) {
      report_failure(failure_file, conditionMessage(failure))
      failure$exit_code
    },
    error = function(condition) {
      sentence <- sprintf("%s: %s", class(condition)[1], first_line(condition))
      report_failure(failure_file, sentence, describe_calls(seen$calls))
      1L
    },
    interrupt = function(condition) {
      report_failure(failure_file, "Interrupted.")
      130L
    }
  )
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
      message("The failure file can't be written: ", first_line(condition))
    }
  )
}

# Lines that say which calls led to an error, with their places.
describe_calls <- function(calls) {
  heads <- lapply(calls, function(call) call[[1]])
  # What lies around the work explains nothing, and neither do the handlers.
  around <- match("work", heads, nomatch = 0)
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

first_line <- function(condition) {
  lines <- strsplit(conditionMessage(condition), "\n", fixed = TRUE)[[1]]
  if (length(lines) > 0) lines[1] else "no message"
}
