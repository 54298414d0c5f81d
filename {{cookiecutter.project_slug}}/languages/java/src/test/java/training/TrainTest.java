package training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The whole program: with a toy model, then with the model of this repository on data/. */
@Timeout(60)
class TrainTest {
  /** Holds the classes of the toy, src/test/resources/toy/Model.java, and of Train with it. */
  @TempDir private static Path toy;

  @TempDir private Path root;

  @BeforeAll
  static void compileToy() {
    int exitCode = ToolProvider.getSystemJavaCompiler().run(
        null, null, null, "-d", toy.toString(), "-cp", classPath(),
        Path.of("src", "test", "resources", "toy", "Model.java").toString(),
        Path.of("src", "main", "java", "training", "Train.java").toString());
    assertEquals(0, exitCode);
  }

  @BeforeEach
  void makeTree() throws IOException {
    for (String folder : List.of("input/config", "input/data/training", "model", "output/data")) {
      Files.createDirectories(root.resolve(folder));
    }
    Files.writeString(root.resolve("input/data/training/a.txt"), "1\n");
    writeConfig("inputdataconfig.json", Map.of("training", Map.of("TrainingInputMode", "File")));
  }

  @Test
  void trainingLeavesModelMetadataAndStepLines() throws Exception {
    writeConfig("hyperparameters.json", Map.of("count", "2"));

    Run run = runToy("train");

    assertEquals(0, run.exitCode(), run.err());
    assertEquals("2", read("model/count.txt"));
    Map<String, Object> metadata = JSON.std.mapFrom(read("model/metadata.json"));
    assertEquals(Map.of("count", 2, "pause", 0, "trouble", "none"),
        metadata.get("hyperparameters"));
    assertEquals(Map.of("training:loss", 0.5), metadata.get("metrics"));
    assertEquals(2, metadata.get("steps"));
    assertEquals(false, metadata.get("stopped"));
    assertEquals(Map.of("training", 1), metadata.get("rows"));
    assertTrue(run.lines().contains("Hyperparameters: count=2 pause=0 trouble=none"), run.out());
    assertTrue(run.lines().contains("step=2 training:loss=0.5"), run.out());
    assertEquals("Saved the model in %s: count.txt, metadata.json.".formatted(
        root.resolve("model")), run.lines().get(run.lines().size() - 1));
    assertEquals("", run.err());
  }

  @Test
  void noWordTrainsTooAndPairsOverride() throws Exception {
    assertEquals(0, runToy("--count", "4").exitCode());
    assertEquals("4", read("model/count.txt"));
  }

  @Test
  void helpListsTheHyperparameters() throws Exception {
    Run run = runToy("--help");

    assertEquals(0, run.exitCode());
    assertTrue(run.out().contains("--count  steps\n      an integer from 1 to 1000000; default 3"),
        run.out());
    assertFalse(Files.exists(root.resolve("model/metadata.json")));
  }

  /** C22. */
  @Test
  void serveIsRefused() throws Exception {
    Run run = runToy("serve");

    assertEquals(2, run.exitCode());
    assertEquals("This image only trains: start it with \"train\" or nothing, not \"serve\".\n",
        run.err());
    assertEquals(run.err(), read("output/failure"));
  }

  /** C5. */
  @Test
  void stopSavesTheStepsDone() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));

    Run run = stopAt("step=1 ", "--count", "1000000", "--pause", "20");

    assertEquals(0, run.exitCode(), run.err());
    assertTrue(run.lines().contains(
        "SIGTERM received: finishing this step, then saving checkpoint and model."), run.out());
    int steps = Integer.parseInt(read("model/count.txt"));
    assertTrue(Files.exists(root.resolve("checkpoints/checkpoint-%08d".formatted(steps))));
    assertEquals(true, JSON.std.mapFrom(read("model/metadata.json")).get("stopped"));
  }

  @Test
  void stopInOneBlockingFitIsLoggedAtOnce() throws Exception {
    Run run = stopAt("Reading", "--count", "1", "--pause", "1500");

    assertEquals(List.of("SIGTERM received", "step=1 training:"), run.lines().stream()
        .filter(line -> line.startsWith("SIGTERM") || line.startsWith("step"))
        .map(line -> line.substring(0, 16))
        .toList());
    assertEquals(0, run.exitCode());
  }

  @Test
  void stopBeforeTheFirstStepFailsWithOneSentence() throws Exception {
    Run run = stopAt("Reading", "--trouble", "slow read");

    assertEquals(1, run.exitCode());
    assertEquals(
        "Stopped by SIGTERM before the first step was done: there is no model to save.\n",
        read("output/failure"));
    assertNoModel();
  }

  /** C67. */
  @Test
  void runResumesFromTheCheckpoint() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    Files.writeString(root.resolve("checkpoints/checkpoint-00000002"), "2");

    Run run = runToy("train");

    assertEquals(0, run.exitCode(), run.err());
    assertTrue(run.lines().contains("Resuming from checkpoint-00000002, after step 2."));
    assertTrue(run.out().contains("step=3 "));
    assertFalse(run.out().contains("step=2 "));
  }

  @Test
  void runThatResumesAtTheEndSavesTheModelAgain() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    Files.writeString(root.resolve("checkpoints/checkpoint-00000003"), "3");

    assertEquals(0, runToy("train").exitCode());

    Map<String, Object> metrics =
        JSON.std.mapFrom(read("model/metadata.json"));
    assertFalse(((Map<?, ?>) metrics.get("metrics")).isEmpty());
  }

  /** C58. */
  @Test
  void bugIsOneSentenceAndThenItsTrace() throws Exception {
    Run run = runToy("--trouble", "bug");

    assertEquals(1, run.exitCode());
    assertTrue(run.err().contains("\tat training.Model.step"), run.err());
    String failure = read("output/failure");
    assertTrue(failure.startsWith("IllegalStateException: a bug\n"), failure);
    assertTrue(failure.length() <= 1024);
    assertNoModel();
  }

  /** What is no Exception must leave its reason too. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "memory   | The memory is full (",
      "stack    | StackOverflowError: no message",
      "class    | NoClassDefFoundError: some/Library",
      "exit     | IllegalStateException: System.exit was called in mid-training",
      "half     | IllegalStateException: ",
      "no model | The model folder ",
  })
  void otherTroublesAreOneSentence(String trouble, String sentence) throws Exception {
    Run run = runToy("--trouble", trouble);

    assertEquals(1, run.exitCode());
    assertTrue(run.err().startsWith(sentence), run.err());
    assertTrue(read("output/failure").startsWith(sentence));
    assertNoModel();
  }

  @Test
  void failureOfAnEarlierRunIsRemoved() throws Exception {
    Files.writeString(root.resolve("output/failure"), "old");

    assertEquals(0, runToy("train").exitCode());

    assertFalse(Files.exists(root.resolve("output/failure")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"POSIX", "tr_TR.UTF-8", "ar_EG.UTF-8"})
  void outputIsTheSameInEveryLocale(String locale) throws Exception {
    String language = locale.equals("POSIX") ? "en" : locale.substring(0, 2);
    writeConfig("hyperparameters.json", Map.of("trouble", "größer ☃"));
    List<String> command = command(toy + File.pathSeparator + classPath(), "train");
    command.add(1, "-Duser.language=" + language);
    command.add(1, "-Duser.extensions=u-nu-arab");

    Run run = finish(start(command, Map.of("LC_ALL", locale)));

    assertTrue(run.lines().contains("Hyperparameters: count=3 pause=0 trouble=größer ☃"),
        run.out());
    assertTrue(run.lines().contains("step=3 training:loss=0.333333"), run.out());
  }

  /** Trains the repository's own model on data/, as training-job.json says. */
  @Test
  void modelOfThisRepositoryTrainsAndEachMetricIsFound() throws Exception {
    Map<String, Object> job = JSON.std.mapFrom(Files.readString(Path.of("training-job.json")));
    writeConfig("hyperparameters.json", job.getOrDefault("HyperParameters", Map.of()));
    Files.delete(root.resolve("input/data/training/a.txt"));
    Files.delete(root.resolve("input/data/training"));
    List<String> channels = new ArrayList<>();
    for (Object channel : (List<?>) job.getOrDefault("InputDataConfig", List.of())) {
      channels.add((String) ((Map<?, ?>) channel).get("ChannelName"));
    }
    Map<String, Object> config = new TreeMap<>();
    for (String channel : channels) {
      config.put(channel, Map.of("TrainingInputMode", "File"));
      copyTree(Path.of("data", channel), root.resolve("input/data").resolve(channel));
    }
    writeConfig("inputdataconfig.json", config);

    Run run = finish(start(command(classPath(), "train"), Map.of()));

    assertEquals(0, run.exitCode(), run.err());
    assertTrue(run.lines().stream().anyMatch(line -> line.startsWith("step=1 ")), run.out());
    try (Stream<Path> files = Files.list(root.resolve("model"))) {
      assertTrue(files.count() >= 2);
    }
    Map<?, ?> algorithm = (Map<?, ?>) job.get("AlgorithmSpecification");
    for (Object definition : (List<?>) algorithm.get("MetricDefinitions")) {
      String regex = (String) ((Map<?, ?>) definition).get("Regex");
      Matcher matcher = Pattern.compile(regex).matcher(run.out());
      assertTrue(matcher.find(), () -> regex + " matches no line of\n" + run.out());
      Double.parseDouble(matcher.group(1));
    }
  }

  // ---- How the program is run ---------------------------------------------------------------

  private record Run(int exitCode, String out, String err) {
    List<String> lines() {
      return out.lines().toList();
    }
  }

  private Run runToy(String... arguments) throws Exception {
    return finish(start(command(toy + File.pathSeparator + classPath(), arguments), Map.of()));
  }

  /** Sends SIGTERM when the log says {@code text}. */
  private Run stopAt(String text, String... arguments) throws Exception {
    Process process =
        start(command(toy + File.pathSeparator + classPath(), arguments), Map.of());
    while (process.isAlive() && !read("out.txt").contains(text)) {
      Thread.sleep(10);
    }
    process.toHandle().destroy();
    return finish(process);
  }

  private static List<String> command(String classPath, String... arguments) {
    List<String> command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-cp", classPath, "training.Train"));
    command.addAll(Arrays.asList(arguments));
    return command;
  }

  private Process start(List<String> command, Map<String, String> environment)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command)
        .redirectOutput(root.resolve("out.txt").toFile())
        .redirectError(root.resolve("err.txt").toFile());
    builder.environment().put("SAGEMAKER_BASE_DIR", root.toString());
    builder.environment().putAll(environment);
    return builder.start();
  }

  private Run finish(Process process) throws Exception {
    if (!process.waitFor(50, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
    return new Run(process.waitFor(), read("out.txt"), read("err.txt"));
  }

  private static String classPath() {
    return System.getProperty("java.class.path");
  }

  private String read(String file) throws IOException {
    return Files.readString(root.resolve(file));
  }

  private void writeConfig(String name, Object content) throws IOException {
    JSON.std.write(content, root.resolve("input/config").resolve(name).toFile());
  }

  private void assertNoModel() throws IOException {
    try (Stream<Path> files = Files.list(root.resolve("model"))) {
      assertEquals(List.of(), files.toList());
    }
  }

  private static void copyTree(Path from, Path to) throws IOException {
    try (Stream<Path> paths = Files.walk(from)) {
      for (Path path : paths.toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }
}
