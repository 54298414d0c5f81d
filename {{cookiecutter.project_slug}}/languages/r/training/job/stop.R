# SIGTERM, which stops the job.

#' Have SIGTERM logged at once and remembered
#'
#' The service sends it to stop a job, then waits 120 s (C5). R has no handler for it, so a few
#' lines of C are loaded; see stop.c.
watch_sigterm <- function() {
  library_file <- paste0("stop", .Platform$dynlib.ext)
  # The image has it compiled; a run without a container compiles it for itself.
  path <- file.path(code, library_file)
  if (!file.exists(path)) {
    path <- file.path(tempdir(), library_file)
    source <- file.path(tempdir(), "stop.c")
    file.copy(file.path(code, "stop.c"), source)
    system2(
      file.path(R.home("bin"), "R"), c("CMD", "SHLIB", shQuote(source)),
      stdout = FALSE, stderr = FALSE
    )
  }
  loaded <- tryCatch(dyn.load(path), error = function(condition) NULL)
  if (is.null(loaded)) {
    log_line("WARNING: stop.c can't be compiled here: SIGTERM will end the training at once.")
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
