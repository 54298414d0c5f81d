# Files: where they lie, JSON, and writing aside.

#' The path of something below /opt/ml, or below what SAGEMAKER_BASE_DIR puts in its place
#'
#' @param ... Names of folders and a file.
#' @return A path.
path_to <- function(...) {
  file.path(Sys.getenv("SAGEMAKER_BASE_DIR", "/opt/ml"), ...)
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
