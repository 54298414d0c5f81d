# Tests of the algorithm in languages/r. They run in a generated repository's tests/testthat.

# A table with four columns, of which `is_male` depends on the others.
make_table <- function(rows = 200, seed = 1) {
  set.seed(seed)
  table <- data.frame(
    a = round(stats::rnorm(rows), 3),
    b = round(stats::rnorm(rows, 4000, 800)),
    c = as.numeric(stats::runif(rows) < 0.4)
  )
  eta <- table$a - (table$b - 4000) / 800 + table$c
  cbind(is_male = as.numeric(stats::runif(rows) < stats::plogis(eta)), table)
}

write_table <- function(table, file = tempfile(fileext = ".csv")) {
  utils::write.csv(table, file, row.names = FALSE, quote = FALSE)
  file
}

write_file <- function(...) {
  file <- tempfile(fileext = ".csv")
  writeBin(charToRaw(paste0(...)), file)
  file
}

# A table with columns of text, some cells of which are empty.
make_mixed <- function(rows = 300, seed = 1) {
  table <- make_table(rows, seed)
  kinds <- c("Gentoo", "Ad\u00e9lie, small", "Chin \"strap\"", "adelie")
  table$kind <- rep(kinds, length.out = rows)
  table$island <- rep(c("Torgersen", "Biscoe", "Dream", "Dream"), each = 7, length.out = rows)
  table$kind[c(5, 35)] <- NA
  table$a[c(9, 35)] <- NA
  # One that only rows have that are left out.
  table$island[9] <- "Elsewhere"
  table[c("kind", "is_male", "a", "b", "island", "c")]
}

write_mixed <- function(table, na = "") {
  file <- tempfile(fileext = ".csv")
  utils::write.csv(table, file, row.names = FALSE, na = na)
  file
}

read_table <- function(file, ...) {
  read <- NULL
  schema <- find_schema(list("algo-1" = list(training = file)), "is_male")
  each_table(file, schema, function(table, ...) read <<- rbind(read, list2DF(table)), ...)
  read
}

default_hyperparameters <- function(...) {
  defaults <- lapply(model_hyperparameters, function(each) each$default)
  names(defaults) <- vapply(model_hyperparameters, function(each) each$name, "")
  utils::modifyList(defaults, list(...))
}

# Everything that is logged goes to `log`.
read_model <- function(channels, ...) {
  utils::capture.output(
    model <- model_read(model_new(default_hyperparameters(...)), list("algo-1" = channels))
  )
  model
}

# As train does it.
step <- function(model) {
  steps <- model$steps + 1
  model <- model_step(model)
  model$steps <- steps
  model
}

train_model <- function(channels, ...) {
  model <- read_model(channels, ...)
  log <- utils::capture.output(while (!model_finished(model)) model <- step(model))
  attr(model, "log") <- log
  model
}

# Expect a sentence; FILE in it stands for the file's path.
expect_sentence <- function(file, sentence, other = NULL) {
  failure <- testthat::expect_error(
    read_model(list(training = c(other, file))),
    class = "training_failure"
  )
  said <- gsub(file, "FILE", conditionMessage(failure), fixed = TRUE)
  testthat::expect_identical(said, sentence)
}

save_and_load <- function(model) {
  folder <- withr::local_tempdir(.local_envir = parent.frame())
  model_save(model, folder)
  model_load(folder)
}

test_that("no call has marked the functions of a saved model, so its bytes are always the same", {
  model <- train_model(list(training = write_table(make_table())))
  saved <- as_glm(model)$family
  unused <- stats::binomial()
  unused$dev.resids <- saved$dev.resids
  testthat::expect_identical(serialize(saved, NULL), serialize(unused, NULL))
})

test_that("the saved model predicts as glm() does", {
  table <- make_table()
  ours <- save_and_load(train_model(list(training = write_table(table))))
  theirs <- stats::glm(is_male ~ a + b + c, stats::binomial(), table)
  new <- make_table(50, seed = 2)
  expect_equal(coef(ours), coef(theirs), tolerance = 1e-8)
  for (type in c("link", "response")) {
    expect_equal(
      predict(ours, new, type = type, se.fit = TRUE),
      predict(theirs, new, type = type, se.fit = TRUE),
      tolerance = 1e-8
    )
  }
  expect_equal(vcov(ours), vcov(theirs), tolerance = 1e-8)
  expect_equal(AIC(ours), AIC(theirs), tolerance = 1e-8)
  expect_equal(deviance(ours), deviance(theirs), tolerance = 1e-8)
  expect_equal(ours$iter, theirs$iter)
})

test_that("summary() of the saved model is that of glm()", {
  table <- make_table()
  ours <- summary(save_and_load(train_model(list(training = write_table(table)))))
  theirs <- summary(stats::glm(is_male ~ a + b + c, binomial(), table))
  same <- c(
    "coefficients", "dispersion", "df", "cov.unscaled", "cov.scaled", "aic", "deviance",
    "null.deviance", "df.residual", "df.null", "iter", "aliased"
  )
  expect_equal(ours[same], theirs[same], tolerance = 1e-8)
  expect_output(print(ours), "Number of Fisher Scoring iterations: [0-9]+")
})

test_that("badly scaled columns cost no digits", {
  table <- make_table()
  table$a <- 1e6 + table$a
  table$b <- table$b * 1e-9
  ours <- save_and_load(train_model(list(training = write_table(table))))
  theirs <- stats::glm(is_male ~ I(a - 1e6) + b + c, binomial(), table)
  expect_equal(unname(coef(ours)[-1]), unname(coef(theirs)[-1]), tolerance = 1e-8)
  expect_equal(
    predict(ours, table, se.fit = TRUE)$se.fit, predict(theirs, table, se.fit = TRUE)$se.fit,
    tolerance = 1e-8
  )
})

test_that("any column name will do", {
  table <- make_table()
  names(table) <- c("is male?", "1st", "b + c", "if")
  ours <- save_and_load(
    train_model(list(training = write_table(table)), target = "is male?")
  )
  theirs <- stats::glm(`is male?` ~ ., binomial(), table)
  expect_equal(coef(ours), coef(theirs), tolerance = 1e-8)
  expect_equal(predict(ours, table), predict(theirs, table), tolerance = 1e-8)
})

test_that("the model is small, and its bytes are the same each time", {
  file <- write_table(make_table(2000))
  folders <- c(withr::local_tempdir(), withr::local_tempdir())
  for (folder in folders) model_save(train_model(list(training = file)), folder)
  for (name in c("model.rds", "coefficients.csv")) {
    files <- file.path(folders, name)
    expect_identical(unname(tools::md5sum(files[1])), unname(tools::md5sum(files[2])))
    expect_lt(file.size(files[1]), 20000)
  }
})

test_that("the table of coefficients lies beside the model", {
  model <- train_model(list(training = write_table(make_table())))
  folder <- withr::local_tempdir()
  model_save(model, folder)
  table <- utils::read.csv(file.path(folder, "coefficients.csv"))
  expect_named(table, c("term", "estimate", "std_error", "z_value", "p_value"))
  expect_identical(table$term, c("(Intercept)", "a", "b", "c"))
  expect_equal(table$estimate, unname(coef(model_load(folder))), tolerance = 1e-14)
})

test_that("one file, several files and blocks of rows give the same model", {
  table <- make_table()
  whole <- train_model(list(training = write_table(table)))
  halves <- c(write_table(table[1:77, ]), write_table(table[78:200, c(3, 1, 4, 2)]))
  expect_equal(
    train_model(list(training = halves))$coefficients[c(1, 2, 3, 4)], whole$coefficients,
    tolerance = 1e-12
  )
})

test_that("a resumed training equals one that was never interrupted", {
  channels <- list(training = write_table(make_table()))
  file <- withr::local_tempfile()
  interrupted <- step(step(read_model(channels)))
  model_save_checkpoint(interrupted, file)
  resumed <- model_load_checkpoint(read_model(channels), file)
  resumed$steps <- 2
  while (!model_finished(resumed)) resumed <- step(resumed)
  whole <- train_model(channels)
  attr(whole, "log") <- NULL
  expect_identical(resumed[sort(names(resumed))], whole[sort(names(whole))])
})

test_that("a checkpoint of other data, or half of one, is an error", {
  file <- withr::local_tempfile()
  model_save_checkpoint(model_step(read_model(list(training = write_table(make_table())))), file)
  other <- read_model(list(training = write_table(make_table(seed = 3))))
  expect_error(model_load_checkpoint(other, file), "it was made from other data")
  bytes <- readBin(file, "raw", 1e6)
  writeBin(utils::head(bytes, length(bytes) / 2), file)
  expect_error(suppressWarnings(model_load_checkpoint(other, file)))
})

test_that("metrics are log loss and accuracy", {
  table <- make_table()
  other <- make_table(60, seed = 2)
  model <- train_model(list(training = write_table(table), validation = write_table(other)))
  theirs <- stats::glm(is_male ~ a + b + c, binomial(), table)
  loss <- function(p, y) -mean(log(ifelse(y == 1, p, 1 - p)))
  p <- predict(theirs, other, type = "response")
  expect_equal(
    model_metrics(model),
    c(
      "training:log_loss" = loss(stats::fitted(theirs), table$is_male),
      "validation:log_loss" = loss(p, other$is_male),
      "validation:accuracy" = mean((p > 0.5) == other$is_male)
    ),
    tolerance = 1e-8
  )
  without <- train_model(list(training = write_table(table)))
  expect_named(model_metrics(without), "training:log_loss")
})

test_that("max_iterations and tolerance end the training", {
  channels <- list(training = write_table(make_table()))
  short <- train_model(channels, max_iterations = 2)
  expect_identical(short$steps, 2)
  expect_match(
    attr(short, "log"), "WARNING: not converged after 2 iterations: raise max_iterations.",
    fixed = TRUE
  )
  expect_identical(train_model(channels, tolerance = 0, max_iterations = 60)$steps, 60)
  expect_lt(train_model(channels, tolerance = 1e-2)$steps, train_model(channels)$steps)
})

test_that("a step after which the deviance has grown is halved", {
  # Columns with values far out, on which glm()'s own steps go too far.
  for (seed in c(598, 1686)) {
    set.seed(seed)
    table <- data.frame(
      is_male = stats::rbinom(30, 1, 0.5), a = round(stats::rt(30, 0.7), 2),
      b = round(stats::rt(30, 0.7), 2)
    )
    trace <- utils::capture.output(
      suppressWarnings(stats::glm(is_male ~ a + b, binomial(), table, control = list(trace = TRUE)))
    )
    theirs <- as.numeric(sub("Deviance = ([^ ]+).*", "\\1", grep("^Deviance", trace, value = TRUE)))
    expect_gt(max(diff(theirs)), 1)
    model <- read_model(list(training = write_table(table)))
    ours <- numeric()
    while (!model_finished(model)) {
      model <- quietly(step(model))
      ours <- c(ours, model$deviance)
    }
    expect_true(model$converged)
    expect_lt(max(diff(ours)), 1e-5)
    expect_lte(utils::tail(ours, 1), min(theirs) + 1e-5)
  }
})

test_that("separated classes are a warning", {
  table <- make_table()
  table$is_male <- as.numeric(table$a > 0)
  model <- train_model(list(training = write_table(table)))
  expect_length(attr(model, "log"), 1)
  expect_match(attr(model, "log"), "^WARNING: the classes are \\(nearly\\) separated by a")
  expect_true(model_metadata(model)$separated)
  expect_s3_class(save_and_load(model), "glm")
  # One column that is 1 for one class only.
  table <- make_table()
  table$c <- as.numeric(table$is_male == 1 & table$c == 1)
  model <- train_model(list(training = write_table(table)))
  expect_match(attr(model, "log"), "^WARNING: the classes are \\(nearly\\) separated by c:")
  # As long as one likes.
  model <- train_model(list(training = write_table(table)), tolerance = 0, max_iterations = 2000)
  expect_s3_class(save_and_load(model), "glm")
})

test_that("rare classes are not taken for separated ones", {
  table <- make_table(20000)
  table$is_male <- as.numeric(stats::runif(20000) < stats::plogis(-7 + table$a))
  model <- train_model(list(training = write_table(table)))
  expect_false(model$separated)
})

test_that("a column that the others already tell is named", {
  table <- make_table()
  table$sum <- table$a + 2 * table$b
  expect_sentence(
    write_table(table), 'The column "sum" is a linear combination of a, b: leave it out.'
  )
  table$sum <- 7
  expect_sentence(
    write_table(table),
    'The column "sum" has the same value in every row of training: leave it out.'
  )
  table$sum <- 9007199254740992 + 2 * (table$a > 0)
  expect_sentence(write_table(table), paste0(
    'The column "sum" has nearly the same value in every row of training, ',
    "as far as its digits go: leave it out."
  ))
  table$sum <- table$c
  expect_sentence(
    write_table(table), 'The column "sum" is a linear combination of c: leave it out.'
  )
})

test_that("data that a GLM can't learn from is refused", {
  table <- make_table()
  expect_sentence(
    write_table(table["is_male"]), 'There is no column beside the target "is_male".'
  )
  expect_sentence(
    write_table(table[5:7, ]), "There are 3 rows of training, too few for 4 coefficients."
  )
  table$is_male <- 1
  expect_sentence(
    write_table(table),
    'The target column "is_male" is 1 in every row of training: there is nothing to learn.'
  )
})

test_that("CSV of every common form is read", {
  table <- make_table(5)
  table$is_male <- c(0, 1, 0, 1, 1)
  table[1:2, "c"] <- c(-1.5, 2e-3)
  expected <- table
  rows <- do.call(paste, c(lapply(table, as.character), sep = ","))
  header <- paste(names(table), collapse = ",")
  read <- function(...) {
    file <- write_file(...)
    read_table(file)
  }
  lines <- function(end) paste0(c(header, rows), end, collapse = "")
  expect_equal(read(lines("\n")), expected)
  expect_equal(read(lines("\r\n")), expected)
  expect_equal(read("\ufeff", lines("\n")), expected)
  expect_equal(read(sub("\n$", "", lines("\n"))), expected)
  expect_equal(read(lines("\n"), "\n\n"), expected)
  expect_equal(read(lines("\r\n"), "\r\n"), expected)
  expect_equal(read(gsub("([^,\n]+)", '"\\1"', lines("\n"))), expected)
  expect_equal(read(gsub(",", " , ", lines("\n"))), expected)
})

write_gzip <- function(bytes) {
  file <- tempfile(fileext = ".csv.gz")
  connection <- gzfile(file, "wb")
  writeBin(bytes, connection)
  close(connection)
  file
}

test_that("pieces of a file, plain or compressed, give its rows", {
  withr::local_options(list(warn = 2))
  size <- piece_bytes
  withr::defer(piece_bytes <<- size)
  table <- make_table(300)
  for (end in c("\n", "\r\n")) {
    lines <- c(paste(names(table), collapse = ","), do.call(paste, c(table, sep = ",")), "")
    bytes <- charToRaw(paste(lines, collapse = end))
    for (small in c(7, 1000, 4096, 2^24)) {
      piece_bytes <<- small
      for (file in c(write_file(rawToChar(bytes)), write_gzip(bytes))) {
        expect_equal(read_table(file, whole = FALSE), table)
      }
    }
  }
})

test_that("in a piece, too, the place of what is no number is told", {
  size <- piece_bytes
  withr::defer(piece_bytes <<- size)
  piece_bytes <<- 4096
  rows <- rep("0,1,2,3", 5000)
  rows[3456] <- "0,1,x,3"
  text <- paste0(c("is_male,a,b,c", rows, ""), collapse = "\n")
  expect_sentence(
    write_gzip(charToRaw(text)), 'FILE, line 3457, column "b": "x" is not a number.'
  )
})

test_that("a hole of zeros in a file is told, wherever it is", {
  rows <- c("is_male,a,b", rep("0,1.5,2.5\n1,2.5,1.25", 20000), "")
  bytes <- charToRaw(paste0(rows, collapse = "\n"))
  ends <- grepRaw("\n", bytes, fixed = TRUE, all = TRUE)
  for (hole in list(ends[10001]:ends[12000] + 1, (length(bytes) - 5000):length(bytes))) {
    bytes[hole] <- as.raw(0)
    for (file in c(tempfile(fileext = ".csv"), write_gzip(bytes))) {
      if (!file.exists(file)) writeBin(bytes, file)
      sentence <- "FILE is not a text file in UTF-8: only CSV can be read."
      expect_sentence(file, sentence)
      schema <- find_schema(list("algo-1" = list(training = file)), "is_male")
      expect_error(
        each_table(file, schema, function(...) NULL, whole = FALSE), "is not a text file in UTF-8"
      )
    }
  }
})

test_that("a text may stand on several lines where memory has room for its file", {
  rows <- rep(c('0,1,"a\nb"', '1,2,"a\nb"', "1,3,c", "0,4,c"), 50)
  table <- read_table(write_file(paste0(c("is_male,a,b", rows, ""), collapse = "\n")))
  expect_identical(table$b, rep(c("a\nb", "a\nb", "c", "c"), 50))
})

test_that("a quotation mark that is not closed on its line is told", {
  marks <- paste(
    "quotation marks must enclose a whole cell of one line,", "and each within it stands twice."
  )
  for (cell in c('"3', '3"', '"', '"""')) {
    rows <- rep("0,1.5,2.5\n1,2.5,1.25", 100)
    rows[50] <- paste0("0,1,", cell)
    file <- write_file(paste0(c("is_male,a,b", rows, ""), collapse = "\n"))
    expect_sentence(file, paste("FILE, line 100:", marks))
  }
  expect_sentence(write_file('is_male,"a\nb",c\n0,1,2\n'), paste("FILE, line 1:", marks))
  # In a column of text too, below cells that are written as they must be.
  for (cell in c('5" pipe', 'a "good" pipe', 'a 5"" pipe')) {
    head <- '\ufeff"is_male",a,"b"\n0,1,"x, ""y"""\n1,2,""\n0,3,"""z"\n'
    expect_sentence(write_file(head, "0,1,", cell, "\n"), paste("FILE, line 5:", marks))
  }
})

test_that("a compressed file is read as a whole where memory has room, and nothing stays of it", {
  table <- make_table(300)
  text <- paste0(c(
    paste(names(table), collapse = ","), do.call(paste, c(table, sep = ",")), ""
  ), collapse = "\n")
  before <- dir(tempdir())
  file <- write_gzip(charToRaw(text))
  pieces <- each_piece
  withr::defer(each_piece <<- pieces)
  each_piece <<- function(...) stop("it was read in pieces")
  expect_equal(read_table(file, whole = TRUE), table)
  expect_setequal(dir(tempdir()), c(before, basename(file)))
})

test_that("half a compressed file is not taken for a whole one", {
  file <- write_gzip(charToRaw(paste(readLines(write_table(make_table(5000))), collapse = "\n")))
  bytes <- readBin(file, "raw", 1e6)
  writeBin(utils::head(bytes, length(bytes) - 2000), file)
  expect_sentence(file, "FILE is damaged: it can't be unpacked.")
})

test_that("of a damaged compressed file one sentence is said, wherever the damage is", {
  packed <- readBin(write_gzip(charToRaw("is_male,a\n1,2\n0,3\n")), "raw", 1000)
  size <- length(packed)
  for (place in c(12, size %/% 2, size - 5, size - 1)) {
    base <- local_job()
    bytes <- packed
    bytes[place] <- xor(bytes[place], as.raw(0xff))
    writeBin(bytes, file.path(base, "input/data/training/z.csv.gz"))
    run <- train_in(base)
    expect_identical(run$status, 1L)
    expect_identical(run$stderr, "data/training/z.csv.gz is damaged: it can't be unpacked.")
  }
})

test_that("a file's name may be any", {
  folder <- withr::local_tempdir()
  for (name in c("caf\u00e9 \u6570\u636e.csv", "it's $HOME \"x\" `y`.csv")) {
    file <- file.path(folder, name)
    file.copy(write_table(make_table()), file)
    expect_identical(read_model(list(training = file))$rows$training, 200)
    copy <- file.path(folder, paste0(name, ".gz"))
    file.copy(write_gzip(readBin(file, "raw", 1e6)), copy)
    expect_identical(read_model(list(training = copy))$rows$training, 200)
  }
})

# Make believe that there is so much memory.
local_memory <- function(bytes, frame = parent.frame()) {
  limit <- job$memory_limit
  withr::defer(job$memory_limit <- limit, frame)
  job$memory_limit <- function(...) bytes
}

# The channels of a job: rows of text, numbers of both types, in several files.
write_channels <- function(table = make_mixed(3000)) {
  files <- c(write_mixed(table[1:1000, ]), write_mixed(table[1001:3000, 6:1]))
  other <- make_mixed(60, seed = 2)
  other$island[9] <- NA
  list(training = files, validation = write_mixed(other))
}

test_that("rows that do not fit into memory lie on the disk, and give the same model", {
  channels <- write_channels()
  kept <- train_model(channels)
  metrics <- model_metrics(kept)
  local_memory(1e6)
  size <- piece_bytes
  withr::defer(piece_bytes <<- size)
  for (small in c(size, 5000)) {
    piece_bytes <<- small
    read <- train_model(channels)
    expect_false(shard$in_memory)
    expect_equal(read$coefficients, kept$coefficients, tolerance = 1e-12)
    expect_equal(model_metrics(read), metrics, tolerance = 1e-12)
    expect_equal(read$data, kept$data)
  }
  expect_gt(length(shard$tables$training), 10)
  expect_identical(list.files(tempdir(), "^(rows|piece)-"), character())
})

test_that("the log says where the rows are kept, and what that needs", {
  channels <- list(training = write_table(make_table(168750)))
  say <- function(limit) {
    local_memory(limit * 2^20)
    utils::capture.output(choose_place(channels))
  }
  expect_identical(say(300), "The data are kept in memory: training needs some 259 MB.")
  expect_identical(say(200), c(
    paste(
      "The data are kept on the disk: training needs some 259 MB for them in memory,",
      "which has 200 MB."
    ),
    paste(
      "There it needs some 4 MB in /tmp, and 250 MB of memory.",
      "A step reads up to 4 MB, less what memory has room to keep."
    )
  ))
  expect_gt(job$disk_free("/tmp"), 1e6)
  expect_identical(job$disk_free("/no such folder"), Inf)
  free <- job$disk_free
  withr::defer(job$disk_free <- free)
  job$disk_free <- function(...) 3 * 2^20
  quietly(expect_failure_sentence(say(200), paste(
    "/tmp has 3 MB free, and training needs 4 MB there:",
    "raise VolumeSizeInGB in training-job.json."
  )))
})

test_that("what rows need is estimated, also of what is packed", {
  file <- write_table(make_table(50000))
  # Four columns, one of which has no whole numbers.
  exact <- c(memory = 8, disk = 5) * 50000 * 4
  packed <- write_gzip(readBin(file, "raw", 1e8))
  expect_equal(estimate(file), exact, tolerance = 0.02)
  expect_equal(estimate(packed), exact, tolerance = 0.05)
  # A file that is smaller than what is looked at, damaged, or none.
  small <- write_gzip(charToRaw("a,b\n1,2\n"))
  expect_equal(estimate(small), c(memory = 32, disk = 16))
  writeBin(utils::head(readBin(small, "raw", 100), 12), small)
  expect_lt(estimate(small)[["memory"]], 32)
  expect_equal(estimate(write_file("")), c(memory = 0, disk = 0))
})

test_that("what is no row of numbers is named with file, line and column", {
  head <- "is_male,a,b,c\n0,1,2,3\n1,2,3,5\n"
  expect_cell <- function(row, sentence) {
    expect_sentence(write_file(head, row, "\n0,9,9,9\n"), paste0("FILE, line 4", sentence))
    # In the last row too, with and without an end of line.
    expect_sentence(write_file(head, row), paste0("FILE, line 4", sentence))
  }
  for (text in c("abc", "inf", "-Inf", "1e999", "0x10", "T", "2020-01-01")) {
    expect_cell(paste0("0,1,", text, ",3"), sprintf(', column "b": "%s" is not a number.', text))
  }
  expect_cell("0,1,\"x,y\",3", ', column "b": "x,y" is not a number.')
  for (text in c("N/A", "null", "None", "nil", "\\N", "?", "-", "--", ".")) {
    expect_cell(
      paste0("0,1,", text, ",3"),
      sprintf(', column "b": "%s" is not a number: a missing value is an empty cell.', text)
    )
  }
  for (text in c("1 234", "\"1,5\"", "1.234.5", "\"1,234,567.8\"", "1'234")) {
    expect_cell(paste0("0,1,", text, ",3"), sprintf(paste0(
      ', column "b": "%s" is not a number: ',
      "write a point for decimals, and nothing between thousands."
    ), gsub('"', "", text)))
  }
  expect_cell("NA,1,2,3", ', column "is_male": the target is empty.')
  expect_cell(",1,2,3", ', column "is_male": the target is empty.')
  expect_cell("0,Inf,2,3", ', column "a": "Inf" is not a number.')
  expect_cell("0,na,2,3", ', column "a": "na" is not a number: a missing value is an empty cell.')
  second <- '"%s" is the name of the column: leave out this second header.'
  expect_cell("is_male,a,b,c", paste(', column "is_male":', sprintf(second, "is_male")))
  expect_cell("0,1,b,3", paste(', column "b":', sprintf(second, "b")))
  expect_cell("3,1,2,3", ', column "is_male": 3 is neither 0 nor 1.')
  expect_cell("0.5,1,2,3", ', column "is_male": 0.5 is neither 0 nor 1.')
  expect_cell("0,1,2", ": 3 fields, but the header has 4.")
  expect_cell("0,1,2,3,4", ": 5 fields, but the header has 4.")
  expect_cell("0,1,2,3,", ": 5 fields, but the header has 4.")
  expect_sentence(
    write_file("is_male,a,b,c\n0,1,2\n1,2,3,4\n"), "FILE, line 2: 3 fields, but the header has 4."
  )
  expect_sentence(
    write_file("is_male,a,b,c\n0,1,2,3,4\n1,2,3,4\n"),
    "FILE, line 2: 5 fields, but the header has 4."
  )
})

test_that("far down in a file the line is the right one", {
  rows <- rep("0,1,2,3", 50000)
  rows[34567] <- "0,1,2,3,4"
  text <- paste0(c("is_male,a,b,c", rows, ""), collapse = "\n")
  expect_sentence(write_file(text), "FILE, line 34568: 5 fields, but the header has 4.")
  rows[34567] <- "0,1,x,3"
  text <- paste0(c("is_male,a,b,c", rows, ""), collapse = "\n")
  expect_sentence(write_file(text), 'FILE, line 34568, column "b": "x" is not a number.')
})

test_that("headers that do not fit are named", {
  first <- write_table(make_table())
  second <- function(header) write_file(header, "\n0,1,2,3\n")
  expect_sentence(
    write_file("is_male,a,b\n0,1,2\n"), 'FILE, line 1: column "c" is missing.', first
  )
  expect_sentence(
    write_file("is_male,a,b,c,d\n0,1,2,3,4\n"),
    paste0('FILE, line 1: column "d" is not in ', first, "."), first
  )
  expect_sentence(second("is_male,a,a,c"), 'FILE, line 1: the column "a" stands twice.')
  expect_sentence(second("is_male,a,,c"), "FILE, line 1: column 3 has no name.")
  expect_sentence(
    second("y,a,b,c"),
    'FILE, line 1: the target column "is_male" is missing; the columns are y, a, b, c.'
  )
})

test_that("what is no CSV at all is said", {
  expect_sentence(write_file(""), "FILE has no header.")
  expect_sentence(write_file("\n\n"), "FILE has no header.")
  expect_sentence(
    write_file("\nis_male,a\n0,1\n"), "FILE, line 1 is blank: let the file begin with its header."
  )
  expect_sentence(
    write_file("is_male,a\r0,1\r1,2\r"),
    "FILE, line 1 ends with CR alone, as on old Macs: save it as CSV UTF-8."
  )
  expect_sentence(write_file("is_male,a\n"), "FILE has a header but no rows.")
  not_text <- "FILE is not a text file in UTF-8: only CSV can be read."
  binary <- function(bytes) {
    file <- tempfile(fileext = ".csv")
    writeBin(bytes, file)
    file
  }
  expect_sentence(binary(as.raw(c(80, 65, 0, 49))), not_text)
  expect_sentence(
    binary(c(charToRaw("PAR1"), as.raw(c(21, 0)))),
    "FILE is a Parquet file: only CSV can be read, plain or compressed by gzip."
  )
  utf16 <- iconv("is_male,a\n0,1\n", to = "UTF-16LE", toRaw = TRUE)[[1]]
  expect_sentence(binary(utf16), not_text)
  expect_sentence(
    binary(c(as.raw(c(0xff, 0xfe)), utf16)),
    'FILE is UTF-16, as Excel\'s "Unicode text" is: save it as CSV UTF-8.'
  )
  excel <- "FILE is an Excel workbook or a ZIP archive: save it as CSV UTF-8."
  expect_sentence(binary(as.raw(c(0x50, 0x4b, 3, 4, 20, 0))), excel)
  expect_sentence(binary(as.raw(c(0xd0, 0xcf, 0x11, 0xe0, 0xa1))), excel)
  packed <- tempfile(fileext = ".csv")
  for (kind in c("bzip2", "xz")) {
    connection <- (if (kind == "xz") xzfile else bzfile)(packed, "wb")
    writeLines("is_male,a\n0,1", connection)
    close(connection)
    expect_sentence(packed, sprintf("FILE is compressed by %s: only gzip can be read.", kind))
  }
  expect_sentence(
    write_file("\n <!DOCTYPE html>"),
    "FILE is a web page or XML, not CSV: download the file itself."
  )
  expect_sentence(
    write_file("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
    "FILE is a pointer of Git LFS, not the file: run git lfs pull."
  )
  for (json in c("{\"a\": 1}", "[1, 2]")) {
    expect_sentence(write_file(json), "FILE is JSON: only CSV can be read.")
    expect_sentence(write_gzip(charToRaw(json)), "FILE is JSON: only CSV can be read.")
  }
  latin1 <- c(charToRaw("is_male,a\n0,"), as.raw(0xe9), charToRaw("\n"))
  expect_sentence(binary(latin1), not_text)
  # A header without rows does no harm beside a file that has some.
  files <- c(write_file("is_male,a,b,c\n"), write_file("\n\n"), write_table(make_table()))
  expect_identical(read_model(list(training = files))$rows$training, 200)
})

test_that("what other programs export is read, or refused with the remedy", {
  expect_header <- function(header, sentence) {
    expect_sentence(write_file(header, "\n0,1,2,3\n"), paste0("FILE, line 1", sentence))
  }
  numbers <- " holds numbers: write a header line with the names of the columns."
  expect_header("0,1,2,3", numbers)
  expect_header("0,1.5,,-3e5", numbers)
  expect_header("\ufeff0,1,2,3", numbers)
  separated <- c(
    "is_male;a;b" = "semicolons", "is_male\ta\tb" = "tabs", "is_male|a|b" = "vertical bars",
    "sep=;" = "semicolons"
  )
  for (header in names(separated)) {
    expect_header(header, sprintf(
      ": the columns are separated by %s: write the file with commas.", separated[[header]]
    ))
  }
  expect_header(",is_male,a,b", paste0(
    ": column 1 has no name, as the row numbers of pandas and R: ",
    "write the file without them (index=False, row.names = FALSE)."
  ))
  for (name in c("Unnamed: 0", "Unnamed: 12", "__index_level_0__")) {
    expect_header(paste0("is_male,", name, ",a"), sprintf(paste0(
      ': the column "%s" holds row numbers of pandas: ',
      "write the file without them (index=False)."
    ), name))
  }
})

test_that("True and False are numbers", {
  file <- write_file("is_male,a,b,c\nTrue,1,false,3\nFALSE,2,TRUE,4\ntRuE,3,0,5\n")
  expected <- data.frame(is_male = c(1, 0, 1), a = 1:3, b = c(0, 1, 0), c = 3:5)
  expect_equal(read_table(file), expected)
  quick <- write_file("is_male,a,b,c\nTrue,1,false,3\nFalse,2,true,4\nTrue,3,false,5\n")
  expect_equal(read_table(quick), expected)
})

test_that("rows that miss a value are left out, as glm() leaves them out", {
  table <- make_table(300)
  table$a[c(3, 77)] <- NA
  table$c[300] <- NA
  theirs <- stats::glm(is_male ~ a + b + c, binomial(), table)
  for (na in c("NA", "", "nan", "#N/A")) {
    file <- tempfile(fileext = ".csv")
    utils::write.csv(table, file, row.names = FALSE, quote = FALSE, na = na)
    log <- capture.output(model <- model_read(
      model_new(default_hyperparameters()), list("algo-1" = list(training = file))
    ))
    expect_identical(log[-1], c(
      "Read 300 rows of training.", "Left out 3 of 300 rows of training: a value is missing."
    ))
    expect_identical(model$rows$training, 297)
    while (!model_finished(model)) model <- step(model)
    expect_equal(model$coefficients, unname(coef(theirs)), tolerance = 1e-8)
  }
  table$a <- NA
  file <- tempfile(fileext = ".csv")
  utils::write.csv(table, file, row.names = FALSE)
  expect_sentence(
    file, 'Every row of "training" misses a value: there is nothing to learn from.'
  )
})

fit_glm <- function(table, formula = is_male ~ .) {
  # glm() sorts the levels as the locale has it.
  withr::local_collate("C")
  stats::glm(formula, binomial(), table)
}

test_that("columns of text are factors, as in glm()", {
  table <- make_mixed()
  theirs <- fit_glm(table)
  for (na in c("", "NA")) {
    model <- train_model(list(training = write_mixed(table, na)))
    ours <- save_and_load(model)
    expect_identical(names(coef(ours)), names(coef(theirs)))
    expect_equal(coef(ours), coef(theirs), tolerance = 1e-8)
    expect_identical(ours$xlevels, theirs$xlevels)
    expect_identical(ours$contrasts, theirs$contrasts)
  }
  expect_identical(model$rows$training, 297)
  expect_identical(nobs(ours), nobs(theirs))
  for (value in list(BIC, AIC, vcov)) {
    expect_equal(value(ours), value(theirs), tolerance = 1e-8)
  }
  expect_equal(coef(summary(ours)), coef(summary(theirs)), tolerance = 1e-8)
  expect_identical(model_metadata(model)$categories, list(
    kind = list("Ad\u00e9lie, small", "Chin \"strap\"", "Gentoo", "adelie"),
    island = list("Biscoe", "Dream", "Torgersen")
  ))
})

test_that("a new R predicts with the saved model, with standard errors, on text", {
  folder <- withr::local_tempdir()
  table <- make_mixed()
  model_save(train_model(list(training = write_mixed(table))), folder)
  new <- make_mixed(40, seed = 2)
  new$island[9] <- NA
  file <- write_mixed(new)
  theirs <- predict(fit_glm(table), new, type = "response", se.fit = TRUE)
  script <- withr::local_tempfile(lines = c(
    "given <- commandArgs(TRUE)",
    "model <- readRDS(file.path(given[1], 'model.rds'))",
    "for (is_factor in c(TRUE, FALSE)) {",
    "  table <- read.csv(given[2], na.strings = c('NA', ''), stringsAsFactors = is_factor)",
    "  made <- predict(model, table, type = 'response', se.fit = TRUE)",
    "  saveRDS(made, file.path(given[1], paste0(is_factor, '.rds')))",
    "}",
    "stopifnot(nobs(model) == 297, is.finite(BIC(model)))"
  ))
  done <- processx::run(
    "Rscript", c("--vanilla", script, folder, file),
    error_on_status = FALSE
  )
  expect_identical(done$stderr, "")
  for (name in c("TRUE.rds", "FALSE.rds")) {
    ours <- readRDS(file.path(folder, name))
    expect_equal(ours, theirs, tolerance = 1e-8)
    expect_identical(sum(is.na(ours$fit)), 3L)
  }
})

test_that("any formula will do whose terms look at one row at a time", {
  make <- make_formula
  withr::defer(make_formula <<- make)
  formula <- is_male ~ log(b) * kind + I(a^2) + island:c
  make_formula <<- function(target) formula
  table <- make_mixed()
  ours <- save_and_load(train_model(list(training = write_mixed(table))))
  complete <- stats::na.omit(table)
  theirs <- fit_glm(complete, formula)
  expect_identical(names(coef(ours)), names(coef(theirs)))
  expect_equal(coef(ours), coef(theirs), tolerance = 1e-8)
  expect_equal(predict(ours, complete), predict(theirs, complete), tolerance = 1e-8)
})

test_that("what rows are left out for is not residuals that mislead", {
  model <- save_and_load(train_model(list(training = write_table(make_table()))))
  expect_true(all(is.na(stats::residuals(model))))
  expect_error(sum(stats::residuals(model, "working")), "not meaningful for factors")
  expect_null(stats::weights(model))
})

test_that("the first cell that is not empty tells text from numbers", {
  texts <- function(...) {
    find_schema(list("algo-1" = list(training = c(...))), "is_male")$texts
  }
  rows <- "is_male,a,b,c\n1,,NA,\n\n0, 7 , true ,\n1,x,y,\n"
  expect_identical(texts(write_file(rows)), character())
  expect_identical(texts(write_file("is_male,a,b,c\nx,x,\"y, z\",\n0,1,2,3,4\n")), c("a", "b"))
  # What has a remedy is no text.
  expect_identical(texts(write_file("is_male,a,b,c\n0,?,\"1.234,5\",n/a\n")), character())
  # The first file with rows decides.
  bare <- write_file("is_male,a\n")
  expect_identical(texts(write_file("\n"), bare, write_file("is_male,a\n0,x\n")), "a")
  # A number among texts is a text.
  table <- data.frame(is_male = rep(0:1, 20), a = c("x", "007", "true", "1e5"), b = 1:40)
  file <- write_mixed(table)
  read <- read_table(file)
  expect_identical(read, read_table(file, whole = FALSE))
  expect_identical(read$a, table$a)
})

test_that("what is no text is named with file, line and column", {
  head <- "is_male,a,b\n0,x,1\n1,y,2\n"
  for (text in c("N/A", "null", "?", "-")) {
    expect_sentence(write_file(head, "0,", text, ",3\n"), sprintf(
      'FILE, line 4, column "a": "%s": a missing value is an empty cell.', text
    ))
  }
  expect_sentence(write_file(head, "0,x,y\n"), 'FILE, line 4, column "b": "y" is not a number.')
  expect_sentence(write_file("is_male,a\nx,y\n"), paste(
    'FILE, line 2, column "is_male": "x" is neither 0 nor 1:',
    "write 1 for one class, 0 for the other."
  ))
  table <- make_mixed()
  table$island <- "Dream"
  expect_sentence(
    write_mixed(table),
    'The column "island" has the same value in every row of training: leave it out.'
  )
  table$island <- ifelse(table$kind == "Gentoo", "Dream", "Biscoe")
  expect_sentence(
    write_mixed(table), 'The column "island" is a linear combination of kind: leave it out.'
  )
  table <- data.frame(is_male = rep(0:1, 600), id = sprintf("p%d", 1:1200))
  expect_sentence(write_mixed(table), paste(
    'Column "id" has more than 1,000 different texts: leave it out, or make numbers of it.'
  ))
})

test_that("a typing error that makes a text of a column is named", {
  base <- local_opt_ml(
    "training.csv" = "is_male,a\n0,4O\n1,41.5\n0,42\n",
    "validation.csv" = "is_male,a\n0,41.5\n1,43\n",
    "many.csv" = paste0("is_male,a\n0,4O\n", paste0("1,", 1:1001, "\n", collapse = ""))
  )
  file <- function(name) file.path(base, paste0(name, ".csv"))
  expect_failure_sentence(
    quietly(read_model(list(training = file("training"), validation = file("validation")))),
    paste0(
      file("validation"), ', line 3, column "a": "43" is in no row of training, ',
      'where "4O" makes the column text.'
    )
  )
  expect_failure_sentence(quietly(read_model(list(training = file("many")))), paste(
    'Column "a" has more than 1,000 different texts, since "4O" is not a number: mend that, or',
    "leave it out, or make numbers of it."
  ))
})

test_that("a text of validation that training lacks is named with its place", {
  training <- write_mixed(make_mixed())
  other <- make_mixed(40, seed = 2)
  other$island[9] <- "Dream"
  other$kind[21] <- "Emperor"
  expect_stranger <- function(file, line) {
    failure <- expect_error(
      read_model(list(training = training, validation = file)),
      class = "training_failure"
    )
    expect_identical(conditionMessage(failure), sprintf(
      '%s, line %d, column "kind": "Emperor" is in no row of training.', file, line
    ))
  }
  expect_stranger(write_mixed(other), 22)
  # Where the slow reader reads, and a row is left out anyway.
  other$kind[5] <- "King"
  other$a[5] <- NA
  other$b <- ifelse(seq_len(40) == 3, "nan", other$b)
  expect_stranger(write_mixed(other), 22)
  other$kind[21] <- NA
  expect_identical(
    read_model(list(training = training, validation = write_mixed(other)))$rows$validation, 35
  )
})

test_that("missing cells at the ends of rows are told from rows that end early", {
  quick <- read_slowly
  withr::defer(read_slowly <<- quick)
  read_slowly <<- function(...) stop("slow")
  rows <- c("0,1,2,3", "1,2,3,", "", "0,1,2,\"\"", " ", "1,,,")
  text <- paste0(c("is_male,a,b,c", rows, ""), collapse = "\n")
  expect_identical(nrow(read_table(write_file(text))), 1L)
  read_slowly <<- quick
  expect_sentence(
    write_file(text, "1,2,3\n"), "FILE, line 8: 3 fields, but the header has 4."
  )
})

test_that("a checkpoint of other categories, or of other rows, is an error", {
  file <- withr::local_tempfile()
  table <- make_mixed()
  model_save_checkpoint(model_step(read_model(list(training = write_mixed(table)))), file)
  for (change in list(
    function(table) transform(table, kind = sub("adelie", "king", kind)),
    function(table) transform(table, c = c * 2),
    function(table) transform(table, a = a * ifelse(seq_along(a) == 7, 1.001, 1))
  )) {
    other <- read_model(list(training = write_mixed(change(table))))
    expect_error(model_load_checkpoint(other, file), "it was made from other data")
  }
  # In other files, it is the same.
  halves <- c(write_mixed(table[1:100, ]), write_mixed(table[101:300, 6:1]))
  expect_no_error(model_load_checkpoint(read_model(list(training = halves)), file))
})

# Train on several hosts at once, each with its own table, or none.
#
# tables: for each host a list of tables, one a file.
# Returns for each host what `finish()` gives, and where its files are.
train_on_hosts <- function(..., program = code, frame = parent.frame()) {
  # The first of the sorted names leads, and must be that of a machine.
  tables <- stats::setNames(list(...), utils::head(c("localhost", "w1", "w2"), ...length()))
  bases <- lapply(names(tables), function(host) {
    base <- local_opt_ml(frame = frame)
    write_config(base, "resourceconfig.json", list(current_host = host, hosts = names(tables)))
    sharded <- list(S3DistributionType = "ShardedByS3Key")
    write_config(base, "inputdataconfig.json", list(training = sharded, validation = sharded))
    for (channel in c("training", "validation")) {
      folder <- file.path(base, "input/data", channel)
      dir.create(folder)
      for (i in seq_along(tables[[host]])) {
        write_table(tables[[host]][[i]], file.path(folder, paste0(host, i, ".csv")))
      }
    }
    base
  })
  processes <- lapply(bases, start, program = program)
  Map(function(process, base) c(finish(process, base), base = base), processes, bases)
}

test_that("shards that are not alike give the model of all the data (C52)", {
  table <- make_table(2000)
  table <- table[order(table$a), ]
  whole <- train_on_hosts(list(table))[[1]]
  # Sorted by a column, of other sizes, in another number of files, the columns in another order.
  shards <- train_on_hosts(
    list(),
    list(table[1:300, c(3, 1, 4, 2)], table[301:310, ]),
    list(table[311:2000, ])
  )
  expect_identical(lapply(shards, function(run) run$stderr), rep(list(character()), 3))
  expect_identical(vapply(shards, function(run) run$status, 0L), rep(0L, 3))
  result <- lapply(list(whole, shards[[1]]), function(run) {
    table <- utils::read.csv(file.path(run$base, "model/coefficients.csv"), row.names = "term")
    metadata <- jsonlite::read_json(file.path(run$base, "model/metadata.json"))
    list(table = table[order(rownames(table)), ], same = metadata[c("rows", "metrics", "steps")])
  })
  expect_equal(result[[2]], result[[1]], tolerance = 1e-8)
})

test_that("hosts agree on the texts, and one may lack some of them, or all rows", {
  table <- make_mixed(600)
  theirs <- fit_glm(table)
  table <- table[order(table$kind, table$island), ]
  write <- write_table
  withr::defer(write_table <<- write)
  write_table <<- function(table, file) utils::write.csv(table, file, row.names = FALSE, na = "")
  runs <- train_on_hosts(list(table[1:80, ]), list(table[81:600, 6:1]), list())
  expect_identical(lapply(runs, function(run) run$stderr), rep(list(character()), 3))
  ours <- readRDS(file.path(runs[[1]]$base, "model/model.rds"))
  expect_identical(names(coef(ours)), names(coef(theirs)))
  expect_equal(coef(ours), coef(theirs), tolerance = 1e-8)
  expect_equal(BIC(ours), BIC(theirs), tolerance = 1e-8)
})

test_that("a host may keep its rows on the disk, and another in memory", {
  table <- make_mixed(600)
  theirs <- fit_glm(table)
  write <- write_table
  withr::defer(write_table <<- write)
  write_table <<- function(table, file) utils::write.csv(table, file, row.names = FALSE, na = "")
  program <- local_program(
    "if (job$read_hosts()$rank > 0) job$memory_limit <- function(...) 1e6"
  )
  runs <- train_on_hosts(list(table[1:300, ]), list(table[301:600, ]), program = program)
  expect_identical(lapply(runs, function(run) run$stderr), rep(list(character()), 2))
  expect_match(runs[[1]]$stdout, "^The data are kept in memory", all = FALSE)
  expect_match(runs[[2]]$stdout, "^The data are kept on the disk", all = FALSE)
  ours <- readRDS(file.path(runs[[1]]$base, "model/model.rds"))
  expect_equal(coef(ours), coef(theirs), tolerance = 1e-8)
})

test_that("columns that differ between hosts are an error that names the host", {
  table <- make_table()
  other <- stats::setNames(table, c("is_male", "a", "b", "d"))
  runs <- train_on_hosts(list(table), list(other))
  sentence <- paste(
    'data/training/w11.csv, line 1: column "d" is not in',
    "data/training/localhost1.csv of localhost."
  )
  expect_identical(runs[[1]]$failure, paste("Host w1 failed:", sentence))
  expect_identical(runs[[2]]$failure, sentence)
})

test_that("the penguins are told apart", {
  data <- function(channel) file.path(root, "data", channel, "penguins.csv")
  skip_if_not(file.exists(data("training")))
  model <- train_model(list(training = data("training"), validation = data("validation")))
  expect_gt(model_metrics(model)["validation:accuracy"], 0.9)
})
