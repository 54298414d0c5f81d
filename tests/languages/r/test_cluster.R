# Several hosts on one machine: the leader must be reachable under its name, which localhost is.

# Make the folders of /opt/ml of two hosts, which train on the files of the first one's channels.
local_hosts <- function(frame = parent.frame()) {
  bases <- list(localhost = local_job(frame), worker = local_job(frame))
  for (host in names(bases)) {
    write_config(bases[[host]], "resourceconfig.json", list(
      current_host = host, hosts = c("worker", "localhost"), network_interface_name = "eth0"
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
  expect_identical(leader$failure, "Host worker is gone: the job can't go on without it.")
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
    "set InstanceCount to 1 in training-job.json."
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
