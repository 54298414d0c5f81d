# Tables of numbers, with a target of 0 and 1, from CSV files, plain or compressed by gzip.
# The data of this host, by channel: tables, or the temporary files in which they lie.
shard <- new.env()

# Rows that are weighed at once: it bounds the memory that a step needs beside the data.
rows_per_block <- 8192

# What is read at once of a file that does not come as a whole.
chunk_bytes <- 2^22

# ---- The rows of all hosts -----------------------------------------------------------------

# Find the file that says which columns there are, and in which order.
#
# channels: the channels of each host.
# Returns a list of `columns` and of `name`, to be told.
find_first <- function(channels) {
  headers <- parallel::clusterApply(job$nodes(), channels, function(channels) {
    if (length(channels$training) > 0) read_header(channels$training[1])
  })
  host <- which(lengths(headers) > 0)[1]
  name <- channels[[host]]$training[1]
  list(
    columns = headers[[host]],
    name = if (length(channels) > 1) paste(name, "of", names(channels)[host]) else name
  )
}

# Read this host's rows.
#
# channels: this host's channels.
# first,target: what each_table() needs.
# in_memory: whether to keep the rows there, or in temporary files.
# Returns what is known of the rows of each channel: see `add_traits()`.
read_shard <- function(channels, first, target, in_memory) {
  data.table::setDTthreads(0)
  data.table::setDTthreads(min(data.table::getDTthreads(), job$cpu_limit()))
  shard$target <- target
  shard$tables <- list()
  sapply(intersect(c("training", "validation"), names(channels)), simplify = FALSE, function(name) {
    traits <- list(rows = 0)
    tables <- list()
    for (file in channels[[name]]) {
      each_table(file, first, target, whole = in_memory, function(table, limits) {
        tables <<- c(tables, list(if (in_memory) table else put_aside(table)))
        found <- c(list(rows = nrow(table), positives = sum(table[[target]])), limits)
        traits <<- add_traits(traits, found)
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
  if (a$rows == 0 || b$rows == 0) {
    return(if (a$rows == 0) b else a)
  }
  list(
    rows = a$rows + b$rows, positives = a$positives + b$positives,
    least = pmin(a$least, b$least), most = pmax(a$most, b$most)
  )
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

# ---- A file --------------------------------------------------------------------------------

# Read a file, table by table.
#
# fread() reads; where it fails, or what it read looks odd, a slow reader finds the place for the
# message, or reads what fread() could not.
#
# file: a path.
# first: the file that says which columns there are, and in which order: a list of its
#   `columns` and its `name`, for messages.
# target: the column with 0 and 1.
# use: a function of a data frame, all columns numeric and finite, and of their limits: see
#   `find_limits()`.
# whole: whether the file may come as one table: the fastest, in memory of its size.
each_table <- function(file, first, target, use, whole = TRUE) {
  header <- read_header(file)
  check_header(file, header, first, target)
  use_numbers <- function(table) {
    limits <- find_limits(table, header, target)
    if (!is.null(limits)) use(table[first$columns], limits)
    !is.null(limits)
  }
  if (whole && !is_compressed(file) && use_numbers(read_quickly(header, file = file, skip = 1))) {
    return(invisible())
  }
  each_chunk(file, function(bytes, line) {
    if (!use_numbers(read_quickly(header, text = rawToChar(bytes)))) {
      use_numbers(read_slowly(bytes, line, file, header, target))
    }
  })
}

# Find the least and the greatest value of each column.
#
# table: what was read.
# header,target: the names of the columns, and of that with 0 and 1.
# Returns a list of `least` and `most`; NULL where not all columns are numbers or there is no row.
find_limits <- function(table, header, target) {
  is_table <- NROW(table) > 0 && length(table) == length(header)
  if (!is_table || !all(vapply(table, is.numeric, TRUE))) {
    return(NULL)
  }
  limits <- list(least = vapply(table, min, 0), most = vapply(table, max, 0))
  y <- table[[target]]
  # Integers need no look at each.
  is_binary <- function() is.integer(y) || all(y == 0 | y == 1)
  in_range <- all(is.finite(unlist(limits))) && min(y) >= 0 && max(y) <= 1
  if (in_range && is_binary()) limits
}

read_quickly <- function(header, ...) {
  odd <- function(condition) NULL
  # Without `fill`, fread() silently leaves out the first rows where their lengths differ.
  tryCatch(
    data.table::fread(
      ...,
      sep = ",", dec = ".", header = FALSE, col.names = header, fill = TRUE,
      blank.lines.skip = TRUE, na.strings = NULL, integer64 = "double", data.table = FALSE,
      showProgress = FALSE
    ),
    warning = odd,
    error = odd
  )
}

# Read the bytes of a file one after another, in chunks that end with a line.
#
# file: a path.
# use: a function of the bytes, those of the header left out, and the number of the line
#   before them.
each_chunk <- function(file, use) {
  connection <- if (is_compressed(file)) {
    # R's own gzfile() does not tell half a file from a whole one.
    pipe(paste("gzip -dc", shQuote(file), "2>/dev/null"), "rb")
  } else {
    file(file, "rb")
  }
  at_end <- FALSE
  on.exit(if (!at_end) close(connection))
  rest <- raw()
  line <- 0
  while (!at_end) {
    got <- readBin(connection, "raw", chunk_bytes)
    at_end <- length(got) == 0
    # Before the last line is used, since half a file may end in the midst of it.
    if (at_end && isTRUE(close(connection) != 0)) {
      job$fail(file, " is damaged: it can't be unpacked.")
    }
    bytes <- c(rest, got)
    ends <- grepRaw("\n", bytes, fixed = TRUE, all = TRUE)
    end <- if (at_end) length(bytes) else max(ends, 0)
    begin <- if (line == 0) min(ends, end) else 0
    if (end > begin) use(bytes[(begin + 1):end], line + (begin > 0))
    rest <- utils::tail(bytes, length(bytes) - end)
    line <- line + length(ends)
  }
}

is_compressed <- function(file) {
  identical(readBin(file, "raw", 2), as.raw(c(0x1f, 0x8b)))
}

# Read the column names of a CSV file.
#
# file: a path.
# Returns the names.
read_header <- function(file) {
  start <- readBin(file, "raw", 65536)
  if (identical(utils::head(start, 4), charToRaw("PAR1"))) {
    job$fail(file, " is a Parquet file: only CSV can be read, plain or compressed by gzip.")
  }
  # Decompresses what gzip has compressed.
  lines <- suppressWarnings(readLines(file, 1, warn = FALSE, skipNul = TRUE, encoding = "UTF-8"))
  # A file that is no text has a zero byte near its start.
  if ((!is_compressed(file) && any(start == 0)) || !all(validUTF8(lines))) {
    fail_not_text(file)
  }
  line <- sub("^\ufeff", "", lines)
  # Only where the first line is blank are the others looked at.
  if (all(trimws(line) == "") && all(trimws(readLines(file, warn = FALSE)) == "")) {
    job$fail(file, " is empty.")
  }
  trimws(split_line(line))
}

check_header <- function(file, header, first, target) {
  fail_here <- function(...) job$fail(file, ", line 1: ", ...)
  for (i in seq_along(header)) {
    if (header[i] == "") {
      fail_here("column ", i, " has no name.")
    }
    if (header[i] %in% header[-i]) {
      fail_here('the column "', header[i], '" stands twice.')
    }
  }
  for (name in setdiff(header, first$columns)) {
    fail_here('column "', name, '" is not in ', first$name, ".")
  }
  for (name in setdiff(first$columns, header)) {
    fail_here('column "', name, '" is missing.')
  }
  if (!target %in% header) {
    fail_here(
      'the target column "', target, '" is missing; the columns are ', toString(header), "."
    )
  }
}

# Read rows line by line, and fail at the first that is no row of numbers.
#
# bytes: the rows.
# line: the number of the line before them.
# header: the names of the columns.
# Returns a data frame.
read_slowly <- function(bytes, line, file, header, target) {
  connection <- rawConnection(bytes)
  on.exit(close(connection))
  tables <- list()
  while (length(lines <- read_lines(connection, file)) > 0) {
    numbers <- line + seq_along(lines)
    line <- line + length(lines)
    blank <- trimws(lines) == ""
    rows <- lapply(lines[!blank], split_line)
    tables <- c(tables, list(parse_rows(file, numbers[!blank], rows, header, target)))
  }
  as.data.frame(do.call(rbind, tables), check.names = FALSE)
}

read_lines <- function(connection, file) {
  lines <- withCallingHandlers(
    readLines(connection, 10000, warn = TRUE, encoding = "UTF-8"),
    warning = function(condition) {
      if (grepl("nul", conditionMessage(condition))) {
        fail_not_text(file)
      }
      invokeRestart("muffleWarning")
    }
  )
  if (!all(validUTF8(lines))) {
    fail_not_text(file)
  }
  lines
}

parse_rows <- function(file, numbers, rows, header, target) {
  ragged <- which(lengths(rows) != length(header))[1]
  # What comes before is read first, so that the first fault of the file is the one that is named.
  whole <- if (is.na(ragged)) seq_along(rows) else seq_len(ragged - 1)
  text <- matrix(trimws(unlist(rows[whole])), ncol = length(header), byrow = TRUE)
  is_number <- grepl("^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$", text)
  values <- matrix(NA_real_, nrow(text), length(header), dimnames = list(NULL, header))
  values[is_number] <- as.numeric(text[is_number])
  bad <- !is.finite(values)
  bad[, target] <- !values[, target] %in% c(0, 1)
  if (any(bad)) {
    row <- which(rowSums(bad) > 0)[1]
    column <- which(bad[row, ])[1]
    is_target <- header[column] == target
    cell <- text[row, column]
    job$fail(
      sprintf('%s, line %d, column "%s": ', file, numbers[row], header[column]),
      if (cell == "" && is_target) {
        "the target is empty."
      } else if (cell == "") {
        "the cell is empty, and a GLM needs every value."
      } else if (!is.finite(values[row, column])) {
        sprintf('"%s" is not a number.', cell)
      } else {
        sprintf("%s is neither 0 nor 1.", cell)
      }
    )
  }
  if (!is.na(ragged)) {
    job$fail(sprintf(
      "%s, line %d: %d fields, but the header has %d.",
      file, numbers[ragged], length(rows[[ragged]]), length(header)
    ))
  }
  values
}

split_line <- function(line) {
  if (grepl('"', line, fixed = TRUE)) {
    return(scan(text = line, what = "", sep = ",", quote = '"', quiet = TRUE))
  }
  # strsplit() drops an empty field at the end, unless something comes after it.
  fields <- strsplit(paste0(line, ",."), ",", fixed = TRUE)[[1]]
  fields[-length(fields)]
}

fail_not_text <- function(file) {
  job$fail(file, " is not a text file in UTF-8: only CSV can be read.")
}
