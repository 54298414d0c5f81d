package training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import training.job.Cluster;
import training.job.Hosts;
import training.job.Hyperparameters;
import training.job.Stop;
import training.job.TrainingFailure;

/** Columns of text, whose texts are categories, and missing cells. */
class TextColumnsTest {
  /** Of Chinstrap all are 1, of Gentoo none; a cell of species, and one of mass, is missing. */
  private static final String BIRDS = "is_male,species,mass\n"
      + "1,Chinstrap,1\n0,Gentoo,1\n1,Adelie,2\n0,Adelie,1\n1,,2\n0,Gentoo,\n".repeat(20);

  @TempDir private Path folder;

  @Test
  void textsAreCategoriesInTheOrderOfTheirCodePoints() throws Exception {
    String text = "is_male,a,b\n0,b,\uFF5E\n1,a,\uD83D\uDE00\n0,B,z\n1,\u00E9,\"x,\"\"y\"\n";

    Model model = model(Map.of("training", write("a.csv", text)), 1);

    assertEquals(
        Map.of("a", List.of("B", "a", "b", "\u00E9"),
            "b", List.of("x,\"y", "z", "\uFF5E", "\uD83D\uDE00")),
        model.metadata().get("categories"));
    assertEquals(List.of("a", "b"), model.metadata().get("features"));
  }

  @Test
  void modelLearnsFromTextAndMissingCells() throws Exception {
    Path birds = write("a.csv", BIRDS);

    Model model = model(Map.of("training", birds, "validation", birds), 100);

    assertEquals(Map.of("species", List.of("Adelie", "Chinstrap", "Gentoo")),
        model.metadata().get("categories"));
    assertEquals(Map.of("training", 120L, "validation", 120L), model.metadata().get("rows"));
    assertEquals(1, model.metrics().get("validation:accuracy"), 1e-6);
  }

  /** The numbers that stand for texts do not depend on which text comes first. */
  @Test
  void orderOfTheRowsDoesNotChangeTheModel() throws Exception {
    List<String> lines = new ArrayList<>(BIRDS.lines().toList());
    byte[] first = bytes(model(Map.of("training", write("a.csv", BIRDS)), 10, "1"));
    lines.add(1, lines.remove(4));
    String turned = String.join("\n", lines);

    assertArrayEquals(first, bytes(model(Map.of("training", write("b.csv", turned)), 10, "1")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "-2.5e3", "true", "FALSE", "nan"})
  void columnWhoseFirstCellIsANumberIsOfNumbers(String cell) throws IOException {
    Path file = write("a.csv", "is_male,a\n1,\n0,%s\n1,abc\n".formatted(cell));

    assertEquals(file + ", line 4, column \"a\": \"abc\" is not a number.", failure(file));
  }

  @Test
  void firstFileWithRowsDecides() throws Exception {
    Path header = write("1.csv", "is_male,a\n");
    Path texts = write("2.csv", "is_male,a\n1,abc\n0,\n");
    Path numbers = write("3.csv", "is_male,a\n1,5\n");

    Model model = new Model();
    model.read(Hyperparameters.of(model.hyperparameters(), Map.of()),
        Map.of("training", List.of(header, texts, numbers)));

    assertEquals(Map.of("a", List.of("5", "abc")), model.metadata().get("categories"));
  }

  @Test
  void columnWithoutAnyCellIsOfNumbers() throws Exception {
    Path file = write("a.csv", "is_male,a,b\n1,,1\n0,,2\n");

    assertEquals(Map.of(),
        model(Map.of("training", file), 1).metadata().get("categories"));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "abc | NA | : a missing value is an empty cell.",
      "abc | null | : a missing value is an empty cell.",
      "abc | NaN | : a missing value is an empty cell.",
      "`` | NA | ` is not a number: a missing value is an empty cell.`",
      "`` | inf | ` is not a number.`",
      "`` | 1e400 | ` is not a number.`",
      "`` | 1.234.5 | ` is not a number: write a point for decimals, and nothing between "
          + "thousands.`",
  })
  void whatHasARemedyIsNoText(String first, String second, String problem) throws IOException {
    Path file = write("a.csv", "is_male,a\n0,%s\n1,%s\n".formatted(first, second));

    assertEquals("%s, line 3, column \"a\": \"%s\"%s".formatted(file, second, problem),
        failure(file));
  }

  /** A line of blanks is none, also where its first column is of text, and blanks are no text. */
  @Test
  void blanksAreNoText() throws Exception {
    Path file = write("a.csv", "a , is_male, b\nx,1, 2\n  \ny ,0, 3\n ,0,\t\n\" x\", 1 ,4 \n");

    Model model = model(Map.of("training", file), 1);

    assertEquals(Map.of("a", List.of("x", "y")), model.metadata().get("categories"));
    assertEquals(Map.of("training", 4L), model.metadata().get("rows"));
  }

  @Test
  void targetIsOfNumbers() throws IOException {
    Path file = write("a.csv", "is_male,a\nno,x\n");

    assertEquals(file + ", line 2, column \"is_male\": \"no\" is neither 0 nor 1: write 1 for one "
        + "class, 0 for the other.", failure(file));
  }

  @ParameterizedTest
  @ValueSource(strings = {"5\" pipe", "a \"good\" pipe", "a 5\"\" pipe", " \"pipe\""})
  void quotationMarkThatEnclosesNoCellIsRefused(String cell) throws IOException {
    Path file = write("a.csv", "is_male,a\n0,x\n1,\"5\"\" pipe\"\n0,%s\n".formatted(cell));

    assertEquals(file + ", line 4: quotation marks must enclose a whole cell, and each within it "
        + "stands twice.", failure(file));
  }

  @Test
  void typingErrorThatMakesTextOfColumnIsNamed() throws IOException {
    Path training = write("a.csv", "is_male,mass\n1,4O\n0,41.5\n1,42\n");
    Path validation = write("b.csv", "is_male,mass\n1,41.5\n0,43\n");

    String sentence = assertThrows(TrainingFailure.class,
        () -> model(Map.of("training", training, "validation", validation), 0)).getMessage();

    assertEquals(validation + ", line 3, column \"mass\": \"43\" is in no row of training, "
        + "where \"4O\" makes the column text.", sentence);
  }

  @Test
  void textOfValidationThatTrainingLacksIsRefused() throws IOException {
    Path training = write("a.csv", "is_male,species\n1,Gentoo\n0,Adelie\n");
    Path validation = write("b.csv", "is_male,species\n1,Gentoo\n0,Emperor\n");

    String sentence = assertThrows(TrainingFailure.class,
        () -> model(Map.of("training", training, "validation", validation), 0)).getMessage();

    assertEquals(validation + ", line 3, column \"species\": \"Emperor\" is in no row of training.",
        sentence);
  }

  @Test
  void moreThanAThousandTextsAreNoCategories() throws Exception {
    StringBuilder text = new StringBuilder("is_male,id\n");
    for (int i = 0; i < 1000; i++) {
      text.append(i % 2).append(",n").append(i).append('\n');
    }
    model(Map.of("training", write("a.csv", text.toString())), 1);
    Path file = write("a.csv", text.append("1,other\n").toString());

    assertEquals("Column \"id\" has more than 1,000 different texts: leave it out, or make "
        + "numbers of it.", failure(file));
  }

  @Test
  void checkpointOfOtherCategoriesIsRefused() throws Exception {
    Model model = model(Map.of("training", write("a.csv", BIRDS)), 3);
    model.saveCheckpoint(folder.resolve("checkpoint"));
    Model same = model(Map.of("training", write("a.csv", BIRDS)), 0);
    Model other = model(
        Map.of("training", write("b.csv", BIRDS.replace("Gentoo", "Emperor"))), 0);

    same.loadCheckpoint(folder.resolve("checkpoint"));

    assertArrayEquals(bytes(model), bytes(same));
    assertEquals("it was made from data with other categories", assertThrows(IOException.class,
        () -> other.loadCheckpoint(folder.resolve("checkpoint"))).getMessage());
  }

  /** One host has no rows, one lacks a category and has another: all number them alike. */
  @Test
  void hostsAgreeOnTheCategories() throws Exception {
    List<String> hosts = List.of("127.0.0.1", "127.0.0.2", "localhost");
    List<Path> files = List.of(write("0.csv", "is_male,mass,species\n"),
        write("1.csv", "species,is_male,mass\nZebra,1,\nGentoo,0,1\n"),
        write("2.csv", "is_male,species,mass\n1,Adelie,1\n0,Gentoo,2\n"));
    ExecutorService threads = Executors.newFixedThreadPool(hosts.size());
    List<Future<List<Object>>> said = new ArrayList<>();
    for (int i = 0; i < hosts.size(); i++) {
      Hosts here = new Hosts(hosts, hosts.get(i));
      List<Path> own = List.of(files.get(i));
      said.add(threads.submit(() -> {
        Cluster cluster = Cluster.join(here, Stop.onSigterm(), sentence -> { });
        Columns columns = Columns.of(own, "is_male", cluster);
        Table table = new Table(columns);
        try (Spool rows = table.rows()) {
          table.read(own);
          table.completeCategories(cluster);
          List<Float> numbers = new ArrayList<>();
          for (int row = 0; row < rows.rows(); row++) {
            numbers.add(rows.part(0).get(3 * row + 1));
          }
          cluster.leave();
          return List.of(columns.place(), columns.names(), columns.texts(), numbers);
        }
      }));
    }

    List<String> names = List.of("is_male", "mass", "species");
    Map<String, List<String>> texts = Map.of("species", List.of("Adelie", "Gentoo", "Zebra"));
    String other = files.get(0) + " of 127.0.0.1";
    assertEquals(List.of(files.get(0).toString(), names, texts, List.of()), said.get(0).get());
    assertEquals(List.of(other, names, texts, List.of(2f, 1f)), said.get(1).get());
    assertEquals(List.of(other, names, texts, List.of(0f, 1f)), said.get(2).get());
    threads.shutdown();
  }

  private static Model model(Map<String, Path> channels, int steps, String... subsample)
      throws Exception {
    Model model = new Model();
    Map<String, List<Path>> files = new HashMap<>();
    channels.forEach((channel, file) -> files.put(channel, List.of(file)));
    model.read(Hyperparameters.of(model.hyperparameters(),
        subsample.length == 0 ? Map.of() : Map.of("subsample", subsample[0])), files);
    for (int i = 0; i < steps; i++) {
      model.step(i, () -> false);
    }
    return model;
  }

  private static String failure(Path file) {
    return assertThrows(
        TrainingFailure.class, () -> model(Map.of("training", file), 0)).getMessage();
  }

  private byte[] bytes(Model model) throws Exception {
    model.save(folder);
    return Files.readAllBytes(folder.resolve("model.ubj"));
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }
}
