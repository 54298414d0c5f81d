package training.job;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** How the program ends: its exit code, and the sentence of a failure (C56, C58). */
public final class Outcome {
  private static final List<String> NOT_PERMITTED =
      List.of("Read-only file system", "Permission denied", "Operation not permitted");
  private static final int FAILURE_LENGTH = 1024;

  /** A part of the training; whatever it throws is reported. */
  @FunctionalInterface
  public interface Action {
    /** Does it. */
    void run() throws Exception;
  }

  private final Path root;
  private boolean failed;

  /** Makes the outcome of the job whose files these are. */
  public Outcome(JobFiles files) {
    root = files.root();
  }

  /**
   * Runs the training and returns the exit code of the program: 0 for success alone (C56).
   *
   * <p>The first line of /opt/ml/output/failure becomes the job's FailureReason (C58).
   */
  public int run(Action training) {
    try {
      Files.deleteIfExists(root.resolve("output").resolve("failure"));
      training.run();
      return 0;
    } catch (Throwable e) { // Errors too: a full stack or memory must not end without a reason.
      return report(e instanceof Exception exception ? explained(exception, root) : e);
    }
  }

  /** Does what {@link #endAtOnce} has to wait for. */
  public synchronized void undisturbed(Action action) throws Exception {
    action.run();
  }

  /** Ends the process for this reason, from any thread; what is undisturbed is done first. */
  public synchronized void endAtOnce(String sentence) {
    if (!failed) {
      writeFailure(sentence, "");
    }
    Runtime.getRuntime().halt(1);
  }

  private synchronized int report(Throwable error) {
    failed = true;
    if (error instanceof TrainingFailure failure) {
      writeFailure(failure.getMessage(), "");
      return failure.exitCode();
    }
    if (error instanceof OutOfMemoryError) {
      writeFailure(
          "The memory is full (%s): choose a larger InstanceType in training-job.json."
              .formatted(error.getMessage()),
          "");
      return 1;
    }
    StringWriter trace = new StringWriter();
    error.printStackTrace(new PrintWriter(trace, true));
    writeFailure(error.getClass().getSimpleName() + ": " + firstLine(error), trace.toString());
    return 1;
  }

  /** Writes the sentence to stderr and to /opt/ml/output/failure, the trace after it. */
  private void writeFailure(String sentence, String trace) {
    String text = sentence + "\n" + trace;
    System.err.print(text);
    System.err.flush();
    try {
      Path folder = Files.createDirectories(root.resolve("output"));
      // The beginning of a Java trace says where it happened.
      String begin = text.substring(0, Math.min(text.length(), FAILURE_LENGTH));
      // Not writeString: it refuses half a character, which the cut or a bad value may leave.
      Files.write(folder.resolve("failure"), begin.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      System.err.println("The failure file can't be written: " + e + ".");
    }
  }

  /**
   * Returns the failure that names a full or unwritable disk, or the error itself if it is another.
   *
   * @param path what was written, for the errors that do not say it
   */
  static Exception explained(Exception error, Path path) {
    Throwable cause = error instanceof UncheckedIOException ? error.getCause() : error;
    if (!(cause instanceof IOException)) {
      return error;
    }
    Object file = path;
    if (cause instanceof FileSystemException e && e.getFile() != null) {
      file = e.getFile();
    }
    String why = cause instanceof AccessDeniedException
        ? "Permission denied"
        : String.valueOf(cause.getMessage());
    if (why.contains("No space left on device") || why.contains("Disk quota exceeded")) {
      return new TrainingFailure(
          "No space is left on the disk (%s): raise VolumeSizeInGB in training-job.json."
              .formatted(file));
    }
    for (String reason : NOT_PERMITTED) {
      if (why.contains(reason)) {
        String verb = file.toString().contains("/input/") ? "read" : "write";
        return new TrainingFailure("Can't %s %s: %s.".formatted(verb, file, reason));
      }
    }
    return error;
  }

  /** Returns the first line of an error's message. */
  static String firstLine(Throwable error) {
    return Objects.requireNonNullElse(error.getMessage(), "no message")
        .lines()
        .findFirst()
        .orElse("no message");
  }
}
