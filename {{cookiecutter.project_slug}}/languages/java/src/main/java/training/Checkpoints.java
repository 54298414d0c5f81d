package training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The states of a training in /opt/ml/checkpoints, one file each (C64 to C67).
 *
 * <p>Without that folder, which a job has only with a CheckpointConfig, none are kept.
 */
final class Checkpoints {
  private static final Pattern NAME = Pattern.compile("checkpoint-[0-9]{8}");
  private static final int KEPT = 3;
  private static final Duration LEAST_PAUSE = Duration.ofSeconds(1);

  private final Path folder;
  private final boolean kept;
  private long dueAt = System.nanoTime();

  Checkpoints(Path folder) {
    this.folder = folder;
    this.kept = Files.isDirectory(folder);
    if (!kept) {
      OptMl.log("No checkpoints: %s does not exist (the job has no CheckpointConfig)."
          .formatted(folder));
    }
  }

  /** Calls {@code load} with the newest checkpoint, or the one before where that is broken. */
  boolean resume(OptMl.PathAction load) throws IOException {
    List<Path> found = kept ? found() : List.of();
    for (int i = found.size() - 1; i >= 0; i--) {
      String name = found.get(i).getFileName().toString();
      try {
        load.accept(found.get(i));
        int step = Integer.parseInt(name.substring(name.length() - 8));
        OptMl.log("Resuming from %s, after step %d.".formatted(name, step));
        return true;
      } catch (Exception e) {
        OptMl.log("WARNING: %s is broken (%s): trying the one before."
            .formatted(name, OptMl.firstLine(e)));
      }
    }
    if (!found.isEmpty()) {
      OptMl.log("WARNING: no checkpoint could be read: training starts from the beginning.");
    }
    return false;
  }

  /** Returns whether to save now: at most every second and for a tenth of the time. */
  boolean due() {
    return kept && System.nanoTime() - dueAt >= 0;
  }

  /**
   * Writes the checkpoint of a step aside, renames it, and deletes all but the last few.
   *
   * <p>The service uploads nothing that ends in .sagemaker-ignore (C65). It deletes in S3 what is
   * deleted here, so a file that it still uploads is left alone.
   */
  void save(int step, OptMl.PathAction save) throws Exception {
    if (!kept) {
      return;
    }
    long start = System.nanoTime();
    Path path = folder.resolve("checkpoint-%08d".formatted(step));
    Path aside = sibling(path, ".sagemaker-ignore");
    try {
      save.accept(aside);
      OptMl.flush(aside);
      Files.move(aside, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | UncheckedIOException e) {
      throw OptMl.explained(e, path);
    } finally {
      Files.deleteIfExists(aside);
    }
    // Later ones are broken: this run resumed from one before them.
    List<Path> found = found().stream().filter(each -> each.compareTo(path) <= 0).toList();
    for (Path old : found.subList(0, Math.max(0, found.size() - KEPT))) {
      if (!Files.exists(sibling(old, ".sagemaker-uploading"))) {
        Files.delete(old);
      }
    }
    long now = System.nanoTime();
    dueAt = now + Math.max(LEAST_PAUSE.toNanos(), 10 * (now - start));
  }

  private List<Path> found() throws IOException {
    try (Stream<Path> paths = Files.list(folder)) {
      // Exact names, so that the uploader's marker files are never taken for checkpoints.
      return paths
          .filter(path -> NAME.matcher(path.getFileName().toString()).matches())
          .sorted()
          .toList();
    }
  }

  private static Path sibling(Path path, String suffix) {
    return path.resolveSibling(path.getFileName() + suffix);
  }
}
