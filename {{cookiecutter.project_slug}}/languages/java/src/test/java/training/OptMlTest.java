package training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The contract, clause by clause, in a folder that stands for /opt/ml. */
class OptMlTest {
  private static final List<Hyperparameter> DECLARED = List.of(
      Hyperparameter.ofInteger("count", 3, "steps", 1L, 1000L),
      Hyperparameter.ofNumber("rate", 0.5, "nothing", 0.0, 1.0),
      Hyperparameter.ofBoolean("fast", false, "nothing"),
      Hyperparameter.ofString("kind", "adam", "nothing", "adam", "sgd"),
      Hyperparameter.ofString("label", "x", "nothing"),
      Hyperparameter.ofInteger("open", 7, "nothing", 0L, null));
  private static final String KNOWN = "Known are count, fast, kind, label, open, rate.";

  private final PrintStream stdout = System.out;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();

  @TempDir private Path root;
  private OptMl optMl;

  @BeforeEach
  void makeTree() throws IOException {
    System.setOut(new PrintStream(log, true, StandardCharsets.UTF_8));
    for (String folder : List.of("input/config", "input/data/training", "model")) {
      Files.createDirectories(root.resolve(folder));
    }
    Files.writeString(root.resolve("input/data/training/a.txt"), "1\n");
    writeConfig("inputdataconfig.json", Map.of("training", Map.of("TrainingInputMode", "File")));
    optMl = new OptMl(root);
  }

  @AfterEach
  void restoreStdout() {
    System.setOut(stdout);
  }

  // ---- Hyperparameters ----------------------------------------------------------------------

  /** C30. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "count | 10      | 10",
      "count | \"10\"  | 10",
      "count | 10.0    | 10",
      "count | 1e2     | 100",
      "count | ` 10 `  | 10",
      "count | ``      | 3",
      "count | null    | 3",
      "count | None    | 3",
      "label | None    | x",
      "rate  | 0.25    | 0.25",
      "rate  | 1e-3    | 0.001",
      "rate  | 1       | 1",
      "fast  | True    | true",
      "fast  | true    | true",
      "fast  | \"yes\" | true",
      "fast  | 1       | true",
      "fast  | False   | false",
      "fast  | 0       | false",
      "kind  | sgd     | sgd",
      "kind  | \"sgd\" | sgd",
      "label | 00123   | 00123",
      "label | \"true\"| true",
      "label | \"      | \"",
      "label | \"a\"b  | \"a\"b",
      "label | é ☃     | é ☃",
      "open  | 9223372036854775807 | 9223372036854775807",
  })
  void valueIsReadByItsDeclaredType(String name, String text, String value) throws IOException {
    Object decoded = read(Map.of(name, text)).get(name);

    assertEquals(value, OptMl.asText(decoded));
    assertSame(defaultOf(name).getClass(), decoded.getClass());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "count | abc     | it must be an integer from 1 to 1000.",
      "count | 10.5    | it must be an integer from 1 to 1000.",
      "count | 0       | it must be an integer from 1 to 1000.",
      "count | 1001    | it must be an integer from 1 to 1000.",
      "open  | -1      | it must be an integer of at least 0.",
      "open  | 1e19    | it must be an integer of at least 0.",
      "open  | 1e999999999 | it must be an integer of at least 0.",
      "rate  | nan     | it must be a number from 0 to 1.",
      "rate  | 1e999   | it must be a number from 0 to 1.",
      "rate  | 0_1     | it must be a number from 0 to 1.",
      "rate  | 0.5f    | it must be a number from 0 to 1.",
      "fast  | maybe   | it must be true or false.",
      "kind  | rmsprop | it must be one of adam, sgd.",
  })
  void badValueIsOneSentence(String name, String text, String sentence) {
    TrainingFailure failure =
        assertThrows(TrainingFailure.class, () -> read(Map.of(name, text)));

    assertEquals(
        "Hyperparameter \"%s\" is \"%s\": %s".formatted(name, text, sentence),
        failure.getMessage());
    assertEquals(1, failure.exitCode());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "cuont | : did you mean \"count\"?",
      "Label | : did you mean \"label\"?",
      "zzz   | .",
  })
  void unknownNameIsOneSentence(String name, String hint) {
    TrainingFailure failure =
        assertThrows(TrainingFailure.class, () -> read(Map.of(name, "1")));

    assertEquals(
        "Unknown hyperparameter \"%s\"%s %s".formatted(name, hint, KNOWN), failure.getMessage());
  }

  /** C28. */
  @Test
  void defaultsHoldWithoutTheFile() throws IOException {
    assertEquals(
        Map.of("count", 3L, "rate", 0.5, "fast", false, "kind", "adam", "label", "x", "open", 7L),
        optMl.readHyperparameters(DECLARED, Map.of()));
    assertEquals(
        "Hyperparameters: count=3 fast=false kind=adam label=x open=7 rate=0.5\n", log.toString());
  }

  /** C31. */
  @Test
  void namesOfThePlatformAndTheSdksAreSkipped() throws IOException {
    assertEquals(5L, read(Map.of(
        "sagemaker_program", "\"a.py\"", "_tuning_objective_metric", "m", "count", "5"))
        .get("count"));
  }

  /** C9. */
  @Test
  void commandLineOverridesTheFile() throws IOException {
    writeConfig("hyperparameters.json", Map.of("count", "5"));

    assertEquals(7L, optMl.readHyperparameters(DECLARED, Map.of("count", "7")).get("count"));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "{            | is not valid JSON: End of input (line 1).",
      "{\"count\"   | is not valid JSON: End of input (line 1).",
      "{} {}        | is not valid JSON: unexpected text (line 1).",
      "{'a': 1}     | is not valid JSON: unexpected text (line 1).",
      "{\"count\" 1 | is not valid JSON: Expected ':' (line 1).",
      "`{\"a\": 1,\n}` | is not valid JSON: Expected name (line 2).",
      "``           | is not valid JSON: End of input (line 1).",
      "[]           | must be one flat object of strings.",
      "3            | must be one flat object of strings.",
      "null         | must be one flat object of strings.",
      "{\"count\": {}} | must be one flat object of strings.",
  })
  void brokenFileIsOneSentence(String text, String sentence) throws IOException {
    Path file = Files.writeString(
        root.resolve("input/config/hyperparameters.json"), text.translateEscapes());

    TrainingFailure failure = assertThrows(
        TrainingFailure.class, () -> optMl.readHyperparameters(DECLARED, Map.of()));

    assertEquals(file + " " + sentence, failure.getMessage());
  }

  /** C1, C9. */
  @Test
  void argumentsAreTrainOrNothingAndPairs() {
    assertEquals(Map.of(), OptMl.readArguments(List.of(), DECLARED));
    assertEquals(Map.of(), OptMl.readArguments(List.of("train"), DECLARED));
    assertEquals(
        Map.of("count", "2"), OptMl.readArguments(List.of("train", "--count", "2"), DECLARED));
    assertEquals(Map.of("rate", "-1"), OptMl.readArguments(List.of("--rate", "-1"), DECLARED));
  }

  /** C22. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "serve   | This image only trains: start it with \"train\" or nothing, not \"serve\".",
      "train x | This image only trains: start it with \"train\" or nothing, not \"x\".",
      "--count | --count needs a value after it.",
      "--zzz 1 | Unknown hyperparameter \"zzz\". " + KNOWN,
  })
  void otherArgumentsAreRefused(String words, String sentence) {
    TrainingFailure failure = assertThrows(
        TrainingFailure.class, () -> OptMl.readArguments(List.of(words.split(" ")), DECLARED));

    assertEquals(sentence, failure.getMessage());
    assertEquals(2, failure.exitCode());
  }

  // ---- Hosts and channels -------------------------------------------------------------------

  /** C35, C36, C37. */
  @Test
  void rankIsThePlaceAmongTheSortedHosts() throws IOException {
    Files.writeString(root.resolve("input/config/resourceconfig.json"), """
        {"current_host": "algo-2", "hosts": ["algo-2", "algo-10", "algo-1"],
         "current_group_name": "b", "network_interface_name": "ethwe",
         "instance_groups": [{"instance_group_name": "a", "hosts": ["algo-10"]},
                             {"instance_group_name": "b", "hosts": ["algo-2", "algo-1"]}]}
        """);

    Hosts hosts = optMl.readHosts();

    assertEquals(new Hosts(List.of("algo-1", "algo-10", "algo-2"), "algo-2"), hosts);
    assertEquals(2, hosts.rank());
    assertEquals("algo-1", hosts.leader());
    assertEquals(List.of("algo-1", "algo-10"), hosts.others());
  }

  /** C34, C38. */
  @Test
  void oneHostIsReadFromItsKeysOrNone() throws IOException {
    assertEquals(new Hosts(List.of("algo-1"), "algo-1"), optMl.readHosts());

    Files.writeString(root.resolve("input/config/resourceconfig.json"),
        "{\"current_host\": \"a\", \"hosts\": [\"a\"], \"topology\": null}");

    assertEquals(new Hosts(List.of("a"), "a"), optMl.readHosts());
    assertTrue(optMl.readHosts().leads());
    assertFalse(optMl.readHosts().several());
  }

  /** C32, C43, C44. */
  @Test
  void channelsAreThoseOfTheConfiguration() throws Exception {
    Path training = root.resolve("input/data/training");
    Files.writeString(training.resolveSibling("training-manifest"), "{}");
    Files.createDirectories(training.resolveSibling("other"));
    Files.createDirectories(training.resolve("sub/_x"));
    for (String name : List.of("sub/b é.txt", ".hidden", "_SUCCESS", "sub/_x/c.txt", "Z.txt")) {
      Files.writeString(training.resolve(name), "1\n");
    }
    Files.writeString(training.resolve("folder_marker"), "");

    Map<String, List<Path>> channels = readChannels();

    assertEquals(Set.of("training"), channels.keySet());
    assertEquals(
        List.of("Z.txt", "a.txt", "sub/b é.txt"),
        channels.get("training").stream()
            .map(file -> training.relativize(file).toString())
            .toList());
    assertEquals("Channels: training (3 files).\n", log.toString());
  }

  @Test
  void foldersAreChannelsWithoutTheConfiguration() throws Exception {
    Files.delete(root.resolve("input/config/inputdataconfig.json"));
    Files.writeString(root.resolve("input/data/training-manifest"), "{}");

    assertEquals(Set.of("training"), readChannels().keySet());
    assertTrue(log.toString().startsWith(
        "inputdataconfig.json is missing: taking the folders under %s as channels.\n"
            .formatted(root.resolve("input/data"))));
  }

  /** C33, C50. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "{\"val\": {}, \"train\": {}} | Channel \"training\" is missing: "
          + "the job has only the channels train, val.",
      "{} | Channel \"training\" is missing: the job has no channels.",
      "{\"training\": {}, \"val\": {}} | Channel \"val\" is empty: there is no file under ",
      "{\"training\": {\"TrainingInputMode\": \"Pipe\"}} | Channel \"training\" comes in Pipe "
          + "mode, which this program can't read: use FastFile in training-job.json, "
          + "which streams as well.",
  })
  void channelThatCanNotBeReadIsOneSentence(String config, String sentence) throws IOException {
    Files.createDirectories(root.resolve("input/data/val"));
    Files.writeString(root.resolve("input/config/inputdataconfig.json"), config);

    TrainingFailure failure =
        assertThrows(TrainingFailure.class, this::readChannels);

    assertTrue(failure.getMessage().startsWith(sentence), failure.getMessage());
  }

  // ---- Checkpoints --------------------------------------------------------------------------

  /** C64. */
  @Test
  void noneAreKeptWithoutTheFolder() throws Exception {
    Checkpoints checkpoints = optMl.checkpoints();

    saveSteps(checkpoints, 1);

    assertFalse(checkpoints.due());
    assertFalse(checkpoints.resume(path -> {
      throw new AssertionError(path);
    }));
    assertFalse(Files.exists(root.resolve("checkpoints")));
    assertEquals(
        "No checkpoints: %s does not exist (the job has no CheckpointConfig).\n"
            .formatted(root.resolve("checkpoints")),
        log.toString());
  }

  /** C65. */
  @Test
  void lastThreeAreKeptAndTheOneThatIsUploaded() throws Exception {
    Path folder = Files.createDirectories(root.resolve("checkpoints"));
    Files.createFile(folder.resolve("checkpoint-00000001.sagemaker-uploading"));

    saveSteps(optMl.checkpoints(), 1, 2, 3, 4, 5);

    assertEquals(
        List.of("checkpoint-00000001", "checkpoint-00000001.sagemaker-uploading",
            "checkpoint-00000003", "checkpoint-00000004", "checkpoint-00000005"),
        names(folder));
  }

  /** C65. */
  @Test
  void checkpointHasAnotherNameUntilItIsWhole() throws Exception {
    Path folder = Files.createDirectories(root.resolve("checkpoints"));
    List<String> seen = new ArrayList<>();

    optMl.checkpoints().save(7, path -> {
      Files.writeString(path, "7");
      seen.addAll(names(folder));
    });

    assertEquals(List.of("checkpoint-00000007.sagemaker-ignore"), seen);
    assertEquals(List.of("checkpoint-00000007"), names(folder));
  }

  /** C65. */
  @Test
  void brokenCheckpointGivesWayToTheOneBefore() throws Exception {
    Path folder = Files.createDirectories(root.resolve("checkpoints"));
    Checkpoints checkpoints = optMl.checkpoints();
    saveSteps(checkpoints, 1, 2);
    Files.writeString(folder.resolve("checkpoint-00000002"), "no number");
    Files.writeString(folder.resolve("checkpoint-00000003.sagemaker-uploaded"), "9");
    Files.writeString(folder.resolve("checkpoint-00000009.sagemaker-ignore"), "9");
    List<Integer> loaded = new ArrayList<>();

    assertTrue(checkpoints.resume(path -> loaded.add(Integer.valueOf(Files.readString(path)))));

    assertEquals(List.of(1), loaded);
    assertEquals("""
        WARNING: checkpoint-00000002 is broken (For input string: "no number"): \
        trying the one before.
        Resuming from checkpoint-00000001, after step 1.
        """, log.toString());
  }

  @Test
  void checkpointsThatAreAllBrokenStartFromTheBeginning() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    Files.createFile(root.resolve("checkpoints/checkpoint-00000002"));

    assertFalse(optMl.checkpoints().resume(path -> Integer.parseInt(Files.readString(path))));

    assertTrue(log.toString().endsWith(
        "WARNING: no checkpoint could be read: training starts from the beginning.\n"));
  }

  @Test
  void firstStepIsDueAndTheNextIsNotAtOnce() throws Exception {
    Files.createDirectories(root.resolve("checkpoints"));
    Checkpoints checkpoints = optMl.checkpoints();
    assertTrue(checkpoints.due());

    saveSteps(checkpoints, 1);

    assertFalse(checkpoints.due());
  }

  // ---- Model --------------------------------------------------------------------------------

  /** C59. */
  @Test
  void modelIsSavedWithItsMetadataInTheirOrder() throws Exception {
    List<String> seen = new ArrayList<>();
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("steps", 1);
    metadata.put("nan", Double.NaN);
    metadata.put("half", 0.5);
    metadata.put("stopped", false);
    metadata.put("none", null);
    metadata.put("features", new Object[] {"é\"", 2});

    optMl.saveModel(
        folder -> {
          Files.createDirectories(folder.resolve("sub"));
          Files.writeString(folder.resolve("sub/number.txt"), "7");
          seen.addAll(names(root.resolve("model")));
        },
        folder -> seen.add(Files.readString(folder.resolve("sub/number.txt"))),
        metadata);

    assertEquals(List.of(".saving", "7"), seen);
    assertEquals(List.of("metadata.json", "sub"), names(root.resolve("model")));
    assertEquals("""
        {
          "steps": 1,
          "nan": "NaN",
          "half": 0.5,
          "stopped": false,
          "none": null,
          "features": [
            "é\\"",
            2
          ]
        }
        """, Files.readString(root.resolve("model/metadata.json")));
    assertEquals("Saved the model in %s: metadata.json, sub/number.txt.\n"
        .formatted(root.resolve("model")), log.toString());
  }

  @Test
  void modelThatCanNotBeReadBackIsNone() throws Exception {
    assertThrows(IllegalStateException.class, () -> optMl.saveModel(
        folder -> Files.writeString(folder.resolve("number.txt"), "7"),
        folder -> {
          throw new IllegalStateException();
        },
        Map.of()));

    assertEquals(List.of(), names(root.resolve("model")));
  }

  /** C60. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void emptyModelIsFailure(boolean withFile) throws Exception {
    TrainingFailure failure = assertThrows(TrainingFailure.class, () -> optMl.saveModel(
        folder -> {
          if (withFile) {
            Files.createFile(folder.resolve("empty"));
          }
        },
        folder -> { },
        Map.of()));

    assertEquals("The model folder %s would be empty: save() in model wrote no file."
        .formatted(root.resolve("model")), failure.getMessage());
    assertEquals(List.of(), names(root.resolve("model")));
  }

  @Test
  void fullOrReadOnlyDiskIsOneSentence() {
    Path path = Path.of("/opt/ml/model");

    assertEquals(
        "No space is left on the disk (/opt/ml/model): "
            + "raise VolumeSizeInGB in training-job.json.",
        OptMl.explained(new IOException("No space left on device"), path).getMessage());
    assertEquals("Can't write /opt/ml/model/x: Read-only file system.",
        OptMl.explained(
            new FileSystemException("/opt/ml/model/x", null, "Read-only file system"), path)
            .getMessage());
    assertEquals("Can't read /opt/ml/input/data/a/b: Permission denied.",
        OptMl.explained(new AccessDeniedException("/opt/ml/input/data/a/b"), path).getMessage());
    IOException other = new FileNotFoundException("x");
    assertSame(other, OptMl.explained(other, path));
  }

  // ---- Log ----------------------------------------------------------------------------------

  /** C94. */
  @ParameterizedTest
  @CsvSource({
      "0.3123454321, 0.312345", "1, 1", "0.1, 0.1", "0.00012, 0.00012", "0.00000012, 1.2e-7",
      "123456789, 123457000", "-0.5, -0.5", "0, 0", "NaN, nan", "Infinity, inf",
      "1e300, 1e+300",
  })
  void metricsHaveSixDigits(double value, String text) {
    OptMl.logStep(12, Map.of("training:loss", value));

    assertEquals("step=12 training:loss=" + text + "\n", log.toString());
  }

  // ---- Helpers ------------------------------------------------------------------------------

  private Map<String, Object> read(Map<String, String> given) throws IOException {
    writeConfig("hyperparameters.json", given);
    return optMl.readHyperparameters(DECLARED, Map.of());
  }

  private Map<String, List<Path>> readChannels() throws Exception {
    return optMl.readChannels(List.of("training"), Cluster.ofOne());
  }

  private static Object defaultOf(String name) {
    return DECLARED.stream()
        .filter(each -> each.name().equals(name))
        .findFirst()
        .orElseThrow()
        .defaultValue();
  }

  private static void saveSteps(Checkpoints checkpoints, int... steps) throws Exception {
    for (int step : steps) {
      checkpoints.save(step, path -> Files.writeString(path, "" + step));
    }
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  private void writeConfig(String name, Object content) throws IOException {
    Files.writeString(root.resolve("input/config").resolve(name), new Gson().toJson(content));
  }
}
