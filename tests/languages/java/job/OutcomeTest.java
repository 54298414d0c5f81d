package training.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sentences of failures, and lines of the log. */
class OutcomeTest extends JobTree {
  @Test
  void fullOrReadOnlyDiskIsOneSentence() {
    Path path = Path.of("/opt/ml/model");

    assertEquals(
        "No space is left on the disk (/opt/ml/model): "
            + "raise VolumeSizeInGB in training-job.json.",
        Outcome.explained(new IOException("No space left on device"), path).getMessage());
    assertEquals("Can't write /opt/ml/model/x: Read-only file system.",
        Outcome.explained(
            new FileSystemException("/opt/ml/model/x", null, "Read-only file system"), path)
            .getMessage());
    assertEquals("Can't read /opt/ml/input/data/a/b: Permission denied.",
        Outcome.explained(new AccessDeniedException("/opt/ml/input/data/a/b"), path).getMessage());
    IOException other = new FileNotFoundException("x");
    assertSame(other, Outcome.explained(other, path));
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
