# How hyperparameters are declared and decoded.

declared <- list(
  job$hyperparameter("rounds", "integer", 100, "how often", minimum = 1, maximum = 100000),
  job$hyperparameter("rate", "number", 0.1, "how much", minimum = 0),
  job$hyperparameter("early", "boolean", FALSE, "whether"),
  job$hyperparameter("label", "string", "y", "which"),
  job$hyperparameter("device", "string", "cpu", "where", choices = c("cpu", "cuda"))
)

read_json <- function(json, overrides = list(), frame = parent.frame()) {
  local_opt_ml("input/config/hyperparameters.json" = json, frame = frame)
  quietly(job$read_hyperparameters(declared, overrides))
}

test_that("a missing file and an empty one mean the defaults", {
  defaults <- list(rounds = 100, rate = 0.1, early = FALSE, label = "y", device = "cpu")
  local_opt_ml()
  expect_identical(quietly(job$read_hyperparameters(declared)), defaults)
  expect_identical(read_json("{}"), defaults)
  expect_identical(read_json('{"rounds": "", "rate": "null", "early": "None"}'), defaults)
})

test_that("values are read in every encoding that callers use", {
  for (text in c("10", "10.0", "1e1", " 10 ", "\\\"10\\\"")) {
    expect_identical(read_json(sprintf('{"rounds": "%s"}', text))$rounds, 10)
  }
  for (text in c("true", "True", "1", "yes", "\\\"true\\\"")) {
    expect_true(read_json(sprintf('{"early": "%s"}', text))$early)
  }
  for (text in c("false", "False", "0", "no")) {
    expect_false(read_json(sprintf('{"early": "%s"}', text))$early)
  }
  expect_identical(read_json('{"rate": "1e-3"}')$rate, 0.001)
  expect_identical(read_json('{"rounds": 10, "early": true}')[c("rounds", "early")], list(
    rounds = 10, early = TRUE
  ))
})

test_that("a string stays what it is, without the quotes of JSON", {
  expect_identical(read_json('{"label": "00123"}')$label, "00123")
  expect_identical(read_json('{"label": "\\"adam\\""}')$label, "adam")
  expect_identical(read_json('{"label": "\\"a"}')$label, "\"a")
  expect_identical(read_json('{"label": "caf\u00e9, 1e3"}')$label, "caf\u00e9, 1e3")
})

test_that("names of the platform are skipped", {
  json <- '{"sagemaker_program": "x", "_tuning_objective_metric": "x", "rounds": "3"}'
  expect_identical(read_json(json)$rounds, 3)
})

test_that("the command line comes after the file", {
  expect_identical(read_json('{"rounds": "3"}', list(rounds = "4"))$rounds, 4)
})

test_that("a bad value is told with what would be right", {
  expect_bad <- function(name, value, expected) {
    json <- sprintf('{"%s": "%s"}', name, value)
    expect_failure_sentence(
      read_json(json),
      sprintf('Hyperparameter "%s" is "%s": it must be %s.', name, value, expected)
    )
  }
  for (value in c("abc", "0", "100001", "10.5", "inf", "nan", "0x10", "1 2")) {
    expect_bad("rounds", value, "an integer from 1 to 100000")
  }
  expect_bad("rate", "-1", "a number of at least 0")
  expect_bad("rate", "1e999", "a number of at least 0")
  expect_bad("early", "maybe", "true or false")
  expect_bad("device", "gpu", "one of cpu, cuda")
})

test_that("an unknown name is told with those that are known", {
  known <- "Known are device, early, label, rate, rounds."
  expect_failure_sentence(
    read_json('{"round": "3"}'),
    paste('Unknown hyperparameter "round": did you mean "rounds"?', known)
  )
  expect_failure_sentence(
    read_json('{"xyz": "3"}'), paste('Unknown hyperparameter "xyz".', known)
  )
})

test_that("a file that is no flat object is refused", {
  expect_error(
    read_json("{"), "hyperparameters\\.json is not valid JSON: .+[^.]\\.$",
    class = "training_failure"
  )
  for (json in c("[]", "[\"a\"]", "3", '{"rounds": ["3"]}', '{"rounds": {}}')) {
    expect_error(
      read_json(json), "hyperparameters\\.json must be one flat object of strings\\.$",
      class = "training_failure"
    )
  }
})

test_that("arguments are pairs after the word train", {
  read <- function(...) job$read_arguments(c(...), declared)
  expect_identical(read(), list())
  expect_identical(read("train"), list())
  expect_identical(read("train", "--rounds", "3", "--rate", "-1"), list(rounds = "3", rate = "-1"))
  expect_identical(read("--label", ""), list(label = ""))
  expect_identical(
    read("--rate=-1", "--rounds", "3", "--label=a=b", "--device="),
    list(rate = "-1", rounds = "3", label = "a=b", device = "")
  )
  for (word in c("serve", "-e", "")) {
    expect_failure_sentence(
      read(word),
      sprintf('This image only trains: start it with "train" or nothing, not "%s".', word),
      exit_code = 2L
    )
  }
  expect_failure_sentence(read("--rounds"), "--rounds needs a value after it.", exit_code = 2L)
  expect_failure_sentence(
    read("train", "--round=3"),
    paste(
      'Unknown hyperparameter "round": did you mean "rounds"?',
      "Known are device, early, label, rate, rounds."
    ),
    exit_code = 2L
  )
})

test_that("usage() lists name, meaning, range and default of each", {
  text <- paste(job$usage(declared), collapse = "\n")
  expect_match(text, "--rounds  how often\n      an integer from 1 to 100000; default 100")
  expect_match(text, "--early  whether\n      true or false; default false")
})

test_that("no value is a default too", {
  optional <- list(job$hyperparameter("mtry", "integer", NULL, "columns a split tries"))
  read <- function(json) {
    local_opt_ml("input/config/hyperparameters.json" = json)
    job$read_hyperparameters(optional)
  }
  expect_output(values <- read("{}"), "^Hyperparameters: mtry=null$")
  expect_identical(values, list(mtry = NULL))
  expect_identical(quietly(read('{"mtry": "3"}')), list(mtry = 3))
  expect_match(job$usage(optional), "an integer or null; default null", all = FALSE)
})

test_that("a declaration that makes no sense is one sentence", {
  expect_refused <- function(problem, ...) {
    expect_failure_sentence(
      job$hyperparameter(...), paste('Hyperparameter "a" in model.R', problem)
    )
  }
  expect_refused(
    'has the default "0": it must be an integer of at least 1.', "a", "integer", 0, "",
    minimum = 1
  )
  expect_refused('has the default "many": it must be an integer.', "a", "integer", "many", "")
  expect_refused('has the default "NA": it must be a number.', "a", "number", NA, "")
  expect_refused(
    'has the default "z": it must be one of b, c.', "a", "string", "z", "",
    choices = c("b", "c")
  )
  expect_refused(
    "must have the type integer, number, boolean or string.", "a", "numeric", 1, ""
  )
  for (name in c("sagemaker_x", "help")) {
    expect_error(job$hyperparameter(name, "integer", 1, ""), "has a name that is reserved")
  }
  local_opt_ml()
  same <- job$hyperparameter("a", "integer", 1, "")
  expect_failure_sentence(
    job$read_hyperparameters(list(same, same)), 'Hyperparameter "a" stands twice in model.R.'
  )
})

test_that("an optional one may be null, and a choice may be called so", {
  optional <- list(
    job$hyperparameter("depth", "integer", NULL, "", minimum = 1),
    job$hyperparameter("penalty", "string", "l2", "", choices = c("None", "l2"))
  )
  local_opt_ml()
  read <- function(...) quietly(job$read_hyperparameters(optional, list(...)))
  expect_identical(read(), list(depth = NULL, penalty = "l2"))
  expect_identical(read(depth = "3", penalty = "None"), list(depth = 3, penalty = "None"))
  expect_null(read(depth = "null")$depth)
  expect_error(read(depth = "none"), "must be an integer of at least 1 or null.", fixed = TRUE)
  expect_match(job$usage(optional), "of at least 1 or null; default null", all = FALSE)
})
