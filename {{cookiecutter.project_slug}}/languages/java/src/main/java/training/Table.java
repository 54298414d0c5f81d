package training;

import de.siegmar.fastcsv.reader.AbstractBaseCsvCallbackHandler;
import de.siegmar.fastcsv.reader.RecordType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import training.job.Cluster;
import training.job.JobFiles;
import training.job.Log;
import training.job.TrainingFailure;

/**
 * The rows of a channel's CSV files as 32-bit floats, the target last.
 *
 * <p>Files are read one after another, from beginning to end. The rows stay off the Java heap,
 * which is a quarter of the container's memory by default.
 */
final class Table {
  private final Columns columns;
  /** Those of each feature, null for one of numbers. */
  private final Categories[] categories;
  private final Spool rows;
  private long ones;

  /** Makes an empty table with these columns. */
  Table(Columns columns) throws IOException {
    this.columns = columns;
    categories =
        columns.features().stream().map(columns.categories()::get).toArray(Categories[]::new);
    rows = new Spool(categories.length + 1);
  }

  /** Returns the rows, of which there may be none. */
  Spool rows() {
    return rows;
  }

  /** Returns how many rows have a target of 1. */
  long ones() {
    return ones;
  }

  /** Adds the rows of the files. */
  void read(List<Path> files) throws IOException {
    for (Path file : files) {
      Rows handler = new Rows(file);
      Csv.parse(file, handler, records -> records.forEachRemaining(row -> { }));
      if (handler.places == null) {
        Log.line("%s is empty: skipped.".formatted(JobFiles.nameOf(file)));
      }
    }
    rows.flush();
  }

  /** Numbers the texts as training on all hosts has them, which this table is of. */
  void completeCategories(Cluster cluster) throws IOException, InterruptedException {
    float[][] numbers = new float[rows.width()][];
    for (int j = 0; j < categories.length; j++) {
      numbers[j] = categories[j] == null ? null : categories[j].complete(cluster);
    }
    if (columns.categories().isEmpty()) {
      return;
    }
    for (int i = 0; i < rows.parts(); i++) {
      FloatBuffer part = rows.part(i);
      for (int at = 0; at < part.limit(); at++) {
        float[] changed = numbers[at % numbers.length];
        if (changed != null && !Float.isNaN(part.get(at))) {
          part.put(at, changed[(int) part.get(at)]);
        }
      }
    }
  }

  /** Takes the fields of a file where they lie in the reader's buffer: no object for each. */
  private final class Rows extends AbstractBaseCsvCallbackHandler<Boolean> {
    private final Path file;
    private final List<String> header = new ArrayList<>();
    /** The place of each field among the features and the target, once the header is read. */
    private int[] places;
    private final float[] row = new float[rows.width()];
    private String problem;
    /** The first field, where it is one of blanks, as the only one of a blank line is. */
    private char[] blank;

    Rows(Path file) {
      this.file = file;
    }

    @Override
    protected void handleBegin(long line) {
      problem = null;
      blank = null;
    }

    @Override
    protected void handleField(int i, char[] buffer, int offset, int length, boolean quoted) {
      if (i == 0 && isBlank(buffer, offset, length)) {
        blank = Arrays.copyOfRange(buffer, offset, offset + length);
      }
      if (places == null) {
        header.add(new String(buffer, offset, length).strip());
      } else if (i > 0 || blank == null) {
        set(i, buffer, offset, length);
      }
      boolean isNumber =
          places != null && problem == null && i < places.length && !isText(places[i]);
      if (!quoted && !isNumber && hasMark(buffer, offset, length)) {
        problem = Csv.MARKS;
      }
    }

    private void set(int i, char[] buffer, int offset, int length) {
      if (problem == null && i < places.length) {
        try {
          row[places[i]] = value(places[i], buffer, offset, length);
        } catch (IllegalArgumentException e) {
          String name = header.get(i);
          boolean again = name.equals(new String(buffer, offset, length).strip());
          problem = ", column \"%s\": %s".formatted(name, again && !isText(places[i])
              ? "\"%s\" is the name of the column: leave out this second header".formatted(name)
              : e.getMessage());
        }
      }
    }

    @Override
    protected Boolean buildRecord() {
      if (getRecordType() == RecordType.EMPTY || (blank != null && getFieldCount() == 1)) {
        if (places == null) {
          header.clear();
        }
        return null;
      }
      if (places == null) {
        if (problem != null) {
          throw failure(problem);
        }
        checkColumns();
        places = header.stream().mapToInt(Table.this::placeOf).toArray();
        return true;
      }
      if (getFieldCount() != places.length) {
        throw failure(": %s fields, but the header has %s"
            .formatted(getFieldCount(), places.length));
      }
      if (blank != null) {
        set(0, blank, 0, blank.length);
      }
      if (problem != null) {
        throw failure(problem);
      }
      try {
        rows.add(row);
        ones += (long) row[categories.length];
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return true;
    }

    /** Not made before it is thrown: a text for each row would fill the heap. */
    private TrainingFailure failure(String sentence) {
      return Csv.failure(file, ", line " + getStartingLineNumber() + sentence);
    }

    private void checkColumns() {
      Csv.checkHeader(file, header);
      for (String name : header) {
        Csv.check(columns.names().contains(name), file, "column \"%s\" is not in %s",
            name, columns.place());
      }
      for (String name : columns.names()) {
        Csv.check(header.contains(name), file, "column \"%s\" is missing", name);
      }
      Csv.check(header.contains(columns.target()), file,
          "the target column \"%s\" is missing; the columns are %s",
          columns.target(), String.join(", ", header));
      Csv.check(categories.length > 0, file, "there is no column beside the target");
    }
  }

  private static boolean isBlank(char[] buffer, int offset, int length) {
    for (int i = offset; i < offset + length; i++) {
      if (!Character.isWhitespace(buffer[i])) {
        return false;
      }
    }
    return true;
  }

  private static boolean hasMark(char[] buffer, int offset, int length) {
    for (int i = offset; i < offset + length; i++) {
      if (buffer[i] == '"') {
        return true;
      }
    }
    return false;
  }

  private boolean isText(int place) {
    return place < categories.length && categories[place] != null;
  }

  private int placeOf(String name) {
    return name.equals(columns.target()) ? categories.length : columns.features().indexOf(name);
  }

  private float value(int place, char[] buffer, int offset, int length) {
    if (isText(place)) {
      // Blanks around a cell are not part of it.
      String text = new String(buffer, offset, length).strip();
      return text.isEmpty() ? Float.NaN : categories[place].code(text);
    }
    if (place < categories.length) {
      return Csv.number(buffer, offset, length);
    }
    return target(buffer, offset, length);
  }

  private static float target(char[] buffer, int offset, int length) {
    float value;
    try {
      value = Csv.number(buffer, offset, length);
    } catch (IllegalArgumentException e) {
      String cell = new String(buffer, offset, length).strip();
      throw Csv.isText(cell) ? new IllegalArgumentException(
          "\"%s\" is neither 0 nor 1: write 1 for one class, 0 for the other".formatted(cell)) : e;
    }
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
