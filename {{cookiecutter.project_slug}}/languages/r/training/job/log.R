# Lines of the log.

# Print a line to stdout at once: the service shows it in CloudWatch (C93).
#
# ...: text, pasted together.
log_line <- function(...) {
  # One call of cat() with one string is one write, which the line of SIGTERM can't cut in two.
  cat(paste0(..., "\n"))
}

# Print the metrics of a step as the regexes of training-job.json find them (C94).
#
# step: the number of steps done.
# metrics: numbers with names, in the order in which to print them.
log_step <- function(step, metrics) {
  # R writes "NaN" and "NA".
  values <- sub("^na$", "nan", tolower(sprintf("%.6g", metrics)))
  pairs <- sprintf("%s=%s", names(metrics), values)
  log_line(paste(c(sprintf("step=%.0f", step), pairs), collapse = " "))
}

# The seconds since the program began.
seconds <- function() {
  proc.time()[["elapsed"]]
}
