# Which files each host reads.

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
  expect_identical(log, "Channels: a (2 files), b (1 file).")
  expect_identical(channels, list(
    a = file.path(base, "input/data/a", c("sub/B \u00fc.csv", "x.csv")),
    b = file.path(base, "input/data/b/\u00fc.csv")
  ))
})

test_that("what systems and editors leave is no data", {
  base <- local_opt_ml("input/data/a/x.csv" = "1")
  left <- c("desktop.ini", "Thumbs.db", "~$x.xlsx", "._x.csv", "x.csv~", "#x.csv#", "X.BAK")
  file.copy(file.path(base, "input/data/a/x.csv"), file.path(base, "input/data/a", left))
  log <- capture.output(channels <- job$read_channels("a"))
  expect_identical(basename(channels$a), "x.csv")
  expect_identical(log[-1], c(
    'Channel "a": #x.csv#, X.BAK, x.csv~ left out, as a backup: rename it if it is data.',
    "Channels: a (1 file)."
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

test_that("a host for which no file is left says so", {
  base <- local_opt_ml(
    "input/config/inputdataconfig.json" = '{"all": {"S3DistributionType": "FullyReplicated"}}',
    "input/data/all/1.csv" = "1"
  )
  hosts <- list(current = "c", names = c("a", "b", "c"), rank = 2L)
  log <- capture.output(channels <- job$read_channels("all", hosts))
  expect_identical(channels, list(all = character()))
  expect_identical(log[1], paste(
    'Channel "all": no file is left for this host: it has 1 file and the job 3 hosts.',
    "ShardedByS3Key, or more files, give each its share."
  ))
  hosts$rank <- 0L
  expect_output(expect_length(job$read_channels("all", hosts)$all, 1), "^Channels: all")
})
