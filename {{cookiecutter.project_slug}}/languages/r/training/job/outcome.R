# Exit code and failure file.

failure_length <- 1024

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
