package training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.tribuo.MutableDataset;
import org.tribuo.VariableInfo;
import org.tribuo.common.tree.RandomForestTrainer;
import org.tribuo.data.columnar.RowProcessor;
import org.tribuo.data.columnar.processors.field.DoubleFieldProcessor;
import org.tribuo.data.columnar.processors.field.IdentityProcessor;
import org.tribuo.data.columnar.processors.response.FieldResponseProcessor;
import org.tribuo.data.csv.CSVDataSource;
import org.tribuo.regression.RegressionFactory;
import org.tribuo.regression.Regressor;
import org.tribuo.regression.ensemble.AveragingCombiner;
import org.tribuo.regression.evaluation.RegressionEvaluator;
import org.tribuo.regression.rtree.CARTRegressionTrainer;
import org.tribuo.regression.rtree.impurity.MeanSquaredError;
import training.job.Algorithm;
import training.job.Hyperparameter;
import training.job.Hyperparameters;
import training.job.Log;
import training.job.TrainingFailure;

/** A random forest of Tribuo's that predicts the weight of penguins, in grams, by one fit. */
public final class Model implements Algorithm {
  private static final Hyperparameter<String> OUTCOME =
      Hyperparameter.ofString("outcome", "body_mass_g", "column to predict");
  private static final Hyperparameter<Integer> TREES =
      Hyperparameter.ofInteger("trees", 200, "trees of the forest", 1, null);
  private static final Hyperparameter<Boolean> HALF =
      Hyperparameter.ofBoolean("half", true, "whether a split tries but half of the columns");

  private Hyperparameters settings;
  private MutableDataset<Regressor> train;
  private MutableDataset<Regressor> holdout;
  /** By its whole name, since this class is called the same. */
  private org.tribuo.Model<Regressor> forest;

  @Override
  public List<Hyperparameter<?>> hyperparameters() {
    return List.of(OUTCOME, TREES, HALF);
  }

  @Override
  public List<String> requiredChannels() {
    return List.of("train", "holdout");
  }

  @Override
  public void read(Hyperparameters settings, Map<String, List<Path>> channels) {
    this.settings = settings;
    train = table(channels.get("train"));
    holdout = table(channels.get("holdout"));
    for (VariableInfo feature : holdout.getFeatureMap()) {
      if (train.getFeatureMap().get(feature.getName()) == null) {
        throw new TrainingFailure("The %s of holdout is not among those of train."
            .formatted(feature.getName().replaceFirst("(.*)@(.*)", "$1 \"$2\"")));
      }
    }
  }

  private MutableDataset<Regressor> table(List<Path> files) {
    RowProcessor<Regressor> columns = new RowProcessor.Builder<Regressor>()
        .setFieldProcessors(List.of(
            new IdentityProcessor("species"),
            new IdentityProcessor("sex"),
            new DoubleFieldProcessor("bill_length_mm"),
            new DoubleFieldProcessor("flipper_length_mm")))
        .build(new FieldResponseProcessor<>(settings.get(OUTCOME), "", new RegressionFactory()));
    MutableDataset<Regressor> table =
        new MutableDataset<>(new CSVDataSource<>(files.get(0), columns, true));
    for (Path file : files.subList(1, files.size())) {
      new CSVDataSource<>(file, columns, true).forEach(table::add);
    }
    return table;
  }

  /** Grows all the trees; Tribuo can't be asked to stop in between. */
  @Override
  public void fit(BooleanSupplier stopRequested) {
    Logger.getLogger("org.tribuo").setLevel(Level.WARNING); // It tells of each tree.
    Log.line("Growing %s trees.".formatted(settings.get(TREES)));
    forest = new RandomForestTrainer<>(
        new CARTRegressionTrainer(Integer.MAX_VALUE, 2, 0, settings.get(HALF) ? 0.5f : 1, false,
            new MeanSquaredError(), 1),
        new AveragingCombiner(), settings.get(TREES), 1).train(train);
  }

  @Override
  public Map<String, Double> metrics() {
    RegressionEvaluator evaluator = new RegressionEvaluator();
    return Map.of(
        "training:rmse", evaluator.evaluate(forest, train).averageRMSE(),
        "holdout:rmse", evaluator.evaluate(forest, holdout).averageRMSE());
  }

  @Override
  public void saveCheckpoint(Path path) throws IOException {
    forest.serializeToFile(path);
  }

  @Override
  public void loadCheckpoint(Path path) throws IOException {
    forest = org.tribuo.Model.deserializeFromFile(path).castModel(Regressor.class);
  }

  @Override
  public void save(Path folder) throws IOException {
    saveCheckpoint(folder.resolve("forest.tribuo"));
  }

  @Override
  public void load(Path folder) throws IOException {
    loadCheckpoint(folder.resolve("forest.tribuo"));
  }

  @Override
  public Map<String, Object> metadata() {
    return Map.of("rows", Map.of("train", train.size(), "holdout", holdout.size()));
  }
}
