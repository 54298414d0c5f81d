# Run the linter over the program and its tests; any finding is a failure.

# The linter knows the names of the other files only after they were sourced.
source("training/train.R", chdir = TRUE)
source("training/model.R", chdir = TRUE)
job$complete_model()
attach(job)
for (file in list.files("tests", "^helper", full.names = TRUE)) source(file, chdir = TRUE)
found <- lintr::lint_dir(".")
print(found)
quit(status = as.integer(length(found) > 0))
