# Predict with the sample's model: needs R, and nothing of this repository.
#
#     Rscript examples/predict.R runs/RUN/model data/validation/penguins.csv

arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
if (file.exists(file.path(folder, ".saving"))) {
  stop("The job was killed while it saved: the model is not whole.")
}
model <- readRDS(file.path(folder, "model.rds"))
# A column of text may be text or a factor.
table <- read.csv(
  arguments[2], na.strings = c("NA", ""), strip.white = TRUE, fileEncoding = "UTF-8-BOM"
)
predicted <- predict(model, table, type = "response", se.fit = TRUE)
print(data.frame(probability = predicted$fit, standard_error = predicted$se.fit))
