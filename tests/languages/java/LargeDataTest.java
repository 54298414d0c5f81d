package training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import ml.dmlc.xgboost4j.java.Booster;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import training.job.Cluster;
import training.job.TrainingFailure;

/** Data of any size: which way XGBoost keeps them, and that the model has the same bytes. */
class LargeDataTest {
  private static final Map<String, Object> PARAMETERS = Map.of("objective", "binary:logistic",
      "tree_method", "hist", "max_depth", 4, "subsample", 0.5, "seed", 7,
      "seed_per_iteration", true, "nthread", 1);
  private static final long MB = 1 << 20;
  private static final Way.Need NEED = new Way.Need(100 * MB, 500 * MB, 400 * MB, 800 * MB);

  @TempDir private Path folder;

  // ---- The ways ------------------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource(names = {"IN_MEMORY", "ON_DISK"})
  void modelHasTheSameBytesWhicheverTheWay(Way way) throws Exception {
    Map<String, List<Path>> channels = channels(false);
    Matrices copied = matrices(channels, Way.COPIED);
    Matrices matrices = matrices(channels, way);

    Booster booster = grow(booster(copied), copied, 0, 6);
    Booster other = grow(booster(matrices), matrices, 0, 6);

    assertArrayEquals(booster.toByteArray("ubj"), other.toByteArray("ubj"));
    assertEquals(metrics(booster, copied), metrics(other, matrices));
    assertEquals(Map.of("training", 110_000L, "validation", 1000L), matrices.rows());
  }

  @ParameterizedTest
  @EnumSource(names = {"IN_MEMORY", "ON_DISK"})
  void soItHasWithTextsAndMissingCellsAndAfterAnInterruption(Way way) throws Exception {
    Map<String, List<Path>> channels = channels(true);
    Matrices copied = matrices(channels, Way.COPIED);
    Matrices matrices = matrices(channels, way);

    Booster first = grow(booster(copied), copied, 0, 3);
    byte[] checkpoint = Xgboost.withCategories(first, copied.columns());
    Booster second = Xgboost.ofSameData(checkpoint, matrices.columns());
    Xgboost.configure(second, PARAMETERS, matrices.columns());

    byte[] whole = grow(first, copied, 3, 6).toByteArray("ubj");
    assertArrayEquals(whole, grow(second, matrices, 3, 6).toByteArray("ubj"));
    assertArrayEquals(
        whole, grow(booster(matrices), matrices, 0, 6).toByteArray("ubj"));
    assertEquals(List.of("blue", "green", "red"), matrices.columns().texts().get("x0"));
  }

  /** Of a table as wide as this, a part has few rows. */
  @ParameterizedTest
  @EnumSource
  void wideTableIsRead(Way way) throws Exception {
    Path file = folder.resolve("wide.csv");
    StringBuilder text = new StringBuilder("is_male");
    for (int j = 0; j < 3000; j++) {
      text.append(",x").append(j);
    }
    for (int i = 0; i < 900; i++) {
      text.append('\n').append(i % 2).append((i % 2 == 0 ? ",1" : ",2").repeat(3000));
    }
    Files.writeString(file, text);

    Matrices matrices = matrices(Map.of("training", List.of(file)), way);

    Booster booster = grow(booster(matrices), matrices, 0, 3);
    assertTrue(metrics(booster, matrices).get("training").get(0) < 0.5);
  }

  /** XGBoost makes no files of no rows. */
  @ParameterizedTest
  @EnumSource
  void channelWithoutRowsOnThisHostIsAMatrixToo(Way way) throws Exception {
    Path none = Files.writeString(folder.resolve("none.csv"), "is_male,a\n");
    Columns columns = Columns.of(List.of(none), "is_male", Cluster.ofOne());
    Matrices matrices = new Matrices(columns, new LinkedHashMap<>(), Map.of());
    try (Spool empty = new Spool(2)) {
      matrices.fill(Map.of("training", empty), way);
    }

    assertEquals(0, matrices.training().rowNum());
  }

  // ---- The choice ----------------------------------------------------------------------------

  /** 50 MB are used, 108 more are the working memory, 658 all, and a tenth for the container. */
  @ParameterizedTest
  @CsvSource({"800, IN_MEMORY", "725, IN_MEMORY", "720, ON_DISK", "100, ON_DISK"})
  void numbersStayInMemoryAsLongAsTheyFit(long room, Way way) {
    assertEquals(way, Way.of(NEED, 50 * MB, room * MB, 500 * MB, 4));
  }

  @Test
  void diskWithoutRoomIsOneSentence() {
    String sentence = assertThrows(TrainingFailure.class,
        () -> Way.of(NEED, 50 * MB, 700 * MB, 499 * MB, 4)).getMessage();

    assertEquals("%s has 499 MB free, and training needs 500 MB there: raise VolumeSizeInGB in "
        .formatted(System.getProperty("java.io.tmpdir")) + "training-job.json.", sentence);
  }

  @Test
  void needGrowsWithRowsColumnsAndMissingCells() throws IOException {
    try (Spool dense = new Spool(21);
        Spool sparse = new Spool(21)) {
      float[] row = new float[21];
      for (int i = 0; i < 1000; i++) {
        dense.add(row);
        sparse.add(row);
      }
      row[3] = Float.NaN;
      sparse.add(row);
      Way.Need need = Way.Need.of(List.of(dense, sparse));

      assertEquals(2001 * 44 + 20 * 16 * 2001, need.working());
      assertEquals(58_000, need.training());
      assertEquals(58_000 + 1001 * 112, need.numbers());
      assertEquals(2001 * 84, need.rows());
      assertEquals(List.of(false, true), List.of(dense.lacksValues(), sparse.lacksValues()));
    }
  }

  @Test
  void fewNumbersAreCopied() throws IOException {
    try (Spool rows = new Spool(2)) {
      assertEquals(false, Way.large(List.of(rows)));
      for (int i = 0; i <= 1 << 23; i++) {
        rows.add(new float[2]);
      }
      assertEquals(true, Way.large(List.of(rows)));
    }
  }

  // ---- Files that are left -------------------------------------------------------------------

  /** A shell removes them when the process has ended, by whatever way. */
  @Test
  void filesGoWithTheProcess() throws Exception {
    Process process = new ProcessBuilder("java", "-cp", System.getProperty("java.class.path"),
        "-Djava.io.tmpdir=" + folder, "training.LargeDataTest$Killed").start();
    Path files = Path.of(process.inputReader().readLine());
    assertTrue(Files.exists(files.resolve("page")));
    process.destroyForcibly().waitFor();

    for (int i = 0; i < 600 && Files.exists(files); i++) {
      Thread.sleep(100);
    }
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(), left.toList());
    }
  }

  /** A program with a file of a folder for those of XGBoost, and one of rows, that is killed. */
  static final class Killed {
    public static void main(String[] arguments) throws Exception {
      Path files = Spool.folder();
      Files.writeString(files.resolve("page"), "x");
      try (Spool rows = new Spool(2)) {
        rows.add(new float[2]);
        System.out.println(files);
        Thread.sleep(600_000);
      }
    }
  }

  // ---- Helpers -------------------------------------------------------------------------------

  private static Matrices matrices(Map<String, List<Path>> channels, Way way) throws Exception {
    return Matrices.read(channels, "is_male", Cluster.ofOne(), tables -> way);
  }

  private static Booster booster(Matrices matrices) throws Exception {
    return Xgboost.booster(PARAMETERS, matrices);
  }

  private static Booster grow(Booster booster, Matrices matrices, int from, int to)
      throws Exception {
    for (int step = from; step < to; step++) {
      booster.update(matrices.training(), step);
    }
    return booster;
  }

  private static Map<String, List<Float>> metrics(Booster booster, Matrices matrices)
      throws Exception {
    Map<String, List<Float>> metrics = new TreeMap<>();
    Xgboost.evaluate(booster, matrices).forEach(
        (channel, values) -> metrics.put(channel, List.of(values[0], values[1])));
    return metrics;
  }

  /** Writes more rows than two parts have. */
  private Map<String, List<Path>> channels(boolean textsAndMissingCells) throws IOException {
    Random random = new Random(1);
    List<String> lines = new ArrayList<>(List.of("is_male,x0,x1,x2,x3,x4,x5,x6,x7,x8,x9"));
    List<String> texts = List.of("red", "green", "blue", "");
    for (int i = 0; i < 110_000; i++) {
      StringBuilder row = new StringBuilder();
      double sum = 0;
      for (int j = 0; j < 10; j++) {
        int value = random.nextInt(100_000);
        String cell = String.valueOf(value / 100.0);
        if (textsAndMissingCells && j == 0) {
          cell = texts.get(value % 4);
          value = value % 4 * 30_000;
        } else if (textsAndMissingCells && value % 7 == 0) {
          cell = "";
        }
        sum += j < 3 ? value : 0;
        row.append(',').append(cell);
      }
      lines.add((sum > 150_000 ? "1" : "0") + row);
    }
    Path training = Files.write(folder.resolve("training.csv"), lines);
    Path validation = Files.write(folder.resolve("validation.csv"), lines.subList(0, 1001));
    return Map.of("training", List.of(training), "validation", List.of(validation));
  }
}
