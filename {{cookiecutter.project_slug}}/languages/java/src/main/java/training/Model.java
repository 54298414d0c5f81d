package training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.zip.CRC32;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;
import training.job.Algorithm;
import training.job.Cluster;
import training.job.Hyperparameter;
import training.job.Hyperparameters;
import training.job.Log;
import training.job.TrainingFailure;

/**
 * Gradient-boosted trees for a target of 0 and 1, on CSV files: replace this file by your model.
 *
 * <p>{@link Algorithm} says what each method is for.
 */
public final class Model implements Algorithm {
  private static final Hyperparameter<String> TARGET =
      Hyperparameter.ofString("target", "is_male", "column to predict, 0 or 1");
  private static final Hyperparameter<Integer> ROUNDS =
      Hyperparameter.ofInteger("rounds", 100, "boosting rounds, one tree each", 1, 100_000);
  private static final Hyperparameter<Double> LEARNING_RATE =
      Hyperparameter.ofNumber("learning_rate", 0.1, "weight of each new tree", 0.0, 1.0);
  private static final Hyperparameter<Integer> MAX_DEPTH =
      Hyperparameter.ofInteger("max_depth", 4, "levels of a tree", 1, 20);
  private static final Hyperparameter<Double> SUBSAMPLE =
      Hyperparameter.ofNumber("subsample", 0.8, "share of the rows each tree sees", 0.01, 1.0);
  private static final Hyperparameter<Integer> SEED =
      Hyperparameter.ofInteger("seed", 1, "start of the random numbers", 0, null);

  private static final int TRACKER_PORT = 9099;

  private Hyperparameters settings;
  private Map<String, Object> parameters;
  private final Map<String, DMatrix> matrices = new LinkedHashMap<>();
  /** Of all hosts. */
  private final Map<String, Long> rows = new LinkedHashMap<>();
  private Cluster cluster = Cluster.ofOne();
  private Booster booster;

  @Override
  public List<Hyperparameter<?>> hyperparameters() {
    return List.of(TARGET, ROUNDS, LEARNING_RATE, MAX_DEPTH, SUBSAMPLE, SEED);
  }

  @Override
  public boolean severalHosts() {
    return true;
  }

  @Override
  public void join(Cluster cluster) throws XGBoostError, InterruptedException {
    this.cluster = cluster;
    if (cluster.hosts().several()) {
      Xgboost.join(cluster);
    }
  }

  /**
   * Reads the CSV files of "training" and, if it is there, "validation".
   *
   * <p>The first host with training files names the columns of all; a host may have no rows.
   *
   * @throws TrainingFailure with file, line and column for what can't be read
   */
  @Override
  public void read(Hyperparameters settings, Map<String, List<Path>> channels)
      throws IOException, XGBoostError, InterruptedException {
    Xgboost.load();
    this.settings = settings;
    parameters = Map.of(
        "objective", "binary:logistic",
        "tree_method", "hist",
        "learning_rate", settings.get(LEARNING_RATE),
        "max_depth", settings.get(MAX_DEPTH),
        "subsample", settings.get(SUBSAMPLE),
        "seed", settings.get(SEED),
        // A resumed training draws the same rows as one that was never interrupted.
        "seed_per_iteration", true,
        // The CPUs of the container, not of the machine.
        "nthread", Runtime.getRuntime().availableProcessors());
    Csv.Columns columns = Csv.columns(channels.get("training"), cluster);
    for (String channel : List.of("training", "validation")) {
      if (channels.containsKey(channel)) {
        try (Table table = new Table(columns, settings.get(TARGET))) {
          matrices.put(channel, table.read(channels.get(channel)));
        }
        long own = matrices.get(channel).rowNum();
        Log.line("Read %s rows of %s.".formatted(own, channel));
        rows.put(channel, cluster.collect(String.valueOf(own)).values().stream()
            .mapToLong(Long::parseLong)
            .sum());
        if (rows.get(channel) == 0) {
          throw new TrainingFailure("%s has a header but no rows.".formatted(columns.place()));
        }
      }
    }
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

  @Override
  public boolean finished(int steps) {
    return steps >= settings.get(ROUNDS);
  }

  /** Grows one tree. */
  @Override
  public void step(int steps, BooleanSupplier stopRequested) throws XGBoostError {
    booster.update(matrices.get("training"), steps);
  }

  /** Returns log loss (natural logarithm) and accuracy (share of rows, threshold 0.5). */
  @Override
  public Map<String, Double> metrics() throws XGBoostError {
    DMatrix[] evaluated = matrices.values().toArray(new DMatrix[0]);
    float[] values = new float[2 * evaluated.length];
    booster.evalSet(evaluated, matrices.keySet().toArray(new String[0]), 0, values);
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("training:log_loss", (double) values[0]);
    if (matrices.containsKey("validation")) {
      metrics.put("validation:log_loss", (double) values[2]);
      metrics.put("validation:accuracy", 1.0 - values[3]);
    }
    return metrics;
  }

  @Override
  public void saveCheckpoint(Path path) throws IOException, XGBoostError {
    // Through bytes, since XGBoost reports no error on a full disk and warns of other suffixes.
    Files.write(path, booster.toByteArray("ubj"));
  }

  @Override
  public void loadCheckpoint(Path path) throws IOException, XGBoostError {
    Booster loaded = configured(XGBoost.loadModel(Files.readAllBytes(path)));
    if (!Arrays.equals(loaded.getFeatureNames(), features())) {
      throw new IOException("it was made from data with other columns");
    }
    booster = loaded;
  }

  @Override
  public boolean lostHost(Exception error) {
    return Xgboost.lostConnection(error);
  }

  @Override
  public long checksum() throws XGBoostError {
    CRC32 checksum = new CRC32();
    checksum.update(booster.toByteArray("ubj"));
    return checksum.getValue();
  }

  @Override
  public void save(Path folder) throws IOException, XGBoostError {
    Files.write(folder.resolve("model.ubj"), booster.toByteArray("ubj"));
  }

  @Override
  public void load(Path folder) throws IOException, XGBoostError {
    XGBoost.loadModel(Files.readAllBytes(folder.resolve("model.ubj")));
  }

  @Override
  public Map<String, Object> metadata() throws IOException, XGBoostError {
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("rows", rows);
    metadata.put("target", settings.get(TARGET));
    metadata.put("features", features());
    metadata.put("versions",
        Map.of("java", System.getProperty("java.version"), "xgboost", Xgboost.version()));
    return metadata;
  }

  private String[] features() throws XGBoostError {
    return matrices.get("training").getFeatureNames();
  }
}
