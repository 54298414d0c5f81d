# The hosts of the job, and the rank of this one.

# Read the hosts of resourceconfig.json (C34). Without it, or where it names none, this is the only
# host; one that is not among those it names is added to them.
#
# Returns a list: `current`, the name of this host; `names`, all of them, sorted; `rank`, the place
# of this host among them, from 0, which leads (C35, C36).
read_hosts <- function() {
  config <- read_config("resourceconfig.json")
  hosts <- as.character(unlist(config$hosts))
  current <- config$current_host
  if (is.null(current)) {
    if (length(hosts) > 1) {
      fail(
        "resourceconfig.json has no current_host: which of ", toString(hosts),
        " this is can't be told."
      )
    }
    current <- if (length(hosts) == 1) hosts else "algo-1"
  }
  hosts <- sort(union(hosts, current), method = "radix")
  list(current = current, names = hosts, rank = match(current, hosts) - 1L)
}
