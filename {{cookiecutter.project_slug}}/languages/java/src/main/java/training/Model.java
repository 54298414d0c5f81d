package training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;
import training.job.Algorithm;
import training.job.Cluster;
import training.job.Hyperparameter;
import training.job.Hyperparameters;
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

  private Hyperparameters settings;
  private Map<String, Object> parameters;
  private Matrices matrices;
  private Cluster cluster = Cluster.ofOne();
  private Booster booster;

  /** Makes a model; its library is loaded while the job's settings and data are read. */
  public Model() {
    Xgboost.startLoading();
  }

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
    matrices = Matrices.read(
        channels, settings.get(TARGET), settings.get(MAX_DEPTH), cluster);
    booster = Xgboost.booster(parameters, matrices);
  }

  @Override
  public boolean finished(int steps) {
    return steps >= settings.get(ROUNDS);
  }

  /** Grows one tree. */
  @Override
  public void step(int steps, BooleanSupplier stopRequested) throws XGBoostError {
    booster.update(matrices.training(), steps);
  }

  /** Returns log loss (natural logarithm) and accuracy (share of rows, threshold 0.5). */
  @Override
  public Map<String, Double> metrics() throws XGBoostError {
    Map<String, float[]> values = Xgboost.evaluate(booster, matrices);
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("training:log_loss", (double) values.get("training")[0]);
    if (values.containsKey("validation")) {
      metrics.put("validation:log_loss", (double) values.get("validation")[0]);
      metrics.put("validation:accuracy", 1.0 - values.get("validation")[1]);
    }
    return metrics;
  }

  @Override
  public void saveCheckpoint(Path path) throws IOException, XGBoostError {
    // Through bytes, since XGBoost reports no error on a full disk and warns of other suffixes.
    Files.write(path, Xgboost.withCategories(booster, matrices.columns()));
  }

  @Override
  public void loadCheckpoint(Path path) throws IOException, XGBoostError {
    Booster loaded = Xgboost.ofSameData(Files.readAllBytes(path), matrices.columns());
    Xgboost.configure(loaded, parameters, matrices.columns());
    booster = loaded;
  }

  @Override
  public boolean lostHost(Exception error) {
    return Xgboost.lostConnection(error);
  }

  @Override
  public long checksum() throws XGBoostError {
    return Arrays.hashCode(booster.toByteArray("ubj"));
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
    metadata.put("rows", matrices.rows());
    metadata.put("target", settings.get(TARGET));
    metadata.put("features", matrices.columns().features());
    metadata.put("categories", matrices.columns().texts());
    metadata.put("versions",
        Map.of("java", System.getProperty("java.version"), "xgboost", Xgboost.version()));
    return metadata;
  }
}
