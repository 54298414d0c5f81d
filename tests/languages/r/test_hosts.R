# The hosts and their ranks.

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

test_that("a file that lacks hosts or the current one never leaves a job without a leader", {
  read <- function(json) {
    local_opt_ml("input/config/resourceconfig.json" = json)
    job$read_hosts()
  }
  expect_identical(read('{"current_host": "b"}'), list(current = "b", names = "b", rank = 0L))
  expect_identical(
    read('{"current_host": "b", "hosts": []}'), list(current = "b", names = "b", rank = 0L)
  )
  expect_identical(read('{"hosts": ["c"]}'), list(current = "c", names = "c", rank = 0L))
  expect_identical(
    read('{"current_host": "b", "hosts": ["c", "a"]}'),
    list(current = "b", names = c("a", "b", "c"), rank = 1L)
  )
  expect_identical(
    read('{"current_host": null, "hosts": null}'),
    list(current = "algo-1", names = "algo-1", rank = 0L)
  )
  expect_failure_sentence(
    read('{"hosts": ["c", "a"]}'),
    "resourceconfig.json has no current_host: which of c, a this is can't be told."
  )
})
