# CSV files, plain or compressed by gzip, as tables of numbers and texts; what is neither
# is told with its place.

# What is read at once of a file that does not come as a whole, where memory has room for many times
# as much.
piece_bytes <- 2^24
# Of a file that is looked at before it is read as CSV.
beginning_bytes <- 2^16

# Read a file, table by table.
#
# fread() reads; where it fails, or what it read looks odd, a slow reader finds the place for the
# message, or reads what fread() could not.
#
# file: a path.
# schema: what the file must hold: see `find_schema()`.
# use: a function of a table, a list of columns without a missing value, and of the number of rows
#   that were left out since they miss one, as glm() leaves them out.
# whole: whether the file may come as one table: the fastest, in memory of its size.
each_table <- function(file, schema, use, whole = TRUE) {
  header <- read_header(file)
  if (length(header) == 0) {
    job$log_line(job$name_of(file), " is empty: skipped.")
    return(invisible())
  }
  check_header(file, header, schema)
  hand_over <- function(table, is_sure = FALSE) use_complete(table, schema, use, is_sure)
  if (whole) {
    plain <- if (is_compressed(file)) unpack_to_disk(file) else file
    is_done <- !has_zeros(plain) && hand_over(read_quickly(plain, header, schema, skip = 1))
    if (plain != file) unlink(plain)
    if (is_done) {
      return(invisible())
    }
  }
  each_piece(file, function(piece, line) {
    if (!hand_over(read_quickly(piece, header, schema))) {
      hand_over(read_slowly(piece, line, file, header, schema), is_sure = TRUE)
    }
  })
}

# Use the complete rows of a table; return FALSE where the slow reader has to read it instead.
use_complete <- function(table, schema, use, is_sure) {
  if (is.null(table)) {
    return(FALSE)
  }
  missing <- Reduce(`|`, lapply(Filter(anyNA, table), is.na), FALSE)
  if (any(missing)) table <- lapply(table, function(column) column[!missing])
  looks_right <- is_sure || !any(unlist(Map(are_strangers, table[schema$texts], schema$levels)))
  if (looks_right) use(table[schema$columns], sum(missing))
  looks_right
}

# Read a file, or a piece of one, by fread().
#
# Returns a table; NULL where there is no row, or something that the slow reader has to look at.
read_quickly <- function(path, header, schema, skip = 0) {
  odd <- function(condition) NULL
  # Without `fill`, fread() silently leaves out the first rows where their lengths differ.
  table <- tryCatch(
    data.table::fread(
      file = path, skip = skip, sep = ",", dec = ".", header = FALSE, col.names = header,
      colClasses = list(character = which(header %in% schema$texts)), fill = TRUE,
      blank.lines.skip = TRUE, na.strings = "NA", integer64 = "double", encoding = "UTF-8",
      data.table = FALSE, showProgress = FALSE
    ),
    warning = odd,
    error = odd
  )
  if (NROW(table) == 0 || length(table) != length(header)) {
    return(NULL)
  }
  table <- Map(function(column, name) {
    column <- if (name %in% schema$texts) as_texts(column) else as_numbers(column)
    if (name != schema$target || isTRUE(all(column == 0 | column == 1))) column
  }, table, header)
  # fread() also takes marks that enclose no cell for a part of it.
  has_marks <- any(grepl('"', unlist(lapply(table[schema$texts], unique)), fixed = TRUE))
  if (has_marks && has_stray_marks(readChar(path, file.size(path), useBytes = TRUE))) {
    return(NULL)
  }
  # A row that ends early is filled.
  short <- is.na(table[[length(header)]])
  is_odd <- any(lengths(table) == 0) || (any(short) && (skip > 0 || !all_end(path, short, header)))
  if (!is_odd) table
}

# Whether these rows have all their fields.
all_end <- function(path, rows, header) {
  lines <- grep("[^ \t]", readLines(path, warn = FALSE), value = TRUE)
  length(lines) == length(rows) &&
    all(lengths(lapply(lines[rows], split_line)) == length(header))
}

as_numbers <- function(column) {
  if (is.logical(column)) column <- as.integer(column)
  is_finite <- function() {
    # Some words of Excel are read as NaN.
    !(anyNA(column) && any(is.nan(column))) &&
      all(is.finite(c(min(column, 0, na.rm = TRUE), max(column, 0, na.rm = TRUE))))
  }
  # Integers need no look at each.
  if (is.integer(column) || (is.double(column) && is_finite())) column
}

as_texts <- function(column) {
  read <- unique(column)
  if (!all(validUTF8(read)) || any(tolower(read) %in% kin)) {
    return(NULL)
  }
  # fread() leaves the quotes in quoted text as they were written, twice.
  texts <- gsub('""', '"', ifelse(grepl(missing_pattern, read), NA, read), fixed = TRUE)
  texts[match(column, read)]
}

# Which cells hold a text that no row of training has; `levels` is NULL while that is read.
are_strangers <- function(column, levels) {
  !is.null(levels) & !column %in% levels
}

# Read the bytes of a file one after another, in pieces that end with a line.
#
# file: a path.
# use: a function of the path of a piece, that of the header left out, and of the number of the line
#   before it.
each_piece <- function(file, use) {
  connection <- open_bytes(file)
  piece <- tempfile("piece-")
  at_end <- zeros <- FALSE
  on.exit({
    if (!at_end) close(connection)
    unlink(piece)
  })
  line <- 0
  enough <- min(piece_bytes, job$memory_limit() / 64)
  read_part <- function() {
    part <- readBin(connection, "raw", min(enough, 2^18))
    at_end <<- length(part) == 0
    zeros <<- zeros || length(grepRaw(as.raw(0), part, fixed = TRUE)) > 0
    ends <- grepRaw("\n", part, fixed = TRUE, all = TRUE)
    read <- length(part)
    if (line == 0) part <- utils::tail(part, -min(ends, length(part)))
    line <<- line + length(ends)
    list(bytes = part, rest = read - max(ends, 0), is_last = at_end)
  }
  rest <- raw()
  while (!at_end) {
    before <- max(line, 1)
    rest <- job$write_or_fail(dirname(tempdir()), piece, fill_piece(piece, rest, read_part, enough))
    # Before the last line is used, since half a file may end in the midst of it.
    if (at_end && isTRUE(close(connection) != 0)) fail_damaged(file)
    if (zeros) fail_not_text(file)
    if (file.size(piece) > 0) use(piece, before)
  }
}

# Write a piece to a file.
#
# rest: the bytes that it begins with.
# read_part: a function that reads more.
# enough: how many bytes it must have at least.
# Returns the bytes behind its last line.
fill_piece <- function(piece, rest, read_part, enough) {
  out <- file(piece, "wb")
  size <- 0
  append <- function(bytes) {
    suppressWarnings(writeBin(bytes, out))
    size <<- size + length(bytes)
  }
  append(rest)
  repeat {
    part <- read_part()
    is_full <- size + length(part$bytes) >= enough && part$rest < length(part$bytes)
    if (is_full || part$is_last) break
    append(part$bytes)
  }
  rest <- utils::tail(part$bytes, part$rest)
  append(utils::head(part$bytes, length(part$bytes) - length(rest)))
  close(out)
  if (file.size(piece) != size) stop("it was not written as a whole")
  rest
}

# How files begin that are none of ours, and what is said of them.
beginnings <- c(
  "\xff\xfe" = "is UTF-16, as Excel's \"Unicode text\" is: save it as CSV UTF-8.",
  "\xfe\xff" = "is UTF-16, as Excel's \"Unicode text\" is: save it as CSV UTF-8.",
  "PK\x03\x04" = "is an Excel workbook or a ZIP archive: save it as CSV UTF-8.",
  "\xd0\xcf\x11\xe0" = "is an Excel workbook or a ZIP archive: save it as CSV UTF-8.",
  "BZh" = "is compressed by bzip2: only gzip can be read.",
  "\x28\xb5\x2f\xfd" = "is compressed by zstd: only gzip can be read.",
  "\xfd7zXZ" = "is compressed by xz: only gzip can be read.",
  "PAR1" = "is a Parquet file: only CSV can be read, plain or compressed by gzip.",
  "version https://git-lfs" = "is a pointer of Git LFS, not the file: run git lfs pull.",
  "<" = "is a web page or XML, not CSV: download the file itself.",
  "{" = "is JSON: only CSV can be read.",
  "[" = "is JSON: only CSV can be read."
)

# Read the column names of a CSV file.
#
# file: a path.
# Returns the names; none where the file has nothing but blank lines.
read_header <- function(file) {
  check_beginning(file)
  # Decompresses what gzip has compressed.
  lines <- suppressWarnings(readLines(file, 1, warn = FALSE, skipNul = TRUE, encoding = "UTF-8"))
  if (!all(validUTF8(lines))) fail_not_text(file)
  line <- sub("^\ufeff", "", lines)
  # Only where it is blank are the others looked at.
  if (all(trimws(line) == "")) {
    if (all(trimws(readLines(file, warn = FALSE)) == "")) {
      return(character())
    }
    job$fail(job$name_of(file), ", line 1 is blank: let the file begin with its header.")
  }
  header <- trimws(split_line(line))
  check_names(header, paste0(job$name_of(file), ", line 1"))
  header
}

check_beginning <- function(file) {
  connection <- open_bytes(file)
  plain <- readBin(connection, "raw", beginning_bytes)
  # gzip also fails where it can't write what nobody reads any more.
  is_damaged <- isTRUE(close(connection) != 0) && length(plain) < beginning_bytes
  if (is_damaged) fail_damaged(file)
  start <- utils::head(plain, 64)
  bom <- as.raw(c(0xef, 0xbb, 0xbf))
  if (identical(utils::head(start, 3), bom)) start <- start[-(1:3)]
  blank <- start %in% charToRaw(" \t\r\n")
  start <- start[cumsum(!blank) > 0]
  for (beginning in names(beginnings)) {
    bytes <- charToRaw(beginning)
    if (identical(utils::head(start, length(bytes)), bytes)) {
      job$fail(job$name_of(file), " ", beginnings[[beginning]])
    }
  }
  if (any(plain == 0)) fail_not_text(file)
  if (any(plain == 0x0d) && !any(plain == 0x0a)) {
    job$fail(
      job$name_of(file), ", line 1 ends with CR alone, as on old Macs: save it as CSV UTF-8."
    )
  }
}

# Refuse a first line that is no header, or one of a table with row numbers.
check_names <- function(header, place) {
  if (length(header) == 0) fail_marks(place)
  is_number <- grepl(number_pattern, header)
  if (any(is_number) && all(is_number | header == "")) {
    job$fail(place, " holds numbers: write a header line with the names of the columns.")
  }
  separators <- c(";" = "semicolons", "\t" = "tabs", "|" = "vertical bars")
  for (separator in names(separators)) {
    if (length(header) == 1 && grepl(separator, header, fixed = TRUE)) {
      job$fail(
        place, ": the columns are separated by ", separators[[separator]],
        ": write the file with commas."
      )
    }
  }
  if (header[1] == "") {
    job$fail(
      place, ": column 1 has no name, as the row numbers of pandas and R: ",
      "write the file without them (index=False, row.names = FALSE)."
    )
  }
  for (name in grep("^Unnamed: [0-9]+$|^__index_level_[0-9]+__$", header, value = TRUE)) {
    job$fail(
      place, ': the column "', name, '" holds row numbers of pandas: ',
      "write the file without them (index=False)."
    )
  }
}

check_header <- function(file, header, schema) {
  fail_here <- function(...) job$fail(job$name_of(file), ", line 1: ", ...)
  for (i in seq_along(header)) {
    if (header[i] == "") fail_here("column ", i, " has no name.")
    if (header[i] %in% header[-i]) fail_here('the column "', header[i], '" stands twice.')
  }
  for (name in setdiff(header, schema$columns)) {
    fail_here('column "', name, '" is not in ', schema$name, ".")
  }
  for (name in setdiff(schema$columns, header)) fail_here('column "', name, '" is missing.')
  if (!schema$target %in% header) {
    fail_here(
      'the target column "', schema$target, '" is missing; the columns are ', toString(header), "."
    )
  }
}

# Read a piece line by line, and fail at the first that is no row of numbers and texts.
#
# line: the number of the line before it.
# Returns a table.
read_slowly <- function(piece, line, file, header, schema) {
  connection <- file(piece, "rb")
  on.exit(close(connection))
  tables <- list()
  while (length(lines <- read_lines(connection, file)) > 0) {
    numbers <- line + seq_along(lines)
    line <- line + length(lines)
    blank <- trimws(lines) == ""
    rows <- lapply(lines[!blank], split_line)
    tables <- c(tables, list(parse_rows(file, numbers[!blank], rows, header, schema)))
  }
  as.list(data.table::rbindlist(tables))
}

read_lines <- function(connection, file, count = 10000) {
  lines <- withCallingHandlers(
    readLines(connection, count, warn = TRUE, encoding = "UTF-8"),
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

parse_rows <- function(file, numbers, rows, header, schema) {
  ragged <- which(lengths(rows) != length(header))[1]
  # What comes before is read first, so that the first fault of the file is the one that is named.
  whole <- if (is.na(ragged)) seq_along(rows) else seq_len(ragged - 1)
  cells <- matrix(trimws(unlist(rows[whole])), ncol = length(header), byrow = TRUE)
  colnames(cells) <- header
  cells[grepl(missing_pattern, cells)] <- NA
  table <- sapply(header, simplify = FALSE, function(name) {
    if (name %in% schema$texts) cells[, name] else parse_numbers(cells[, name])
  })
  complete <- rowSums(is.na(cells)) == 0
  bad <- sapply(header, simplify = FALSE, function(name) {
    column <- table[[name]]
    if (name == schema$target) {
      !column %in% 0:1
    } else if (name %in% schema$texts) {
      # What is left out anyway may have any text.
      tolower(column) %in% kin | (complete & are_strangers(column, schema$levels[[name]]))
    } else {
      !is.na(cells[, name]) & !is.finite(column)
    }
  })
  row <- which(Reduce(`|`, bad))[1]
  if (!is.na(row)) {
    name <- header[vapply(bad, `[`, TRUE, row)][1]
    job$fail(
      sprintf('%s, line %d, column "%s": ', job$name_of(file), numbers[row], name),
      fault_of(cells[row, name], table[[name]][row], name, schema)
    )
  }
  if (!is.na(ragged)) {
    place <- sprintf("%s, line %d", job$name_of(file), numbers[ragged])
    fields <- length(rows[[ragged]])
    if (fields == 0) fail_marks(place)
    job$fail(sprintf("%s: %d fields, but the header has %d.", place, fields, length(header)))
  }
  table
}

fault_of <- function(cell, value, name, schema) {
  is_text <- name %in% schema$texts
  if (is.na(cell)) {
    "the target is empty."
  } else if (tolower(cell) %in% kin) {
    no_number <- if (is_text) "" else " is not a number"
    sprintf('"%s"%s: a missing value is an empty cell.', cell, no_number)
  } else if (is_text) {
    stray <- find_stray(schema$levels[[name]])
    where <- if (is.na(stray)) "" else sprintf(', where "%s" makes the column text', stray)
    sprintf('"%s" is in no row of training%s.', cell, where)
  } else if (is.finite(value)) {
    paste(cell, "is neither 0 nor 1.")
  } else if (cell == name) {
    sprintf('"%s" is the name of the column: leave out this second header.', cell)
  } else if (name == schema$target && !can_be_number(cell)) {
    sprintf('"%s" is neither 0 nor 1: write 1 for one class, 0 for the other.', cell)
  } else if (!grepl(number_pattern, cell) && grepl(grouped_pattern, cell)) {
    sprintf(
      '"%s" is not a number: write a point for decimals, and nothing between thousands.', cell
    )
  } else {
    sprintf('"%s" is not a number.', cell)
  }
}

fail_damaged <- function(file) {
  job$fail(job$name_of(file), " is damaged: it can't be unpacked.")
}

fail_not_text <- function(file) {
  job$fail(job$name_of(file), " is not a text file in UTF-8: only CSV can be read.")
}
