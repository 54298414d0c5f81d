package training.job;

import com.sun.management.OperatingSystemMXBean;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How the program ends: its exit code, and the sentence of a failure (C56, C58). */
public final class Outcome {
  private static final int FAILURE_LENGTH = 1024;
  private static final List<String> FULL =
      List.of("No space left on device", "Disk quota exceeded");
  private static final List<String> REFUSED = List.of("Read-only file system",
      "Permission denied", "Operation not permitted", "Input/output error");
  /** What FileNotFoundException says, which keeps the file's name nowhere else. */
  private static final Pattern FILE_AND_REASON = Pattern.compile("(.+) \\((.+)\\)");
  private static final Pattern MISSING_LIBRARY =
      Pattern.compile("(lib[^\\s:/]+\\.so[.0-9]*): cannot open shared object file");
  private static final Map<String, String> PACKAGES = Map.of(
      "libgomp.so.1", "libgomp1", "libstdc++.so.6", "libstdc++6", "libz.so.1", "zlib1g",
      "libgfortran.so.5", "libgfortran5", "libopenblas.so.0", "libopenblas0");

  /** A part of the training; whatever it throws is reported. */
  @FunctionalInterface
  public interface Action {
    /** Does it. */
    void run() throws Exception;
  }

  private final Path root;
  private final Set<String> warned = new HashSet<>();
  private boolean failed;
  private volatile boolean ended;

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
    Runtime.getRuntime().addShutdownHook(new Thread(this::refuseOtherEnd, "outcome"));
    int exitCode = 0;
    try {
      Files.deleteIfExists(root.resolve("output").resolve("failure"));
      training.run();
    } catch (Throwable e) { // Errors too: a full stack or memory must not end without a reason.
      exitCode = report(e);
    }
    ended = true;
    return exitCode;
  }

  /** Ends the program; threads that the model has left behind have another second. */
  public static void end(int exitCode) {
    if (exitCode != 0) {
      System.exit(exitCode);
    }
    // Where main returns, Java 21 does not first load its loggers, as it does for exit: 20 ms.
    Thread last = new Thread(() -> {
      LockSupport.parkNanos(1_000_000_000);
      System.exit(0);
    }, "end");
    last.setDaemon(true);
    last.start();
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

  /** Says once what goes wrong and costs no model; the trace of it goes to stderr. */
  public void warn(String sentence, Throwable error) {
    if (warned.add(sentence)) {
      Log.line("WARNING: " + sentence.formatted(sentence(error).replaceFirst("[.]$", "")));
      if (!(mendable(error, null) instanceof TrainingFailure)) {
        System.err.print(trace(error));
      }
    }
  }

  /** Makes a failure of System.exit in the model, or in a library: 0 would be success (C56). */
  private void refuseOtherEnd() {
    if (ended) {
      return;
    }
    Thread.getAllStackTraces().forEach((thread, stack) -> {
      // A signal such as that of Ctrl-C has a thread of the JVM's own end it.
      if (!thread.getName().startsWith("SIG")
          && Arrays.stream(stack).anyMatch(each -> each.getClassName().endsWith(".Shutdown"))) {
        Exception exit = new Exception("System.exit");
        exit.setStackTrace(stack);
        writeFailure("The program was ended by System.exit() before the model was saved: "
            + "let train end it.", trace(exit));
        Runtime.getRuntime().halt(1);
      }
    });
  }

  private synchronized int report(Throwable error) {
    failed = true;
    if (mendable(error, null) instanceof TrainingFailure failure) {
      writeFailure(failure.getMessage(), "");
      return failure.exitCode();
    }
    writeFailure(sentence(error), trace(error));
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

  // ---- What is said of an error --------------------------------------------------------------

  /** Returns an error's class and message, and those of what caused it, on one line. */
  public static String sentence(Throwable error) {
    if (mendable(error, null) instanceof TrainingFailure failure) {
      return failure.getMessage();
    }
    List<String> found = new ArrayList<>();
    for (Throwable each : causes(error)) {
      // One that is made of its cause alone says nothing of its own.
      if (each.getCause() == null || !each.getCause().toString().equals(each.getMessage())) {
        found.add(each.getClass().getSimpleName() + ": " + firstLine(each));
      }
    }
    String first = found.remove(0);
    return found.isEmpty() ? first : first + " (caused by " + String.join("; ", found) + ")";
  }

  /** Returns the first line of an error's message. */
  static String firstLine(Throwable error) {
    return Objects.requireNonNullElse(error.getMessage(), "no message")
        .lines()
        .findFirst()
        .orElse("no message");
  }

  /** Returns an error's trace. */
  private static String trace(Throwable error) {
    StringWriter text = new StringWriter();
    error.printStackTrace(new PrintWriter(text, true));
    return text.toString();
  }

  /**
   * Returns the failure that a person can mend, if one is behind the error; else the error.
   *
   * @param path what was read or written, for errors of the disk that do not say it; or null
   */
  static Throwable mendable(Throwable error, Path path) {
    for (Throwable each : causes(error)) {
      String sentence = each instanceof IOException exception ? ofDisk(exception, path)
          : each instanceof OutOfMemoryError ? ofMemory(firstLine(each))
          : each instanceof LinkageError ? ofLibrary(firstLine(each))
          : null;
      if (each instanceof TrainingFailure) {
        return each;
      } else if (sentence != null) {
        return new TrainingFailure(sentence);
      }
    }
    return error;
  }

  /** Returns the failure that names the path which a full or unwritable disk did not take. */
  static Exception named(Exception error, Path path) {
    return mendable(error, path) instanceof TrainingFailure failure ? failure : error;
  }

  /** Returns the error, its causes, and what they suppressed, from without to within. */
  private static List<Throwable> causes(Throwable error) {
    List<Throwable> found = new ArrayList<>(List.of(error));
    for (int i = 0; i < found.size(); i++) {
      List<Throwable> behind = new ArrayList<>(List.of(found.get(i).getSuppressed()));
      behind.removeIf(each -> found.stream().anyMatch(other -> other == each));
      found.addAll(behind);
      Throwable cause = found.get(i).getCause();
      if (cause != null && found.stream().noneMatch(other -> other == cause)) {
        found.add(i + 1, cause);
      }
    }
    return found;
  }

  private static String ofDisk(IOException error, Path path) {
    String reason = firstLine(error);
    Object file = path;
    Matcher fileAndReason = FILE_AND_REASON.matcher(reason);
    if (error instanceof FileSystemException e) {
      file = e.getFile() == null ? path : e.getFile();
      reason = e instanceof AccessDeniedException ? "Permission denied" : reason;
    } else if (error instanceof FileNotFoundException && fileAndReason.matches()) {
      file = fileAndReason.group(1);
    }
    if (FULL.stream().anyMatch(reason::contains)) {
      return "No space is left on the disk%s: raise VolumeSizeInGB in training-job.json."
          .formatted(file == null ? "" : " (" + file + ")");
    }
    String refused = REFUSED.stream().filter(reason::contains).findFirst().orElse(null);
    if (refused == null || file == null) {
      return null;
    }
    String verb = file.toString().contains("/input/") ? "read" : "write";
    return "Can't %s %s: %s.".formatted(verb, JobFiles.nameOf(Path.of(file.toString())), refused);
  }

  private static String ofMemory(String message) {
    long heap = Runtime.getRuntime().maxMemory() >> 20;
    long all = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)
        .getTotalMemorySize() >> 20;
    return "The memory is full (%s): Java's heap may take %s of the container's %s MB. "
        .formatted(message, heap, all)
        + "Raise it by JDK_JAVA_OPTIONS in the Dockerfile, or choose a larger InstanceType in "
        + "training-job.json.";
  }

  private static String ofLibrary(String message) {
    Matcher library = MISSING_LIBRARY.matcher(message);
    if (!library.find()) {
      return null;
    }
    String known = PACKAGES.get(library.group(1));
    return "%s is missing in the image: put %s into SYSTEM_LIBRARIES of the Dockerfile.".formatted(
        library.group(1),
        known == null ? "the Debian package that has it" : "its Debian package (" + known + ")");
  }
}
