# The rows of all hosts, of which each keeps its own: tables of numbers, with a target of 0 and 1.

# The data of this host, by channel: tables, or the temporary files in which they lie.
shard <- new.env()

# Rows that are weighed at once: it bounds the memory that a step needs beside the data.
rows_per_block <- 8192

# Find the file that says which columns there are, and in which order.
#
# channels: the channels of each host.
# Returns a list of `columns` and of `name`, to be told.
find_first <- function(channels) {
  found <- parallel::clusterApply(job$nodes(), channels, function(channels) {
    for (file in channels$training) {
      header <- read_header(file)
      if (length(header) > 0) {
        return(list(columns = header, name = job$name_of(file)))
      }
    }
  })
  host <- which(lengths(found) > 0)[1]
  if (is.na(host)) {
    job$fail(job$name_of(unlist(lapply(channels, `[[`, "training"))[1]), " has no header.")
  }
  first <- found[[host]]
  if (length(channels) > 1) first$name <- paste(first$name, "of", names(channels)[host])
  first
}

# Read this host's rows.
#
# channels: this host's channels.
# first, target: what each_table() needs.
# in_memory: whether to keep the rows there, or in temporary files.
# Returns what is known of the rows of each channel: see `add_traits()`.
read_shard <- function(channels, first, target, in_memory) {
  data.table::setDTthreads(0)
  data.table::setDTthreads(min(data.table::getDTthreads(), job$cpu_limit()))
  shard$target <- target
  shard$tables <- list()
  sapply(intersect(c("training", "validation"), names(channels)), simplify = FALSE, function(name) {
    traits <- list(rows = 0, left_out = 0)
    tables <- list()
    for (file in channels[[name]]) {
      each_table(file, first, target, whole = in_memory, function(table, left_out, limits) {
        if (nrow(table) > 0) {
          tables <<- c(tables, list(if (in_memory) table else put_aside(table)))
        }
        found <- list(
          rows = nrow(table), left_out = left_out, positives = sum(table[[target]])
        )
        traits <<- add_traits(traits, c(found, limits))
      })
    }
    shard$tables[[name]] <- tables
    traits
  })
}

put_aside <- function(table) {
  path <- tempfile("table-")
  job$write_or_fail(path, path, job$write_bytes(path, serialize(table, NULL, xdr = FALSE)))
  path
}

add_traits <- function(a, b) {
  both <- if (a$rows == 0) {
    b
  } else if (b$rows == 0) {
    a
  } else {
    list(
      rows = a$rows + b$rows, positives = a$positives + b$positives,
      least = pmin(a$least, b$least), most = pmax(a$most, b$most)
    )
  }
  both$left_out <- a$left_out + b$left_out
  both
}

# Log how many rows there are; a channel without any is a failure.
#
# traits: what is known of the rows of each channel, on all hosts.
say_rows <- function(traits, channels) {
  rows <- vapply(traits, `[[`, 0, "rows")
  left_out <- vapply(traits, `[[`, 0, "left_out")
  job$log_line("Read ", toString(sprintf("%.0f rows of %s", rows, names(rows))), ".")
  if (any(left_out > 0)) {
    said <- sprintf("%.0f rows of %s", left_out, names(rows))[left_out > 0]
    job$log_line("Left out ", toString(said), ", which miss a value.")
  }
  for (name in names(which(rows == 0))) {
    if (left_out[[name]] > 0) {
      job$fail('Every row of "', name, '" misses a value: there is nothing to learn from.')
    }
    job$fail(
      job$name_of(unlist(lapply(channels, `[[`, name))[1]), " has a header but no rows."
    )
  }
}

# Go through the rows of all hosts, block by block.
#
# channel: a channel's name.
# combine: a function that makes one of two results.
# summarise: a function of a block, a list of `x`, a matrix of ones and the features, and
#   `y`, the target. It is sent to each host, with the variables of the function that it is made
#   in: let these be few and small.
# Returns one result of all rows; NULL where there are none.
over_rows <- function(channel, combine, summarise) {
  found <- parallel::clusterCall(job$nodes(), over_own_rows, channel, combine, summarise) |>
    Filter(f = Negate(is.null))
  if (length(found) > 0) Reduce(combine, found)
}

over_own_rows <- function(channel, combine, summarise) {
  result <- NULL
  for (table in shard$tables[[channel]]) {
    if (is.character(table)) table <- unserialize(readBin(table, "raw", file.size(table)))
    features <- table[names(table) != shard$target]
    for (start in seq(1, nrow(table), by = rows_per_block)) {
      rows <- start:min(start + rows_per_block - 1, nrow(table))
      columns <- unname(lapply(features, function(column) column[rows]))
      found <- summarise(list(
        x = do.call(cbind, c(list(rep(1, length(rows))), columns)),
        y = as.numeric(table[[shard$target]][rows])
      ))
      result <- if (is.null(result)) found else combine(result, found)
    }
  }
  result
}
