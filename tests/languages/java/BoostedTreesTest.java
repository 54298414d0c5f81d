package training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import training.job.Hyperparameters;
import training.job.TrainingFailure;

/** The boosted trees of the template: laid over a generated repository to be run. */
class BoostedTreesTest {
  private static final String GOOD = "is_male,a,b\n0,1,2\n1,3,4\n0,5,6\n1,7,8\n";

  private static final List<String> FEATURES = features();

  @TempDir private Path folder;

  // ---- The algorithm ------------------------------------------------------------------------

  @Test
  void validationAccuracyOnPenguinsIsAboveNineTenths() throws Exception {
    Model model = penguins(Map.of(), 100);

    assertTrue(model.metrics().get("validation:accuracy") > 0.9, model.metrics().toString());
    assertEquals(
        List.of("training:log_loss", "validation:log_loss", "validation:accuracy"),
        List.copyOf(model.metrics().keySet()));
    assertEquals(
        Map.of("training", 266L, "validation", 67L), model.metadata().get("rows"));
    assertEquals(FEATURES, model.metadata().get("features"));
    assertEquals("3.4.0", ((Map<?, ?>) model.metadata().get("versions")).get("xgboost"));
  }

  @Test
  void metricsAreThoseOfThePredictions() throws Exception {
    Model model = penguins(Map.of(), 10);
    model.save(folder);
    List<String> lines = Files.readAllLines(Path.of("data/validation/penguins.csv"));
    float[] labels = new float[lines.size() - 1];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = Float.parseFloat(lines.get(i + 1).split(",")[0]);
    }

    float[][] predictions =
        booster(folder).predict(matrix(validation(model), FEATURES.size()));

    double logLoss = 0;
    double right = 0;
    for (int i = 0; i < labels.length; i++) {
      double p = predictions[i][0];
      logLoss -= Math.log(labels[i] == 1 ? p : 1 - p) / labels.length;
      right += (p > 0.5) == (labels[i] == 1) ? 1 : 0;
    }
    assertEquals(logLoss, model.metrics().get("validation:log_loss"), 1e-6);
    assertEquals(right / labels.length, model.metrics().get("validation:accuracy"), 1e-6);
  }

  @Test
  void sameSeedAndDataGiveTheSameBytesAndAnotherSeedOthers() throws Exception {
    byte[] first = bytes(penguins(Map.of(), 20));

    assertArrayEquals(first, bytes(penguins(Map.of(), 20)));
    assertFalse(Arrays.equals(first, bytes(penguins(Map.of("seed", "2"), 20))));
  }

  @Test
  void resumedTrainingEqualsOneThatWasNeverInterrupted() throws Exception {
    Model first = penguins(Map.of(), 7);
    first.saveCheckpoint(folder.resolve("checkpoint"));
    Model second = penguins(Map.of(), 0);

    second.loadCheckpoint(folder.resolve("checkpoint"));

    assertEquals(first.metrics(), second.metrics());
    grow(second, 7, 30);
    Model whole = penguins(Map.of(), 30);
    assertArrayEquals(bytes(whole), bytes(second));
    assertEquals(whole.metrics(), second.metrics());
  }

  @Test
  void checkpointOfOtherColumnsIsRefusedAndChangesNothing() throws Exception {
    Model model = penguins(Map.of(), 3);
    model.saveCheckpoint(folder.resolve("whole"));
    Model other = model(Map.of("training", List.of(write("other.csv", GOOD))), Map.of(), 1);

    assertEquals("it was made from data with other columns", assertThrows(
        IOException.class, () -> other.loadCheckpoint(folder.resolve("whole"))).getMessage());
    grow(other, 1, 2);
    grow(model, 3, 4);
  }

  @Test
  void finishedIsAfterTheLastRound() throws Exception {
    Model model = penguins(Map.of("rounds", "2"), 1);

    assertFalse(model.finished(1));
    assertTrue(model.finished(2));
  }

  /** Leaves a model and its predictions where compare_with_python.py is told to look. */
  @Test
  @EnabledIfSystemProperty(named = "comparison", matches = ".+")
  void predictionsAreWrittenDown() throws Exception {
    Path place = Files.createDirectories(Path.of(System.getProperty("comparison")));
    Model model = penguins(Map.of(), 100);
    model.save(place);
    float[] values = validation(model);
    for (int i = 0; i < values.length; i += 5) {
      values[i] = Float.NaN;
    }
    int width = FEATURES.size();
    float[][] predictions = booster(place).predict(matrix(values, width));
    StringBuilder lines = new StringBuilder(String.join(",", FEATURES)).append(",prediction\n");
    for (int i = 0; i < values.length; i++) {
      lines.append(values[i]).append(',');
      if (i % width == width - 1) {
        lines.append(predictions[i / width][0]).append('\n');
      }
    }
    Files.writeString(place.resolve("predictions.csv"), lines);
  }

  // ---- Data that is read --------------------------------------------------------------------

  @Test
  void validationIsOptional() throws Exception {
    Model model = model(Map.of("training", List.of(write("a.csv", GOOD))), Map.of(), 1);

    assertEquals(List.of("training:log_loss"), List.copyOf(model.metrics().keySet()));
    assertEquals(Map.of("training", 4L), model.metadata().get("rows"));
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "is_male,a,b\r\n0,1,2\r\n1,3,4\r\n0,5,6\r\n1,7,8\r\n",
      "\uFEFFis_male,a,b\n0,1,2\n1,3,4\n0,5,6\n1,7,8",
      "is_male,a,b\n0,1,2\n1,3,4\n0,5,6\n1,7,8\n\n  \n\n",
      "\"is_male\",\"a\",\"b\"\n0,\"1\",2\n1,3,4.0\n0.0,5e0,6\n1,+7, 8\n",
  })
  void textIsReadHoweverItIsWritten(String text) throws Exception {
    byte[] expected = bytes(model(Map.of("training", List.of(write("x.csv", GOOD))),
        Map.of(), 3));

    assertArrayEquals(expected,
        bytes(model(Map.of("training", List.of(write("a.csv", text))), Map.of(), 3)));
  }

  @Test
  void columnsMatchByNameAcrossFilesAndChannels() throws Exception {
    Path whole = write("whole.csv", GOOD);
    Path first = write("1.csv", "is_male,a,b\n0,1,2\n1,3,4\n");
    Path empty = write("2.csv", "a,b,is_male\n");
    Path last = write("3.csv", "b,is_male,a\n6,0,5\n8,1,7\n");
    Model one = model(
        Map.of("training", List.of(whole), "validation", List.of(whole)), Map.of(), 3);
    Model several = model(
        Map.of("training", List.of(first, empty, last), "validation", List.of(last, first)),
        Map.of(), 3);

    assertArrayEquals(bytes(one), bytes(several));
    assertEquals(one.metrics().get("training:log_loss"),
        several.metrics().get("validation:log_loss"), 1e-6);
  }

  @Test
  void emptyCellIsMissing() throws Exception {
    Path file = write("a.csv", "is_male,a,b\n0,,2\n1,3,\n0,nan,NaN\n1,7,8\n");

    Model model = model(Map.of("training", List.of(file)), Map.of(), 1);

    assertEquals(Map.of("training", 4L), model.metadata().get("rows"));
  }

  /** More values than fit one block, so that the seams between the blocks show. */
  @Test
  void manyRowsAreReadInTheirOrder() throws Exception {
    StringBuilder text = new StringBuilder("is_male,a\n");
    Random random = new Random(1);
    float[] values = new float[(1 << 20) + 1000];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextInt(1000);
      text.append(values[i] > 400 ? 1 : 0).append(',').append(values[i]).append('\n');
    }

    Model model = model(
        Map.of("training", List.of(write("a.csv", text.toString()))),
        Map.of("subsample", "1", "learning_rate", "1"), 5);

    assertEquals(Map.of("training", (long) values.length), model.metadata().get("rows"));
    assertTrue(model.metrics().get("training:log_loss") < 0.02, model.metrics().toString());
  }

  // ---- Data that is refused -----------------------------------------------------------------

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "0,1,abc     | , line 3, column \"b\": \"abc\" is not a number.",
      "0,inf,1     | , line 3, column \"a\": \"inf\" is not a number.",
      "0,Infinity,1| , line 3, column \"a\": \"Infinity\" is not a number.",
      "0,1e400,1   | , line 3, column \"a\": \"1e400\" is not a number.",
      "0,1e39,1    | , line 3, column \"a\": \"1e39\" is not a number.",
      "0,1f,1      | , line 3, column \"a\": \"1f\" is not a number.",
      "0,0x1p3,1   | , line 3, column \"a\": \"0x1p3\" is not a number.",
      "0,1_0,1     | , line 3, column \"a\": \"1_0\" is not a number.",
      "0,1         | , line 3: 2 fields, but the header has 3.",
      "0,1,2,3     | , line 3: 4 fields, but the header has 3.",
      "3,1,2       | , line 3, column \"is_male\": 3 is neither 0 nor 1.",
      "0.5,1,2     | , line 3, column \"is_male\": 0.5 is neither 0 nor 1.",
      "no,1,2      | , line 3, column \"is_male\": \"no\" is neither 0 nor 1: write 1 for one "
          + "class, 0 for the other.",
      "is_male,a,b | , line 3, column \"is_male\": \"is_male\" is the name of the column: leave "
          + "out this second header.",
      "0,a,1       | , line 3, column \"a\": \"a\" is the name of the column: leave out this "
          + "second header.",
      "0,5\",1     | , line 3: quotation marks must enclose a whole cell, and each within it "
          + "stands twice.",
      "`,1,2`      | , line 3, column \"is_male\": the target is empty.",
  })
  void badRowIsOneSentence(String row, String sentence) throws IOException {
    Path file = write("a.csv", "is_male,a,b\n0,1,2\n" + row + "\n1,2,3\n");

    assertEquals(file + sentence, failure(Map.of("training", List.of(file))));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "is_male,a   | column \"b\" is missing.",
      "is_male,a,b,c | column \"c\" is not in FIRST.",
      "is_male,a,a,b | the column \"a\" stands twice.",
      "is_male,,b  | column 2 has no name.",
  })
  void badHeaderOfAnotherFileIsOneSentence(String header, String sentence) throws IOException {
    Path first = write("a.csv", GOOD);
    Path second = write("b.csv", header + "\n0,1,2\n");

    assertEquals(second + ", line 1: " + sentence.replace("FIRST", first.toString()),
        failure(Map.of("training", List.of(first, second))));
    assertEquals(second + ", line 1: " + sentence.replace("FIRST", first.toString()),
        failure(Map.of("training", List.of(first), "validation", List.of(second))));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "a,b,c\\n0,1,2\\n | , line 1: the target column \"is_male\" is missing; "
          + "the columns are a, b, c.",
      "is_male\\n0\\n | , line 1: there is no column beside the target.",
      "is_male,a\\n | ` has a header but no rows.`",
      "is_male,a\\n0,1\\n1,\"2\\n0,3\\n | , line 3: quotation marks must enclose a whole cell, and "
          + "each within it stands twice.",
      "is_male,a\\n0,1\\n1,\"x\"y\\n | , line 3: quotation marks must enclose a whole cell, and "
          + "each within it stands twice.",
      "\\n\\n | ` has no header.`",
      "is_male,a\\n0,\\0\\n | , line 2, column \"a\": there are zero bytes, as in a file that is "
          + "no text or was not written as a whole.",
      "is_male,a\\n0,1\\n\\0 1,2\\n | , line 3, column \"is_male\": there are zero bytes, as in a "
          + "file that is no text or was not written as a whole.",
      "P\\0R1,\\n | ` is not a text file in UTF-8: only CSV can be read.`",
  })
  void badFileIsOneSentence(String text, String sentence) throws IOException {
    Path file = write("a.csv", text.translateEscapes());

    assertEquals(
        file + sentence.translateEscapes(), failure(Map.of("training", List.of(file))));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void targetOfOneValueTeachesNothing(int value) throws IOException {
    Path file = write("a.csv", "is_male,a\n%s,1\n%s,2\n".formatted(value, value));

    assertEquals("The target column \"is_male\" is %s in every row of training: there is nothing "
        .formatted(value) + "to learn.", failure(Map.of("training", List.of(file))));
  }

  @Test
  void channelWithoutRowsNamesItsOwnFile() throws IOException {
    Path header = write("b.csv", "is_male,a\n");

    assertEquals(header + " has a header but no rows.", failure(Map.of(
        "training", List.of(write("a.csv", "is_male,a\n0,1\n1,2\n")),
        "validation", List.of(header))));
  }

  @Test
  void binaryFileIsOneSentence() throws IOException {
    Path file = folder.resolve("a.csv");
    byte[] binary = {'i', 's', 8, 0, 0, (byte) 0xff, (byte) 0xfe};
    String sentence = file + " is not a text file in UTF-8: only CSV can be read.";

    Files.write(file, binary);
    assertEquals(sentence, failure(Map.of("training", List.of(file))));
    // Far behind the header, where another buffer is read.
    byte[] late = Arrays.copyOf(
        ("is_male,a\n" + "0,1\n".repeat(100_000)).getBytes(StandardCharsets.UTF_8), 400_020);
    System.arraycopy(binary, 0, late, 400_011, binary.length);
    Files.write(file, late);
    assertEquals(sentence, failure(Map.of("training", List.of(file))));
  }

  @Test
  void parquetIsRefused() throws IOException {
    Path file = write("a.parquet", "PAR1\0\0\0");

    assertEquals(
        file + " is a Parquet file: only CSV can be read, plain or compressed by gzip.",
        failure(Map.of("training", List.of(file))));
  }

  @Test
  void gzipIsReadAsItIs() throws Exception {
    byte[] zipped = gzip(GOOD);
    Path file = folder.resolve("a.csv.gz");
    Files.write(file, zipped);

    assertArrayEquals(
        bytes(model(Map.of("training", List.of(write("a.csv", GOOD))), Map.of(), 3)),
        bytes(model(Map.of("training", List.of(file)), Map.of(), 3)));

    for (int length : List.of(5, zipped.length / 2, zipped.length - 1)) {
      Files.write(file, Arrays.copyOf(zipped, length));
      assertEquals(file + " is damaged: it can't be unpacked.",
          failure(Map.of("training", List.of(file))));
    }
    zipped[zipped.length - 8] ^= 1; // The checksum.
    Files.write(file, zipped);
    assertEquals(file + " is damaged: it can't be unpacked.",
        failure(Map.of("training", List.of(file))));
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  /** Each is the float that is nearest, also where the nearest double lies between two. */
  @Test
  void numbersAreThoseOfTheJavaLibrary() throws Exception {
    Random random = new Random(1);
    List<String> cells = new ArrayList<>(List.of("0", "-0", "1.", ".5", "-.5", "+7", " 8 ", "1e3",
        "999999999999999", "9999999999999999", "0.000000000000001", "16777217", "16777219",
        "16777217.0000001", "-16777217", "1.00000005960464", "1.00000005960465"));
    for (int i = 0; i < 100_000; i++) {
      cells.add(random.nextInt(2) == 0
          ? String.valueOf(random.nextGaussian()).substring(0, 4 + random.nextInt(6))
          : String.valueOf(random.nextInt()));
    }
    for (String cell : cells) {
      assertEquals(Float.parseFloat(cell), Csv.number(cell.toCharArray(), 0, cell.length()));
    }
  }

  // ---- Helpers ------------------------------------------------------------------------------

  private static List<String> features() {
    try (Stream<String> lines = Files.lines(Path.of("data/training/penguins.csv"))) {
      String header = lines.findFirst().orElseThrow();
      return List.of(header.replaceFirst("^is_male,", "").split(","));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the features of the validation penguins, row by row, as the metadata says. */
  private static float[] validation(Model model) throws Exception {
    Map<?, ?> categories = (Map<?, ?>) model.metadata().get("categories");
    List<String> rows = Files.readAllLines(Path.of("data/validation/penguins.csv"));
    rows.remove(0);
    float[] values = new float[FEATURES.size() * rows.size()];
    for (int i = 0; i < values.length; i++) {
      int column = i % FEATURES.size();
      String cell = rows.get(i / FEATURES.size()).split(",", -1)[1 + column];
      List<?> texts = (List<?>) categories.get(FEATURES.get(column));
      values[i] = cell.isEmpty() ? Float.NaN
          : texts == null ? Float.parseFloat(cell)
          : texts.indexOf(cell);
    }
    return values;
  }

  private static DMatrix matrix(float[] values, int width) throws Exception {
    return new DMatrix(values, values.length / width, width, Float.NaN);
  }

  private static Model penguins(Map<String, ?> settings, int steps) throws Exception {
    return model(Map.of("training", List.of(Path.of("data/training/penguins.csv")),
        "validation", List.of(Path.of("data/validation/penguins.csv"))), settings, steps);
  }

  private static Model model(
      Map<String, List<Path>> channels, Map<String, ?> settings, int steps) throws Exception {
    Model model = new Model();
    model.read(Hyperparameters.of(model.hyperparameters(), settings), channels);
    grow(model, 0, steps);
    return model;
  }

  private static void grow(Model model, int from, int to) throws Exception {
    for (int steps = from; steps < to; steps++) {
      model.step(steps, () -> false);
    }
  }

  private static String failure(Map<String, List<Path>> channels) {
    return assertThrows(TrainingFailure.class, () -> model(channels, Map.of(), 0)).getMessage();
  }

  private static Booster booster(Path folder) throws Exception {
    return XGBoost.loadModel(Files.readAllBytes(folder.resolve("model.ubj")));
  }

  private byte[] bytes(Model model) throws Exception {
    model.save(folder);
    return Files.readAllBytes(folder.resolve("model.ubj"));
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }
}
