package training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.commons.math3.stat.regression.OLSMultipleLinearRegression;

/** A bagged linear regression that predicts the weight of penguins, in grams. */
public final class Model {
  /** The settings of a job. */
  public static final List<Hyperparameter> HYPERPARAMETERS = List.of(
      Hyperparameter.ofString("outcome", "body_mass_g", "column to predict"),
      Hyperparameter.ofInteger("resamples", 100, "regressions to average", 1L, null),
      Hyperparameter.ofBoolean("bootstrap", true, "whether each sees a sample of the rows"));

  /** The channels without which a job can't start. */
  public static final List<String> REQUIRED_CHANNELS = List.of("train", "holdout");

  private final String outcome;
  private final long resamples;
  private final boolean bootstrap;
  private Penguins train;
  private Penguins holdout;
  private double[] coefficients;
  private int steps;

  /** Takes the typed values of the hyperparameters. */
  public Model(Map<String, Object> hyperparameters) {
    outcome = (String) hyperparameters.get("outcome");
    resamples = (long) hyperparameters.get("resamples");
    bootstrap = (boolean) hyperparameters.get("bootstrap");
  }

  /** Reads the files of both channels. */
  public void read(Map<String, List<Path>> channels) throws IOException {
    train = Penguins.read(channels.get("train"), outcome, null);
    holdout = Penguins.read(channels.get("holdout"), outcome, train.species());
  }

  /** Returns whether the one step is done. */
  public boolean finished() {
    return steps >= 1;
  }

  /** Fits all the regressions. */
  public void step() {
    OptMl.log("Fitting %d regressions.".formatted(resamples));
    int rows = train.outcome().length;
    Random random = new Random(1);
    double[] sum = new double[1 + train.features()[0].length];
    for (long i = 0; i < resamples; i++) {
      int[] chosen = random.ints(rows, 0, rows).toArray();
      Arrays.setAll(chosen, j -> bootstrap && j >= rows / 2 ? chosen[j] : j);
      OLSMultipleLinearRegression regression = new OLSMultipleLinearRegression();
      regression.newSampleData(
          Arrays.stream(chosen).mapToDouble(j -> train.outcome()[j]).toArray(),
          Arrays.stream(chosen).mapToObj(j -> train.features()[j]).toArray(double[][]::new));
      double[] estimate = regression.estimateRegressionParameters();
      Arrays.setAll(sum, j -> sum[j] + estimate[j]);
    }
    coefficients = Arrays.stream(sum).map(each -> each / resamples).toArray();
    steps = 1;
  }

  /** Returns 1 after the fit. */
  public int steps() {
    return steps;
  }

  /** Returns the root mean squared errors, in grams. */
  public Map<String, Double> metrics() {
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("training:rmse", rmse(train));
    metrics.put("holdout:rmse", rmse(holdout));
    return metrics;
  }

  private double rmse(Penguins penguins) {
    double sum = 0;
    for (int i = 0; i < penguins.outcome().length; i++) {
      double error = coefficients[0] - penguins.outcome()[i];
      for (int j = 1; j < coefficients.length; j++) {
        error += coefficients[j] * penguins.features()[i][j - 1];
      }
      sum += error * error;
    }
    return Math.sqrt(sum / penguins.outcome().length);
  }

  /** Writes the coefficients to a file. */
  public void saveCheckpoint(Path path) throws IOException {
    Files.write(path, Arrays.stream(coefficients).mapToObj(Double::toString).toList());
  }

  /** Reads them back. */
  public void loadCheckpoint(Path path) throws IOException {
    coefficients = numbers(path);
    steps = 1;
  }

  /** Writes the model. */
  public void save(Path folder) throws IOException {
    saveCheckpoint(folder.resolve("coefficients.txt"));
  }

  /** Returns the coefficients that {@link #save} wrote, the intercept first. */
  public static double[] load(Path folder) throws IOException {
    return numbers(folder.resolve("coefficients.txt"));
  }

  private static double[] numbers(Path path) throws IOException {
    return Files.readAllLines(path).stream().mapToDouble(Double::parseDouble).toArray();
  }

  /** Returns what a reader of the model must know. */
  public Map<String, Object> metadata() {
    return Map.of(
        "rows", Map.of("train", train.outcome().length, "holdout", holdout.outcome().length),
        "species", train.species());
  }
}
