import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;

/** Boosted trees on the CSV files of a folder: Java's own reader and XGBoost, and nothing else. */
public final class Large {
  private static float[] values = new float[1 << 20];
  private static float[] labels = new float[1 << 16];
  private static int count;
  private static int rows;

  public static void main(String[] arguments) throws IOException, XGBoostError {
    System.out.println("Start");
    new DMatrix(new float[1], 1, 1, Float.NaN).dispose(); // Loads the library, as the template.
    Path input = Path.of("/opt/ml/input");
    String settings = Files.readString(input.resolve("config/hyperparameters.json"));
    int rounds = Integer.parseInt(settings.replaceAll(".*\"rounds\": \"(\\d+)\".*", "$1"));
    try (DirectoryStream<Path> files = Files.newDirectoryStream(input.resolve("data/training"))) {
      for (Path file : files) {
        read(file);
      }
    }
    System.out.println("Read");
    DMatrix training = new DMatrix(Arrays.copyOf(values, count), rows, count / rows, Float.NaN);
    training.setLabel(Arrays.copyOf(labels, rows));
    Map<String, Object> parameters = new HashMap<>(Map.of(
        "objective", "binary:logistic",
        "tree_method", "hist",
        "learning_rate", 0.1,
        "max_depth", 4));
    Booster booster = XGBoost.train(training, parameters, 0, Map.of(), null, null);
    booster.setParam("eval_metric", "logloss");
    booster.setParam("eval_metric", "error");
    float[] metrics = new float[2];
    for (int step = 1; step <= rounds; step++) {
      booster.update(training, step - 1);
      booster.evalSet(new DMatrix[] {training}, new String[] {"training"}, step - 1, metrics);
      System.out.printf("step=%d training:log_loss=%.6f%n", step, metrics[0]);
    }
  }

  private static void read(Path file) throws IOException {
    InputStream bytes = Files.newInputStream(file);
    if (file.toString().endsWith(".gz")) {
      bytes = new GZIPInputStream(bytes, 1 << 16);
    }
    try (BufferedReader lines = new BufferedReader(new InputStreamReader(bytes))) {
      lines.readLine();
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (rows == labels.length) {
          labels = Arrays.copyOf(labels, 2 * rows);
        }
        int begin = line.indexOf(',') + 1;
        labels[rows++] = Float.parseFloat(line.substring(0, begin - 1));
        for (int end = 0; end >= 0; begin = end + 1) {
          end = line.indexOf(',', begin);
          if (count == values.length) {
            values = Arrays.copyOf(values, 2 * count);
          }
          values[count++] = Float.parseFloat(line.substring(begin, end < 0 ? line.length() : end));
        }
      }
    }
  }
}
