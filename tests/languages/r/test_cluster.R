# Several hosts on one machine: the leader must be reachable under its name, which localhost is.

# Make the folders of /opt/ml of some hosts, which train on the files of the first one's channels.
#
# others: the names of the others, all after "localhost".
local_hosts <- function(others = "worker", frame = parent.frame()) {
  names <- c("localhost", others)
  bases <- sapply(names, simplify = FALSE, function(name) local_job(frame))
  for (host in names) {
    write_config(bases[[host]], "resourceconfig.json", list(
      current_host = host, hosts = rev(names), network_interface_name = "eth0"
    ))
  }
  bases
}

test_that("two hosts train one model, and the leader alone writes it (C61, C98)", {
  skip_if_not(model_several_hosts)
  bases <- local_hosts()
  runs <- Map(finish, lapply(bases, start), bases)
  for (host in names(runs)) {
    expect_identical(runs[[host]]$stderr, character())
    expect_identical(runs[[host]]$status, 0L)
    expect_match(
      runs[[host]]$stdout,
      sprintf("^Hosts: localhost \\(leader\\), worker; this is %s\\.$", host),
      all = FALSE
    )
  }
  expect_match(runs$localhost$stdout, "^step=1 ", all = FALSE)
  expect_no_match(runs$worker$stdout, "^step=")
  expect_no_error(model_load(file.path(bases$localhost, "model")))
  expect_identical(model_files(bases$worker), character())
  expect_identical(list.files(file.path(bases$worker, "checkpoints")), character())
})

test_that("a worker that is killed ends the leader, which names it (C98)", {
  skip_if_not(model_several_hosts)
  bases <- local_hosts()
  leader <- start(bases$localhost, program = local_program(slow_steps))
  worker <- start(bases$worker)
  expect_true(wait_for_line(leader, bases$localhost, "^a step begins"))
  worker$kill()
  run <- finish(leader, bases$localhost)
  expect_identical(run$status, 1L)
  expect_identical(run$stderr, "Host worker is gone: the job can't go on without it.")
  expect_identical(run$failure, run$stderr)
  expect_identical(model_files(bases$localhost), character())
})

test_that("a failure in what a worker is asked is told by the worker, with its trace", {
  skip_if_not(model_several_hosts)
  bases <- local_hosts()
  asks <- local_program("
model_new <- function(hyperparameters) {
  parallel::clusterEvalQ(job$nodes(), if (job$read_hosts()$rank > 0) log('x'))
}")
  leader <- start(bases$localhost, program = asks)
  worker <- finish(start(bases$worker), bases$worker)
  leader <- finish(leader, bases$localhost)
  expect_identical(c(leader$status, worker$status), c(1L, 1L))
  expect_identical(
    worker$failure[1], "simpleError: non-numeric argument to mathematical function"
  )
  expect_identical(leader$failure, paste(
    "Host worker failed: simpleError: non-numeric argument to mathematical function"
  ))
})

test_that("who fails tells all others why, through the leader", {
  skip_if_not(model_several_hosts)
  # The leader itself, in the midst of what all are asked; then a worker.
  for (who in c("localhost", "worker-1")) {
    bases <- local_hosts(c("worker-1", "worker-2"))
    asks <- local_program(sprintf("
model_new <- function(hyperparameters) {
  parallel::clusterEvalQ(job$nodes(), {
    if (job$read_hosts()$current == '%s') job$fail('No such thing.') else Sys.sleep(0.5)
  })
}", who))
    processes <- lapply(bases, start, program = asks)
    runs <- Map(finish, processes, bases)
    told <- sprintf("Host %s failed: No such thing.", who)
    for (host in names(bases)) {
      expect_identical(runs[[host]]$failure, if (host == who) "No such thing." else told)
      expect_identical(runs[[host]]$status, 1L)
    }
  }
})

test_that("a function is sent without where it stands in its file", {
  withr::local_options(keep.source = TRUE)
  inner <- eval(parse(text = "function(x) {\n  lapply(x, function(y) y)\n}", keep.source = TRUE))
  environment(inner) <- globalenv()
  sent <- job$without_source(inner)
  expect_null(utils::getSrcref(sent))
  expect_lt(length(serialize(sent, NULL)), length(serialize(inner, NULL)) / 2)
  expect_identical(sent(1:2), list(1L, 2L))
  expect_identical(job$without_source(sum), sum)
  expect_identical(job$without_source("text"), "text")
})

test_that("the tasks of clusterApplyLB are shared out", {
  skip_if_not(model_several_hosts)
  bases <- local_hosts(c("worker-1", "worker-2"))
  asks <- local_program("
model_new <- function(hyperparameters) {
  who <- parallel::clusterApplyLB(job$nodes(), 1:12, function(i) {
    Sys.sleep(0.1)
    c(i, Sys.getpid())
  })
  job$log_line('tasks: ', toString(vapply(who, `[[`, 0L, 1)))
  job$log_line('processes: ', length(unique(vapply(who, `[[`, 0L, 2))))
  job$fail('Enough.')
}")
  processes <- lapply(bases, start, program = asks)
  runs <- Map(finish, processes, bases)
  expect_true(paste("tasks:", toString(1:12)) %in% runs$localhost$stdout)
  expect_true("processes: 3" %in% runs$localhost$stdout)
})

test_that("strangers at the leader's port are sent away, and the real host gets in", {
  skip_if_not(model_several_hosts)
  bases <- local_hosts(c("worker", "worker-2"))
  ends <- local_program("model_new <- function(hyperparameters) job$fail('In.')")
  leader <- start(bases$localhost, program = ends)
  expect_true(wait_for_line(leader, bases$localhost, "^Hosts: "))
  visit <- function(bytes) {
    connection <- NULL
    while (is.null(connection)) {
      connection <- tryCatch(
        suppressWarnings(
          socketConnection("localhost", job$port, blocking = TRUE, open = "a+b", timeout = 10)
        ),
        error = function(condition) NULL
      )
    }
    writeBin(bytes, connection)
    connection
  }
  length <- serialize(numeric(10), NULL)
  length[15:18] <- as.raw(c(0x7f, 0xff, 0xff, 0xff))
  greeting <- function(name) charToRaw(sprintf("%-256s", paste("training-host", name)))
  strangers <- list(
    charToRaw("GET / HTTP/1.1\r\n\r\n"), raw(300), as.raw(255), length, serialize("worker", NULL),
    greeting("localhost"), greeting("algo-9"), greeting("worker")[1:40]
  )
  for (bytes in strangers) {
    connection <- visit(bytes)
    expect_false(job$read_greeting(connection) == "welcome")
    close(connection)
  }
  # One that takes a host's name and goes is no host.
  for (time in 1:2) {
    connection <- visit(greeting("worker"))
    expect_identical(job$read_greeting(connection), "welcome")
    Sys.sleep(0.2) # until the leader waits for the next
    close(connection)
  }
  worker <- start(bases$worker)
  expect_true(wait_for_line(worker, bases$worker, "^Hosts: "))
  last <- finish(start(bases[["worker-2"]]), bases[["worker-2"]])
  expect_identical(last$failure, "Host localhost failed: In.")
  expect_identical(finish(worker, bases$worker)$failure, "Host localhost failed: In.")
  expect_identical(finish(leader, bases$localhost)$failure, "In.")
})

test_that("a second host of a name is refused and told so", {
  skip_if_not(model_several_hosts)
  bases <- local_hosts(c("worker-1", "worker-2"))
  leader <- start(bases$localhost)
  worker <- start(bases[["worker-1"]])
  expect_true(wait_for_line(worker, bases[["worker-1"]], "^Hosts: "))
  Sys.sleep(1)
  second <- local_job()
  file.copy(
    file.path(bases[["worker-1"]], "input/config/resourceconfig.json"),
    file.path(second, "input/config"), overwrite = TRUE
  )
  expect_identical(train_in(second)$failure, paste(
    "Host localhost has another host of the name worker-1: each host of a job has its own."
  ))
  third <- start(bases[["worker-2"]])
  expect_identical(finish(third, bases[["worker-2"]])$status, 0L)
  expect_identical(finish(worker, bases[["worker-1"]])$status, 0L)
  expect_identical(finish(leader, bases$localhost)$status, 0L)
})

test_that("SIGTERM stops all at the leader's step, and a worker's own is only logged (C5)", {
  skip_if_not(model_several_hosts)
  bases <- local_hosts()
  leader <- start(bases$localhost, program = local_program(slow_steps))
  worker <- start(bases$worker)
  expect_true(wait_for_line(leader, bases$localhost, "^a step begins"))
  worker$signal(tools::SIGTERM)
  expect_true(wait_for_line(worker, bases$worker, "^SIGTERM received"))
  expect_true(wait_for_line(leader, bases$localhost, "^step=1 "))
  leader$signal(tools::SIGTERM)
  expect_identical(finish(worker, bases$worker)$status, 0L)
  expect_identical(finish(leader, bases$localhost)$status, 0L)
  metadata <- jsonlite::read_json(file.path(bases$localhost, "model", "metadata.json"))
  expect_gte(metadata$steps, 1)
})

test_that("a host that does not come ends the others at HOST_TIMEOUT (C39)", {
  skip_if_not(model_several_hosts)
  withr::local_envvar(HOST_TIMEOUT = "1")
  bases <- local_hosts()
  for (host in names(bases)) {
    run <- finish(start(bases[[host]]), bases[[host]])
    expect_identical(run$status, 1L)
    expect_identical(run$failure, sprintf(
      "Host %s did not answer for 1 s: it is gone, or slower than HOST_TIMEOUT allows.",
      setdiff(names(bases), host)
    ))
  }
  withr::local_envvar(HOST_TIMEOUT = "soon")
  expect_identical(
    train_in(bases$worker)$failure, 'HOST_TIMEOUT is "soon": it must be a number of seconds.'
  )
})

test_that("SIGTERM while others are awaited is a sentence", {
  skip_if_not(model_several_hosts)
  bases <- local_hosts()
  for (base in bases) {
    process <- start(base)
    expect_true(wait_for_line(process, base, "^Hosts: "))
    process$signal(tools::SIGTERM)
    run <- finish(process, base)
    expect_identical(run$status, 1L)
    expect_match(run$failure, "^Stopped by SIGTERM before the first step was done")
  }
})

test_that("several hosts are refused by a model for one (C97)", {
  hosts <- list(names = c("algo-1", "algo-2"), current = "algo-1", rank = 0L)
  expect_failure_sentence(job$join(hosts, able = FALSE), paste(
    "This program trains on one host and the job has 2 (algo-1, algo-2):",
    "set InstanceCount to 1, or leave out --hosts."
  ))
})

test_that("those who are awaited are named", {
  withr::defer(job$the$host_timeout <- timeout)
  timeout <- job$the$host_timeout
  waiting <- job$start_waiting()
  expect_no_error(waiting(c("algo-2", "algo-3")))
  job$the$host_timeout <- 0
  expect_failure_sentence(waiting(c("algo-2", "algo-3", "algo-4")), paste(
    "A host (algo-2, algo-3 or algo-4) did not answer for 0 s:",
    "it is gone, or slower than HOST_TIMEOUT allows."
  ))
})
