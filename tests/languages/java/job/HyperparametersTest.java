package training.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Settings from the file and the command line. */
class HyperparametersTest extends JobTree {
  private static final Hyperparameter<Integer> COUNT =
      Hyperparameter.ofInteger("count", 3, "steps", 1, 1000);
  private static final List<Hyperparameter<?>> DECLARED = List.of(
      COUNT,
      Hyperparameter.ofNumber("rate", 0.5, "nothing", 0.0, 1.0),
      Hyperparameter.ofBoolean("fast", false, "nothing"),
      Hyperparameter.ofString("kind", "adam", "nothing", "adam", "sgd"),
      Hyperparameter.ofString("label", "x", "nothing"),
      Hyperparameter.ofInteger("open", 7, "nothing", 0, null));
  private static final String KNOWN = "Known are count, fast, kind, label, open, rate.";


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
      "open  | 2147483647 | 2147483647",
  })
  void valueIsReadByItsDeclaredType(String name, String text, String value) throws IOException {
    Object decoded = read(Map.of(name, text)).get(name);

    assertEquals(value, Log.asText(decoded));
    assertSame(defaultOf(name).getClass(), decoded.getClass());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "count | abc     | it must be an integer from 1 to 1000.",
      "count | 10.5    | it must be an integer from 1 to 1000.",
      "count | 0       | it must be an integer from 1 to 1000.",
      "count | 1001    | it must be an integer from 1 to 1000.",
      "open  | -1      | it must be an integer from 0 to 2147483647.",
      "open  | 2147483648 | it must be an integer from 0 to 2147483647.",
      "open  | 1e19    | it must be an integer from 0 to 2147483647.",
      "open  | 1e999999999 | it must be an integer from 0 to 2147483647.",
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
        Map.of("count", 3, "rate", 0.5, "fast", false, "kind", "adam", "label", "x", "open", 7),
        readSettings().asMap());
    assertEquals(
        "Hyperparameters: count=3 fast=false kind=adam label=x open=7 rate=0.5\n", log.toString());
  }

  @Test
  void settingWithoutADefaultIsNullUntilItIsGiven() throws IOException {
    Hyperparameter<Double> limit = Hyperparameter.ofNumber("limit", null, "nothing", 0.0, null);
    List<Hyperparameter<?>> declared = List.of(limit);

    assertNull(Hyperparameters.read(files, declared, List.of()).get(limit));
    assertEquals("Hyperparameters: limit=null\n", log.toString());
    assertNull(Hyperparameters.of(declared, Map.of("limit", "None")).get(limit));
    assertEquals(0.5, Hyperparameters.of(declared, Map.of("limit", "0.5")).get(limit));
    assertTrue(Hyperparameters.usage(declared).endsWith(
        "  --limit  nothing\n      a number of at least 0 or null; default null"));
  }

  @Test
  void settingThatTheModelDoesNotListIsAMistakeOfTheModel() throws IOException {
    Hyperparameters settings = Hyperparameters.of(List.of(), Map.of());

    assertEquals(
        "Model.java: hyperparameters() does not list \"count\".",
        assertThrows(TrainingFailure.class, () -> settings.get(COUNT)).getMessage());
    assertEquals(
        "hyperparameters() in Model.java returned null: let it return a list.",
        assertThrows(
            TrainingFailure.class, () -> Hyperparameters.read(files, null, List.of()))
                .getMessage());
  }

  /** C31. */
  @Test
  void namesOfThePlatformAndTheSdksAreSkipped() throws IOException {
    assertEquals(5, read(Map.of(
        "sagemaker_program", "\"a.py\"", "_tuning_objective_metric", "m", "count", "5"))
        .get("count"));
  }

  /** C9. */
  @Test
  void commandLineOverridesTheFile() throws IOException {
    writeConfig("hyperparameters.json", Map.of("count", "5"));

    assertEquals(7, readSettings("--count", "7").asMap().get("count"));
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
        TrainingFailure.class, this::readSettings);

    assertEquals(file + " " + sentence, failure.getMessage());
  }

  /** C1, C9. */
  @Test
  void argumentsAreTrainOrNothingAndPairs() throws IOException {
    assertEquals(3, readSettings().get(COUNT));
    assertEquals(3, readSettings("train").get(COUNT));
    assertEquals(2, readSettings("train", "--count", "2").get(COUNT));
    assertEquals(2, readSettings("--count", "2").get(COUNT));
    assertEquals(2, readSettings("train", "--label=a=b", "--count=2").get(COUNT));
    assertEquals("a=b", readSettings("--label=a=b", "--count", "2").asMap().get("label"));
  }

  /** C22. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "serve   | This image only trains: start it with \"train\" or nothing, not \"serve\".",
      "train x | This image only trains: start it with \"train\" or nothing, not \"x\".",
      "--count | --count needs a value after it.",
      "--zzz 1 | Unknown hyperparameter \"zzz\". " + KNOWN,
      "--zzz=1 | Unknown hyperparameter \"zzz\". " + KNOWN,
  })
  void otherArgumentsAreRefused(String words, String sentence) {
    TrainingFailure failure = assertThrows(
        TrainingFailure.class, () -> readSettings(words.split(" ")));

    assertEquals(sentence, failure.getMessage());
    assertEquals(2, failure.exitCode());
  }

  private Map<String, Object> read(Map<String, String> given) throws IOException {
    writeConfig("hyperparameters.json", given);
    return readSettings().asMap();
  }

  private Hyperparameters readSettings(String... arguments) throws IOException {
    return Hyperparameters.read(files, DECLARED, List.of(arguments));
  }

  private static Object defaultOf(String name) {
    return DECLARED.stream()
        .filter(each -> each.name().equals(name))
        .findFirst()
        .orElseThrow()
        .defaultValue();
  }

  @Test
  void declarationThatMakesNoSenseIsOneSentence() {
    Map<Hyperparameter<?>, String> wrong = Map.of(
        Hyperparameter.ofInteger("a", 0, "", 1, null),
        "has the default \"0\": it must be an integer from 1 to 2147483647.",
        Hyperparameter.ofNumber("a", 2.5, "", null, 2.0),
        "has the default \"2.5\": it must be a number of at most 2.",
        Hyperparameter.ofNumber("a", Double.NaN, "", null, null),
        "has the default \"nan\": it must be a number.",
        Hyperparameter.ofString("a", "z", "", "b", "c"),
        "has the default \"z\": it must be one of b, c.");
    wrong.forEach((declared, problem) -> assertEquals(
        "Hyperparameter \"a\" in Model " + problem, refused(List.of(declared))));
    for (String name : List.of("sagemaker_x", "_tuning_objective_metric", "help")) {
      assertEquals(
          "Hyperparameter \"%s\" in Model has a name that is reserved: choose another."
              .formatted(name),
          refused(List.of(Hyperparameter.ofInteger(name, 1, "", null, null))));
    }
    assertEquals("Hyperparameter \"count\" stands twice in Model.", refused(List.of(COUNT, COUNT)));
  }

  @Test
  void optionalOneMayBeNullAndChoiceMayBeCalledSo() {
    Hyperparameter<Integer> depth = Hyperparameter.ofInteger("depth", null, "", 1, 9);
    Hyperparameter<String> penalty = Hyperparameter.ofString("penalty", "l2", "", "None", "l2");
    List<Hyperparameter<?>> declared = List.of(depth, penalty);

    Hyperparameters settings = Hyperparameters.of(declared, Map.of("penalty", "None"));

    assertEquals("None", settings.get(penalty));
    assertNull(settings.get(depth));
    assertNull(Hyperparameters.of(declared, Map.of("depth", "null")).get(depth));
    assertEquals(
        "Hyperparameter \"depth\" is \"none\": it must be an integer from 1 to 9 or null.",
        assertThrows(TrainingFailure.class,
            () -> Hyperparameters.of(declared, Map.of("depth", "none"))).getMessage());
    assertTrue(Hyperparameters.usage(declared).contains("from 1 to 9 or null; default null"));
  }

  private static String refused(List<Hyperparameter<?>> declared) {
    return assertThrows(TrainingFailure.class, () -> Hyperparameters.of(declared, Map.of()))
        .getMessage();
  }
}
