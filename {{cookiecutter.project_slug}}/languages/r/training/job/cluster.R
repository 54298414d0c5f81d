# Several hosts as one: a cluster of R's own `parallel`. Knows the engine, not the algorithm.
#
# The first host leads: it alone runs the loop of train.R, and what all hosts must do it calls by
# parallel::clusterCall(job$nodes(), ...), clusterApply() or clusterEvalQ(). A worker has sourced
# the same files and answers until the leader is done. The two kinds of nodes below are written for
# the documented back-end interface, ?parallel::sendData, and not with makePSOCKcluster(): so a
# host that is awaited is named, one that fails says why itself, and one that is gone ends the
# others. On one host the only node is this process, and there is no connection.

# Seconds that a host may be silent; the environment's HOST_TIMEOUT shortens them for a rehearsal.
the$host_timeout <- 900
port <- 11234L
wait_logged_every <- 30 # seconds

# ---- Nodes ---------------------------------------------------------------------------------

# This process as a node: it does what it was sent when it is asked for the answer.
#
# So the leader does its own part while the others do theirs.
this_process <- function() {
  structure(list(inbox = new.env()), class = "this_process")
}

send_to_this_process <- function(node, data) {
  node$inbox$message <- data
}

receive_from_this_process <- function(node) {
  answer(node$inbox$message)
}

# Another host as a node.
#
# name: the host's name.
# connection: a socket.
other_host <- function(name, connection) {
  # A message that breaks off is told as silence.
  socketTimeout(connection, the$host_timeout + 1)
  structure(list(host = name, con = connection, inbox = new.env()), class = "other_host")
}

send_to_other_host <- function(node, data) {
  force(data)
  # Who can't be sent to is either gone or silent, which is seen as soon as an answer is awaited.
  without_sigterm(try(serialize(data, node$con, xdr = FALSE), silent = TRUE))
  invisible()
}

# Wait for a host's message, and meanwhile watch those hosts that owe one too.
#
# node: the host.
# Returns what it has sent. A host whose connection is closed, and silence for too long, are
# failures.
receive_from_other_host <- function(node) {
  waiting <- start_waiting()
  while (is.null(node$inbox$message)) {
    silent <- Filter(function(each) is.null(each$inbox$message), others())
    ready <- socketSelect(lapply(silent, function(each) each$con), timeout = 1)
    for (each in silent[ready]) {
      each$inbox$message <- tryCatch(
        unserialize(each$con),
        error = function(condition) {
          waiting(each$host)
          fail(as_subject(each$host), " is gone: the job can't go on without it.")
        }
      )
    }
    waiting(vapply(silent[!ready], function(each) each$host, ""))
  }
  message <- node$inbox$message
  node$inbox$message <- NULL
  message
}

# Have parallel find these functions as its methods.
register_methods <- function() {
  methods <- list(
    sendData = list(this_process = send_to_this_process, other_host = send_to_other_host),
    recvData = list(this_process = receive_from_this_process, other_host = receive_from_other_host)
  )
  package <- asNamespace("parallel")
  for (generic in names(methods)) {
    for (kind in names(methods[[generic]])) {
      registerS3method(generic, kind, methods[[generic]][[kind]], package)
    }
  }
}

# All hosts in the order of their rank; a worker knows the leader alone.
nodes <- function() {
  the$nodes
}

others <- function() {
  Filter(function(node) inherits(node, "other_host"), the$nodes)
}

# Do what a message asks for.
#
# message: the leader's, as `parallel` makes it.
# Returns the answer, as `parallel` wants it.
answer <- function(message) {
  value <- do.call(message$data$fun, message$data$args, quote = TRUE, envir = globalenv())
  list(type = "VALUE", value = value, success = TRUE, tag = message$data$tag)
}

# ---- From the beginning to the end ---------------------------------------------------------

# Be one with the other hosts.
#
# hosts: what `read_hosts()` returned.
# able: whether the model can be trained on several hosts (C97).
join <- function(hosts, able) {
  register_methods()
  the$nodes <- structure(list(this_process()), class = "cluster")
  if (length(hosts$names) == 1) {
    return(invisible())
  }
  if (!able) {
    fail(
      "This program trains on one host and the job has ", length(hosts$names), " (",
      toString(hosts$names), "): set InstanceCount to 1 in training-job.json."
    )
  }
  leader <- hosts$names[1]
  workers <- hosts$names[-1]
  log_line(
    "Hosts: ", leader, " (leader), ", toString(workers), "; this is ", hosts$current, "."
  )
  the$host_timeout <- read_timeout()
  joined <- if (hosts$rank == 0) {
    c(list(this_process()), unname(welcome(workers)))
  } else {
    list(visit(leader, hosts$current))
  }
  the$nodes <- structure(joined, class = "cluster")
}

# As a worker, do what the leader asks for until it is done.
serve <- function() {
  leader <- the$nodes[[1]]
  while ((message <- receive_from_other_host(leader))$type != "DONE") {
    send_to_other_host(leader, answer(message))
  }
}

# As the leader, let the workers go, once all have been there until now.
leave <- function() {
  parallel::clusterEvalQ(the$nodes, NULL)
  for (node in others()) send_to_other_host(node, list(type = "DONE"))
}

read_timeout <- function() {
  text <- Sys.getenv("HOST_TIMEOUT", the$host_timeout)
  if (!grepl("^[0-9]*[1-9][0-9]*$", text)) {
    fail('HOST_TIMEOUT is "', text, '": it must be a number of seconds.')
  }
  as.integer(text)
}

# As the leader, wait until all workers have come (C39).
#
# workers: their names.
# Returns Their nodes, by name, in the same order.
welcome <- function(workers) {
  door <- serverSocket(port)
  on.exit(close(door))
  waiting <- start_waiting()
  joined <- list()
  while (length(missing <- setdiff(workers, names(joined))) > 0) {
    if (socketSelect(list(door), timeout = 1)) {
      visitor <- socketAccept(door, blocking = TRUE, open = "a+b", timeout = 5)
      # Anything else than the name of a worker comes from a stranger.
      name <- tryCatch(unserialize(visitor), error = function(condition) NULL)
      if (is.character(name) && length(name) == 1 && name %in% missing) {
        joined[[name]] <- other_host(name, visitor)
        next
      }
      close(visitor)
    }
    waiting(missing)
    fail_if_stopped()
  }
  joined[workers]
}

# As a worker, come to the leader as soon as its name is known and it listens (C39).
#
# leader,current: the leader's name and this host's.
# Returns the leader as a node.
visit <- function(leader, current) {
  waiting <- start_waiting()
  repeat {
    connection <- tryCatch(
      suppressWarnings(
        socketConnection(leader, port, blocking = TRUE, open = "a+b", timeout = 5)
      ),
      error = function(condition) NULL
    )
    if (!is.null(connection)) break
    waiting(leader)
    fail_if_stopped()
    Sys.sleep(0.5)
  }
  node <- other_host(leader, connection)
  send_to_other_host(node, current)
  node
}

# ---- Waiting -------------------------------------------------------------------------------

# Begin to wait for hosts.
#
# Returns a function of their names that says every half minute who is awaited, and fails when
#   the time is over.
start_waiting <- function() {
  start <- seconds()
  log <- new.env()
  log$last <- 0
  function(hosts) {
    waited <- seconds() - start
    if (length(hosts) > 0 && waited >= the$host_timeout) {
      fail(
        as_subject(hosts), " did not answer for ", the$host_timeout,
        " s: it is gone, or slower than HOST_TIMEOUT allows."
      )
    }
    if (length(hosts) > 0 && waited >= log$last + wait_logged_every) {
      log$last <- waited %/% wait_logged_every * wait_logged_every
      log_line("Waiting for ", toString(hosts), " since ", log$last, " s.")
    }
  }
}

as_subject <- function(hosts) {
  last <- length(hosts)
  if (last == 1) {
    return(paste("Host", hosts))
  }
  sprintf("A host (%s or %s)", toString(hosts[-last]), hosts[last])
}
