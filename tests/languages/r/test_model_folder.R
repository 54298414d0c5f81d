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
  sentence <- "/model would be empty: save\\(\\) in model wrote no file\\.$"
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
