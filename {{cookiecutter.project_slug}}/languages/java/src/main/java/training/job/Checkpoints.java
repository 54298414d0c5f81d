package training.job;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import training.job.JobFiles.PathAction;

/**
 * The states of a training in /opt/ml/checkpoints, one file each (C64 to C67).
 *
 * <p>Without that folder, which a job has only with a CheckpointConfig, none are kept. Behind what
 * the model writes a file has the hyperparameters as JSON, their length, and a CRC-32 of it all.
 */
public final class Checkpoints {
  private static final Pattern NAME = Pattern.compile("checkpoint-[0-9]{8}");
  private static final int KEPT = 3;
  private static final Duration LEAST_PAUSE = Duration.ofSeconds(1);

  private final Path folder;
  private final boolean kept;
  private final Map<String, String> hyperparameters = new TreeMap<>();
  private long dueAt = System.nanoTime();
  /** How the job's hyperparameters differ from those of the checkpoint it resumed from. */
  private String differences = "";
  private Path resumedFrom;

  /** Takes the folder of the job whose files these are, and its hyperparameters. */
  public Checkpoints(JobFiles files, Map<String, Object> hyperparameters) {
    folder = files.root().resolve("checkpoints");
    kept = Files.isDirectory(folder);
    hyperparameters.forEach((name, value) -> this.hyperparameters.put(name, Log.asText(value)));
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
      Path state = Files.createTempFile(name, null); // The folder may be shared with other hosts.
      try {
        Map<?, ?> made = unpack(found.get(i), state);
        load.accept(state);
        int step = Integer.parseInt(name.substring(name.length() - 8));
        compare(name, made);
        resumedFrom = found.get(i);
        Log.line("Resuming from %s, after step %s.".formatted(name, step));
        return step;
      } catch (Exception e) {
        Log.line("WARNING: %s is broken (%s): trying the one before."
            .formatted(name, Outcome.firstLine(e)));
      } finally {
        Files.deleteIfExists(state);
      }
    }
    if (!found.isEmpty()) {
      Log.line("WARNING: no checkpoint could be read: training starts from the beginning.");
    }
    return 0;
  }

  /**
   * Refuses to take for this job's model what was trained with other hyperparameters.
   *
   * @param finished whether the checkpoint leaves nothing to train
   * @throws TrainingFailure if it does, and they differ
   */
  public void refuseOthers(boolean finished) {
    if (finished && !differences.isEmpty()) {
      throw new TrainingFailure(
          differences + ": give the same, or start it without checkpoints.");
    }
  }

  /** Returns whether there are any to resume from. */
  public boolean any() throws IOException {
    return kept && !found().isEmpty();
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
    // Without a locale, whose symbols take 20 ms to load.
    Path path = folder.resolve(String.format((Locale) null, "checkpoint-%08d", step));
    Path aside = sibling(path, ".sagemaker-ignore");
    if (path.equals(resumedFrom)) {
      return; // It is there, and whole.
    }
    try {
      save.accept(aside);
      if (!Files.exists(aside)) {
        return; // This model has no checkpoints.
      }
      pack(aside);
      JobFiles.flush(aside);
      Files.move(aside, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | UncheckedIOException e) {
      throw Outcome.named(e, path);
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

  private void compare(String name, Map<?, ?> made) {
    Set<String> names = new TreeSet<>(hyperparameters.keySet());
    made.keySet().forEach(each -> names.add(String.valueOf(each)));
    List<String> changes = new ArrayList<>();
    List<String> then = new ArrayList<>();
    List<String> now = new ArrayList<>();
    for (String each : names) {
      String before = String.valueOf(made.get(each));
      String after = String.valueOf(hyperparameters.get(each));
      if (!before.equals(after)) {
        changes.add("%s=%s, now %s".formatted(each, before, after));
        then.add(each + "=" + before);
        now.add(each + "=" + after);
      }
    }
    if (!changes.isEmpty()) {
      differences = "%s was made with %s, and this job has %s"
          .formatted(name, String.join(", ", then), String.join(", ", now));
      Log.line("WARNING: %s was made with other hyperparameters: %s."
          .formatted(name, String.join("; ", changes)));
    }
  }

  /** Adds to a file what {@link #unpack} looks for. */
  private void pack(Path file) throws IOException {
    byte[] json = Json.format(hyperparameters).getBytes(StandardCharsets.UTF_8);
    CRC32 checksum = new CRC32();
    try (InputStream in = new CheckedInputStream(Files.newInputStream(file), checksum)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    checksum.update(json);
    byte[] end = ByteBuffer.allocate(json.length + 2 * Integer.BYTES)
        .put(json).putInt(json.length).putInt((int) checksum.getValue()).array();
    Files.write(file, end, StandardOpenOption.APPEND);
  }

  /** Copies what the model wrote to a file of its own, and returns the hyperparameters. */
  private static Map<?, ?> unpack(Path file, Path state) throws IOException {
    CRC32 checksum = new CRC32();
    try (RandomAccessFile whole = new RandomAccessFile(file.toFile(), "r");
        DataInputStream in = new DataInputStream(new CheckedInputStream(
            new BufferedInputStream(Files.newInputStream(file), 1 << 16), checksum));
        OutputStream out = Files.newOutputStream(state)) {
      long end = whole.length() - 2 * Integer.BYTES;
      whole.seek(Math.max(0, end));
      int length = end < 0 ? -1 : whole.readInt();
      if (length <= 0 || length > end) {
        throw new IOException("it is damaged");
      }
      byte[] buffer = new byte[1 << 16];
      for (long left = end - length; left > 0; left -= buffer.length) {
        int part = (int) Math.min(left, buffer.length);
        in.readFully(buffer, 0, part);
        out.write(buffer, 0, part);
      }
      String json = new String(in.readNBytes(length), StandardCharsets.UTF_8);
      if ((int) checksum.getValue() != whole.readInt()) {
        throw new IOException("it is damaged");
      }
      return (Map<?, ?>) Json.parse(json);
    }
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
