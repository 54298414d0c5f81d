package training.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sentences of failures, and lines of the log. */
class OutcomeTest extends JobTree {
  /** Also behind what a library made of it. */
  @Test
  void fullOrUnreadableDiskIsOneSentence() {
    Path path = Path.of("/opt/ml/model");

    assertEquals("No space is left on the disk (/opt/ml/model): "
        + "raise VolumeSizeInGB in training-job.json.",
        Outcome.named(new IOException("No space left on device"), path).getMessage());
    for (Exception error : List.of(
        new FileSystemException("/opt/ml/model/x", null, "Read-only file system"),
        new UncheckedIOException(
            new FileNotFoundException("/opt/ml/model/x (Read-only file system)")),
        new ExecutionException(
            new FileSystemException("/opt/ml/model/x", null, "Read-only file system")))) {
      assertEquals("Can't write /opt/ml/model/x: Read-only file system.", Outcome.sentence(error));
    }
    assertEquals("Can't read data/a/b: Permission denied.",
        Outcome.sentence(new AccessDeniedException("/opt/ml/input/data/a/b")));
    assertEquals("Can't read /opt/ml/input/config/c.json: Input/output error.", Outcome.sentence(
        new FileSystemException("/opt/ml/input/config/c.json", null, "Input/output error")));
    IOException other = new FileNotFoundException("x");
    assertSame(other, Outcome.named(other, path));
  }

  @Test
  void causeIsSaidAndEachOnce() {
    Exception cause = new IllegalStateException("no column \"income\"\nfurther lines");
    Exception wrapped = new RuntimeException("the recipe failed", new ExecutionException(cause));
    wrapped.addSuppressed(new IOException("can't close"));

    assertEquals("RuntimeException: the recipe failed (caused by IllegalStateException: "
        + "no column \"income\"; IOException: can't close)", Outcome.sentence(wrapped));
    assertEquals("IllegalStateException: no column \"income\"",
        Outcome.sentence(new RuntimeException(cause)));
    cause.initCause(wrapped);
    assertEquals("IllegalStateException: no column \"income\" (caused by RuntimeException: "
        + "the recipe failed; IOException: can't close)", Outcome.sentence(cause));
    assertEquals("a sentence",
        Outcome.sentence(new RuntimeException(new TrainingFailure("a sentence"))));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "libgomp.so.1 | its Debian package (libgomp1)",
      "libfoo-2.so.3.1 | the Debian package that has it",
  })
  void missingLibraryIsOneSentence(String library, String what) {
    UnsatisfiedLinkError error = new UnsatisfiedLinkError("/tmp/libxgboost4j123.so: " + library
        + ": cannot open shared object file: No such file or directory");

    assertEquals("%s is missing in the image: put %s into SYSTEM_LIBRARIES of the Dockerfile."
        .formatted(library, what), Outcome.sentence(new ExceptionInInitializerError(error)));
  }

  /** C94. */
  @ParameterizedTest
  @CsvSource({
      "0.3123454321, 0.312345", "1, 1", "0.1, 0.1", "0.00012, 0.00012", "0.00000012, 1.2e-7",
      "123456789, 123457000", "-0.5, -0.5", "0, 0", "NaN, nan", "Infinity, inf",
      "1e300, 1e+300",
  })
  void metricsHaveSixDigits(double value, String text) {
    Log.step(12, Map.of("training:loss", value));

    assertEquals("step=12 training:loss=" + text + "\n", log.toString());
  }
}
