package training;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoostError;
import ml.dmlc.xgboost4j.java.util.BigDenseMatrix;
import training.job.Cluster;
import training.job.JobFiles;
import training.job.Log;
import training.job.TrainingFailure;

/**
 * The rows of the channels on this host, in XGBoost's form: in files where the memory is too small.
 *
 * <p>The model has the same bytes, whichever the way.
 *
 * @param byChannel "training" and, if it is there, "validation"
 * @param rows of all hosts, by channel
 */
record Matrices(Columns columns, Map<String, DMatrix> byChannel, Map<String, Long> rows) {
  /**
   * Reads the channels; on several hosts, one may have no rows.
   *
   * @param depth how many levels a tree has
   */
  static Matrices read(
      Map<String, List<Path>> channels, String target, int depth, Cluster cluster)
      throws IOException, XGBoostError, InterruptedException {
    return read(channels, target, cluster, tables -> {
      // All or none: they meet the other hosts at other times.
      boolean large = cluster.onAnyHost(Way.large(tables.values()));
      return large ? Way.of(tables.values(), depth) : Way.ofCopies(tables.values());
    });
  }

  /** Finds the way for the tables of the channels. */
  interface Chooser {
    Way choose(Map<String, Spool> tables) throws IOException, InterruptedException;
  }

  static Matrices read(
      Map<String, List<Path>> channels, String target, Cluster cluster, Chooser chooser)
      throws IOException, XGBoostError, InterruptedException {
    Columns columns = Columns.of(channels.get("training"), target, cluster);
    Matrices matrices = new Matrices(columns, new LinkedHashMap<>(), new LinkedHashMap<>());
    Map<String, Spool> tables = new LinkedHashMap<>();
    try {
      for (String channel : List.of("training", "validation")) {
        if (channels.containsKey(channel)) {
          Table table = new Table(columns);
          tables.put(channel, table.rows());
          table.read(channels.get(channel));
          if (channel.equals("training")) {
            table.completeCategories(cluster);
          }
          matrices.count(channel, channels.get(channel), table, cluster);
        }
      }
      Way way = chooser.choose(tables);
      Xgboost.load();
      matrices.fill(tables, way);
    } catch (IOException e) {
      Xgboost.load(); // Where the rows found no place, it says what it needs of that.
      throw e;
    } finally {
      for (Spool table : tables.values()) {
        table.close();
      }
    }
    return matrices;
  }

  private void count(String channel, List<Path> files, Table table, Cluster cluster)
      throws InterruptedException {
    long own = table.rows().rows();
    Log.line("Read %s rows of %s.".formatted(own, channel));
    long all = 0;
    long ones = 0;
    for (String host : cluster.collect(own + " " + table.ones()).values()) {
      String[] counts = host.split(" ");
      all += Long.parseLong(counts[0]);
      ones += Long.parseLong(counts[1]);
    }
    rows.put(channel, all);
    if (all == 0) {
      throw new TrainingFailure("%s has a header but no rows.".formatted(
          files.isEmpty() ? "Channel \"" + channel + "\"" : JobFiles.nameOf(files.get(0))));
    }
    if (channel.equals("training") && (ones == 0 || ones == all)) {
      throw new TrainingFailure(
          "The target column \"%s\" is %s in every row of training: there is nothing to learn."
              .formatted(columns.target(), ones == 0 ? 0 : 1));
    }
  }

  /** Makes the matrices; where there are no rows, XGBoost can make no files. */
  void fill(Map<String, Spool> tables, Way way) throws IOException, XGBoostError {
    Path files = way == Way.ON_DISK ? Spool.folder() : null;
    for (Map.Entry<String, Spool> table : tables.entrySet()) {
      Spool rows = table.getValue();
      DMatrix matrix = way == Way.COPIED ? copied(rows)
          : QuantileMatrix.of(rows, columns, training(), rows.rows() == 0 ? null : files);
      matrix.setFeatureNames(columns.features().toArray(new String[0]));
      matrix.setFeatureTypes(columns.types());
      byChannel.put(table.getKey(), matrix);
    }
  }

  private static DMatrix copied(Spool rows) throws IOException, XGBoostError {
    int width = rows.width() - 1;
    float[] targets = new float[(int) rows.rows()];
    BigDenseMatrix values = new BigDenseMatrix(targets.length, width);
    try {
      long to = 0;
      for (int i = 0; i < rows.parts(); i++) {
        FloatBuffer part = rows.part(i);
        while (part.hasRemaining()) {
          for (int j = 0; j < width; j++) {
            values.set(to * width + j, part.get());
          }
          targets[(int) to++] = part.get();
        }
      }
      DMatrix matrix = new DMatrix(values, Float.NaN);
      matrix.setLabel(targets);
      return matrix;
    } finally {
      values.dispose();
    }
  }

  /** Returns the matrix of the training rows, null as long as there is none. */
  DMatrix training() {
    return byChannel.get("training");
  }
}
