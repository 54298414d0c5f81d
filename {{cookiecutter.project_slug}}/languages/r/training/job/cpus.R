# The processors and the memory that the container may use, whatever the machine has.

# cgroup: where the control group is.
# Returns a number; Inf where there is no limit.
cpu_limit <- function(cgroup = "/sys/fs/cgroup") {
  # The second version of control groups has both numbers in one file, the first has two.
  files <- file.path(cgroup, c("cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
  limit <- unlist(lapply(files[file.exists(files)], scan, what = "", quiet = TRUE))
  if (length(limit) != 2 || limit[1] %in% c("max", "-1")) {
    return(Inf)
  }
  ceiling(as.numeric(limit[1]) / as.numeric(limit[2]))
}

# Have OpenBLAS, where R uses it, start no more threads than that: it counts the machine's.
limit_blas_threads <- function() {
  blas <- tryCatch(dyn.load(extSoftVersion()[["BLAS"]]), error = function(condition) NULL)
  routine <- "openblas_set_num_threads"
  if (is.finite(cpu_limit()) && !is.null(blas) && is.loaded(routine, blas[["name"]], "Fortran")) {
    .Fortran(routine, as.integer(cpu_limit()), PACKAGE = blas[["name"]])
  }
  invisible()
}

# cgroup, machine: where the control group is, and what the machine says of its memory.
# Returns the bytes of memory that there are.
memory_limit <- function(cgroup = "/sys/fs/cgroup", machine = "/proc/meminfo") {
  files <- file.path(cgroup, c("memory.max", "memory/memory.limit_in_bytes"))
  limit <- unlist(lapply(files[file.exists(files)], scan, what = "", quiet = TRUE))
  available <- if (file.exists(machine)) {
    1024 * as.numeric(gsub("[^0-9]", "", grep("^MemAvailable", readLines(machine), value = TRUE)))
  }
  min(as.numeric(setdiff(limit, "max")), available, Inf)
}

# Have R compile functions as it meets them, in a job that is long enough to gain by it.
compile_when_long <- function() {
  if (proc.time()[["elapsed"]] > 2) compiler::enableJIT(3)
  invisible()
}
