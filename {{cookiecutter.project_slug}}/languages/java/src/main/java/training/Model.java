package training;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import de.siegmar.fastcsv.reader.CsvRecordHandler;
import de.siegmar.fastcsv.reader.FieldMismatchStrategy;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;
import ml.dmlc.xgboost4j.java.util.BigDenseMatrix;

/**
 * Gradient-boosted trees for a target of 0 and 1, on CSV files: replace this file by your model.
 *
 * <p>Train calls, in this order: the constructor, read, loadCheckpoint (if there is one), then
 * step, metrics and saveCheckpoint until finished, and at the end save, load, metadata. A model
 * with one blocking fit does it in step and is finished when steps is 1.
 */
public final class Model {
  /** The settings of a job, and their values in the map that the constructor is given. */
  public static final List<Hyperparameter> HYPERPARAMETERS = List.of(
      Hyperparameter.ofString("target", "is_male", "column to predict, 0 or 1"),
      Hyperparameter.ofInteger("rounds", 100, "boosting rounds, one tree each", 1L, 100_000L),
      Hyperparameter.ofNumber("learning_rate", 0.1, "weight of each new tree", 0.0, 1.0),
      Hyperparameter.ofInteger("max_depth", 4, "levels of a tree", 1L, 20L),
      Hyperparameter.ofNumber("subsample", 0.8, "share of the rows each tree sees", 0.01, 1.0),
      Hyperparameter.ofInteger("seed", 1, "start of the random numbers", 0L, 2_147_483_647L));

  /** The channels without which a job can't start. */
  public static final List<String> REQUIRED_CHANNELS = List.of("training");

  private final String target;
  private final long rounds;
  private final Map<String, Object> parameters;
  private final Map<String, DMatrix> matrices = new LinkedHashMap<>();
  private Booster booster;
  private int steps;

  /** Takes a typed value (String, Long, Double, Boolean) of each of the hyperparameters. */
  public Model(Map<String, Object> hyperparameters) throws IOException {
    loadNativeLibrary();
    target = (String) hyperparameters.get("target");
    rounds = (long) hyperparameters.get("rounds");
    parameters = Map.of(
        "objective", "binary:logistic",
        "tree_method", "hist",
        "learning_rate", hyperparameters.get("learning_rate"),
        "max_depth", hyperparameters.get("max_depth"),
        "subsample", hyperparameters.get("subsample"),
        "seed", hyperparameters.get("seed"),
        // A resumed training draws the same rows as one that was never interrupted.
        "seed_per_iteration", true,
        // The CPUs of the container, not of the machine.
        "nthread", Runtime.getRuntime().availableProcessors());
  }

  /**
   * Reads the CSV files of "training" and, if it is there, "validation".
   *
   * @throws TrainingFailure with file, line and column for what can't be read
   */
  public void read(Map<String, List<Path>> channels) throws IOException, XGBoostError {
    Path first = channels.get("training").get(0);
    List<String> columns = Table.readHeader(first);
    for (String channel : List.of("training", "validation")) {
      if (channels.containsKey(channel)) {
        try (Table table = new Table(first, columns, target)) {
          matrices.put(channel, table.read(channels.get(channel)));
        }
      }
    }
    OptMl.log(rows().entrySet().stream()
        .map(each -> each.getValue() + " rows of " + each.getKey())
        .collect(Collectors.joining(", ", "Read ", ".")));
    // No round yet: that is how the library makes a booster.
    booster = configured(
        XGBoost.train(matrices.get("training"), parameters, 0, matrices, null, null));
  }

  private Booster configured(Booster booster) throws XGBoostError {
    booster.setParams(parameters);
    booster.setParam("eval_metric", "logloss");
    booster.setParam("eval_metric", "error");
    return booster;
  }

  /** Returns whether all the trees are grown. */
  public boolean finished() {
    return steps >= rounds;
  }

  /** Grows one tree. */
  public void step() throws XGBoostError {
    // A new tree builder for each tree: it draws a random number when it is made, so one that is
    // kept would sample other rows than the one that a resumed training makes.
    booster.setParam("tree_method", "approx");
    booster.getNumBoostedRound(); // Applies the setting.
    booster.setParam("tree_method", "hist");
    booster.update(matrices.get("training"), steps);
    steps++;
  }

  /** Returns how many trees are grown. */
  public int steps() {
    return steps;
  }

  /** Returns log loss (natural logarithm) and accuracy (share of rows, threshold 0.5). */
  public Map<String, Double> metrics() throws XGBoostError {
    DMatrix[] evaluated = matrices.values().toArray(new DMatrix[0]);
    float[] values = new float[2 * evaluated.length];
    booster.evalSet(evaluated, matrices.keySet().toArray(new String[0]), steps, values);
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("training:log_loss", (double) values[0]);
    if (matrices.containsKey("validation")) {
      metrics.put("validation:log_loss", (double) values[2]);
      metrics.put("validation:accuracy", 1.0 - values[3]);
    }
    return metrics;
  }

  /** Writes all that {@link #loadCheckpoint} needs to go on to one file. */
  public void saveCheckpoint(Path path) throws IOException, XGBoostError {
    // Through bytes, since XGBoost reports no error on a full disk and warns of other suffixes.
    Files.write(path, withChecksum(booster.toByteArray("ubj")));
  }

  /** Goes on from a checkpoint; throws any error where it can't be read or does not fit. */
  public void loadCheckpoint(Path path) throws IOException, XGBoostError {
    byte[] checkpoint = Files.readAllBytes(path);
    int start = Math.min(Integer.BYTES, checkpoint.length);
    byte[] content = Arrays.copyOfRange(checkpoint, start, checkpoint.length);
    // XGBoost itself crashes, or takes all the memory, where a file ends too early.
    if (!Arrays.equals(withChecksum(content), checkpoint)) {
      throw new IOException("it is damaged");
    }
    Booster loaded = configured(XGBoost.loadModel(content));
    if (!Arrays.equals(loaded.getFeatureNames(), features())) {
      throw new IOException("it was made from data with other columns");
    }
    booster = loaded;
    steps = loaded.getNumBoostedRound();
  }

  private static byte[] withChecksum(byte[] content) {
    CRC32 checksum = new CRC32();
    checksum.update(content);
    return ByteBuffer.allocate(Integer.BYTES + content.length)
        .putInt((int) checksum.getValue())
        .put(content)
        .array();
  }

  /** Writes the model's files to the folder. */
  public void save(Path folder) throws IOException, XGBoostError {
    Files.write(folder.resolve("model.ubj"), booster.toByteArray("ubj"));
  }

  /** Returns the booster that {@link #save} wrote, to predict with. */
  public static Booster load(Path folder) throws IOException, XGBoostError {
    return XGBoost.loadModel(Files.readAllBytes(folder.resolve("model.ubj")));
  }

  /** Returns what a reader of the model must know: rows seen, features, versions. */
  public Map<String, Object> metadata() throws IOException, XGBoostError {
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("rows", rows());
    metadata.put("target", target);
    metadata.put("features", features());
    Map<String, String> versions = new LinkedHashMap<>();
    versions.put("java", System.getProperty("java.version"));
    versions.put("xgboost", xgboostVersion());
    metadata.put("versions", versions);
    return metadata;
  }

  private Map<String, Long> rows() throws XGBoostError {
    Map<String, Long> rows = new LinkedHashMap<>();
    for (Map.Entry<String, DMatrix> entry : matrices.entrySet()) {
      rows.put(entry.getKey(), entry.getValue().rowNum());
    }
    return rows;
  }

  private String[] features() throws XGBoostError {
    return matrices.get("training").getFeatureNames();
  }

  private static String xgboostVersion() throws IOException {
    Properties properties = new Properties();
    try (InputStream in = XGBoost.class.getResourceAsStream("/xgboost4j-version.properties")) {
      properties.load(in);
    }
    return properties.getProperty("version");
  }

  /** Has XGBoost unpack its native library to java.io.tmpdir and load it from there. */
  private static void loadNativeLibrary() throws IOException {
    // Its own messages are stack traces; what they say is in the sentence below.
    System.setProperty(
        "org.apache.commons.logging.Log", "org.apache.commons.logging.impl.NoOpLog");
    try {
      new DMatrix(new float[1], 1, 1, Float.NaN).dispose();
    } catch (XGBoostError | LinkageError e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      throw new TrainingFailure(
          "XGBoost can't load its library: it needs libgomp1, and %s must be writable and "
              .formatted(System.getProperty("java.io.tmpdir"))
              + "executable, as with --tmpfs /tmp:exec (%s).".formatted(cause.getMessage()));
    }
    // XGBoost deletes the unpacked copy when the JVM exits, but Train halts it.
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      maps.filter(line -> line.matches(".*/libxgboost4j[0-9]+\\.so"))
          .forEach(line -> new File(line.substring(line.indexOf('/'))).delete());
    }
  }

  /**
   * The rows of a channel's CSV files as 32-bit floats, read one by one.
   *
   * <p>They stay off the Java heap, which is a quarter of the container's memory by default, and in
   * blocks, since their number is known only at the end and a streamed file is best read once.
   */
  private static final class Table implements AutoCloseable {
    private static final int VALUES_IN_BLOCK = 1 << 20;

    private final Path first;
    private final String target;
    private final List<String> features;
    /** The place of each column among the features, -1 for the target. */
    private final Map<String, Integer> places = new LinkedHashMap<>();
    private final int rowsInBlock;
    private final List<BigDenseMatrix> blocks = new ArrayList<>();
    private float[] labels = new float[1024];
    private int rows;

    /** Makes an empty table with the columns of the file {@code first}, in its order. */
    Table(Path first, List<String> columns, String target) {
      this.first = first;
      this.target = target;
      features = columns.stream().filter(name -> !name.equals(target)).toList();
      for (String name : columns) {
        places.put(name, features.indexOf(name));
      }
      rowsInBlock = Math.max(1, VALUES_IN_BLOCK / Math.max(1, features.size()));
    }

    /** Returns the column names of a CSV file. */
    static List<String> readHeader(Path file) throws IOException {
      List<String> header = new ArrayList<>();
      parse(file, records -> header.addAll(header(file, records)));
      return header;
    }

    /** Returns the rows of all the files. */
    DMatrix read(List<Path> files) throws IOException, XGBoostError {
      for (Path file : files) {
        parse(file, records -> readRows(file, records));
      }
      if (rows == 0) {
        throw new TrainingFailure("%s has a header but no rows.".formatted(files.get(0)));
      }
      DMatrix matrix = toMatrix();
      matrix.setLabel(Arrays.copyOf(labels, rows));
      matrix.setFeatureNames(features.toArray(new String[0]));
      return matrix;
    }

    /** Frees the memory, which the garbage collector does not see. */
    @Override
    public void close() {
      blocks.forEach(BigDenseMatrix::dispose);
      blocks.clear();
    }

    private void readRows(Path file, Iterator<CsvRecord> records) {
      List<String> header = header(file, records);
      checkColumns(file, header);
      int[] columns = header.stream().mapToInt(places::get).toArray();
      while (records.hasNext()) {
        CsvRecord record = records.next();
        if (record.getFieldCount() == 1 && record.getField(0).isBlank()) {
          continue;
        }
        if (record.getFieldCount() != columns.length) {
          throw new TrainingFailure("%s, line %d: %d fields, but the header has %d.".formatted(
              file, record.getStartingLineNumber(), record.getFieldCount(), columns.length));
        }
        BigDenseMatrix block = blockOfNextRow();
        for (int i = 0; i < columns.length; i++) {
          try {
            float value = number(record.getField(i));
            if (columns[i] >= 0) {
              block.set(rows % rowsInBlock, columns[i], value);
            } else {
              labels[rows] = label(record.getField(i), value);
            }
          } catch (IllegalArgumentException e) {
            throw new TrainingFailure("%s, line %d, column \"%s\": %s.".formatted(
                file, record.getStartingLineNumber(), header.get(i), e.getMessage()));
          }
        }
        rows++;
      }
    }

    private BigDenseMatrix blockOfNextRow() {
      if (rows == labels.length) {
        labels = Arrays.copyOf(labels, 2 * rows);
      }
      if (rows == blocks.size() * rowsInBlock) {
        blocks.add(new BigDenseMatrix(rowsInBlock, features.size()));
      }
      return blocks.get(blocks.size() - 1);
    }

    /** Joins the blocks; XGBoost then copies the values into a form of its own. */
    private DMatrix toMatrix() throws XGBoostError {
      BigDenseMatrix all = new BigDenseMatrix(rows, features.size());
      try {
        long values = (long) rows * features.size();
        long blockSize = (long) rowsInBlock * features.size();
        long to = 0;
        for (BigDenseMatrix block : blocks) {
          for (long from = 0; from < blockSize && to < values; from++) {
            all.set(to++, block.get(from));
          }
        }
        close();
        return new DMatrix(all, Float.NaN);
      } finally {
        all.dispose();
      }
    }

    /** Returns the number of a cell, NaN for a missing one. */
    private static float number(String text) {
      if (text.isEmpty() || text.equalsIgnoreCase("nan")) {
        return Float.NaN;
      }
      try {
        float value = Float.parseFloat(text);
        // Float.parseFloat also takes what is a number in Java alone: 1f, 0x1p3.
        if (Float.isFinite(value) && "0123456789. ".indexOf(text.charAt(text.length() - 1)) >= 0
            && text.indexOf('x') < 0 && text.indexOf('X') < 0) {
          return value;
        }
      } catch (NumberFormatException e) {
        // The sentence below says it.
      }
      throw new IllegalArgumentException("\"%s\" is not a number".formatted(text));
    }

    private static float label(String text, float value) {
      if (Float.isNaN(value)) {
        throw new IllegalArgumentException("the target is empty");
      }
      if (value != 0 && value != 1) {
        throw new IllegalArgumentException(text + " is neither 0 nor 1");
      }
      return value;
    }

    private static List<String> header(Path file, Iterator<CsvRecord> records) {
      if (!records.hasNext()) {
        throw new TrainingFailure("%s is empty.".formatted(file));
      }
      List<String> header = records.next().getFields();
      if (String.join("", header).indexOf('\0') >= 0) {
        throw notText(file);
      }
      return header;
    }

    private void checkColumns(Path file, List<String> header) {
      Set<String> names = new HashSet<>();
      for (String name : header) {
        check(!name.isBlank(), file, "column %d has no name", names.size() + 1);
        check(names.add(name), file, "the column \"%s\" stands twice", name);
        check(places.containsKey(name), file, "column \"%s\" is not in %s", name, first);
      }
      for (String name : places.keySet()) {
        check(names.contains(name), file, "column \"%s\" is missing", name);
      }
      check(names.contains(target), file, "the target column \"%s\" is missing; the columns are %s",
          target, String.join(", ", header));
      check(!features.isEmpty(), file, "there is no column besides the target");
    }

    private static void check(boolean good, Path file, String problem, Object... values) {
      if (!good) {
        throw new TrainingFailure(
            "%s, line 1: %s.".formatted(file, problem.formatted(values)));
      }
    }

    /** Has {@code use} go through the records of a file, the header first. */
    private static void parse(Path file, Consumer<Iterator<CsvRecord>> use) throws IOException {
      // This reader refuses what is not UTF-8; FastCSV's own would replace it.
      try (BufferedReader text = Files.newBufferedReader(file)) {
        text.mark(1);
        if (text.read() != '\uFEFF') {
          text.reset();
        }
        use.accept(CsvReader.builder()
            .extraFieldStrategy(FieldMismatchStrategy.IGNORE)
            .missingFieldStrategy(FieldMismatchStrategy.IGNORE)
            // Else it would make one cell of the rest of the file.
            .allowUnclosedQuote(false)
            .build(CsvRecordHandler.of(limits -> limits.maxFields(Integer.MAX_VALUE)), text)
            .iterator());
      } catch (CharacterCodingException e) {
        throw notText(file);
      } catch (UncheckedIOException e) {
        throw e.getCause() instanceof CharacterCodingException ? notText(file) : e;
      } catch (CsvParseException e) {
        throw new TrainingFailure("%s can't be read: %s.".formatted(file, e.getMessage()));
      }
    }

    private static TrainingFailure notText(Path file) {
      return new TrainingFailure(
          "%s is not a text file in UTF-8: only CSV can be read.".formatted(file));
    }
  }
}
