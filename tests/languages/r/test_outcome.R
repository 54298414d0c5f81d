# Exit code and failure file.

run_job <- function(work) {
  job$run(work, job$path_to("output", "failure"))
}

test_that("a success leaves no failure file", {
  base <- local_opt_ml("output/failure" = "of the last time")
  expect_identical(run_job(function() NULL), 0L)
  expect_false(file.exists(file.path(base, "output/failure")))
})

test_that("what the user can mend is one sentence", {
  base <- local_opt_ml()
  expect_message(
    status <- run_job(function() job$fail("It is so.")), "^It is so\\.\n$"
  )
  expect_identical(status, 1L)
  expect_identical(readLines(file.path(base, "output/failure")), "It is so.")
  expect_message(
    status <- run_job(function() job$fail("It is so.", exit_code = 2L)), "^It is so\\.\n$"
  )
  expect_identical(status, 2L)
})

test_that("an error of the program's own comes with its stack trace", {
  base <- local_opt_ml()
  unlink(file.path(base, "output"), recursive = TRUE)
  deepest <- function() stop("\u001b[31moops\u001b[0m \u00fc\nand more")
  expect_message(
    status <- run_job(function() deepest()),
    "^simpleError: oops \u00fc and more\n  test_outcome.R#[0-9]+: deepest\\(\\)"
  )
  expect_identical(status, 1L)
  lines <- readLines(file.path(base, "output/failure"), encoding = "UTF-8")
  expect_identical(lines[1], "simpleError: oops \u00fc and more")
  expect_match(lines[2], "deepest()", fixed = TRUE)
})

test_that("the failure file has at most 1024 characters", {
  base <- local_opt_ml()
  deep <- function(n) if (n == 0) stop(strrep("\u00fc", 500)) else deep(n - 1)
  expect_message(run_job(function() deep(50)))
  text <- readChar(file.path(base, "output/failure"), 1e5)
  expect_identical(nchar(text), 1024L)
  expect_message(run_job(function() job$fail(strrep("x", 3000))))
  expect_identical(nchar(readChar(file.path(base, "output/failure"), 1e5)), 1024L)
})

# What the failure file says where this is what the work does.
sentence_of <- function(work) {
  base <- local_opt_ml()
  suppressMessages(suppressWarnings(run_job(work)))
  readLines(file.path(base, "output/failure"), encoding = "UTF-8")[1]
}

test_that("what rlang and cli say arrives, with bullets and parents", {
  skip_if_not_installed("rlang")
  expect_identical(
    sentence_of(function() {
      tryCatch(
        stop("column income has 3 missing values"),
        error = function(e) rlang::abort("Problem while baking the recipe.", parent = e)
      )
    }),
    paste(
      "rlang_error: Problem while baking the recipe.",
      "(caused by simpleError: column income has 3 missing values)"
    )
  )
  expect_identical(
    sentence_of(function() {
      rlang::abort(c("Must be numeric.", x = "You gave text.", i = "See the manual."))
    }),
    "rlang_error: Must be numeric. You gave text. See the manual."
  )
  expect_identical(
    sentence_of(function() {
      tryCatch(
        tryCatch(stop("the deepest"), error = function(e) rlang::abort("between", parent = e)),
        error = function(e) rlang::abort(c("above", i = "more"), parent = e)
      )
    }),
    "rlang_error: above more (caused by rlang_error: between, simpleError: the deepest)"
  )
})

test_that("a cause that is known is one sentence without a trace", {
  expect_identical(
    sentence_of(function() {
      stop(
        "unable to load shared object '/x/xgboost.so':\n",
        "  libgomp.so.1: cannot open shared object file: No such file or directory"
      )
    }),
    paste(
      "libgomp.so.1 is missing in the image: put its Debian package (libgomp1) into",
      "SYSTEM_LIBRARIES of the Dockerfile."
    )
  )
  packages <- c(
    "libgsl.so.27" = "libgsl27", "libudunits2.so.0" = "libudunits2-0", "libxml2.so.2" = "libxml2",
    "libz.so.1" = "zlib1g", "libgdal.so.34" = "libgdal34", "libpng16.so.16" = "libpng16-16"
  )
  for (library in names(packages)) {
    expect_match(job$missing_library(library), sprintf("(%s)", packages[[library]]), fixed = TRUE)
  }
  expect_match(
    sentence_of(function() numeric(1e14)),
    "^The memory is full \\(cannot allocate vector of size .*\\): choose a larger InstanceType"
  )
  expect_identical(
    sentence_of(function() library("no.such.package", character.only = TRUE)),
    "The package no.such.package is not in the image: add it to packages.txt."
  )
})

test_that("a file that can't be opened is named", {
  expect_match(
    sentence_of(function() {
      file <- job$path_to("input", "data", "training", "a.csv")
      dir.create(dirname(file), recursive = TRUE)
      file.symlink("nowhere", file)
      utils::read.csv(file)
    }),
    "^Can't read data/training/a\\.csv: No such file or directory\\.$"
  )
  expect_match(
    sentence_of(function() readRDS("/nowhere/a.rds")),
    "^Can't read /nowhere/a\\.rds: No such file or directory\\.$"
  )
})

test_that("what a finished model can do without is missed once, aloud", {
  local_opt_ml()
  withr::defer(job$the$missed <- NULL)
  fails <- function() stop("no column x")
  log <- capture.output(suppressMessages(for (i in 1:2) {
    expect_null(job$attempt("metrics", fails))
  }))
  expect_identical(log, paste(
    "WARNING: the metrics can't be had (simpleError: no column x):",
    "the model is saved without them."
  ))
  expect_failure_sentence(job$attempt("metrics", function() job$fail("It is so.")), "It is so.")
})
