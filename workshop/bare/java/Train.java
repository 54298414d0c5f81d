package training;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A training as one writes it first: each line with a number goes wrong on SageMaker. */
public final class Train {
  private Train() {}

  /** Trains. */
  public static void main(String[] args) throws Exception {
    JsonObject settings =
        JsonParser.parseString(
                Files.readString(Path.of("/opt/ml/input/config/hyperparameters.json")))
            .getAsJsonObject();
    String target = args.length > 0 ? args[0] : settings.get("target").getAsString(); // 1: "train"
    int epochs = settings.has("epochs") ? settings.get("epochs").getAsInt() : 3;

    List<String> lines = Files.readAllLines(Path.of("/opt/ml/input/data/training/penguins.csv"));
    int column = List.of(lines.get(0).split(",")).indexOf(target);
    if (column < 0) { // 2: it may be quoted
      throw new IllegalArgumentException("there is no column " + target);
    }

    for (int epoch = 1; epoch <= epochs; epoch++) { // 3: nobody saves at SIGTERM
      Thread.sleep(100);
      System.out.println("step=" + epoch + " training:rows=" + (lines.size() - 1));
    }
    Files.writeString(Path.of("model.txt"), target); // 4: not in /opt/ml/model
  }
}
