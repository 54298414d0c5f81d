# Tables of penguins, their text as factors.

#' Read the rows of all the files
#'
#' @param files Paths.
#' @return A data frame.
read_penguins <- function(files) {
  do.call(rbind, lapply(files, utils::read.csv, stringsAsFactors = TRUE))
}

#' Refuse a species that the other table does not have
#'
#' @param table A data frame.
#' @param known The other one.
refuse_strangers <- function(table, known) {
  strangers <- setdiff(levels(table$species), levels(known$species))
  if (length(strangers) > 0) {
    job$fail('The species "', strangers[1], '" of holdout is not among those of train.')
  }
}
