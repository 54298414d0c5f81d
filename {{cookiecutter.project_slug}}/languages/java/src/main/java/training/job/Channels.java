package training.job;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The channels of a job, and which of their files each host reads. */
public final class Channels {
  /** What systems leave in a folder, hidden or not, and Office while it has a file open. */
  private static final Pattern HIDDEN = Pattern.compile(
      "/([._]|~\\$|(desktop\\.ini|(eh)?thumbs\\.db)(/|$))", Pattern.CASE_INSENSITIVE);
  /** What editors call a file as it was before: its rows would count twice. */
  private static final Pattern BACKUP =
      Pattern.compile("(~|\\.bak|\\.orig)$|^#.*#$", Pattern.CASE_INSENSITIVE);

  private Channels() {}

  /** Asks all hosts: returns what each gives, by the host's name. */
  @FunctionalInterface
  public interface Collect {
    /** Gives this host's text. */
    Map<String, String> collect(String text) throws InterruptedException;
  }

  /**
   * Returns the files of each channel, sorted, by the channel's name (C32, C43).
   *
   * <p>Skips what is no data: hidden files, those that start with "." or "_", and empty files; and,
   * told in the log, the backups of editors. Several hosts share out the files of a channel that
   * each of them has as a whole, so that each row counts once (C52); one of them may have none.
   *
   * @throws TrainingFailure for a required channel that is missing, one that is empty on every
   *     host, and Pipe mode (C50)
   */
  public static Map<String, List<Path>> read(
      JobFiles job, List<String> required, Hosts hosts, Collect all)
      throws IOException, InterruptedException {
    Path data = job.root().resolve("input").resolve("data");
    if (!Files.isDirectory(data.getParent())) {
      throw new TrainingFailure("%s does not exist: start with `make train`, or mount it."
          .formatted(data.getParent()));
    }
    Optional<Map<String, Object>> config =
        job.readConfig("inputdataconfig.json", "a JSON object");
    if (config.isEmpty()) {
      Log.line("inputdataconfig.json is missing: taking the folders under %s as channels."
          .formatted(data));
    }
    Map<String, Object> listed =
        new TreeMap<>(config.isPresent() ? config.get() : folders(data));
    for (String name : required) {
      if (!listed.containsKey(name)) {
        throw new TrainingFailure("Channel \"%s\" is missing: the job has %s.".formatted(
            name, listed.isEmpty()
                ? "no channels"
                : "only the channels " + String.join(", ", listed.keySet())));
      }
    }
    Map<String, List<Path>> channels = new TreeMap<>();
    for (Map.Entry<String, Object> entry : listed.entrySet()) {
      String name = entry.getKey();
      Map<?, ?> settings = entry.getValue() instanceof Map<?, ?> map ? map : Map.of();
      if ("Pipe".equals(settings.get("TrainingInputMode"))) {
        throw new TrainingFailure(
            "Channel \"%s\" comes in Pipe mode, which this program can't read: ".formatted(name)
                + "use FastFile in training-job.json, which streams as well.");
      }
      Map<Boolean, List<Path>> found = dataFiles(data.resolve(name)).stream()
          .collect(Collectors.partitioningBy(Channels::isBackup));
      if (!found.get(true).isEmpty()) {
        Log.line(found.get(true).stream().map(path -> path.getFileName().toString()).collect(
            Collectors.joining(", ", "Channel \"" + name + "\": ",
                " left out, as a backup: rename it if it is data.")));
      }
      List<Path> files = found.get(false);
      channels.put(name, "FullyReplicated".equals(settings.get("S3DistributionType"))
          ? share(files, hosts)
          : files);
      if (files.size() > 0 && channels.get(name).isEmpty()) {
        Log.line("Channel \"%s\": no file is left for this host: it has %s file%s and the job %s "
            .formatted(name, files.size(), files.size() == 1 ? "" : "s", hosts.names().size())
            + "hosts. ShardedByS3Key, or more files, give each its share.");
      }
    }
    refuseEmpty(channels, data, hosts, all);
    Log.line(channels.entrySet().stream()
        .map(each -> "%s (%s file%s)".formatted(
            each.getKey(), each.getValue().size(), each.getValue().size() == 1 ? "" : "s"))
        .collect(Collectors.joining(", ", "Channels: ", channels.isEmpty() ? "none." : ".")));
    return channels;
  }

  /** Returns those of the files that are this host's: with three hosts every third. */
  private static List<Path> share(List<Path> files, Hosts hosts) {
    return IntStream.range(0, files.size())
        .filter(i -> i % hosts.names().size() == hosts.rank())
        .mapToObj(files::get)
        .toList();
  }

  private static void refuseEmpty(
      Map<String, List<Path>> channels, Path data, Hosts hosts, Collect all)
      throws InterruptedException {
    String empty = channels.keySet().stream()
        .filter(name -> channels.get(name).isEmpty())
        .collect(Collectors.joining("/"));
    List<List<String>> everywhere = all.collect(empty).values().stream()
        .map(names -> List.of(names.split("/")))
        .toList();
    for (String name : channels.keySet()) {
      if (everywhere.stream().allMatch(names -> names.contains(name))) {
        throw TrainingFailure.ofEveryHost(
            "Channel \"%s\" is empty: there is no file under %s%s.".formatted(
                name, data.resolve(name), hosts.several() ? " on any host" : ""));
      }
    }
  }

  /** Returns the folders alone: the service puts {@code <channel>-manifest} beside them (C44). */
  private static Map<String, Object> folders(Path data) throws IOException {
    Map<String, Object> found = new TreeMap<>();
    if (Files.isDirectory(data)) {
      try (DirectoryStream<Path> paths = Files.newDirectoryStream(data, Files::isDirectory)) {
        paths.forEach(path -> found.put(path.getFileName().toString(), Map.of()));
      }
    }
    return found;
  }

  private static List<Path> dataFiles(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> paths = Files.walk(folder, FileVisitOption.FOLLOW_LINKS)) {
      return paths.filter(path -> isData(path, folder)).sorted().toList();
    }
  }

  private static boolean isBackup(Path path) {
    return BACKUP.matcher(path.getFileName().toString()).find();
  }

  private static boolean isData(Path path, Path folder) {
    boolean hidden = HIDDEN.matcher("/" + folder.relativize(path)).find();
    return !hidden && Files.isRegularFile(path) && path.toFile().length() > 0;
  }
}
