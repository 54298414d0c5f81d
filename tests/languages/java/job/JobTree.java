package training.job;

import com.google.gson.Gson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A folder that stands for /opt/ml, and the log that is written meanwhile. */
abstract class JobTree {
  private final PrintStream stdout = System.out;
  final ByteArrayOutputStream log = new ByteArrayOutputStream();

  @TempDir Path root;
  JobFiles files;

  @BeforeEach
  void makeTree() throws IOException {
    System.setOut(new PrintStream(log, true, StandardCharsets.UTF_8));
    for (String folder : List.of("input/config", "input/data/training", "model")) {
      Files.createDirectories(root.resolve(folder));
    }
    Files.writeString(root.resolve("input/data/training/a.txt"), "1\n");
    writeConfig("inputdataconfig.json", Map.of("training", Map.of("TrainingInputMode", "File")));
    files = new JobFiles(root);
  }

  @AfterEach
  void restoreStdout() {
    System.setOut(stdout);
  }

  static List<String> names(Path folder) throws IOException {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  void writeConfig(String name, Object content) throws IOException {
    Files.writeString(root.resolve("input/config").resolve(name), new Gson().toJson(content));
  }
}
