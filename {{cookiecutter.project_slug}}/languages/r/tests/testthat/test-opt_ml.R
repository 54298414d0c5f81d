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

# ---- Hyperparameters -----------------------------------------------------------------------

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
  for (word in c("serve", "-e", "")) {
    expect_failure_sentence(
      read(word),
      sprintf('This image only trains: start it with "train" or nothing, not "%s".', word),
      exit_code = 2L
    )
  }
  expect_failure_sentence(read("--rounds"), "--rounds needs a value after it.", exit_code = 2L)
  expect_failure_sentence(
    read("train", "--round", "3"),
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

# ---- Hosts and channels --------------------------------------------------------------------

test_that("one host is the default, and rank follows the sorted names", {
  local_opt_ml()
  expect_identical(job$read_hosts(), list(current = "algo-1", names = "algo-1", rank = 0L))
  local_opt_ml(
    "input/config/resourceconfig.json" =
      '{"current_host": "b", "hosts": ["b"], "network_interface_name": "eth0", "topology": null}'
  )
  expect_identical(job$read_hosts()$current, "b")
})

test_that("the rank follows the sorted names, whatever else the file says", {
  # The groups are not sorted, and the names are not to be guessed (C35 to C38).
  local_opt_ml(
    "input/config/resourceconfig.json" = '{
      "current_host": "algo-2", "hosts": ["algo-2", "algo-10", "algo-1"],
      "current_group_name": "b", "current_instance_type": "ml.m5.large", "topology": null,
      "instance_groups": [
        {"instance_group_name": "a", "instance_type": "ml.c5.large", "hosts": ["algo-2", "algo-1"]},
        {"instance_group_name": "b", "instance_type": "ml.m5.large", "hosts": ["algo-10"]}
      ], "network_interface_name": "eth7"}'
  )
  expect_identical(
    job$read_hosts(),
    list(current = "algo-2", names = c("algo-1", "algo-10", "algo-2"), rank = 2L)
  )
})

test_that("several hosts share out the files that each has as a whole (C52)", {
  base <- local_opt_ml(
    "input/config/resourceconfig.json" = '{"current_host": "b", "hosts": ["b", "a"]}',
    "input/config/inputdataconfig.json" = '{
      "all": {"S3DistributionType": "FullyReplicated"},
      "own": {"S3DistributionType": "ShardedByS3Key"}}',
    "input/data/all/1.csv" = "1", "input/data/all/2.csv" = "1", "input/data/all/3.csv" = "1",
    "input/data/own/1.csv" = "1", "input/data/own/2.csv" = "1"
  )
  channels <- quietly(job$read_channels(c("all", "own")))
  expect_identical(lapply(channels, basename), list(all = "2.csv", own = c("1.csv", "2.csv")))
})

test_that("the files of each channel are found, and only data", {
  base <- local_opt_ml(
    "input/config/inputdataconfig.json" = '{"b": {"TrainingInputMode": "File"}, "a": {}}',
    "input/data/a/x.csv" = "1",
    "input/data/a/sub/B \u00fc.csv" = "1",
    "input/data/a/sub/empty.csv" = "",
    "input/data/a/folder" = "",
    "input/data/a/.hidden" = "1",
    "input/data/a/_SUCCESS" = "1",
    "input/data/a/_tmp/x.csv" = "1",
    "input/data/b/\u00fc.csv" = "1",
    "input/data/b-manifest" = "[]"
  )
  log <- capture.output(channels <- job$read_channels("a"))
  expect_identical(log, "Channels: a (3 files), b (1 file).")
  expect_identical(channels, list(
    a = file.path(base, "input/data/a", c("sub/B \u00fc.csv", "sub/empty.csv", "x.csv")),
    b = file.path(base, "input/data/b/\u00fc.csv")
  ))
})

test_that("without inputdataconfig.json the folders are the channels", {
  base <- local_opt_ml("input/data/a/x.csv" = "1", "input/data/a-manifest" = "[]")
  log <- capture.output(channels <- job$read_channels("a"))
  expect_named(channels, "a")
  expect_identical(log[1], paste0(
    "inputdataconfig.json is missing: taking the folders under ", base,
    "/input/data as channels."
  ))
})

test_that("channels that can't be used are told by name", {
  base <- local_opt_ml(
    "input/config/inputdataconfig.json" = '{"validation": {}, "train": {}}'
  )
  expect_failure_sentence(
    job$read_channels("training"),
    'Channel "training" is missing: the job has only the channels train, validation.'
  )
  empty <- quietly(job$read_channels("train"))
  sentence <- paste0(
    'Channel "train" is empty: there is no file under ', base, "/input/data/train"
  )
  expect_failure_sentence(job$check_channels(list(empty)), paste0(sentence, "."))
  expect_failure_sentence(
    job$check_channels(list(empty, empty)), paste0(sentence, " on any host.")
  )
  other <- list(train = "a.csv", validation = "b.csv")
  expect_no_error(job$check_channels(list(empty, other)))
  local_opt_ml("input/config/inputdataconfig.json" = "{}")
  expect_failure_sentence(
    job$read_channels("training"), 'Channel "training" is missing: the job has no channels.'
  )
  local_opt_ml(
    "input/config/inputdataconfig.json" = '{"training": {"TrainingInputMode": "Pipe"}}'
  )
  expect_failure_sentence(job$read_channels("training"), paste(
    "Channel \"training\" comes in Pipe mode, which this program can't read:",
    "use FastFile in training-job.json, which streams as well."
  ))
})

# ---- Checkpoints ---------------------------------------------------------------------------

save_steps <- function(model, path) saveRDS(model$steps, path)
load_steps <- function(model, path) list(steps = readRDS(path))

checkpoint <- function(checkpoints, step) {
  job$save_checkpoint(checkpoints, list(steps = step), save_steps, load_steps)
}

test_that("the last three checkpoints are kept, and one that is being uploaded", {
  base <- local_opt_ml("checkpoints/checkpoint-00000001.sagemaker-uploading" = "")
  checkpoints <- job$open_checkpoints()
  for (step in 1:6) checkpoint(checkpoints, step)
  expect_identical(list.files(file.path(base, "checkpoints")), c(
    "checkpoint-00000001", "checkpoint-00000001.sagemaker-uploading", "checkpoint-00000004",
    "checkpoint-00000005", "checkpoint-00000006"
  ))
})

test_that("the newest checkpoint that is whole is taken", {
  base <- local_opt_ml(
    "checkpoints/checkpoint-00000009" = "broken",
    "checkpoints/checkpoint-00000010.sagemaker-uploaded" = "",
    "checkpoints/checkpoint-00000011.sagemaker-ignore" = "half"
  )
  checkpoints <- job$open_checkpoints()
  for (step in 1:8) checkpoint(checkpoints, step)
  log <- capture.output(
    model <- job$resume(checkpoints, list(steps = 0), load_steps)
  )
  expect_identical(model$steps, 8L)
  expect_match(
    log[1], "^WARNING: checkpoint-00000009 is broken \\(.+\\): trying the one before\\.$"
  )
  expect_identical(log[2], "Resuming from checkpoint-00000008, after step 8.")
})

test_that("broken checkpoints alone mean the beginning, and do not push new ones out", {
  base <- local_opt_ml(
    "checkpoints/checkpoint-00000007" = "x", "checkpoints/checkpoint-00000008" = "x",
    "checkpoints/checkpoint-00000009" = "x"
  )
  checkpoints <- job$open_checkpoints()
  log <- capture.output(
    model <- job$resume(checkpoints, list(steps = 0), load_steps)
  )
  expect_identical(model$steps, 0)
  expect_identical(
    log[4], "WARNING: no checkpoint could be read: training starts from the beginning."
  )
  checkpoint(checkpoints, 1)
  expect_true(file.exists(file.path(base, "checkpoints/checkpoint-00000001")))
})

test_that("the first checkpoint is due at once, the next not before a second", {
  local_opt_ml()
  checkpoints <- job$open_checkpoints()
  expect_true(job$checkpoint_due(checkpoints))
  checkpoint(checkpoints, 1)
  expect_false(job$checkpoint_due(checkpoints))
  checkpoints$due_at <- job$seconds()
  expect_true(job$checkpoint_due(checkpoints))
})

test_that("without the folder there are no checkpoints", {
  base <- local_opt_ml()
  unlink(file.path(base, "checkpoints"), recursive = TRUE)
  expect_output(checkpoints <- job$open_checkpoints(), paste0(
    "No checkpoints: ", base, "/checkpoints does not exist (the job has no CheckpointConfig)."
  ), fixed = TRUE)
  expect_false(job$checkpoint_due(checkpoints))
  checkpoint(checkpoints, 1)
  expect_identical(job$resume(checkpoints, "as it was", load_steps), "as it was")
  expect_false(dir.exists(file.path(base, "checkpoints")))
})

test_that("a checkpoint that can't be read back is none", {
  base <- local_opt_ml()
  half <- function(model, path) writeLines("half", path)
  expect_error(
    job$save_checkpoint(job$open_checkpoints(), list(steps = 1), half, load_steps)
  )
  expect_identical(list.files(file.path(base, "checkpoints")), character())
})

# ---- Model ---------------------------------------------------------------------------------

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

# ---- Success and failure -------------------------------------------------------------------

test_that("a success leaves no failure file", {
  base <- local_opt_ml("output/failure" = "of the last time")
  expect_identical(job$run(function() NULL), 0L)
  expect_false(file.exists(file.path(base, "output/failure")))
})

test_that("what the user can mend is one sentence", {
  base <- local_opt_ml()
  expect_message(
    status <- job$run(function() job$fail("It is so.")), "^It is so\\.\n$"
  )
  expect_identical(status, 1L)
  expect_identical(readLines(file.path(base, "output/failure")), "It is so.")
  expect_message(
    status <- job$run(function() job$fail("It is so.", exit_code = 2L)), "^It is so\\.\n$"
  )
  expect_identical(status, 2L)
})

test_that("an error of the program's own comes with its stack trace", {
  base <- local_opt_ml()
  unlink(file.path(base, "output"), recursive = TRUE)
  deepest <- function() stop("\u001b[31moops\u001b[0m \u00fc\nand more")
  expect_message(
    status <- job$run(function() deepest()), "^simpleError: oops \u00fc\n  deepest\\(\\)"
  )
  expect_identical(status, 1L)
  lines <- readLines(file.path(base, "output/failure"), encoding = "UTF-8")
  expect_identical(lines[1], "simpleError: oops \u00fc")
  expect_match(lines[2], "deepest()", fixed = TRUE)
})

test_that("the failure file has at most 1024 characters", {
  base <- local_opt_ml()
  deep <- function(n) if (n == 0) stop(strrep("\u00fc", 500)) else deep(n - 1)
  expect_message(job$run(function() deep(50)))
  text <- readChar(file.path(base, "output/failure"), 1e5)
  expect_identical(nchar(text), 1024L)
  expect_message(job$run(function() job$fail(strrep("x", 3000))))
  expect_identical(nchar(readChar(file.path(base, "output/failure"), 1e5)), 1024L)
})

test_that("step lines have six digits and no locale", {
  expect_output(
    job$log_step(12, c("a:b" = 0.3123456789, c = 1.2e-5, d = NaN, e = 3)),
    "^step=12 a:b=0.312346 c=1.2e-05 d=nan e=3$"
  )
})

# ---- Limits --------------------------------------------------------------------------------

test_that("the processors are those of the container, in both versions of control groups", {
  limit <- function(...) {
    cgroup <- withr::local_tempdir()
    write_files(cgroup, list(...))
    job$cpu_limit(cgroup)
  }
  expect_identical(limit(cpu.max = "150000 100000\n"), 2)
  expect_identical(limit(cpu.max = "max 100000\n"), Inf)
  expect_identical(
    limit("cpu/cpu.cfs_quota_us" = "50000\n", "cpu/cpu.cfs_period_us" = "100000\n"), 1
  )
  expect_identical(
    limit("cpu/cpu.cfs_quota_us" = "-1\n", "cpu/cpu.cfs_period_us" = "100000\n"), Inf
  )
  expect_identical(limit(), Inf)
})
