package training.job;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The files of a job, and what all that write some share.
 *
 * @param root /opt/ml, or what stands for it
 */
public record JobFiles(Path root) {
  /** What an algorithm does with a file or a folder; whatever it throws is reported. */
  @FunctionalInterface
  public interface PathAction {
    /** Reads or writes what lies at the path, or will. */
    void accept(Path path) throws Exception;
  }

  /** Returns /opt/ml, or what SAGEMAKER_BASE_DIR puts in its place (runs without a container). */
  public static JobFiles fromEnvironment() {
    return new JobFiles(Path.of(System.getenv().getOrDefault("SAGEMAKER_BASE_DIR", "/opt/ml")));
  }

  /** Returns the name under which a person knows a file: one of the data from data/ on. */
  public static Path nameOf(Path file) {
    Path input = fromEnvironment().root().resolve("input");
    return file.startsWith(input.resolve("data")) ? input.relativize(file) : file;
  }

  /** Returns a file of /opt/ml/input/config. */
  Path config(String name) {
    return root.resolve("input").resolve("config").resolve(name);
  }

  /**
   * Returns the object in a file of input/config, nothing where there is no such file.
   *
   * @param what what it must be, for the sentence that says that it is not
   * @throws TrainingFailure if it is no JSON object
   */
  Optional<Map<String, Object>> readConfig(String name, String what) throws IOException {
    Path path = config(name);
    String text;
    try {
      text = Files.readString(path);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (CharacterCodingException e) {
      throw new TrainingFailure("%s is not valid JSON: it is not UTF-8.".formatted(path));
    }
    Object content;
    try {
      content = Json.parse(text);
    } catch (IOException e) {
      throw new TrainingFailure("%s is not valid JSON: %s.".formatted(path, e.getMessage()));
    }
    if (!(content instanceof Map<?, ?> object)) {
      throw new TrainingFailure("%s must be %s.".formatted(path, what));
    }
    Map<String, Object> settings = new LinkedHashMap<>();
    object.forEach((key, value) -> settings.put(String.valueOf(key), value));
    return Optional.of(settings);
  }

  /** Has the file on the disk, so that a full one is an error now. */
  static void flush(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  static List<Path> filesIn(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.filter(Files::isRegularFile).sorted().toList();
    }
  }

  static void deleteTree(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> paths = Files.walk(folder)) {
        for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }
}
