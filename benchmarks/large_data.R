# Measure how R reads data that is large for the memory: seconds, CPU, anonymous memory.
#
#     docker run --rm [-m 512m --memory-swap 512m] -v FOLDER:/data -v "$PWD/benchmarks:/benchmarks:ro" \
#         --entrypoint Rscript IMAGE /benchmarks/large_data.R generate|fread|memory|files [gzip]
#
# IMAGE is an R image that `make build` made; `generate` writes 1 GB of CSV to FOLDER once. `fread`
# is data.table alone; `memory` and `files` are the template that takes the memory for large, and for
# small. All have one thread, so that other work on the machine disturbs little. README.md says what
# came out.

way <- commandArgs(TRUE)[1]
file <- paste0("/data/large.csv", if ("gzip" %in% commandArgs(TRUE)) ".gz")
peak <- tempfile()

#' Print what was used since the start
report <- function(what) {
  used <- proc.time() - start
  # A name, seconds, seconds of CPU, MB.
  cat(sprintf(
    "%-6s %-5s %7.1f s %7.1f s of CPU %6.0f MB\n", way, what, used[["elapsed"]],
    sum(used[c("user.self", "sys.self", "user.child", "sys.child")]), scan(peak, quiet = TRUE) / 1000
  ))
}

#' Write down the peak of this process's anonymous memory, again and again
watch <- function() {
  loop <- "m=0; while read -r _ n _ < <(grep RssAnon /proc/%d/status); do
    if [ $n -gt $m ]; then m=$n; echo $m > %s; fi; sleep 0.02; done"
  system2("bash", c("-c", shQuote(sprintf(loop, Sys.getpid(), peak))), wait = FALSE)
  while (!file.exists(peak)) Sys.sleep(0.01)
}

#' 5.8 million rows of a target and 20 numbers, the same 50,000 again and again
generate <- function() {
  set.seed(1)
  x <- matrix(stats::rnorm(50000 * 20), ncol = 20)
  y <- as.numeric(stats::runif(50000) < stats::plogis(x %*% stats::rnorm(20, sd = 0.3)))
  rows <- data.table::as.data.table(cbind(is_male = y, round(x, 5)))
  for (i in 1:116) data.table::fwrite(rows, "/data/large.csv", append = i > 1)
  system("gzip -1 -k -f /data/large.csv")
}

start <- proc.time()
if (way == "generate") {
  generate()
} else if (way == "fread") {
  data.table::setDTthreads(1)
  watch()
  table <- data.table::fread(file, data.table = FALSE, showProgress = FALSE)
  report("read")
} else {
  setwd("/opt/ml/code")
  source("train.R")
  job$cpu_limit <- function(...) 1
  source("model.R")
  job$join(list(current = "algo-1", names = "algo-1"), able = TRUE)
  watch()
  channels <- list("algo-1" = list(training = file))
  job$memory_limit <- function(...) if (way == "memory") Inf else 2^30
  read <- read_tables(channels, "is_male")
  report("read")
  set_design(make_design(make_formula("is_male"), read$schema, Inf)$terms, read$schema)
  invisible(weigh(NULL))
  report("step")
}
