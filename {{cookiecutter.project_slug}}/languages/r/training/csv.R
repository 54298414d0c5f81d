# CSV files, plain or compressed by gzip, as tables of numbers; what is none is told with its place.

# What is read at once of a file that does not come as a whole.
chunk_bytes <- 2^22

# Read a file, table by table.
#
# fread() reads; where it fails, or what it read looks odd, a slow reader finds the place for the
# message, or reads what fread() could not.
#
# file: a path.
# first: the file that says which columns there are, and in which order: a list of its
#   `columns` and its `name`, for messages.
# target: the column with 0 and 1.
# use: a function of a data frame, all columns numeric and finite, of the number of rows that were
#   left out since they miss a value, as glm() leaves them out, and of the limits of the columns.
# whole: whether the file may come as one table: the fastest, in memory of its size.
each_table <- function(file, first, target, use, whole = TRUE) {
  header <- read_header(file)
  if (length(header) == 0) {
    job$log_line(job$name_of(file), " is empty: skipped.")
    return(invisible())
  }
  check_header(file, header, first, target)
  use_numbers <- function(table, is_sure = FALSE) {
    numbers <- as_numbers(table, header, target, is_sure)
    limits <- find_limits(numbers$table, target)
    if (!is.null(limits)) use(numbers$table[first$columns], numbers$left_out, limits)
    !is.null(limits)
  }
  if (whole && !is_compressed(file) && use_numbers(read_quickly(header, file = file, skip = 1))) {
    return(invisible())
  }
  each_chunk(file, function(bytes, line) {
    if (!use_numbers(read_quickly(header, text = rawToChar(bytes)))) {
      use_numbers(read_slowly(bytes, line, file, header, target), is_sure = TRUE)
    }
  })
}

# Leave out the rows that miss a value.
#
# table: what was read.
# header, target: the names of the columns, and of that with 0 and 1.
# is_sure: whether the slow reader has seen each cell.
# Returns a list of `table` and `left_out`, the number of rows; NULL where not all columns are
# numbers, or there is no row.
as_numbers <- function(table, header, target, is_sure) {
  if (NROW(table) == 0 || length(table) != length(header)) {
    return(NULL)
  }
  table[] <- lapply(table, function(column) if (is.logical(column)) as.integer(column) else column)
  if (!all(vapply(table, is.numeric, TRUE))) {
    return(NULL)
  }
  # fread() fills a row that ends early, and takes some words of Excel for NaN.
  is_odd <- function() {
    anyNA(table[c(target, utils::tail(header, 1))]) ||
      any(vapply(table, function(column) any(is.nan(column)), TRUE))
  }
  if (!is_sure && is_odd()) {
    return(NULL)
  }
  if (!anyNA(table)) {
    return(list(table = table, left_out = 0))
  }
  complete <- stats::complete.cases(table)
  list(table = table[complete, , drop = FALSE], left_out = sum(!complete))
}

# Find the least and the greatest value of each column.
#
# target: the name of that with 0 and 1.
# Returns a list of `least` and `most`; NULL where a value is none that a GLM can take.
find_limits <- function(table, target) {
  if (is.null(table) || nrow(table) == 0) {
    return(if (!is.null(table)) list())
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
      blank.lines.skip = TRUE, na.strings = "NA", integer64 = "double", data.table = FALSE,
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
      job$fail(job$name_of(file), " is damaged: it can't be unpacked.")
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
  if (!all(validUTF8(lines))) {
    fail_not_text(file)
  }
  line <- sub("^\ufeff", "", lines)
  # Only where the first line is blank are the others looked at.
  if (all(trimws(line) == "") && all(trimws(readLines(file, warn = FALSE)) == "")) {
    return(character())
  }
  header <- trimws(split_line(line))
  check_names(header, paste0(job$name_of(file), ", line 1"))
  header
}

check_beginning <- function(file) {
  connection <- gzfile(file, "rb")
  on.exit(close(connection))
  # gzfile() also unpacks what is said of here.
  packed <- readBin(file, "raw", 64)
  start <- if (is_compressed(file)) suppressWarnings(readBin(connection, "raw", 65536)) else packed
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
  # A file that is no text has a zero byte near its start.
  if (!is_compressed(file) && any(readBin(file, "raw", 65536) == 0)) {
    fail_not_text(file)
  }
}

# Refuse a first line that is no header, or one of a table with row numbers.
check_names <- function(header, place) {
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

check_header <- function(file, header, first, target) {
  fail_here <- function(...) job$fail(job$name_of(file), ", line 1: ", ...)
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

grouped_pattern <- "^[+-]?[0-9][0-9.,' \u00a0\u202f]*[0-9]$"
number_pattern <- "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"

parse_rows <- function(file, numbers, rows, header, target) {
  ragged <- which(lengths(rows) != length(header))[1]
  # What comes before is read first, so that the first fault of the file is the one that is named.
  whole <- if (is.na(ragged)) seq_along(rows) else seq_len(ragged - 1)
  text <- matrix(trimws(unlist(rows[whole])), ncol = length(header), byrow = TRUE)
  is_missing <- array(grepl("^(NA|#N/A|[+-]?[Nn][Aa][Nn])?$", text), dim(text))
  is_missing[, header == target] <- FALSE
  plain <- sub("^false$", "0", sub("^true$", "1", text, ignore.case = TRUE), ignore.case = TRUE)
  is_number <- grepl(number_pattern, plain)
  values <- matrix(NA_real_, nrow(text), length(header), dimnames = list(NULL, header))
  values[is_number] <- as.numeric(plain[is_number])
  bad <- !is.finite(values) & !is_missing
  bad[, target] <- !values[, target] %in% c(0, 1)
  if (any(bad)) {
    row <- which(rowSums(bad) > 0)[1]
    column <- which(bad[row, ])[1]
    job$fail(
      sprintf('%s, line %d, column "%s": ', job$name_of(file), numbers[row], header[column]),
      fault_of(text[row, column], values[row, column])
    )
  }
  if (!is.na(ragged)) {
    job$fail(sprintf(
      "%s, line %d: %d fields, but the header has %d.",
      job$name_of(file), numbers[ragged], length(rows[[ragged]]), length(header)
    ))
  }
  values
}

fault_of <- function(cell, value) {
  kin <- c("n/a", "null", "none", "nil", "\\n", "?", "-", "--", ".")
  if (cell %in% c("", "NA", "#N/A")) {
    "the target is empty."
  } else if (is.finite(value)) {
    paste(cell, "is neither 0 nor 1.")
  } else if (tolower(cell) %in% kin) {
    sprintf('"%s" is not a number: a missing value is an empty cell.', cell)
  } else if (!grepl(number_pattern, cell) && grepl(grouped_pattern, cell)) {
    sprintf(
      '"%s" is not a number: write a point for decimals, and nothing between thousands.', cell
    )
  } else {
    sprintf('"%s" is not a number.', cell)
  }
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
  job$fail(job$name_of(file), " is not a text file in UTF-8: only CSV can be read.")
}
