# The processors and the memory of the container.

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

test_that("the memory is that of the container, or what the machine has left", {
  limit <- function(..., machine = NULL) {
    folder <- withr::local_tempdir()
    write_files(folder, c(list(...), meminfo = machine))
    job$memory_limit(folder, file.path(folder, "meminfo"))
  }
  machine <- "MemTotal:       24683324 kB\nMemAvailable:    1000 kB\n"
  expect_identical(limit(memory.max = "268435456\n"), 268435456)
  expect_identical(limit(memory.max = "max\n", machine = machine), 1024000)
  expect_identical(limit(memory.max = "4096\n", machine = machine), 4096)
  expect_equal(limit("memory/memory.limit_in_bytes" = "9223372036854771712\n"), 2^63)
  expect_identical(limit(), Inf)
})
