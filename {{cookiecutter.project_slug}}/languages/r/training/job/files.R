# Files: where they lie, JSON, and writing that says why it fails.

# The path of something below /opt/ml, or below what SAGEMAKER_BASE_DIR puts in its place.
#
# ...: names of folders and a file.
path_to <- function(...) {
  file.path(Sys.getenv("SAGEMAKER_BASE_DIR", "/opt/ml"), ...)
}

# What a person knows a data file by: its path below /opt/ml/input. Any other path is its own name.
name_of <- function(path) {
  input <- paste0(path_to("input"), "/")
  ifelse(startsWith(path, input), substring(path, nchar(input) + 1), path)
}

# Read a JSON object of /opt/ml/input/config; a file that is none is a failure.
#
# name: the file's name.
# expected: what it must be, for the sentence.
# Returns a list with names; NULL where there is no such file.
read_config <- function(name, expected = "a JSON object") {
  path <- path_to("input", "config", name)
  if (!file.exists(path)) {
    return(NULL)
  }
  text <- paste(readLines(path, warn = FALSE, encoding = "UTF-8"), collapse = "\n")
  content <- tryCatch(
    jsonlite::parse_json(text),
    error = function(condition) {
      reason <- strsplit(conditionMessage(condition), "\n", fixed = TRUE)[[1]][1]
      fail(path, " is not valid JSON: ", trimws(reason), ".")
    }
  )
  if (!is.list(content) || is.null(names(content))) {
    fail(path, " must be ", expected, ".")
  }
  content
}

# Evaluate code that writes, and give the disk's fault as a sentence.
#
# path: the path to name in the sentence.
# aside: what the code writes; deleted where it fails.
# Returns the code's value.
write_or_fail <- function(path, aside, code) {
  reason <- new.env()
  done <- FALSE
  on.exit(if (!done) unlink(aside, recursive = TRUE))
  value <- withCallingHandlers(
    code,
    # R's errors say "cannot open the connection", and a warning before them why.
    warning = function(condition) {
      pattern <- "^(cannot (open|create|rename)|[Pp]roblem ).*(reason '|: +)([^:']+)'?$"
      if (grepl(pattern, conditionMessage(condition))) {
        reason$said <- sub(pattern, "\\4", conditionMessage(condition))
        invokeRestart("muffleWarning")
      }
    },
    error = function(condition) {
      if (inherits(condition, "training_failure")) {
        return()
      }
      said <- c(reason$said, conditionMessage(condition))
      if (any(grepl("No space left on device", said)) || disk_is_full(dirname(aside))) {
        fail(
          "No space is left on the disk (", path, "): raise VolumeSizeInGB in training-job.json."
        )
      }
      if (!is.null(reason$said)) {
        fail("Can't write ", path, ": ", reason$said, ".")
      }
    }
  )
  done <- TRUE
  value
}

# Returns the bytes that are free in a folder; Inf where that can't be told.
disk_free <- function(folder) {
  # R has no function that asks the file system.
  lines <- suppressWarnings(system2("df", c("-Pk", shQuote(folder)), stdout = TRUE, stderr = FALSE))
  kilobytes <- sub("^.* ([0-9]+) +[0-9]+% .*$", "\\1", utils::tail(lines, 1))
  if (length(kilobytes) == 1 && grepl("^[0-9]+$", kilobytes)) 1024 * as.numeric(kilobytes) else Inf
}

# R has no error for a write that fails.
disk_is_full <- function(folder) {
  probe <- file.path(folder, ".probe.sagemaker-ignore")
  on.exit(unlink(probe))
  try(suppressWarnings(writeBin(raw(65536), probe)), silent = TRUE)
  isTRUE(file.size(probe) < 65536)
}

write_text <- function(path, text) {
  write_bytes(path, charToRaw(enc2utf8(text)))
}

write_bytes <- function(path, bytes) {
  writeBin(bytes, path)
  if (file.size(path) != length(bytes)) {
    stop(path, " was not written as a whole", call. = FALSE)
  }
}

make_folder <- function(path) {
  if (!dir.exists(path) && !dir.create(path, recursive = TRUE)) {
    stop("can't make the folder ", path, call. = FALSE)
  }
}

rename <- function(from, to) {
  if (!file.rename(from, to)) {
    stop("can't rename ", from, " to ", to, call. = FALSE)
  }
}
