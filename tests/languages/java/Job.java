package training;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A folder that stands for /opt/ml, and the program that is run on it. */
final class Job {
  private final Path root;

  /** Makes the folder with a channel "training" of one file. */
  Job(Path root) throws IOException {
    this.root = root;
    for (String folder : List.of("input/config", "input/data/training", "model", "output/data")) {
      Files.createDirectories(root.resolve(folder));
    }
    Files.writeString(root.resolve("input/data/training/a.txt"), "1\n");
    writeConfig("inputdataconfig.json", Map.of("training", Map.of("TrainingInputMode", "File")));
  }

  /** What the program did. */
  record Run(int exitCode, String out, String err) {
    List<String> lines() {
      return out.lines().toList();
    }
  }

  Path root() {
    return root;
  }

  Run run(String... arguments) throws Exception {
    return finish(start(arguments));
  }

  Process start(String... arguments) throws IOException {
    return start(Map.of(), List.of(), arguments);
  }

  Process start(Map<String, String> environment, List<String> options, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), "training.Toy"));
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder = new ProcessBuilder(command)
        .redirectOutput(root.resolve("out.txt").toFile())
        .redirectError(root.resolve("err.txt").toFile());
    builder.environment().put("SAGEMAKER_BASE_DIR", root.toString());
    builder.environment().putAll(environment);
    return builder.start();
  }

  /** Waits until the log has the text, or the process has ended. */
  void waitFor(Process process, String text) throws Exception {
    while (process.isAlive() && !read("out.txt").contains(text)) {
      Thread.sleep(10);
    }
  }

  Run finish(Process process) throws Exception {
    if (!process.waitFor(5, TimeUnit.MINUTES)) {
      process.destroyForcibly();
    }
    return new Run(process.waitFor(), read("out.txt"), read("err.txt"));
  }

  String read(String file) throws IOException {
    return Files.readString(root.resolve(file));
  }

  Map<String, Object> metadata() throws IOException {
    return fromJson(read("model/metadata.json"));
  }

  void writeConfig(String name, Object content) throws IOException {
    Files.writeString(root.resolve("input/config").resolve(name), new Gson().toJson(content));
  }

  void assertNoModel() throws IOException {
    try (Stream<Path> files = Files.list(root.resolve("model"))) {
      assertEquals(List.of(), files.toList());
    }
  }

  static Map<String, Object> fromJson(String text) {
    return new Gson().fromJson(text, new TypeToken<Map<String, Object>>() { });
  }
}
