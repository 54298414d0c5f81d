package training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.apache.commons.math3.stat.regression.OLSMultipleLinearRegression;
import training.job.Algorithm;
import training.job.Hyperparameter;
import training.job.Hyperparameters;
import training.job.Log;

/** A bagged linear regression that predicts the weight of penguins, in grams. */
public final class Model implements Algorithm {
  private static final Hyperparameter<String> OUTCOME =
      Hyperparameter.ofString("outcome", "body_mass_g", "column to predict");
  private static final Hyperparameter<Integer> RESAMPLES =
      Hyperparameter.ofInteger("resamples", 100, "regressions to average", 1, null);
  private static final Hyperparameter<Boolean> BOOTSTRAP =
      Hyperparameter.ofBoolean("bootstrap", true, "whether each sees a sample of the rows");

  private Hyperparameters settings;
  private Penguins train;
  private Penguins holdout;
  private double[] coefficients;

  @Override
  public List<Hyperparameter<?>> hyperparameters() {
    return List.of(OUTCOME, RESAMPLES, BOOTSTRAP);
  }

  @Override
  public List<String> requiredChannels() {
    return List.of("train", "holdout");
  }

  @Override
  public void read(Hyperparameters settings, Map<String, List<Path>> channels)
      throws IOException {
    this.settings = settings;
    train = Penguins.read(channels.get("train"), settings.get(OUTCOME), null);
    holdout = Penguins.read(channels.get("holdout"), settings.get(OUTCOME), train.species());
  }

  /** Fits all the regressions. */
  @Override
  public void fit(BooleanSupplier stopRequested) {
    int resamples = settings.get(RESAMPLES);
    boolean bootstrap = settings.get(BOOTSTRAP);
    Log.line("Fitting %s regressions.".formatted(resamples));
    int rows = train.outcome().length;
    Random random = new Random(1);
    double[] sum = new double[1 + train.features()[0].length];
    for (int i = 0; i < resamples; i++) {
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
  }

  /** Returns the root mean squared errors, in grams. */
  @Override
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

  @Override
  public void saveCheckpoint(Path path) throws IOException {
    Files.write(path, Arrays.stream(coefficients).mapToObj(Double::toString).toList());
  }

  @Override
  public void loadCheckpoint(Path path) throws IOException {
    coefficients = numbers(path);
  }

  @Override
  public void save(Path folder) throws IOException {
    saveCheckpoint(folder.resolve("coefficients.txt"));
  }

  @Override
  public void load(Path folder) throws IOException {
    numbers(folder.resolve("coefficients.txt"));
  }

  private static double[] numbers(Path path) throws IOException {
    return Files.readAllLines(path).stream().mapToDouble(Double::parseDouble).toArray();
  }

  @Override
  public Map<String, Object> metadata() {
    return Map.of(
        "rows", Map.of("train", train.outcome().length, "holdout", holdout.outcome().length),
        "species", train.species());
  }
}
