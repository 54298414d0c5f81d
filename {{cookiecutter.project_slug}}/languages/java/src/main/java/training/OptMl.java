package training;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The contract between a SageMaker training job and its container: files under /opt/ml.
 *
 * <p>Knows nothing of the algorithm. Clause numbers (C27, …) are those of docs/contract.md of the
 * template; each names its source in AWS's documentation.
 */
public final class OptMl {
  private static final Pattern RESERVED_NAME =
      Pattern.compile("sagemaker_.*|_tuning_objective_metric");
  private static final List<String> NOT_PERMITTED =
      List.of("Read-only file system", "Permission denied", "Operation not permitted");
  private static final int FAILURE_LENGTH = 1024;
  private static final MathContext SIX_DIGITS = new MathContext(6);

  /** What an algorithm does with a file or a folder; whatever it throws is reported. */
  @FunctionalInterface
  interface PathAction {
    void accept(Path path) throws Exception;
  }

  /** A training; whatever it throws is reported. */
  @FunctionalInterface
  interface Training {
    void run() throws Exception;
  }

  private final Path root;
  private boolean failed;

  OptMl(Path root) {
    this.root = root;
  }

  /** Returns /opt/ml, or what SAGEMAKER_BASE_DIR puts in its place (runs without a container). */
  static OptMl fromEnvironment() {
    return new OptMl(Path.of(System.getenv().getOrDefault("SAGEMAKER_BASE_DIR", "/opt/ml")));
  }

  /** Prints a line to stdout at once: the service shows it in CloudWatch (C93). */
  public static void log(String line) {
    System.out.println(line);
  }

  /** Prints the metrics of a step as the regexes of training-job.json find them (C94). */
  static void logStep(int step, Map<String, Double> metrics) {
    StringBuilder line = new StringBuilder("step=").append(step);
    metrics.forEach(
        (name, value) -> line.append(' ').append(name).append('=').append(sixDigits(value)));
    log(line.toString());
  }

  /** Returns up to six significant digits, with a point in every locale. */
  static String sixDigits(double value) {
    return Double.isFinite(value)
        ? plain(new BigDecimal(value).round(SIX_DIGITS))
        : asText(value);
  }

  /** Returns a hyperparameter's value as it is written in training-job.json. */
  static String asText(Object value) {
    if (!(value instanceof Double number)) {
      return String.valueOf(value);
    }
    if (Double.isFinite(number)) {
      return plain(BigDecimal.valueOf(number));
    }
    return Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }

  private static String plain(BigDecimal number) {
    BigDecimal value = number.stripTrailingZeros();
    // BigDecimal writes 100 without its zeros as 1E+2.
    return value.scale() < 0 && value.scale() > -16
        ? value.toPlainString()
        : value.toString().replace('E', 'e');
  }

  // ---- Hyperparameters ----------------------------------------------------------------------

  /** Undoes the JSON encoding of a string, which some SDK classes add (C30). */
  static String withoutQuotes(String text) {
    if (!text.startsWith("\"")) {
      return text;
    }
    try {
      return Json.parse(text) instanceof String plain ? plain : text;
    } catch (IOException e) {
      return text; // A text that happens to begin with a quote.
    }
  }

  /** Returns the text of --help. */
  static String usage(List<Hyperparameter> declared) {
    return """
        usage: [train] [--hyperparameter value ...]

        Trains on the files under /opt/ml/input and saves the model in /opt/ml/model.
        Hyperparameters come from hyperparameters.json, then from the command line:
        """
        + declared.stream()
            .sorted(Comparator.comparing(Hyperparameter::name))
            .map(each -> "  --%s  %s%n      %s; default %s".formatted(
                each.name(), each.meaning(), each.expected(), asText(each.defaultValue())))
            .collect(Collectors.joining("\n"));
  }

  /**
   * Returns the {@code --name value} pairs after the word "train", which may be missing (C1, C9).
   *
   * @throws TrainingFailure for anything else: an image that only trains must say so when it is
   *     started with "serve" (C22)
   */
  static Map<String, String> readArguments(List<String> arguments, List<Hyperparameter> declared) {
    List<String> known = declared.stream().map(Hyperparameter::name).toList();
    Map<String, String> pairs = new LinkedHashMap<>();
    int first = !arguments.isEmpty() && arguments.get(0).equals("train") ? 1 : 0;
    for (int i = first; i < arguments.size(); i += 2) {
      String word = arguments.get(i);
      if (!word.startsWith("--")) {
        throw TrainingFailure.ofUsage(
            "This image only trains: start it with \"train\" or nothing, not \"%s\"."
                .formatted(word));
      }
      String name = word.substring(2);
      if (!known.contains(name)) {
        throw TrainingFailure.ofUsage(unknownHyperparameter(name, known));
      }
      if (i + 1 == arguments.size()) {
        throw TrainingFailure.ofUsage("%s needs a value after it.".formatted(word));
      }
      pairs.put(name, arguments.get(i + 1));
    }
    return pairs;
  }

  /**
   * Returns the typed value of each declared hyperparameter, by name.
   *
   * <p>Values come from hyperparameters.json, strings all (C27), then from {@code overrides}, those
   * of the command line (C9). Names that the platform and the SDKs add are skipped (C31).
   *
   * @throws TrainingFailure for an unknown name, a bad value or a file that can't be read
   */
  Map<String, Object> readHyperparameters(
      List<Hyperparameter> declared, Map<String, String> overrides) throws IOException {
    Map<String, Hyperparameter> known = new TreeMap<>();
    Map<String, Object> values = new TreeMap<>();
    for (Hyperparameter each : declared) {
      known.put(each.name(), each);
      values.put(each.name(), each.defaultValue());
    }
    Map<String, Object> given = new LinkedHashMap<>(
        readConfig("hyperparameters.json", "one flat object of strings").orElse(Map.of()));
    given.putAll(overrides);
    given.keySet().removeIf(name -> RESERVED_NAME.matcher(name).matches());
    for (Map.Entry<String, Object> entry : given.entrySet()) {
      if (!known.containsKey(entry.getKey())) {
        throw new TrainingFailure(unknownHyperparameter(entry.getKey(), known.keySet()));
      }
      if (entry.getValue() instanceof Map || entry.getValue() instanceof Collection) {
        throw new TrainingFailure("%s must be one flat object of strings."
            .formatted(configFile("hyperparameters.json")));
      }
      values.put(
          entry.getKey(), known.get(entry.getKey()).decode(String.valueOf(entry.getValue())));
    }
    log(values.entrySet().stream()
        .map(each -> " " + each.getKey() + "=" + asText(each.getValue()))
        .collect(Collectors.joining("", "Hyperparameters:", "")));
    return values;
  }

  private static String unknownHyperparameter(String name, Collection<String> known) {
    String hint = known.stream()
        .filter(each -> 2 * distance(name, each) <= Math.max(name.length(), each.length()))
        .min(Comparator.comparingInt(each -> distance(name, each)))
        .map(": did you mean \"%s\"?"::formatted)
        .orElse(".");
    return "Unknown hyperparameter \"%s\"%s Known are %s."
        .formatted(name, hint, known.stream().sorted().collect(Collectors.joining(", ")));
  }

  /** Returns how many letters to add, drop or change to make one word of the other. */
  private static int distance(String from, String to) {
    int[] row = new int[to.length() + 1];
    Arrays.setAll(row, j -> j);
    for (int i = 1; i <= from.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= to.length(); j++) {
        int changed = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(changed, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[to.length()];
  }

  // ---- Hosts and channels -------------------------------------------------------------------

  /** Returns the hosts of resourceconfig.json (C34); without it, one. */
  Hosts readHosts() throws IOException {
    Map<String, Object> config =
        readConfig("resourceconfig.json", "a JSON object").orElse(Map.of());
    String current = String.valueOf(config.getOrDefault("current_host", "algo-1"));
    List<String> names = config.get("hosts") instanceof List<?> hosts
        ? hosts.stream().map(String::valueOf).sorted().toList()
        : List.of(current);
    return new Hosts(names, current);
  }

  /**
   * Returns the files of each channel, sorted, by the channel's name (C32, C43).
   *
   * <p>Skips what is no data: names that start with "." or "_", and folder markers. Several hosts
   * share out the files of a channel that each of them has as a whole, so that each row counts
   * once (C52); one of them may have none.
   *
   * @throws TrainingFailure for a required channel that is missing, one that is empty on every
   *     host, and Pipe mode (C50)
   */
  Map<String, List<Path>> readChannels(List<String> required, Cluster cluster)
      throws IOException, InterruptedException {
    Path data = root.resolve("input").resolve("data");
    if (!Files.isDirectory(data.getParent())) {
      throw new TrainingFailure("%s does not exist: start with `make train`, or mount it."
          .formatted(data.getParent()));
    }
    Optional<Map<String, Object>> config = readConfig("inputdataconfig.json", "a JSON object");
    if (config.isEmpty()) {
      log("inputdataconfig.json is missing: taking the folders under %s as channels."
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
      List<Path> files = dataFiles(data.resolve(name));
      channels.put(name, "FullyReplicated".equals(settings.get("S3DistributionType"))
          ? share(files, cluster.hosts())
          : files);
    }
    refuseEmpty(channels, data, cluster);
    log(channels.entrySet().stream()
        .map(each -> "%s (%d file%s)".formatted(
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

  private static void refuseEmpty(Map<String, List<Path>> channels, Path data, Cluster cluster)
      throws InterruptedException {
    String empty = channels.keySet().stream()
        .filter(name -> channels.get(name).isEmpty())
        .collect(Collectors.joining("/"));
    List<List<String>> everywhere = cluster.collect(empty).values().stream()
        .map(names -> List.of(names.split("/")))
        .toList();
    for (String name : channels.keySet()) {
      if (everywhere.stream().allMatch(names -> names.contains(name))) {
        throw new TrainingFailure("Channel \"%s\" is empty: there is no file under %s%s.".formatted(
            name, data.resolve(name), cluster.hosts().several() ? " on any host" : ""));
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

  private static boolean isData(Path path, Path folder) {
    String name = "/" + folder.relativize(path);
    boolean hidden = name.contains("/.") || name.contains("/_");
    boolean suffix = path.getFileName().toString().contains(".");
    return !hidden && Files.isRegularFile(path) && (suffix || path.toFile().length() > 0);
  }

  private Path configFile(String name) {
    return root.resolve("input").resolve("config").resolve(name);
  }

  /** Returns the object in a file of input/config, nothing where there is no such file. */
  private Optional<Map<String, Object>> readConfig(String name, String what) throws IOException {
    Path path = configFile(name);
    String text;
    try {
      text = Files.readString(path);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (CharacterCodingException e) {
      throw new TrainingFailure("%s is not valid JSON: it is not UTF-8.".formatted(path));
    }
    Object content;
    try {
      content = Json.parse(text);
    } catch (IOException e) {
      throw new TrainingFailure("%s is not valid JSON: %s.".formatted(path, e.getMessage()));
    }
    if (!(content instanceof Map<?, ?> object)) {
      throw new TrainingFailure("%s must be %s.".formatted(path, what));
    }
    Map<String, Object> settings = new LinkedHashMap<>();
    object.forEach((key, value) -> settings.put(String.valueOf(key), value));
    return Optional.of(settings);
  }

  // ---- Checkpoints and model ---------------------------------------------------------------

  /** Returns the checkpoints of this job, none where the job has no folder for them. */
  Checkpoints checkpoints() {
    return new Checkpoints(root.resolve("checkpoints"));
  }

  /**
   * Writes the model's files and metadata.json to /opt/ml/model, all or nothing (C59).
   *
   * @param save writes them into an empty folder
   * @param load reads them back, before they are renamed into place
   * @throws TrainingFailure if {@code save} wrote nothing: the service takes a job without a model
   *     for completed (C60)
   */
  synchronized void saveModel(PathAction save, PathAction load, Map<String, Object> metadata)
      throws Exception {
    Path folder = root.resolve("model");
    Path aside = folder.resolve(".saving");
    List<Path> placed = new ArrayList<>();
    boolean complete = false;
    try {
      deleteTree(aside);
      Files.createDirectories(aside);
      save.accept(aside);
      List<Path> files = new ArrayList<>(filesIn(aside));
      if (files.stream().allMatch(file -> file.toFile().length() == 0)) {
        throw new TrainingFailure(
            "The model folder %s would be empty: save() in model wrote no file."
                .formatted(folder));
      }
      load.accept(aside);
      Path last = aside.resolve("metadata.json");
      Files.writeString(last, Json.format(metadata));
      files.remove(last);
      files.add(last);
      for (Path file : files) {
        flush(file);
      }
      for (Path file : files) {
        Path place = folder.resolve(aside.relativize(file));
        Files.createDirectories(place.getParent());
        placed.add(place);
        Files.move(file, place, StandardCopyOption.ATOMIC_MOVE);
      }
      complete = true;
    } catch (IOException | UncheckedIOException e) {
      throw explained(e, folder);
    } finally {
      if (!complete) {
        for (Path place : placed) {
          Files.deleteIfExists(place);
        }
      }
      deleteTree(aside);
    }
    log("Saved the model in %s: %s.".formatted(folder, placed.stream()
        .map(place -> folder.relativize(place).toString())
        .sorted()
        .collect(Collectors.joining(", "))));
  }

  private static List<Path> filesIn(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private static void deleteTree(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> paths = Files.walk(folder)) {
        for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }

  /** Has the file on the disk, so that a full one is an error now. */
  static void flush(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  // ---- Success and failure ------------------------------------------------------------------

  /**
   * Runs the training and returns the exit code of the program: 0 for success alone (C56).
   *
   * <p>The first line of /opt/ml/output/failure becomes the job's FailureReason (C58).
   */
  int run(Training training) {
    // Whatever the locale, the output is UTF-8 and its digits are 0 to 9.
    Locale.setDefault(Locale.ROOT);
    System.setOut(utf8(FileDescriptor.out));
    System.setErr(utf8(FileDescriptor.err));
    try {
      Files.deleteIfExists(root.resolve("output").resolve("failure"));
      training.run();
      return 0;
    } catch (Throwable e) { // Errors too: a full stack or memory must not end without a reason.
      return report(e instanceof Exception exception ? explained(exception, root) : e);
    }
  }

  /** Ends the process for this reason, from any thread; what is being saved is saved first. */
  synchronized void endAtOnce(String sentence) {
    if (!failed) {
      writeFailure(sentence, "");
    }
    Runtime.getRuntime().halt(1);
  }

  private static PrintStream utf8(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
  }

  private synchronized int report(Throwable error) {
    failed = true;
    if (error instanceof TrainingFailure failure) {
      writeFailure(failure.getMessage(), "");
      return failure.exitCode();
    }
    if (error instanceof OutOfMemoryError) {
      writeFailure(
          "The memory is full (%s): choose a larger InstanceType in training-job.json."
              .formatted(error.getMessage()),
          "");
      return 1;
    }
    StringWriter trace = new StringWriter();
    error.printStackTrace(new PrintWriter(trace, true));
    writeFailure(error.getClass().getSimpleName() + ": " + firstLine(error), trace.toString());
    return 1;
  }

  /** Writes the sentence to stderr and to /opt/ml/output/failure, the trace after it. */
  private void writeFailure(String sentence, String trace) {
    String text = sentence + "\n" + trace;
    System.err.print(text);
    System.err.flush();
    try {
      Path folder = Files.createDirectories(root.resolve("output"));
      // The beginning of a Java trace says where it happened.
      String begin = text.substring(0, Math.min(text.length(), FAILURE_LENGTH));
      // Not writeString: it refuses half a character, which the cut or a bad value may leave.
      Files.write(folder.resolve("failure"), begin.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      System.err.println("The failure file can't be written: " + e + ".");
    }
  }

  /**
   * Returns the failure that names a full or unwritable disk, or the error itself if it is another.
   *
   * @param path what was written, for the errors that do not say it
   */
  static Exception explained(Exception error, Path path) {
    Throwable cause = error instanceof UncheckedIOException ? error.getCause() : error;
    if (!(cause instanceof IOException)) {
      return error;
    }
    Object file = path;
    if (cause instanceof FileSystemException e && e.getFile() != null) {
      file = e.getFile();
    }
    String why = cause instanceof AccessDeniedException
        ? "Permission denied"
        : String.valueOf(cause.getMessage());
    if (why.contains("No space left on device") || why.contains("Disk quota exceeded")) {
      return new TrainingFailure(
          "No space is left on the disk (%s): raise VolumeSizeInGB in training-job.json."
              .formatted(file));
    }
    for (String reason : NOT_PERMITTED) {
      if (why.contains(reason)) {
        String verb = file.toString().contains("/input/") ? "read" : "write";
        return new TrainingFailure("Can't %s %s: %s.".formatted(verb, file, reason));
      }
    }
    return error;
  }

  static String firstLine(Throwable error) {
    return Objects.requireNonNullElse(error.getMessage(), "no message")
        .lines()
        .findFirst()
        .orElse("no message");
  }
}
