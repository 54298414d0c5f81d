package training;

import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import ml.dmlc.xgboost4j.java.Communicator;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.RabitTracker;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;
import training.job.Cluster;
import training.job.Hosts;
import training.job.TrainingFailure;

/** XGBoost's own ways: how it loads, what it is called, how it says that a host is lost. */
final class Xgboost {
  private static final int TRACKER_PORT = 9099;

  private Xgboost() {}

  /** Connects XGBoost's collective, by a tracker on the leader; its ranks follow IP addresses. */
  static void join(Cluster cluster) throws XGBoostError, InterruptedException {
    load();
    Hosts hosts = cluster.hosts();
    String address = cluster.leaderAddress();
    if (hosts.leads()) {
      new RabitTracker(hosts.names().size(), address, TRACKER_PORT, cluster.timeout()).start();
    }
    cluster.barrier(); // Now the tracker listens.
    Communicator.init(Map.of(
        "dmlc_tracker_uri", address,
        "dmlc_tracker_port", TRACKER_PORT,
        "dmlc_task_id", String.format(Locale.ROOT, "%06d", hosts.rank()),
        "dmlc_timeout", cluster.timeout(),
        "dmlc_retry", 1));
  }

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
  static void load() throws XGBoostError {
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
      if (String.valueOf(cause.getMessage()).contains("cannot open shared object file")) {
        throw e; // Which tells the library that is missing.
      }
      throw new TrainingFailure(
          "XGBoost can't load its library: %s must be writable and executable, as with "
              .formatted(System.getProperty("java.io.tmpdir"))
              + "--tmpfs /tmp:exec (%s).".formatted(cause.getMessage()));
    }
  }
}
