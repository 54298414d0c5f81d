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
  answer(take_message(node))
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
  # Where a function stands in its file is most of its bytes.
  if (is.list(data) && is.function(data$data$fun)) {
    data$data$fun <- without_source(data$data$fun)
    data$data$args <- lapply(data$data$args, without_source)
  }
  # Who can't be sent to is either gone or silent, which is seen as soon as an answer is awaited.
  without_sigterm(try(serialize(data, node$con, xdr = FALSE), silent = TRUE))
  node$inbox$owes <- TRUE
  invisible()
}

without_source <- function(value) {
  if (is.function(value) && !is.primitive(value)) utils::removeSource(value) else value
}

# Wait for a host's message, and meanwhile watch the others that owe one.
#
# node: the host.
# Returns what it has sent. A host that failed, one whose connection is closed, and silence for too
# long are failures.
receive_from_other_host <- function(node) {
  node$inbox$owes <- is.null(node$inbox$message)
  waiting <- start_waiting()
  while (is.null(node$inbox$message)) watch_others(waiting)
  take_message(node)
}

# Wait a second for messages of those that owe one, and put them into their inboxes.
watch_others <- function(waiting) {
  hosts <- Filter(function(node) isTRUE(node$inbox$owes), others())
  ready <- socketSelect(lapply(hosts, function(each) each$con), timeout = 1)
  for (each in hosts[ready]) {
    message <- tryCatch(unserialize(each$con), error = function(condition) NULL)
    if (is.null(message)) {
      waiting(each$host)
      fail_with_host(as_subject(each$host), " is gone: the job can't go on without it.")
    }
    if (identical(message$type, "FAILED")) {
      fail_with_host(message$sentence)
    }
    each$inbox$message <- message
    each$inbox$owes <- FALSE
  }
  waiting(vapply(hosts[!ready], function(each) each$host, ""))
}

take_message <- function(node) {
  message <- node$inbox$message
  node$inbox$message <- NULL
  message
}

fail_with_host <- function(...) {
  fail(..., class = "host_failure")
}

# The first answer of any node, for clusterApplyLB(): a list of `node`, its number, and `value`.
#
# Its own answer, which this process works for, comes before it awaits those of others.
receive_from_any <- function(cl) {
  own <- which(vapply(cl, function(node) {
    inherits(node, "this_process") && !is.null(node$inbox$message)
  }, TRUE))
  if (length(own) > 0) {
    return(list(node = own[1], value = receive_from_this_process(cl[[own[1]]])))
  }
  waiting <- start_waiting()
  repeat {
    has_answer <- vapply(cl, function(node) !is.null(node$inbox$message), TRUE)
    if (any(has_answer)) {
      return(list(node = which(has_answer)[1], value = take_message(cl[[which(has_answer)[1]]])))
    }
    watch_others(waiting)
  }
}

# Have parallel find these functions as its methods.
register_methods <- function() {
  methods <- list(
    sendData = list(this_process = send_to_this_process, other_host = send_to_other_host),
    recvData = list(this_process = receive_from_this_process, other_host = receive_from_other_host),
    recvOneData = list(hosts = receive_from_any)
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
  the$nodes <- structure(list(this_process()), class = c("hosts", "cluster"))
  the$current <- hosts$current
  if (length(hosts$names) == 1) {
    return(invisible())
  }
  if (!able) {
    fail(
      "This program trains on one host and the job has ", length(hosts$names), " (",
      toString(hosts$names), "): set InstanceCount to 1, or leave out --hosts."
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
  the$nodes <- structure(joined, class = c("hosts", "cluster"))
}

# As a worker, do what the leader asks for until it is done.
serve <- function() {
  leader <- the$nodes[[1]]
  while ((message <- receive_from_other_host(leader))$type != "DONE") {
    compile_when_long()
    send_to_other_host(leader, answer(message))
  }
}

# Tell the other hosts why this one fails, before it goes; one that is told tells it on.
#
# condition: the failure's.
# sentence: what it says.
tell_others <- function(condition, sentence) {
  if (!inherits(condition, "host_failure")) {
    sentence <- sprintf("%s failed: %s", as_subject(the$current), sentence)
  }
  for (node in others()) send_to_other_host(node, list(type = "FAILED", sentence = sentence))
  # What is sent is lost where this end closes with something unread: the others close first.
  until <- seconds() + 2
  open <- others()
  while (length(open) > 0 && seconds() < until) {
    ready <- socketSelect(lapply(open, function(node) node$con), timeout = 0.1)
    is_closed <- vapply(open[ready], function(node) {
      inherits(try(unserialize(node$con), silent = TRUE), "try-error")
    }, TRUE)
    open <- c(open[!ready], open[ready][!is_closed])
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

# As the leader, wait until all workers have come (C39). Who does not say at once that it is a host
# that is missing is a stranger, and sent away; so is a second one of a name.
#
# workers: their names.
# Returns their nodes, in the same order.
welcome <- function(workers) {
  door <- serverSocket(port)
  on.exit(close(door))
  waiting <- start_waiting()
  joined <- list()
  repeat {
    # A host that has gone again may come again.
    joined <- Filter(Negate(is_closed), joined)
    missing <- setdiff(workers, names(joined))
    if (length(missing) == 0) break
    if (socketSelect(list(door), timeout = 1)) {
      visitor <- socketAccept(door, blocking = TRUE, open = "a+b", timeout = greeting_seconds)
      name <- read_greeting(visitor)
      # One may have gone while the leader waited at its door.
      joined <- Filter(Negate(is_closed), joined)
      if (name %in% setdiff(workers, names(joined))) {
        write_greeting(visitor, "welcome")
        joined[[name]] <- other_host(name, visitor)
      } else {
        write_greeting(visitor, if (name %in% workers) "second" else "stranger")
        close(visitor)
      }
    }
    waiting(missing)
    fail_if_stopped()
  }
  joined[workers]
}

# As a worker, come to the leader as soon as its name is known and it listens (C39).
#
# leader, current: the leader's name and this host's.
# Returns the leader as a node.
visit <- function(leader, current) {
  waiting <- start_waiting()
  repeat {
    connection <- tryCatch(
      suppressWarnings(socketConnection(leader, port, blocking = TRUE, open = "a+b", timeout = 5)),
      error = function(condition) NULL
    )
    if (!is.null(connection)) {
      write_greeting(connection, current)
      # The leader may have others at its door, or a stranger that says nothing.
      while (!socketSelect(list(connection), timeout = 1)) {
        waiting(leader)
        fail_if_stopped()
      }
      answer <- read_greeting(connection)
      if (answer == "welcome") {
        return(other_host(leader, connection))
      }
      close(connection)
      if (answer == "second") {
        fail(
          as_subject(leader), " has another host of the name ", current,
          ": each host of a job has its own."
        )
      }
    }
    waiting(leader)
    fail_if_stopped()
    Sys.sleep(0.5)
  }
}

# What hosts say to each other before they trust each other with R's objects: a word of ours and a
# name, as text of a fixed length, which neither asks for memory nor is evaluated.
greeting_length <- 256
greeting_seconds <- 2

write_greeting <- function(connection, name) {
  text <- sprintf("%-*s", greeting_length, paste("training-host", name))
  try(suppressWarnings(writeBin(charToRaw(text), connection)), silent = TRUE)
}

# Returns the name; "" where it is no greeting.
read_greeting <- function(connection) {
  bytes <- tryCatch(
    suppressWarnings(readBin(connection, "raw", greeting_length)),
    error = function(condition) raw()
  )
  text <- if (length(bytes) == greeting_length && all(bytes != 0)) rawToChar(bytes) else ""
  if (startsWith(text, "training-host ")) trimws(substring(text, 15)) else ""
}

# A host that waits to be asked says nothing, so what can be read of it is its end.
is_closed <- function(node) {
  socketSelect(list(node$con), timeout = 0)
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
