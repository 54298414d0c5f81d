import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;

/**
 * Predicts with the sample's model: needs XGBoost, and nothing of this repository.
 *
 * <pre>
 * mvn package
 * java -cp "target/lib/*" examples/Predict.java runs/RUN/model data/validation/penguins.csv
 * </pre>
 *
 * <p>Python reads the same model, with xgboost-cpu of the same version or a newer one:
 * {@code xgboost.Booster(model_file="model.ubj")}. There too a text is given as its place among the
 * categories of metadata.json.
 */
public class Predict {
  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    if (Files.exists(folder.resolve(".saving"))) {
      System.err.println("The job was killed while it saved: the model is not whole.");
      System.exit(1);
    }
    Booster booster = XGBoost.loadModel(Files.newInputStream(folder.resolve("model.ubj")));
    JsonObject categories = JsonParser.parseReader(Files.newBufferedReader(
        folder.resolve("metadata.json"))).getAsJsonObject().getAsJsonObject("categories");
    String[] columns = booster.getFeatureNames();
    List<String> lines = Files.readAllLines(Path.of(arguments[1]));
    List<String> header = List.of(lines.get(0).replace("\uFEFF", "").split(" *, *"));
    float[] values = new float[(lines.size() - 1) * columns.length];
    for (int i = 0; i < values.length; i++) {
      String column = columns[i % columns.length];
      String cell = lines.get(1 + i / columns.length).split(" *, *", -1)[header.indexOf(column)];
      JsonArray texts = categories.getAsJsonArray(column); // null for a column of numbers
      values[i] = cell.isEmpty() ? Float.NaN
          : texts == null ? Float.parseFloat(cell)
          : texts.asList().indexOf(new JsonPrimitive(cell));
    }
    DMatrix rows = new DMatrix(values, lines.size() - 1, columns.length, Float.NaN);
    rows.setFeatureTypes(booster.getFeatureTypes());
    for (float[] prediction : booster.predict(rows)) {
      System.out.println(prediction[0]);
    }
  }
}
