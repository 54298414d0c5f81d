# Lines of the log.

test_that("step lines have six digits and no locale", {
  expect_output(
    job$log_step(12, c("a:b" = 0.3123456789, c = 1.2e-5, d = NaN, e = 3)),
    "^step=12 a:b=0.312346 c=1.2e-05 d=nan e=3$"
  )
})
