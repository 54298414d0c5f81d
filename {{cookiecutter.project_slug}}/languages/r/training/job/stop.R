# SIGTERM, which stops the job. The service sends it, then waits 120 s (C5).

# Have SIGTERM logged at once and remembered.
#
# R has no handler for it, so a few lines of C are loaded: see stop.c.
#
# folder: where stop.c lies, and in the image what was compiled of it.
watch_sigterm <- function(folder) {
  library_file <- paste0("stop", .Platform$dynlib.ext)
  path <- file.path(folder, library_file)
  # A run without a container compiles it for itself.
  if (!file.exists(path)) {
    path <- file.path(tempdir(), library_file)
    source <- file.path(tempdir(), "stop.c")
    file.copy(file.path(folder, "stop.c"), source)
    system2(
      file.path(R.home("bin"), "R"), c("CMD", "SHLIB", shQuote(source)),
      stdout = FALSE, stderr = FALSE
    )
  }
  loaded <- tryCatch(dyn.load(path), error = function(condition) NULL)
  if (is.null(loaded)) {
    cat("WARNING: stop.c can't be compiled here: SIGTERM will end the training at once.\n")
    return(invisible())
  }
  the$received <- getNativeSymbolInfo("sigterm_received", loaded)
  the$hold <- getNativeSymbolInfo("hold_sigterm", loaded)
  .C(getNativeSymbolInfo("watch_sigterm", loaded))
  invisible()
}

# Evaluate code that a signal must not break into, as into R's writing to another host.
without_sigterm <- function(code) {
  if (is.null(the$hold)) {
    return(code)
  }
  .C(the$hold, TRUE)
  on.exit(.C(the$hold, FALSE))
  code
}

# Whether SIGTERM has come.
sigterm_received <- function() {
  !is.null(the$received) && .C(the$received, answer = 0L)$answer == 1
}

# Whether to stop, for a fit that takes long: it then returns what it has.
stop_requested <- function() {
  if (sigterm_received()) the$told <- TRUE
  stop_was_told()
}

# Whether a fit has asked that and was told so.
stop_was_told <- function() {
  isTRUE(the$told)
}

# End the training where SIGTERM has come and nothing is done yet.
fail_if_stopped <- function() {
  if (sigterm_received()) {
    fail("Stopped by SIGTERM before the first step was done: there is no model to save.")
  }
}
