package training;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import ml.dmlc.xgboost4j.java.Booster;
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
  private static final FutureTask<Void> LOADING = new FutureTask<>(() -> {
    // Its own messages are stack traces; load() has what they say. Named, since it takes 20 ms to
    // look for what makes the log.
    String logging = "org.apache.commons.logging.";
    System.setProperty(logging + "LogFactory", logging + "impl.LogFactoryImpl");
    System.setProperty(logging + "Log", logging + "impl.NoOpLog");
    new DMatrix(new float[1], 1, 1, Float.NaN).dispose();
    return null;
  });

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

  /** Returns a booster without trees. */
  static Booster booster(Map<String, Object> parameters, Matrices matrices) throws XGBoostError {
    // No round yet: that is how the library makes one.
    Booster booster =
        XGBoost.train(matrices.training(), parameters, 0, matrices.byChannel(), null, null);
    configure(booster, parameters, matrices.columns());
    return booster;
  }

  /** Gives a booster its parameters, log loss and error as metrics, and the columns. */
  static void configure(Booster booster, Map<String, Object> parameters, Columns columns)
      throws XGBoostError {
    booster.setParams(parameters);
    booster.setParam("eval_metric", "logloss");
    booster.setParam("eval_metric", "error");
    // Which a matrix without rows does not give it.
    booster.setFeatureNames(columns.features().toArray(new String[0]));
    booster.setFeatureTypes(columns.types());
  }

  /** Returns log loss and error by channel. */
  static Map<String, float[]> evaluate(Booster booster, Matrices matrices) throws XGBoostError {
    Map<String, DMatrix> channels = matrices.byChannel();
    String[] names = channels.keySet().toArray(new String[0]);
    float[] values = new float[2 * names.length];
    booster.evalSet(channels.values().toArray(new DMatrix[0]), names, 0, values);
    Map<String, float[]> metrics = new LinkedHashMap<>();
    for (int i = 0; i < names.length; i++) {
      metrics.put(names[i], Arrays.copyOfRange(values, 2 * i, 2 * i + 2));
    }
    return metrics;
  }

  /** Returns a booster's bytes behind a checksum of the categories, which it does not hold. */
  static byte[] withCategories(Booster booster, Columns columns) throws XGBoostError {
    byte[] bytes = booster.toByteArray("ubj");
    return ByteBuffer.allocate(Integer.BYTES + bytes.length)
        .putInt(columns.texts().hashCode()).put(bytes).array();
  }

  /**
   * Returns the booster of {@link #withCategories}.
   *
   * @throws IOException if it was made from data with other columns or categories
   */
  static Booster ofSameData(byte[] bytes, Columns columns) throws IOException, XGBoostError {
    Booster booster =
        XGBoost.loadModel(Arrays.copyOfRange(bytes, Integer.BYTES, bytes.length));
    if (!columns.features().equals(List.of(booster.getFeatureNames()))) {
      throw new IOException("it was made from data with other columns");
    }
    if (ByteBuffer.wrap(bytes).getInt() != columns.texts().hashCode()) {
      throw new IOException("it was made from data with other categories");
    }
    return booster;
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

  /** Begins to load: to unpack the native library takes as long as to read small data. */
  static void startLoading() {
    Thread thread = new Thread(LOADING, "load XGBoost");
    thread.setDaemon(true); // A job that fails meanwhile does not wait for it.
    thread.start();
  }

  /** Has XGBoost unpack its native library to java.io.tmpdir and load it from there. */
  static void load() throws InterruptedException {
    LOADING.run(); // Nothing happens where it has begun.
    try {
      LOADING.get();
    } catch (ExecutionException e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      if (cause instanceof LinkageError missing
          && String.valueOf(cause.getMessage()).contains("cannot open shared object file")) {
        throw missing; // Which tells the library.
      }
      throw new TrainingFailure(
          "XGBoost can't load its library: %s must be writable and executable, as with "
              .formatted(System.getProperty("java.io.tmpdir"))
              + "--tmpfs /tmp:exec (%s).".formatted(cause.getMessage()));
    }
  }
}
