package training;

import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.NamedCsvRecord;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;

/** Boosted trees on the CSV files of two folders: what one writes who needs nothing else. */
public final class Train {
  private static final List<String> SPECIES = List.of("Adelie", "Chinstrap", "Gentoo");
  private static final String[] TYPES = {"c", "q", "q", "q", "q", "q", "q"};

  public static void main(String[] arguments) throws IOException, XGBoostError {
    DMatrix training = read("training");
    DMatrix[] matrices = {training, read("validation")};
    Map<String, Object> parameters = new HashMap<>(Map.of(
        "objective", "binary:logistic",
        "tree_method", "hist",
        "learning_rate", 0.1,
        "max_depth", 4,
        "subsample", 0.8,
        "seed", 1));
    Booster booster = XGBoost.train(training, parameters, 0, Map.of(), null, null);
    booster.setParam("eval_metric", "logloss");
    booster.setParam("eval_metric", "error");
    float[] metrics = new float[4];
    for (int step = 1; step <= 100; step++) {
      booster.update(training, step - 1);
      booster.evalSet(matrices, new String[] {"training", "validation"}, step - 1, metrics);
      System.out.printf(
          "step=%d training:log_loss=%.6f validation:log_loss=%.6f validation:accuracy=%.6f%n",
          step, metrics[0], metrics[2], 1 - metrics[3]);
    }
    booster.saveModel("/opt/ml/model/model.ubj");
  }

  private static DMatrix read(String channel) throws IOException, XGBoostError {
    float[] values = new float[1024];
    float[] labels = new float[1024];
    int count = 0;
    int rows = 0;
    Path folder = Path.of("/opt/ml/input/data", channel);
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.csv")) {
      for (Path file : files) {
        try (CsvReader<NamedCsvRecord> csv = CsvReader.builder().ofNamedCsvRecord(file)) {
          for (NamedCsvRecord record : csv) {
            if (rows == labels.length) {
              labels = Arrays.copyOf(labels, 2 * rows);
            }
            if (count + record.getFieldCount() > values.length) {
              values = Arrays.copyOf(values, 2 * values.length);
            }
            for (int i = 0; i < record.getFieldCount(); i++) {
              String text = record.getField(i);
              float value = text.isEmpty() ? Float.NaN
                  : record.getHeader().get(i).equals("species") ? SPECIES.indexOf(text)
                  : Float.parseFloat(text);
              if (record.getHeader().get(i).equals("is_male")) {
                labels[rows++] = value;
              } else {
                values[count++] = value;
              }
            }
          }
        }
      }
    }
    DMatrix matrix =
        new DMatrix(Arrays.copyOf(values, count), rows, count / rows, Float.NaN);
    matrix.setFeatureTypes(TYPES);
    matrix.setLabel(Arrays.copyOf(labels, rows));
    return matrix;
  }
}
