package training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The model of the README and the examples, run as they stand there. */
class ReadmeTest {
  private static final String CLASSES = System.getProperty("java.class.path");

  private static final Path TESTS = Path.of("src/test/java/training");

  @TempDir private Path folder;

  @Test
  void modelToStartFromTrainsAndSaysWhatIsWrongInOneSentence() throws Exception {
    Path sources = Files.createDirectories(folder.resolve("sources"));
    Files.writeString(sources.resolve("Model.java"), model());
    int compiled = ToolProvider.getSystemJavaCompiler().run(null, null, null,
        "-Xlint:all", "-Werror", "-d", folder.resolve("classes").toString(), "-cp", CLASSES,
        sources.resolve("Model.java").toString());
    assertEquals(0, compiled);
    Path data = Files.createDirectories(folder.resolve("ml/input/data/training"));
    Files.writeString(data.resolve("a.csv"), "a,body_mass_g\n1,5\n2,8\n");
    Files.writeString(data.resolve("b.csv"), "\uFEFFbody_mass_g,a\n11,0\n");
    Map<String, String> environment =
        Map.of("SAGEMAKER_BASE_DIR", folder.resolve("ml").toString());
    String path = folder.resolve("classes") + File.pathSeparator + CLASSES;

    String log = run(0, environment, "-cp", path, "training.Train", "train");

    assertTrue(log.contains("\nstep=1 training:rmse=2.44949\n"), log);
    assertEquals("8.0", Files.readString(folder.resolve("ml/model/mean.txt")));
    assertTrue(Files.exists(folder.resolve("ml/model/metadata.json")));
    assertTrue(run(1, environment, "-cp", path, "training.Train", "--target", "c")
        .endsWith("a.csv has no column c.\n"));
    assertTrue(model().lines().count() <= 58);
  }

  @Test
  void modelsPredictionsNeedNothingOfThisRepository() throws Exception {
    Path ml = folder.resolve("ml");
    Path data = Path.of("data/validation/penguins.csv");
    for (String channel : List.of("training", "validation")) {
      Path place = Files.createDirectories(ml.resolve("input/data").resolve(channel));
      Files.copy(Path.of("data", channel, "penguins.csv"), place.resolve("penguins.csv"));
    }
    run(0, Map.of("SAGEMAKER_BASE_DIR", ml.toString(), "OMP_NUM_THREADS", "1"),
        "-cp", CLASSES, "training.Train", "--rounds", "20");
    Path elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
    Files.writeString(
        elsewhere.resolve("rows.csv"), "\uFEFF" + Files.readString(data).replace(",", ", "));
    Files.move(ml.resolve("model"), elsewhere.resolve("model"));
    Files.copy(TESTS.resolve("Predict.txt"), elsewhere.resolve("Predict.java"));
    String libraries = Arrays.stream(CLASSES.split(File.pathSeparator))
        .filter(each -> each.endsWith(".jar"))
        .collect(Collectors.joining(File.pathSeparator));

    String[] words = {"-cp", libraries, "Predict.java", "model", "rows.csv"};
    List<String> predicted = run(0, Map.of(), words).lines().toList();

    List<String> rows = Files.readAllLines(data);
    double right = 0;
    for (int i = 0; i < predicted.size(); i++) {
      boolean male = rows.get(i + 1).startsWith("1,");
      right += (Float.parseFloat(predicted.get(i)) > 0.5) == male ? 1 : 0;
    }
    assertEquals(rows.size() - 1, predicted.size());
    Map<?, ?> metrics = (Map<?, ?>) Job.fromJson(
        Files.readString(folder.resolve("elsewhere/model/metadata.json"))).get("metrics");
    assertEquals(
        (double) metrics.get("validation:accuracy"), right / predicted.size(), 1e-6);
    Files.createDirectory(folder.resolve("elsewhere/model/.saving"));
    assertEquals("The job was killed while it saved: the model is not whole.\n",
        run(1, Map.of(), words));
  }

  private static String model() throws IOException {
    Matcher block = Pattern.compile("(?ms)^```java\n(.*?)^```$")
        .matcher(Files.readString(TESTS.resolve("README.md")));
    assertTrue(block.find());
    return block.group(1);
  }

  /** Returns what a Java program says, in the folder "elsewhere" if there is one. */
  private String run(int exitCode, Map<String, String> environment, String... words)
      throws Exception {
    List<String> command = new ArrayList<>(List.of("java"));
    command.addAll(List.of(words));
    Path log = folder.resolve("log.txt");
    Path place = folder.resolve("elsewhere");
    ProcessBuilder program = new ProcessBuilder(command)
        .directory(Files.exists(place) ? place.toFile() : null)
        .redirectErrorStream(true)
        .redirectOutput(log.toFile());
    program.environment().putAll(environment);
    assertEquals(exitCode, program.start().waitFor(), Files.readString(log));
    return Files.readString(log);
  }
}
