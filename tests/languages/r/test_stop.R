# SIGTERM: what it does to the program, to its children and to what it is doing.

# Start a script in an R of its own, which has the contract loaded and SIGTERM watched.
start_script <- function(script, frame = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = frame)
  start <- "
code <- Sys.getenv('CODE')
job <- list2env(list(the = new.env()), parent = baseenv())
for (file in list.files(file.path(code, 'job'), '[.]R$', full.names = TRUE)) sys.source(file, job)
job$watch_sigterm(file.path(code, 'job'))
pid_is_alive <- function(pid) {
  status <- file.path('/proc', pid, 'status')
  file.exists(status) && !any(grepl('^State:\\\\s+Z', readLines(status)))
}
dies_of_sigterm <- function(pid) {
  tools::pskill(pid, tools::SIGTERM)
  for (i in 1:100) {
    if (!pid_is_alive(pid)) return(TRUE)
    Sys.sleep(0.05)
  }
  tools::pskill(pid, tools::SIGKILL)
  FALSE
}
"
  file <- file.path(folder, "script.R")
  writeLines(c(start, script), file)
  process <- processx::process$new(
    "Rscript", file, stdout = file.path(folder, "stdout"), stderr = file.path(folder, "stderr"),
    env = c("current", CODE = code, FOLDER = folder)
  )
  list(process = process, folder = folder)
}

end_of_script <- function(script) {
  run <- finish(script$process, script$folder)
  testthat::expect_identical(run$status, 0L, info = paste(run$stderr, collapse = "\n"))
  run$stdout
}

test_that("children of a model die of SIGTERM as others do", {
  script <- start_script("
process <- processx::process$new('sleep', '100')
cat('processx', dies_of_sigterm(process$get_pid()), '\n')
child <- parallel::mcparallel(Sys.sleep(100))
cat('mcparallel', dies_of_sigterm(child$pid), '\n')
pid <- system('sleep 100 > /dev/null & echo $!', intern = TRUE)
cat('system', dies_of_sigterm(as.integer(pid)), '\n')
workers <- parallel::makePSOCKcluster(1)
cat('PSOCK', dies_of_sigterm(parallel::clusterCall(workers, Sys.getpid)[[1]]), '\n')
cat(job$sigterm_received(), '\n')
")
  expect_identical(
    trimws(end_of_script(script)),
    c("processx TRUE", "mcparallel TRUE", "system TRUE", "PSOCK TRUE", "FALSE")
  )
})

test_that("a signal breaks neither into writing to another host nor into reading from it", {
  # Some megabytes, which the other side does not take until the signal has come.
  script <- start_script("
parent <- Sys.getpid()
door <- serverSocket(11987L)
other <- parallel::mcparallel({
  connection <- socketConnection('localhost', 11987L, blocking = TRUE, open = 'a+b')
  Sys.sleep(2)
  got <- unserialize(connection)
  serialize(sum(got), connection, xdr = FALSE)
  unserialize(connection)
})
connection <- socketAccept(door, blocking = TRUE, open = 'a+b', timeout = 60)
node <- job$other_host('other', connection)
signal <- parallel::mcparallel({
  for (i in 1:3) { Sys.sleep(0.5); tools::pskill(parent, tools::SIGTERM) }
})
job$send_to_other_host(node, rep(1, 4e6))
cat(unserialize(connection) == 4e6, '\n')
job$send_to_other_host(node, 'end')
cat(parallel::mccollect(other)[[1]], '\n')
cat(job$sigterm_received(), '\n')
")
  said <- trimws(end_of_script(script))
  expect_length(grep("^SIGTERM received", said), 1)
  expect_identical(said[-grep("^SIGTERM received", said)], c("TRUE", "end", "TRUE"))
})

test_that("a fit may ask whether to stop", {
  script <- start_script("
cat(job$stop_requested(), '\n')
tools::pskill(Sys.getpid(), tools::SIGTERM)
Sys.sleep(0.1)
cat(job$stop_requested(), '\n')
")
  expect_identical(trimws(end_of_script(script))[c(1, 3)], c("FALSE", "TRUE"))
})
