package training;

import de.siegmar.fastcsv.reader.AbstractBaseCsvCallbackHandler;
import de.siegmar.fastcsv.reader.RecordType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoostError;
import ml.dmlc.xgboost4j.java.util.BigDenseMatrix;
import training.job.JobFiles;
import training.job.Log;

/**
 * The rows of CSV files as 32-bit floats, in XGBoost's form.
 *
 * <p>Files are read one after another, from beginning to end. The rows stay off the Java heap,
 * which is a quarter of the container's memory by default, and in blocks, since their number is
 * known only at the end and a streamed file is best read once.
 */
final class Table implements AutoCloseable {
  private static final int VALUES_IN_BLOCK = 1 << 20;

  private final String place;
  private final String target;
  private final List<String> features;
  /** The place of each column among the features, -1 for the target. */
  private final Map<String, Integer> places = new LinkedHashMap<>();
  private final int rowsInBlock;
  private final Deque<BigDenseMatrix> blocks = new ArrayDeque<>();
  private float[] labels = new float[1024];
  private int rows;

  /** Makes an empty table with these columns, in their order. */
  Table(Csv.Columns columns, String target) {
    this.place = columns.place();
    this.target = target;
    features = columns.names().stream().filter(name -> !name.equals(target)).toList();
    for (String name : columns.names()) {
      places.put(name, features.indexOf(name));
    }
    rowsInBlock = Math.max(1, VALUES_IN_BLOCK / Math.max(1, features.size()));
  }

  /** Returns the rows of all the files, of which there may be none. */
  DMatrix read(List<Path> files) throws IOException, XGBoostError {
    for (Path file : files) {
      Rows handler = new Rows(file);
      Csv.parse(file, handler, records -> records.forEachRemaining(row -> { }));
      if (handler.columns == null) {
        Log.line("%s is empty: skipped.".formatted(JobFiles.nameOf(file)));
      }
    }
    DMatrix matrix = toMatrix();
    matrix.setLabel(Arrays.copyOf(labels, rows));
    matrix.setFeatureNames(features.toArray(new String[0]));
    return matrix;
  }

  /** Frees the memory, which the garbage collector does not see. */
  @Override
  public void close() {
    blocks.forEach(BigDenseMatrix::dispose);
    blocks.clear();
  }

  /** Joins the blocks; XGBoost then copies the values into a form of its own. */
  private DMatrix toMatrix() throws XGBoostError {
    BigDenseMatrix all = new BigDenseMatrix(rows, features.size());
    try {
      long values = (long) rows * features.size();
      long blockSize = (long) rowsInBlock * features.size();
      long to = 0;
      while (!blocks.isEmpty()) {
        for (long from = 0; from < blockSize && to < values; from++) {
          all.set(to++, blocks.getFirst().get(from));
        }
        blocks.removeFirst().dispose();
      }
      return new DMatrix(all, Float.NaN);
    } finally {
      all.dispose();
    }
  }

  /** Takes the fields of a file where they lie in the reader's buffer: no object for each. */
  private final class Rows extends AbstractBaseCsvCallbackHandler<Boolean> {
    private final Path file;
    private final List<String> header = new ArrayList<>();
    /** The place of each field, once the header is read. */
    private int[] columns;
    private final float[] row = new float[features.size()];
    private float label;
    private String problem;
    private boolean blank;

    Rows(Path file) {
      this.file = file;
    }

    @Override
    protected void handleBegin(long line) {
      problem = null;
      blank = false;
    }

    @Override
    protected void handleField(int i, char[] buffer, int offset, int length, boolean quoted) {
      if (columns == null) {
        header.add(new String(buffer, offset, length));
        blank = i == 0 && header.get(0).isBlank();
      } else if (problem == null && i < columns.length) {
        try {
          float value = Csv.number(buffer, offset, length);
          if (columns[i] >= 0) {
            row[columns[i]] = value;
          } else {
            label = label(value, buffer, offset, length);
          }
        } catch (IllegalArgumentException e) {
          problem = "column \"%s\": %s".formatted(header.get(i), e.getMessage());
          blank = i == 0 && new String(buffer, offset, length).isBlank();
        }
      }
    }

    @Override
    protected Boolean buildRecord() {
      if (getRecordType() == RecordType.EMPTY || (blank && getFieldCount() == 1)) {
        if (columns == null) {
          header.clear();
        }
        return null;
      }
      if (columns == null) {
        checkColumns();
        columns = header.stream().mapToInt(places::get).toArray();
        return true;
      }
      String line = ", line " + getStartingLineNumber();
      if (getFieldCount() != columns.length) {
        throw Csv.failure(file, "%s: %s fields, but the header has %s".formatted(
            line, getFieldCount(), columns.length));
      }
      if (problem != null) {
        throw Csv.failure(file, "%s, %s".formatted(line, problem));
      }
      addRow();
      return true;
    }

    private void checkColumns() {
      Csv.checkHeader(file, header);
      for (String name : header) {
        Csv.check(places.containsKey(name), file, "column \"%s\" is not in %s", name, place);
      }
      for (String name : places.keySet()) {
        Csv.check(header.contains(name), file, "column \"%s\" is missing", name);
      }
      Csv.check(header.contains(target), file,
          "the target column \"%s\" is missing; the columns are %s",
          target, String.join(", ", header));
      Csv.check(!features.isEmpty(), file, "there is no column besides the target");
    }

    private void addRow() {
      if (rows == labels.length) {
        labels = Arrays.copyOf(labels, 2 * rows);
      }
      if (rows % rowsInBlock == 0) {
        blocks.addLast(new BigDenseMatrix(rowsInBlock, row.length));
      }
      for (int j = 0; j < row.length; j++) {
        blocks.getLast().set(rows % rowsInBlock, j, row[j]);
      }
      labels[rows++] = label;
    }
  }

  private static float label(float value, char[] buffer, int offset, int length) {
    if (Float.isNaN(value)) {
      throw new IllegalArgumentException("the target is empty");
    }
    if (value != 0 && value != 1) {
      throw new IllegalArgumentException(
          new String(buffer, offset, length) + " is neither 0 nor 1");
    }
    return value;
  }
}
