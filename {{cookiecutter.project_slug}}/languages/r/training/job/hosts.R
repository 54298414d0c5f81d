# The hosts of the job, and the rank of this one.

# Read the hosts of resourceconfig.json (C34).
#
# Returns a list: `current`, the name of this host; `names`, all of them, sorted; `rank`, the place
# of this host among them, from 0, which leads (C35, C36).
read_hosts <- function() {
  config <- read_config("resourceconfig.json")
  current <- if (is.null(config$current_host)) "algo-1" else config$current_host
  hosts <- if (is.null(config$hosts)) current else sort(unlist(config$hosts), method = "radix")
  list(current = current, names = hosts, rank = match(current, hosts) - 1L)
}
