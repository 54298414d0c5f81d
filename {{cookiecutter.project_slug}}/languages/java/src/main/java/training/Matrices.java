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
import training.job.Log;
import training.job.TrainingFailure;

/**
 * The rows of the channels on this host, in XGBoost's form.
 *
 * @param byChannel "training" and, if it is there, "validation"
 * @param rows of all hosts, by channel
 */
record Matrices(Columns columns, Map<String, DMatrix> byChannel, Map<String, Long> rows) {
  /** Reads the channels; on several hosts, one may have no rows. */
  static Matrices read(Map<String, List<Path>> channels, String target, Cluster cluster)
      throws IOException, XGBoostError, InterruptedException {
    Columns columns = Columns.of(channels.get("training"), target, cluster);
    Matrices matrices = new Matrices(columns, new LinkedHashMap<>(), new LinkedHashMap<>());
    for (String channel : List.of("training", "validation")) {
      if (channels.containsKey(channel)) {
        matrices.read(channel, channels.get(channel), cluster);
      }
    }
    return matrices;
  }

  private void read(String channel, List<Path> files, Cluster cluster)
      throws IOException, XGBoostError, InterruptedException {
    try (Table table = new Table(columns)) {
      table.read(files);
      if (channel.equals("training")) {
        table.completeCategories(cluster);
      }
      String own = String.valueOf(table.rows().rows());
      Log.line("Read %s rows of %s.".formatted(own, channel));
      rows.put(channel, cluster.collect(own).values().stream().mapToLong(Long::parseLong).sum());
      if (rows.get(channel) == 0) {
        throw new TrainingFailure("%s has a header but no rows.".formatted(columns.place()));
      }
      DMatrix matrix = of(table.rows());
      matrix.setFeatureNames(columns.features().toArray(new String[0]));
      matrix.setFeatureTypes(columns.types());
      byChannel.put(channel, matrix);
    }
  }

  private static DMatrix of(Spool rows) throws IOException, XGBoostError {
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

  DMatrix training() {
    return byChannel.get("training");
  }
}
