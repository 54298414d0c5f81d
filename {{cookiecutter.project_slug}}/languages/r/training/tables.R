# The rows of all hosts, of which each keeps its own, and what all agree on: which columns are text,
# and which texts there are. Text columns become factors.

# The data of this host: tables by channel, in memory or in a temporary file.
shard <- new.env()

# Rows that are weighed at once: it bounds the memory that a step needs beside the data.
rows_per_block <- 8192

# Read the rows of "training" and, if it is there, "validation".
#
# channels: the channels of each host.
# Returns a list of `schema`, what was agreed on, and of `traits`, what is known of the rows of each
#   channel: see `add_traits()`.
read_tables <- function(channels, target) {
  parallel::clusterApply(job$nodes(), channels, choose_place)
  schema <- find_schema(channels, target)
  traits <- list()
  for (name in intersect(c("training", "validation"), names(channels[[1]]))) {
    files <- lapply(channels, `[[`, name)
    found <- parallel::clusterApply(job$nodes(), files, read_shard, name, schema)
    traits[[name]] <- Reduce(add_traits, found)
    say_rows(name, traits[[name]], files)
    # Sorted by code points, whatever the locale.
    if (name == "training") {
      schema$levels <- lapply(traits$training$texts, sort, method = "radix")
    }
  }
  list(schema = schema, traits = traits)
}

# Find the file that says which columns there are, and which are text: the first that has rows.
#
# Returns a list of `columns`, their names in order; `texts`, which of them hold text; `name`, that
#   of the file, to be told; `target`; `levels`, the texts of each, not known yet.
find_schema <- function(channels, target) {
  found <- parallel::clusterApply(job$nodes(), channels, function(channels) {
    first <- NULL
    for (file in channels$training) {
      header <- read_header(file)
      texts <- if (length(header) > 0) find_texts(file, header)
      if (!is.null(texts) || (is.null(first) && length(header) > 0)) {
        first <- list(columns = header, name = job$name_of(file), texts = texts)
      }
      if (!is.null(texts)) break
    }
    first
  })
  names(found) <- names(channels)
  found <- Filter(Negate(is.null), found)
  with_rows <- Filter(function(first) !is.null(first$texts), found)
  first <- c(with_rows, found)[1]
  if (length(found) == 0) {
    job$fail(job$name_of(unlist(lapply(channels, `[[`, "training"))[1]), " has no header.")
  }
  schema <- first[[1]]
  if (length(channels) > 1) schema$name <- paste(schema$name, "of", names(first))
  schema$texts <- setdiff(schema$texts, target)
  schema$levels <- sapply(schema$texts, simplify = FALSE, function(name) NULL)
  schema$target <- target
  schema
}

# Find the columns of text: those whose first cell that is not empty is no number.
#
# Returns their names; NULL where there is no row.
find_texts <- function(file, header) {
  connection <- open_bytes(file)
  on.exit(close(connection))
  read_lines(connection, file, 1)
  is_text <- rep(NA, length(header))
  has_rows <- FALSE
  while (anyNA(is_text) && length(lines <- read_lines(connection, file, 100)) > 0) {
    # fread() may read what stands on several lines.
    for (row in lapply(lines[trimws(lines) != ""], split_line, strict = FALSE)) {
      has_rows <- TRUE
      cells <- trimws(row)[seq_along(header)]
      is_new <- is.na(is_text) & !is.na(cells) & !grepl(missing_pattern, cells)
      is_text[is_new] <- !can_be_number(cells[is_new])
    }
  }
  if (has_rows) header[is_text %in% TRUE]
}

number_pattern <- "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
grouped_pattern <- "^[+-]?[0-9][0-9.,' \u00a0\u202f]*[0-9]$"
missing_pattern <- "^(NA|#N/A|[+-]?[Nn][Aa][Nn])?$"
# What other programs write for a missing value.
kin <- c("na", "n/a", "null", "none", "nil", "\\n", "?", "-", "--", ".")

parse_numbers <- function(cells) {
  plain <- sub("^false$", "0", sub("^true$", "1", cells, ignore.case = TRUE), ignore.case = TRUE)
  as.numeric(ifelse(grepl(number_pattern, plain), plain, NA))
}

# What is no number, but has a remedy, is told as a fault of one.
can_be_number <- function(cells) {
  grepl(number_pattern, cells) | grepl(grouped_pattern, cells) |
    tolower(cells) %in% c(kin, "true", "false") |
    grepl("^[+-]?inf(inity)?$", cells, ignore.case = TRUE)
}

# Choose where this host keeps its rows: in memory where they fit, which is faster.
choose_place <- function(channels) {
  files <- unlist(channels[c("training", "validation")])
  bytes <- rowSums(vapply(files, estimate, c(memory = 0, disk = 0)))
  # What R, a piece of a file and a step need, and what reading and a step add to the rows.
  working <- 250 * 2^20
  needed <- working + 1.7 * bytes[["memory"]]
  limit <- job$memory_limit()
  shard$in_memory <- needed <= limit
  mb <- function(bytes) paste(format(ceiling(bytes / 2^20), big.mark = ","), "MB")
  if (shard$in_memory) {
    job$log_line("The data are kept in memory: training needs some ", mb(needed), ".")
    return(invisible())
  }
  folder <- dirname(tempdir())
  job$log_line(
    "The data are kept on the disk: training needs some ", mb(needed),
    " for them in memory, which has ", mb(limit), "."
  )
  job$log_line(
    "There it needs some ", mb(bytes[["disk"]]), " in ", folder, ", and ", mb(working),
    " of memory. A step reads up to ", mb(bytes[["disk"]]), ", less what memory has room to keep."
  )
  free <- job$disk_free(folder)
  if (bytes[["disk"]] > free) {
    job$fail(
      folder, " has ", mb(free), " free, and training needs ", mb(bytes[["disk"]]),
      " there: raise VolumeSizeInGB in training-job.json."
    )
  }
}

# About what the rows of a file need, if all of it is as its beginning.
#
# Returns bytes: `memory`, 8 for each cell, and `disk`, 4 for whole numbers and texts.
estimate <- function(file) {
  packed <- readBin(file, "raw", 2^18)
  bytes <- if (is_compressed(file)) unpack(file, length(packed)) else packed
  memory <- 8 * length(grepRaw("[,\n]", bytes, all = TRUE))
  table <- tryCatch(
    suppressWarnings(data.table::fread(text = rawToChar(bytes), sep = ",", integer64 = "double")),
    error = function(condition) NULL
  )
  of_doubles <- mean(vapply(table, is.double, TRUE))
  disk <- if (is.nan(of_doubles)) memory else memory * (1 + of_doubles) / 2
  c(memory = memory, disk = disk) * file.size(file) / max(length(packed), 1)
}

open_bytes <- function(file) {
  if (is_compressed(file)) {
    # R's own gzfile() does not tell half a file from a whole one, and prints "crc error".
    pipe(paste("gzip -dc", shQuote(file), "2>/dev/null"), "rb")
  } else {
    base::file(file, "rb")
  }
}

# Whether there is a zero byte behind the beginning of a file, which was looked at, as in one that
# was not written as a whole; fread() skips them.
has_zeros <- function(file) {
  # Twice as fast as by a regular expression; an argument can't hold the byte.
  search <- paste("printf '\\0' | LC_ALL=C grep -qaF -f -", shQuote(file))
  isTRUE(file.size(file) > beginning_bytes) && system(search, ignore.stderr = TRUE) == 0
}

is_compressed <- function(file) {
  identical(readBin(file, "raw", 2), as.raw(c(0x1f, 0x8b)))
}

# Returns the path of what was unpacked, where there is nothing if it was damaged.
unpack_to_disk <- function(file) {
  path <- tempfile("unpacked-")
  if (system2("gzip", c("-dc", shQuote(file)), stdout = path, stderr = FALSE) != 0) unlink(path)
  path
}

# Unpack so many bytes at the beginning of a file.
unpack <- function(file, count) {
  connection <- pipe(sprintf("head -c %d %s | gzip -dc 2>/dev/null", count, shQuote(file)), "rb")
  on.exit(close(connection))
  readBin(connection, "raw", 2^26)
}

# Whether there is a quotation mark that encloses no whole cell.
has_stray_marks <- function(text) {
  cell <- '(^(\\xef\\xbb\\xbf)?|[,\n])"[^"]*+(""[^"]*+)*+"(?=[,\r\n]|$)'
  grepl('"', gsub(cell, "\\1", text, perl = TRUE, useBytes = TRUE), fixed = TRUE, useBytes = TRUE)
}

# Returns the fields of a line; none, if `strict`, where a quotation mark encloses no whole cell.
split_line <- function(line, strict = TRUE) {
  if (grepl('"', line, fixed = TRUE)) {
    if (strict && has_stray_marks(line)) {
      return(character())
    }
    return(suppressWarnings(scan(text = line, what = "", sep = ",", quote = '"', quiet = TRUE)))
  }
  # strsplit() drops an empty field at the end, unless something comes after it.
  fields <- strsplit(paste0(line, ",."), ",", fixed = TRUE)[[1]]
  fields[-length(fields)]
}

fail_marks <- function(place) {
  job$fail(
    place, ": quotation marks must enclose a whole cell of one line, ",
    "and each within it stands twice."
  )
}

# Read this host's rows of a channel.
#
# Returns what is known of them.
read_shard <- function(files, channel, schema) {
  data.table::setDTthreads(0)
  data.table::setDTthreads(min(data.table::getDTthreads(), job$cpu_limit()))
  texts <- sapply(schema$texts, simplify = FALSE, function(name) character())
  if (channel == "training") {
    shard$texts <- texts
    open_spool()
  }
  traits <- list(rows = 0, left_out = 0, positives = 0, texts = texts)
  tables <- list()
  for (file in files) {
    each_table(file, schema, whole = shard$in_memory, function(table, left_out) {
      traits$rows <<- traits$rows + length(table[[1]])
      traits$left_out <<- traits$left_out + left_out
      traits$positives <<- traits$positives + sum(table[[schema$target]])
      if (length(table[[1]]) > 0) {
        table <- encode(table)
        tables <<- c(tables, list(if (shard$in_memory) table else put_aside(table)))
      }
    })
  }
  shard$tables[[channel]] <- tables
  if (channel == "training") traits$texts <- shard$texts
  traits
}

# Put numbers in the place of texts: their places among those that this host has seen.
encode <- function(table) {
  for (name in names(shard$texts)) {
    shard$texts[[name]] <- union(shard$texts[[name]], table[[name]])
    check_texts(shard$texts[[name]], name)
    table[[name]] <- match(table[[name]], shard$texts[[name]])
  }
  table
}

check_texts <- function(texts, name) {
  if (length(texts) > 1000) {
    stray <- find_stray(texts)
    job$fail(
      'Column "', name, '" has more than 1,000 different texts',
      if (is.na(stray)) ": " else sprintf(', since "%s" is not a number: mend that, or ', stray),
      "leave it out, or make numbers of it."
    )
  }
}

# The first text of a column that is no number, where most are; else NA.
find_stray <- function(texts) {
  is_number <- grepl(number_pattern, texts)
  if (mean(is_number) > 0.5) texts[!is_number][1] else NA
}

# A file for the rows that has no name, so that nothing stays of it, however the process ends.
open_spool <- function() {
  if (!is.null(shard$spool)) close(shard$spool)
  path <- tempfile("rows-")
  shard$spool <- file(path, "w+b")
  shard$end <- 0
  unlink(path)
}

# Write a table to the spool, column by column.
#
# Returns where it is, and what: a list of `start`, `rows` and `types`.
put_aside <- function(table) {
  start <- shard$end
  job$write_or_fail(dirname(tempdir()), tempfile(), {
    for (column in table) {
      size <- size_of(typeof(column))
      seek(shard$spool, shard$end, rw = "write")
      suppressWarnings(writeBin(column, shard$spool))
      last <- shard$end + (length(column) - 1) * size
      seek(shard$spool, last, rw = "read")
      if (!identical(readBin(shard$spool, typeof(column), 1), column[length(column)])) {
        stop("it was not written as a whole")
      }
      shard$end <- last + size
    }
  })
  list(start = start, rows = length(column), types = vapply(table, typeof, ""))
}

size_of <- function(type) if (type == "integer") 4 else 8

# Read some rows of a table that was put aside.
take_back <- function(aside, first, count) {
  start <- aside$start
  lapply(aside$types, function(type) {
    size <- size_of(type)
    seek(shard$spool, start + (first - 1) * size, rw = "read")
    start <<- start + aside$rows * size
    readBin(shard$spool, type, count)
  })
}

add_traits <- function(a, b) {
  both <- list(texts = Map(union, a$texts, b$texts))
  Map(check_texts, both$texts, names(both$texts))
  for (name in c("rows", "left_out", "positives")) both[[name]] <- a[[name]] + b[[name]]
  both
}

# Log how many rows there are; a channel without any is a failure.
say_rows <- function(channel, traits, files) {
  total <- traits$rows + traits$left_out
  job$log_line(sprintf("Read %.0f rows of %s.", total, channel))
  if (traits$left_out > 0) {
    job$log_line(sprintf(
      "Left out %.0f of %.0f rows of %s: a value is missing.", traits$left_out, total, channel
    ))
  }
  if (total == 0) {
    job$fail(job$name_of(unlist(files)[1]), " has a header but no rows.")
  }
  if (traits$rows == 0) {
    job$fail('Every row of "', channel, '" misses a value: there is nothing to learn from.')
  }
}

# Tell this host what makes a design matrix of its rows.
set_design <- function(terms, schema) {
  shard$terms <- terms
  shard$schema <- schema
}

# Go through the rows of all hosts, block by block.
#
# channel: a channel's name.
# combine: a function that makes one of two results.
# summarise: a function of a block, a list of `x`, the design matrix, and `y`, the target.
# ...: what else it is given. All are sent to each host: let them be small, and the functions such
#   as stand in a file, which bring no variables along.
# Returns one result of all rows; NULL where there are none.
over_rows <- function(channel, combine, summarise, ...) {
  found <- parallel::clusterCall(job$nodes(), over_own_rows, channel, combine, summarise, ...) |>
    Filter(f = Negate(is.null))
  if (length(found) > 0) Reduce(combine, found)
}

over_own_rows <- function(channel, combine, summarise, ...) {
  result <- NULL
  blocks <- 0
  for (table in shard$tables[[channel]]) {
    last <- if (shard$in_memory) length(table[[1]]) else table$rows
    for (first in seq(1, last, by = rows_per_block)) {
      count <- min(rows_per_block, last - first + 1)
      columns <- if (shard$in_memory) {
        lapply(table, `[`, first:(first + count - 1))
      } else {
        take_back(table, first, count)
      }
      found <- summarise(make_block(columns), ...)
      # Else R would let the garbage of blocks grow to two thirds of the rows.
      blocks <- blocks + 1
      if (blocks %% 12 == 0) gc(full = FALSE)
      result <- if (is.null(result)) found else combine(result, found)
    }
  }
  result
}

make_block <- function(columns) {
  for (name in names(shard$texts)) {
    levels <- shard$schema$levels[[name]]
    codes <- match(shard$texts[[name]], levels)[columns[[name]]]
    columns[[name]] <- structure(codes, levels = levels, class = "factor")
  }
  frame <- stats::model.frame(shard$terms, list2DF(columns), na.action = NULL)
  list(x = stats::model.matrix(shard$terms, frame), y = as.numeric(columns[[shard$schema$target]]))
}
