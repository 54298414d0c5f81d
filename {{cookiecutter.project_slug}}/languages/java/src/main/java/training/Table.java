package training;

import de.siegmar.fastcsv.reader.AbstractBaseCsvCallbackHandler;
import de.siegmar.fastcsv.reader.CsvCallbackHandler;
import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecordHandler;
import de.siegmar.fastcsv.reader.FieldMismatchStrategy;
import de.siegmar.fastcsv.reader.RecordType;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoostError;
import ml.dmlc.xgboost4j.java.util.BigDenseMatrix;
import training.job.TrainingFailure;

/**
 * The rows of CSV files, plain or compressed by gzip, as 32-bit floats, for {@link Model}.
 *
 * <p>Files are read one after another, from beginning to end. The rows stay off the Java heap,
 * which is a quarter of the container's memory by default, and in blocks, since their number is
 * known only at the end and a streamed file is best read once.
 */
final class Table implements AutoCloseable {
  private static final int VALUES_IN_BLOCK = 1 << 20;
  private static final double[] POWERS_OF_TEN = new double[16];

  static {
    Arrays.setAll(POWERS_OF_TEN, i -> Double.parseDouble("1e" + i));
  }

  private final String place;
  private final String target;
  private final List<String> features;
  /** The place of each column among the features, -1 for the target. */
  private final Map<String, Integer> places = new LinkedHashMap<>();
  private final int rowsInBlock;
  private final Deque<BigDenseMatrix> blocks = new ArrayDeque<>();
  private float[] labels = new float[1024];
  private int rows;

  /** Makes an empty table with the columns of the file at {@code place}, in its order. */
  Table(String place, List<String> columns, String target) {
    this.place = place;
    this.target = target;
    features = columns.stream().filter(name -> !name.equals(target)).toList();
    for (String name : columns) {
      places.put(name, features.indexOf(name));
    }
    rowsInBlock = Math.max(1, VALUES_IN_BLOCK / Math.max(1, features.size()));
  }

  /** Returns the column names of a CSV file. */
  static List<String> readHeader(Path file) throws IOException {
    List<String> header = new ArrayList<>();
    parse(file, CsvRecordHandler.of(limits -> limits.maxFields(Integer.MAX_VALUE)), records -> {
      if (records.hasNext()) {
        header.addAll(records.next().getFields());
      }
    });
    checkText(file, header);
    return header;
  }

  /** Returns the rows of all the files, of which there may be none. */
  DMatrix read(List<Path> files) throws IOException, XGBoostError {
    for (Path file : files) {
      Rows handler = new Rows(file);
      parse(file, handler, records -> records.forEachRemaining(row -> { }));
      checkText(file, handler.header);
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
      } else if (problem == null && i < columns.length) {
        try {
          float value = number(buffer, offset, length);
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
        return null;
      }
      if (columns == null) {
        checkText(file, header);
        checkColumns(file, header);
        columns = header.stream().mapToInt(places::get).toArray();
        return true;
      }
      if (getFieldCount() != columns.length) {
        throw new TrainingFailure("%s, line %s: %s fields, but the header has %s.".formatted(
            file, getStartingLineNumber(), getFieldCount(), columns.length));
      }
      if (problem != null) {
        throw new TrainingFailure(
            "%s, line %s, %s.".formatted(file, getStartingLineNumber(), problem));
      }
      addRow();
      return true;
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

  // ---- Cells --------------------------------------------------------------------------------

  /** Returns the number of a cell, NaN for a missing one. */
  static float number(char[] buffer, int offset, int length) {
    boolean negative = length > 0 && buffer[offset] == '-';
    long digits = 0;
    int count = 0;
    int point = -1;
    for (int i = negative ? 1 : 0; i < length; i++) {
      int digit = buffer[offset + i] - '0';
      if (digit >= 0 && digit <= 9) {
        digits = 10 * digits + digit;
        count++;
      } else if (digit == '.' - '0' && point < 0) {
        point = count;
      } else {
        count = 0;
        break;
      }
    }
    if (count > 0 && count < POWERS_OF_TEN.length) {
      // Both numbers are exact, so the quotient is the nearest double, and rounded again it is the
      // nearest float, unless it lies just between two.
      double value = digits / POWERS_OF_TEN[point < 0 ? 0 : count - point];
      if ((Double.doubleToRawLongBits(value) & 0x1FFFFFFF) != 0x10000000) {
        return (float) (negative ? -value : value);
      }
    }
    return number(new String(buffer, offset, length));
  }

  private static float number(String text) {
    if (text.isEmpty() || text.equalsIgnoreCase("nan")) {
      return Float.NaN;
    }
    try {
      float value = Float.parseFloat(text);
      // Float.parseFloat also takes what is a number in Java alone: 1f, 0x1p3.
      if (Float.isFinite(value) && "0123456789. ".indexOf(text.charAt(text.length() - 1)) >= 0
          && text.indexOf('x') < 0 && text.indexOf('X') < 0) {
        return value;
      }
    } catch (NumberFormatException e) {
      // The sentence below says it.
    }
    throw new IllegalArgumentException("\"%s\" is not a number".formatted(text));
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

  // ---- Headers ------------------------------------------------------------------------------

  private static void checkText(Path file, List<String> header) {
    if (header.isEmpty()) {
      throw new TrainingFailure("%s is empty.".formatted(file));
    }
    if (String.join("", header).indexOf('\0') >= 0) {
      throw notText(file);
    }
  }

  private void checkColumns(Path file, List<String> header) {
    Set<String> names = new HashSet<>();
    for (String name : header) {
      check(!name.isBlank(), file, "column %s has no name", names.size() + 1);
      check(names.add(name), file, "the column \"%s\" stands twice", name);
      check(places.containsKey(name), file, "column \"%s\" is not in %s", name, place);
    }
    for (String name : places.keySet()) {
      check(names.contains(name), file, "column \"%s\" is missing", name);
    }
    check(names.contains(target), file, "the target column \"%s\" is missing; the columns are %s",
        target, String.join(", ", header));
    check(!features.isEmpty(), file, "there is no column besides the target");
  }

  private static void check(boolean good, Path file, String problem, Object... values) {
    if (!good) {
      throw new TrainingFailure("%s, line 1: %s.".formatted(file, problem.formatted(values)));
    }
  }

  // ---- Files --------------------------------------------------------------------------------

  /** Has {@code use} go through what the handler makes of the records of a file. */
  private static <T> void parse(Path file, CsvCallbackHandler<T> handler, Consumer<Iterator<T>> use)
      throws IOException {
    try (Reader text = open(file)) {
      use.accept(CsvReader.builder()
          .extraFieldStrategy(FieldMismatchStrategy.IGNORE)
          .missingFieldStrategy(FieldMismatchStrategy.IGNORE)
          // Else it would make one cell of the rest of the file.
          .allowUnclosedQuote(false)
          .build(handler, text)
          .iterator());
    } catch (CharacterCodingException e) {
      throw notText(file);
    } catch (EOFException | ZipException e) {
      throw damaged(file);
    } catch (UncheckedIOException e) {
      if (e.getCause() instanceof EOFException || e.getCause() instanceof ZipException) {
        throw damaged(file);
      }
      throw e.getCause() instanceof CharacterCodingException ? notText(file) : e;
    } catch (CsvParseException e) {
      throw e.getCause() instanceof TrainingFailure failure
          ? failure
          : new TrainingFailure("%s can't be read: %s.".formatted(file, e.getMessage()));
    }
  }

  /** Returns the text of a file, decompressed, from behind its byte order mark. */
  private static Reader open(Path file) throws IOException {
    InputStream bytes = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
    bytes.mark(4);
    String begin = new String(bytes.readNBytes(4), StandardCharsets.ISO_8859_1);
    bytes.reset();
    if (begin.equals("PAR1")) {
      throw new TrainingFailure(
          "%s is a Parquet file: only CSV can be read, plain or compressed by gzip."
              .formatted(file));
    }
    if (begin.startsWith("\u001f\u008b")) {
      bytes = new GZIPInputStream(bytes, 1 << 16);
    }
    // This decoder refuses what is not UTF-8; FastCSV's own would replace it.
    Reader text =
        new BufferedReader(new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder()));
    text.mark(1);
    if (text.read() != '\uFEFF') {
      text.reset();
    }
    return text;
  }

  private static TrainingFailure notText(Path file) {
    return new TrainingFailure(
        "%s is not a text file in UTF-8: only CSV can be read.".formatted(file));
  }

  private static TrainingFailure damaged(Path file) {
    return new TrainingFailure(
        "%s is damaged: gzip can't read it to its end.".formatted(file));
  }
}
