# Run the linter over the program and its tests; any finding is a failure.

# The linter knows the names of the other files only after they were sourced.
source("tests/testthat/helper.R")
found <- lintr::lint_dir(".")
print(found)
quit(status = as.integer(length(found) > 0))
