# The model of the README and the examples, run as they stand there.

readme <- paste(readLines(file.path(root, "README.md"), encoding = "UTF-8"), collapse = "\n")
start_model <- regmatches(readme, gregexpr("(?s)\n```r\n.*?\n```\n", readme, perl = TRUE))[[1]] |>
  gsub(pattern = "^\n```r\n|```\n$", replacement = "")

# Train the model to start from on these tables, by channel.
train_start <- function(tables, frame = parent.frame()) {
  base <- local_opt_ml(frame = frame)
  for (channel in names(tables)) {
    folder <- file.path(base, "input/data", channel)
    dir.create(folder)
    connection <- file(file.path(folder, "a.csv"), "w", encoding = "UTF-8")
    cat("\ufeff", file = connection) # as Excel writes it
    utils::write.csv(tables[[channel]], connection, row.names = FALSE)
    close(connection)
  }
  program <- local_program(frame = frame)
  cat(start_model, file = file.path(program, "model.R"))
  unlink(file.path(program, c("glm.R", "tables.R", "csv.R")))
  c(train_in(base, program = program), base = base)
}

# Weights that depend on a text and a number.
make_penguins <- function(rows) {
  species <- rep(c("Adelie", "Gentoo", "Chinstrap"), length.out = rows)
  flipper <- 180 + seq_len(rows) %% 40
  weight <- 10 * flipper + ifelse(species == "Gentoo", 900, 0)
  data.frame(species = species, flipper = flipper, body_mass_g = weight)
}

test_that("the model to start from trains on text, numbers and missing values", {
  table <- make_penguins(90)
  table$species[4] <- NA
  table$flipper[7] <- NA
  run <- train_start(list(training = table, validation = make_penguins(30)))
  expect_identical(run$status, 0L, info = paste(run$stderr, collapse = "\n"))
  expect_match(run$stdout, "^step=1 training:rmse=[0-9.e-]+ validation:rmse=[0-9]", all = FALSE)
  model <- readRDS(file.path(run$base, "model/model.rds"))
  expect_equal(coef(model)[["flipper"]], 10)
  expect_equal(coef(model)[["speciesGentoo"]], 900)
})

test_that("what is wrong with its data is one sentence", {
  run <- train_start(list(training = make_penguins(9)[1:2]))
  expect_identical(run$stderr, "training: there is no column body_mass_g with numbers.")
})

test_that("the linter finds nothing in it", {
  linters <- lintr::linters_with_defaults(line_length_linter = lintr::line_length_linter(100))
  found <- lintr::lint(text = strsplit(start_model, "\n")[[1]], linters = linters)
  expect_length(found, 0)
})

test_that("it has no more lines than one reads", {
  expect_lte(length(strsplit(start_model, "\n")[[1]]), 40)
})

# Have the example predict with the model of a job.
expect_predictions <- function(base) {
  testthat::expect_identical(train_in(base)$status, 0L)
  words <- c("--vanilla", normalizePath(file.path(root, "examples/predict.R")))
  words <- c(words, "model", "input/data/validation/penguins.csv")
  predict <- function() processx::run("Rscript", words, wd = base, error_on_status = FALSE)
  done <- predict()
  testthat::expect_identical(done$status, 0L, info = done$stderr)
  testthat::expect_match(done$stdout, "probability +standard_error")
  dir.create(file.path(base, "model/.saving"))
  sentence <- "The job was killed while it saved: the model is not whole."
  testthat::expect_match(predict()$stderr, sentence)
  done$stdout
}

test_that("the model's predictions need nothing of this repository", {
  expect_predictions(local_job())
})

test_that("they take columns of text and empty cells", {
  base <- local_job()
  set.seed(1)
  for (channel in c("training", "validation")) {
    table <- cbind(is_male = stats::rbinom(90, 1, 0.5), make_penguins(90))
    table$body_mass_g <- table$body_mass_g + round(stats::rnorm(90, sd = 100))
    table$species[4] <- NA
    table$flipper[7] <- NA
    file <- file.path(base, "input/data", channel, "penguins.csv")
    utils::write.csv(table, file, row.names = FALSE, na = "")
  }
  printed <- expect_predictions(base)
  # Two rows without a prediction, and without a standard error.
  expect_length(gregexpr("\\bNA\\b", printed)[[1]], 4)
})
