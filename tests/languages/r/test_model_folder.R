# The model folder: all or nothing.

save_two <- function(model, folder) {
  writeLines("a", file.path(folder, "a.txt"))
  dir.create(file.path(folder, "sub"))
  writeLines("b", file.path(folder, "sub", "b.txt"))
}
load_two <- function(folder) readLines(file.path(folder, c("a.txt", "sub/b.txt")[2]))

test_that("the model's files and metadata.json are put in place", {
  base <- local_opt_ml()
  metadata <- list(rows = list(training = 266), metrics = list(loss = 1e-9), stopped = FALSE)
  expect_output(job$save_model(NULL, save_two, load_two, metadata), paste0(
    "Saved the model in ", base, "/model: a.txt, metadata.json, sub/b.txt."
  ), fixed = TRUE)
  files <- list.files(file.path(base, "model"), recursive = TRUE, all.files = TRUE)
  expect_identical(sort(files), c("a.txt", "metadata.json", "sub/b.txt"))
  expect_false(dir.exists(file.path(base, "model/.saving")))
  read <- jsonlite::read_json(file.path(base, "model/metadata.json"))
  expect_equal(read, metadata)
})

test_that("a model without files is a failure", {
  sentence <- "^model_save\\(\\) in model.R wrote no file into its folder: .*/model would be empty\\.$"
  base <- local_opt_ml()
  for (save in list(function(...) NULL, function(model, folder) {
    file.create(file.path(folder, "empty"))
  })) {
    expect_error(
      job$save_model(NULL, save, identity, list()), sentence, class = "training_failure"
    )
    expect_identical(model_files(base), character())
  }
})

test_that("a model that can't be read back, or half of one, is not left behind", {
  base <- local_opt_ml()
  refuse <- function(folder) stop("not mine")
  expect_error(job$save_model(NULL, save_two, refuse, list()), "not mine")
  expect_identical(model_files(base), character())
  # The second file finds a folder in its place.
  dir.create(file.path(base, "model/sub/b.txt/x"), recursive = TRUE)
  expect_error(job$save_model(NULL, save_two, load_two, list()))
  expect_false(file.exists(file.path(base, "model/a.txt")))
})

test_that("metadata of any type cost no model", {
  base <- local_opt_ml()
  loop <- new.env()
  loop$self <- loop
  metadata <- list(
    version = utils::packageVersion("base"), day = as.Date("2026-11-27"),
    when = as.POSIXct("2026-11-27", tz = "UTC"), formula = y ~ x,
    call = quote(f(x)), f = function(x) x,
    environment = loop, infinite = c(1, Inf), missing = NA, complex = 1i, nothing = NULL,
    factor = factor("a"), table = data.frame(a = 1), named = c(a = 1, b = 2), raw = as.raw(1),
    matrix = matrix(1:4, 2), fit = stats::lm(dist ~ speed, datasets::cars),
    deep = list(list(Sys.time()))
  )
  quietly(job$save_model(NULL, save_two, load_two, metadata))
  read <- jsonlite::read_json(file.path(base, "model/metadata.json"))
  expect_named(read, names(metadata))
  expect_identical(read$version, as.character(getRversion()))
  expect_identical(read$day, "2026-11-27")
  expect_identical(read$named, list(a = 1L, b = 2L))
})

test_that("a model may have a metadata.json of its own", {
  base <- local_opt_ml()
  save <- function(model, folder) writeLines("{}", file.path(folder, "metadata.json"))
  log <- capture.output(job$save_model(NULL, save, identity, list(a = 1)))
  expect_identical(log[1], paste(
    "WARNING: model_save() wrote a metadata.json:",
    "what train says of the job is in training-metadata.json."
  ))
  expect_identical(readLines(file.path(base, "model/metadata.json")), "{}")
  expect_identical(
    jsonlite::read_json(file.path(base, "model/training-metadata.json")), list(a = 1L)
  )
})

test_that("what a killed job left of a model is not taken for one", {
  base <- local_opt_ml("model/.saving/model.rds" = "half", "model/model.rds" = "half")
  folder <- file.path(base, "model")
  expect_failure_sentence(job$refuse_unfinished(folder), paste0(
    folder, " holds .saving: the job was killed while it saved the model, so it is not whole."
  ))
  expect_error(model_load(folder), "it is not whole")
})
