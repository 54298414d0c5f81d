package training.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import training.job.JobFiles.PathAction;

/**
 * The states of a training in /opt/ml/checkpoints, one file each (C64 to C67).
 *
 * <p>Without that folder, which a job has only with a CheckpointConfig, none are kept.
 */
public final class Checkpoints {
  private static final Pattern NAME = Pattern.compile("checkpoint-[0-9]{8}");
  private static final int KEPT = 3;
  private static final Duration LEAST_PAUSE = Duration.ofSeconds(1);

  private final Path folder;
  private final boolean kept;
  private long dueAt = System.nanoTime();

  /** Takes the folder of the job whose files these are. */
  public Checkpoints(JobFiles files) {
    folder = files.root().resolve("checkpoints");
    kept = Files.isDirectory(folder);
    if (!kept) {
      Log.line("No checkpoints: %s does not exist (the job has no CheckpointConfig)."
          .formatted(folder));
    }
  }

  /**
   * Calls {@code load} with the newest checkpoint, or the one before where that is broken.
   *
   * @return after which step it was made; 0 where there is none
   */
  public int resume(PathAction load) throws IOException {
    List<Path> found = kept ? found() : List.of();
    for (int i = found.size() - 1; i >= 0; i--) {
      String name = found.get(i).getFileName().toString();
      try {
        load.accept(found.get(i));
        int step = Integer.parseInt(name.substring(name.length() - 8));
        Log.line("Resuming from %s, after step %s.".formatted(name, step));
        return step;
      } catch (Exception e) {
        Log.line("WARNING: %s is broken (%s): trying the one before."
            .formatted(name, Outcome.firstLine(e)));
      }
    }
    if (!found.isEmpty()) {
      Log.line("WARNING: no checkpoint could be read: training starts from the beginning.");
    }
    return 0;
  }

  /** Returns whether to save now: at most every second and for a tenth of the time. */
  public boolean due() {
    return kept && System.nanoTime() - dueAt >= 0;
  }

  /**
   * Writes the checkpoint of a step aside, renames it, and deletes all but the last few.
   *
   * <p>The service uploads nothing that ends in .sagemaker-ignore (C65). It deletes in S3 what is
   * deleted here, so a file that it still uploads is left alone.
   */
  public void save(int step, PathAction save) throws Exception {
    if (!kept) {
      return;
    }
    long start = System.nanoTime();
    Path path = folder.resolve(String.format(Locale.ROOT, "checkpoint-%08d", step));
    Path aside = sibling(path, ".sagemaker-ignore");
    try {
      save.accept(aside);
      if (!Files.exists(aside)) {
        return; // This model has no checkpoints.
      }
      JobFiles.flush(aside);
      Files.move(aside, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | UncheckedIOException e) {
      throw Outcome.explained(e, path);
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
