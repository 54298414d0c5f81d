# Which files of each channel this host reads.

# Find the files of each channel (C32, C43).
#
# Skips what is no data: hidden files, those that start with "." or "_", and files of no bytes, such
# as folder markers and the empty parts that Spark writes; and, told in the log, the backups of
# editors. Several hosts share out the files of a channel that each of them has as a whole, so that
# each row counts once (C52); one of them may have none.
# A required channel that is missing and Pipe mode (C50) are failures.
#
# required: names of channels.
# hosts: what `read_hosts()` returned.
# Returns absolute paths, sorted, by the channel's name.
read_channels <- function(required, hosts = read_hosts()) {
  data <- path_to("input", "data")
  if (!dir.exists(path_to("input"))) {
    fail(path_to("input"), " does not exist: start with `make train`, or mount it.")
  }
  config <- read_config("inputdataconfig.json")
  if (is.null(config)) {
    log_line("inputdataconfig.json is missing: taking the folders under ", data, " as channels.")
    # Folders only: the service puts a file <channel>-manifest beside each (C44).
    folders <- list.dirs(data, full.names = FALSE, recursive = FALSE)
    config <- sapply(folders[!startsWith(folders, ".")], function(name) list(), simplify = FALSE)
  }
  config <- config[order(names(config), method = "radix")]
  for (name in setdiff(required, names(config))) {
    present <- if (length(config) == 0) {
      "no channels"
    } else {
      paste("only the channels", toString(names(config)))
    }
    fail(sprintf('Channel "%s" is missing: the job has %s.', name, present))
  }
  channels <- sapply(names(config), simplify = FALSE, function(name) {
    if (identical(config[[name]]$TrainingInputMode, "Pipe")) {
      fail(
        'Channel "', name, "\" comes in Pipe mode, which this program can't read: ",
        "use FastFile in training-job.json, which streams as well."
      )
    }
    files <- find_files(file.path(data, name))
    is_backup <- grepl(backup_pattern, basename(files), ignore.case = TRUE, useBytes = TRUE)
    if (any(is_backup)) {
      log_line(
        'Channel "', name, '": ', toString(basename(files[is_backup])),
        " left out, as a backup: rename it if it is data."
      )
    }
    files <- files[!is_backup]
    if (!identical(config[[name]]$S3DistributionType, "FullyReplicated")) {
      return(files)
    }
    is_mine <- (seq_along(files) - 1) %% length(hosts$names) == hosts$rank
    if (length(files) > 0 && !any(is_mine)) {
      log_line(
        'Channel "', name, '": no file is left for this host: it has ', count_files(files),
        " and the job ", length(hosts$names),
        " hosts. ShardedByS3Key, or more files, give each its share."
      )
    }
    files[is_mine]
  })
  counts <- sprintf("%s (%s)", names(channels), vapply(channels, count_files, ""))
  log_line("Channels: ", if (length(counts) > 0) toString(counts) else "none", ".")
  channels
}

# Refuse a channel that is empty, which on one of several hosts it may be (C52).
#
# channels: what `read_channels()` returned on each host.
check_channels <- function(channels) {
  for (name in names(channels[[1]])) {
    if (sum(lengths(lapply(channels, `[[`, name))) == 0) {
      fail(
        'Channel "', name, '" is empty: there is no file under ', path_to("input", "data", name),
        if (length(channels) > 1) " on any host", "."
      )
    }
  }
}

# What systems leave in a folder, hidden or not, and Office while it has a file open.
hidden_pattern <- "(^|/)([._]|~[$]|(desktop[.]ini|(eh)?thumbs[.]db)(/|$))"
# What editors call a file as it was before: its rows would count twice.
backup_pattern <- "(~|[.]bak|[.]orig)$|^#.*#$"

find_files <- function(folder) {
  paths <- list.files(folder, recursive = TRUE, all.files = TRUE, no.. = TRUE)
  paths <- paths[!grepl(hidden_pattern, paths, ignore.case = TRUE, useBytes = TRUE)]
  # By their bytes: R refuses to order what is no text in its locale.
  bytes <- paths
  Encoding(bytes) <- "bytes"
  files <- file.path(folder, paths[order(bytes, method = "radix")])
  files[!file.size(files) %in% 0]
}

count_files <- function(files) {
  sprintf(ngettext(length(files), "%d file", "%d files"), length(files))
}
