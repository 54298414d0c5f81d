package training;

import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.ml.classification.LogisticRegression;
import org.apache.spark.ml.classification.LogisticRegressionModel;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.feature.RFormula;
import org.apache.spark.ml.feature.RFormulaModel;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import training.job.Algorithm;
import training.job.Cluster;
import training.job.Hyperparameter;
import training.job.Hyperparameters;
import training.job.Log;
import training.job.TrainingFailure;

/**
 * A logistic regression of Spark's MLlib, on all hosts of the job.
 *
 * <p>The leader alone has a session; the executors of every host do its work meanwhile.
 */
public final class Model implements Algorithm {
  /** The columns of the files, in their order: DOUBLE for numbers, STRING for text. */
  private static final String COLUMNS = "is_male DOUBLE, species STRING, bill_length_mm DOUBLE, "
      + "bill_depth_mm DOUBLE, flipper_length_mm DOUBLE, body_mass_g DOUBLE, delta_15_n DOUBLE, "
      + "delta_13_c DOUBLE";
  private static final Hyperparameter<String> FORMULA = Hyperparameter.ofString(
      "formula", "is_male ~ .", "the column of 0 and 1 to predict, and by what, as in R");
  private static final Hyperparameter<Integer> MAX_ITERATIONS =
      Hyperparameter.ofInteger("max_iterations", 100, "iterations at most", 1, null);
  private static final Hyperparameter<Double> REGULARIZATION =
      Hyperparameter.ofNumber("regularization", 0.0, "weight of the ridge penalty", 0.0, null);
  private static final Hyperparameter<Double> TOLERANCE = Hyperparameter.ofNumber(
      "tolerance", 1e-6, "improvement below which it has converged; 0: never", 0.0, null);
  /** Iterations of a step, after which the job may be stopped, or resumed. */
  private static final int STEP = 10;

  /** All that a checkpoint needs: the same data give the same formula again. */
  private record State(
      List<String> features, double[] coefficients, double intercept, boolean converged)
      implements Serializable {}

  private Cluster cluster;
  /** Null on all hosts but the leader, as is all that Spark has of the data. */
  private SparkSession spark;
  private Hyperparameters settings;
  private RFormulaModel formula;
  private Dataset<Row> training;
  private Dataset<Row> validation;
  private Map<String, Object> rows;
  private List<String> features;
  private LogisticRegressionModel model;
  private boolean converged;

  @Override
  public List<Hyperparameter<?>> hyperparameters() {
    return List.of(FORMULA, MAX_ITERATIONS, REGULARIZATION, TOLERANCE);
  }

  @Override
  public List<String> requiredChannels() {
    return List.of("training", "validation");
  }

  @Override
  public boolean severalHosts() {
    return true;
  }

  @Override
  public void join(Cluster cluster) throws InterruptedException {
    this.cluster = cluster;
    spark = Spark.join(cluster);
  }

  @Override
  public void read(Hyperparameters settings, Map<String, List<Path>> channels)
      throws InterruptedException {
    this.settings = settings;
    String[] trainingFiles = ofAllHosts("training", channels);
    String[] validationFiles = ofAllHosts("validation", channels);
    String names = "";
    if (spark != null) {
      Dataset<Row> table = table(trainingFiles);
      formula = new RFormula().setFormula(settings.get(FORMULA))
          .setHandleInvalid("skip") // Leaves out the rows that miss a value.
          .setStringIndexerOrderType("alphabetDesc") // So that a text is compared to the first.
          .fit(table);
      training = prepared("training", table);
      validation = prepared("validation", table(validationFiles));
      rows = Map.of("training", training.count(), "validation", validation.count());
      names = String.join("\0", namesOf(training));
    }
    features = List.of(cluster.collect(names).get(cluster.hosts().leader()).split("\0"));
  }

  /** Returns the files of a channel, which each host must have, since its executor may read any. */
  private String[] ofAllHosts(String channel, Map<String, List<Path>> channels)
      throws InterruptedException {
    // FullyReplicated files, of which each host has been given its share.
    List<String> share = channels.get(channel).stream().map(Path::toString).toList();
    Set<String> files = new TreeSet<>();
    cluster.collect(String.join("\0", share)).values()
        .forEach(each -> files.addAll(List.of(each.split("\0"))));
    files.remove("");
    for (String file : files) {
      if (!Files.exists(Path.of(file))) {
        throw new TrainingFailure(
            "%s is not on host %s: Spark reads a file on any host, so that channel \"%s\" must be "
                .formatted(file, cluster.hosts().current(), channel)
                + "FullyReplicated in training-job.json.");
      }
    }
    return files.toArray(String[]::new);
  }

  private Dataset<Row> table(String[] files) {
    return spark.read()
        .schema(COLUMNS)
        .option("header", true)
        .option("enforceSchema", false) // The names in the files must be those of COLUMNS.
        .option("mode", "FAILFAST")
        .option("__globPaths__", false) // Files may have names with *, [ or {.
        .csv(files);
  }

  private Dataset<Row> prepared(String channel, Dataset<Row> table) {
    Dataset<Row> prepared = formula.transform(table).select("features", "label").cache();
    long all = table.count();
    long used = prepared.count();
    if (used < all) {
      Log.line("Left out %s of %s rows of %s: a value is missing, or is a text that training lacks."
          .formatted(all - used, all, channel));
    }
    return prepared;
  }

  private static List<String> namesOf(Dataset<Row> table) {
    AttributeGroup group = AttributeGroup.fromStructField(table.schema().apply("features"));
    return Arrays.stream(group.attributes().get()).map(each -> each.name().get()).toList();
  }

  @Override
  public boolean finished(int steps) {
    return converged || steps * STEP >= settings.get(MAX_ITERATIONS);
  }

  @Override
  public void step(int steps, BooleanSupplier stopRequested) throws InterruptedException {
    if (spark != null) {
      int iterations = Math.min(STEP, settings.get(MAX_ITERATIONS) - steps * STEP);
      LogisticRegression regression = new LogisticRegression()
          .setMaxIter(iterations)
          .setRegParam(settings.get(REGULARIZATION))
          .setTol(settings.get(TOLERANCE));
      if (model != null) {
        regression.setInitialModel(model);
      }
      model = regression.fit(training);
      converged =
          settings.get(TOLERANCE) > 0 && model.summary().totalIterations() < iterations;
    }
    converged = Boolean.parseBoolean(
        cluster.collect(String.valueOf(converged)).get(cluster.hosts().leader()));
  }

  @Override
  public Map<String, Double> metrics() {
    if (spark == null) {
      return Map.of();
    }
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("training:log_loss", metric("logLoss", training));
    metrics.put("validation:log_loss", metric("logLoss", validation));
    metrics.put("validation:accuracy", metric("accuracy", validation));
    return metrics;
  }

  private double metric(String name, Dataset<Row> table) {
    return new MulticlassClassificationEvaluator().setMetricName(name)
        .evaluate(model.transform(table));
  }

  @Override
  public void saveCheckpoint(Path path) throws IOException {
    try (ObjectOutputStream out = new ObjectOutputStream(Files.newOutputStream(path))) {
      out.writeObject(new State(
          features, model.coefficients().toArray(), model.intercept(), converged));
    }
  }

  @Override
  public void loadCheckpoint(Path path) throws IOException, ClassNotFoundException {
    try (ObjectInputStream in = new ObjectInputStream(Files.newInputStream(path))) {
      State state = (State) in.readObject();
      if (!state.features.equals(features)) {
        throw new IOException("it was made from data with other columns or categories");
      }
      model = new LogisticRegressionModel(
          "resumed", Vectors.dense(state.coefficients), state.intercept);
      converged = state.converged;
    }
  }

  /** Writes a PipelineModel, which takes tables with the columns of the files. */
  @Override
  public void save(Path folder) throws IOException {
    spark = Spark.alone(spark); // Each executor would write its part to the host that it runs on.
    new PipelineModel("pipeline", new Transformer[] {formula, model})
        .save(folder.resolve("pipeline").toUri().toString());
  }

  @Override
  public void load(Path folder) {
    PipelineModel.load(folder.resolve("pipeline").toUri().toString());
  }

  @Override
  public Map<String, Object> metadata() {
    if (spark == null) {
      return Map.of();
    }
    Map<String, Object> coefficients = new LinkedHashMap<>();
    coefficients.put("intercept", model.intercept());
    for (int i = 0; i < features.size(); i++) {
      coefficients.put(features.get(i), model.coefficients().apply(i));
    }
    return Map.of("coefficients", coefficients, "rows", rows, "spark", spark.version());
  }
}
