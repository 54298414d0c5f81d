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
    "^simpleError: oops \u00fc\n  test_outcome.R#[0-9]+: deepest\\(\\)"
  )
  expect_identical(status, 1L)
  lines <- readLines(file.path(base, "output/failure"), encoding = "UTF-8")
  expect_identical(lines[1], "simpleError: oops \u00fc")
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
