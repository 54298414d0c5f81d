package training;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.stream.Stream;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;
import training.job.TrainingFailure;

/** XGBoost's own ways: how it loads, what it is called, how it says that a host is lost. */
final class Xgboost {
  private Xgboost() {}

  /** Returns whether an error means that the connection to another host was lost. */
  static boolean lostConnection(Exception error) {
    return String.valueOf(error.getMessage()).contains("/collective/");
  }

  /** Returns the version of XGBoost4J. */
  static String version() throws IOException {
    Properties properties = new Properties();
    try (InputStream in = XGBoost.class.getResourceAsStream("/xgboost4j-version.properties")) {
      properties.load(in);
    }
    return properties.getProperty("version");
  }

  /** Has XGBoost unpack its native library to java.io.tmpdir and load it from there. */
  static void load() throws IOException {
    // Its own messages are stack traces; what they say is in the sentence below.
    System.setProperty(
        "org.apache.commons.logging.Log", "org.apache.commons.logging.impl.NoOpLog");
    try {
      new DMatrix(new float[1], 1, 1, Float.NaN).dispose();
    } catch (XGBoostError | LinkageError e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      throw new TrainingFailure(
          "XGBoost can't load its library: it needs libgomp1, and %s must be writable and "
              .formatted(System.getProperty("java.io.tmpdir"))
              + "executable, as with --tmpfs /tmp:exec (%s).".formatted(cause.getMessage()));
    }
    // XGBoost deletes the unpacked copy when the JVM exits, but Train halts it.
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      maps.filter(line -> line.matches(".*/libxgboost4j[0-9]+\\.so"))
          .forEach(line -> new File(line.substring(line.indexOf('/'))).delete());
    }
  }
}
