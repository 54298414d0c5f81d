package training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A test of the model: the program, run on data/ as training-job.json says.
 *
 * <p>It is yours: add what your model must do. `make test` runs it in a stage of the image.
 */
class ModelTest {
  @TempDir private Path folder;

  @Test
  void programTrainsAndPrintsEachMetric() throws Exception {
    JsonObject job =
        JsonParser.parseString(Files.readString(Path.of("training-job.json"))).getAsJsonObject();
    Files.createDirectories(folder.resolve("input/config"));
    Files.writeString(
        folder.resolve("input/config/hyperparameters.json"), job.get("HyperParameters").toString());
    try (Stream<Path> data = Files.walk(Path.of("data"))) {
      for (Path path : data.toList()) {
        Files.copy(path, folder.resolve("input").resolve(path));
      }
    }
    Path log = folder.resolve("log.txt");
    ProcessBuilder program =
        new ProcessBuilder("java", "-cp", System.getProperty("java.class.path"), "training.Train");
    program.environment().put("SAGEMAKER_BASE_DIR", folder.toString());
    program.environment().put("OMP_NUM_THREADS", "1");

    int exitCode =
        program.redirectErrorStream(true).redirectOutput(log.toFile()).start().waitFor();

    String text = Files.readString(log);
    assertEquals(0, exitCode, text);
    assertTrue(Files.exists(folder.resolve("model/metadata.json")), text);
    for (JsonElement metric : job.getAsJsonObject("AlgorithmSpecification")
        .getAsJsonArray("MetricDefinitions")) {
      String regex = metric.getAsJsonObject().get("Regex").getAsString();
      assertTrue(Pattern.compile(regex).matcher(text).find(), regex + " is not in:\n" + text);
    }
  }
}
