package training;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.Communicator;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.RabitTracker;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;

/**
 * Gradient-boosted trees for a target of 0 and 1, on CSV files: replace this file by your model.
 *
 * <p>Train calls, in this order: the constructor, read, loadCheckpoint (if there is one), then
 * step, metrics and saveCheckpoint until finished, and at the end save, load, metadata. A model
 * with one blocking fit does it in step and is finished when steps is 1.
 */
public final class Model implements SeveralHosts {
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

  private static final int TRACKER_PORT = 9099;

  private final String target;
  private final long rounds;
  private final Map<String, Object> parameters;
  private final Map<String, DMatrix> matrices = new LinkedHashMap<>();
  /** Of all hosts. */
  private final Map<String, Long> rows = new LinkedHashMap<>();
  private Cluster cluster = Cluster.ofOne();
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

  /** Connects XGBoost's collective, by a tracker on the leader; its ranks follow IP addresses. */
  @Override
  public void join(Cluster cluster) throws XGBoostError, InterruptedException {
    this.cluster = cluster;
    Hosts hosts = cluster.hosts();
    if (!hosts.several()) {
      return;
    }
    String address = cluster.leaderAddress();
    if (hosts.leads()) {
      new RabitTracker(hosts.names().size(), address, TRACKER_PORT, cluster.timeout()).start();
    }
    cluster.collect(""); // Now the tracker listens.
    Communicator.init(Map.of(
        "dmlc_tracker_uri", address,
        "dmlc_tracker_port", TRACKER_PORT,
        "dmlc_task_id", "%06d".formatted(hosts.rank()),
        "dmlc_timeout", cluster.timeout(),
        "dmlc_retry", 1));
  }

  /**
   * Reads the CSV files of "training" and, if it is there, "validation".
   *
   * <p>The first host with training files names the columns of all; a host may have no rows.
   *
   * @throws TrainingFailure with file, line and column for what can't be read
   */
  public void read(Map<String, List<Path>> channels)
      throws IOException, XGBoostError, InterruptedException {
    List<Path> files = channels.get("training");
    String own = "";
    if (!files.isEmpty()) {
      own = files.get(0) + "\0" + String.join("\0", Table.readHeader(files.get(0)));
    }
    Map<String, String> headers = cluster.collect(own);
    headers.values().removeIf(String::isEmpty);
    Map.Entry<String, String> first = headers.entrySet().iterator().next();
    List<String> columns = new ArrayList<>(List.of(first.getValue().split("\0", -1)));
    String place = columns.remove(0);
    if (!first.getKey().equals(cluster.hosts().current())) {
      place += " of " + first.getKey();
    }
    for (String channel : List.of("training", "validation")) {
      if (channels.containsKey(channel)) {
        try (Table table = new Table(place, columns, target)) {
          matrices.put(channel, table.read(channels.get(channel)));
        }
        long all = cluster.collect(String.valueOf(matrices.get(channel).rowNum())).values().stream()
            .mapToLong(Long::parseLong)
            .sum();
        if (all == 0) {
          throw new TrainingFailure("%s has a header but no rows.".formatted(place));
        }
        rows.put(channel, all);
      }
    }
    List<String> read = new ArrayList<>();
    for (Map.Entry<String, DMatrix> entry : matrices.entrySet()) {
      read.add(entry.getValue().rowNum() + " rows of " + entry.getKey());
    }
    OptMl.log("Read %s.".formatted(String.join(", ", read)));
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

  @Override
  public long checksum() throws XGBoostError {
    return checksum(booster.toByteArray("ubj"));
  }

  private static long checksum(byte[] content) {
    CRC32 checksum = new CRC32();
    checksum.update(content);
    return checksum.getValue();
  }

  private static byte[] withChecksum(byte[] content) {
    return ByteBuffer.allocate(Integer.BYTES + content.length)
        .putInt((int) checksum(content))
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
    metadata.put("rows", rows);
    metadata.put("target", target);
    metadata.put("features", features());
    Map<String, String> versions = new LinkedHashMap<>();
    versions.put("java", System.getProperty("java.version"));
    versions.put("xgboost", xgboostVersion());
    metadata.put("versions", versions);
    return metadata;
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
}
