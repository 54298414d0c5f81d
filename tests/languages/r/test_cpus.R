# The processors of the container.

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
