package training;

import de.siegmar.fastcsv.reader.CsvCallbackHandler;
import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecordHandler;
import de.siegmar.fastcsv.reader.FieldMismatchStrategy;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import training.job.JobFiles;
import training.job.TrainingFailure;

/**
 * CSV files as other people's programs write them, plain or compressed by gzip: what is not read is
 * refused with what to do about it.
 */
final class Csv {
  private static final double[] POWERS_OF_TEN = new double[16];
  /** What begins a file, byte for letter, and what it is then. */
  private static final Map<String, String> OTHERS = Map.of(
      "PAR1", "a Parquet file: only CSV can be read, plain or compressed by gzip",
      "\u00ff\u00fe", "UTF-16, as Excel's \"Unicode text\" is: save it as CSV UTF-8",
      "\u00fe\u00ff", "UTF-16, as Excel's \"Unicode text\" is: save it as CSV UTF-8",
      "PK\u0003\u0004", "an Excel workbook or a ZIP archive: save it as CSV UTF-8",
      "\u00d0\u00cf\u0011\u00e0", "an Excel workbook or a ZIP archive: save it as CSV UTF-8",
      "BZh", "compressed by bzip2: only gzip can be read",
      "\u0028\u00b5\u002f\u00fd", "compressed by zstd: only gzip can be read",
      "\u00fd7zXZ", "compressed by xz: only gzip can be read",
      "version https://git-lfs",
      "a pointer of Git LFS, not the file: run git lfs pull");
  private static final String GZIP = "\u001f\u008b";
  private static final String UTF_8_MARK = "\u00ef\u00bb\u00bf";
  private static final int BEGINNING = 64;
  private static final Map<Character, String> SEPARATORS =
      Map.of(';', "semicolons", '\t', "tabs", '|', "vertical bars");
  private static final Pattern ROW_NUMBERS = Pattern.compile("Unnamed: \\d+|__index_level_\\d+__");
  private static final Pattern MISPLACED_QUOTE =
      Pattern.compile("(?:quoted field|closing quote).*starting at line (\\d+)");
  private static final Set<String> MISSING = Set.of(
      "na", "n/a", "#n/a", "null", "none", "nil", "\\n", "?", "-", "--", ".");
  private static final Pattern NUMBER = Pattern.compile(
      "[+-]?(nan|inf|infinity|(\\d+\\.?\\d*|\\.\\d+)(e[+-]?\\d+)?)|true|false");
  private static final String ZEROS = "there are zero bytes, as in a file that is no text or was "
      + "not written as a whole";
  /** What is said of a cell that is not quoted as a whole. */
  static final String MARKS =
      ": quotation marks must enclose a whole cell, and each within it stands twice";
  private static final String AN_EMPTY_CELL = ": a missing value is an empty cell";
  private static final Pattern PUNCTUATED =
      Pattern.compile("[+-]?\\d+([.,' \u2019\u00a0\u202f]\\d+)+");

  static {
    Arrays.setAll(POWERS_OF_TEN, i -> Double.parseDouble("1e" + i));
  }

  private Csv() {}

  /**
   * What a file begins with.
   *
   * @param header the column names, none where there is nothing but blank lines
   * @param texts which columns are of text, by their first cell that is not empty
   * @param hasRows whether there is any row
   */
  record Beginning(List<String> header, Set<String> texts, boolean hasRows) {}

  /** Reads a file as far as it takes to know each column's kind: mostly one row. */
  static Beginning beginning(Path file) throws IOException {
    List<String> header = new ArrayList<>();
    Set<String> texts = new TreeSet<>();
    BitSet unknown = new BitSet();
    boolean[] hasRows = {false};
    parse(file, CsvRecordHandler.of(limits -> limits.maxFields(Integer.MAX_VALUE)), records -> {
      while (records.hasNext() && (header.isEmpty() || !unknown.isEmpty())) {
        List<String> fields = records.next().getFields();
        if (isBlank(fields)) {
          continue;
        }
        if (header.isEmpty()) {
          fields.forEach(name -> header.add(name.strip()));
          unknown.set(0, fields.size());
          continue;
        }
        hasRows[0] = true;
        for (int i = 0; i < Math.min(header.size(), fields.size()); i++) {
          if (unknown.get(i) && !fields.get(i).isBlank()) {
            unknown.clear(i);
            if (isText(fields.get(i))) {
              texts.add(header.get(i));
            }
          }
        }
      }
    });
    return new Beginning(header, texts, hasRows[0]);
  }

  private static boolean isBlank(List<String> fields) {
    return fields.size() == 1 && fields.get(0).isBlank();
  }

  /** Has {@code use} go through what the handler makes of the records of a file. */
  static <T> void parse(Path file, CsvCallbackHandler<T> handler, Consumer<Iterator<T>> use)
      throws IOException {
    try (Reader text = open(file)) {
      use.accept(CsvReader.builder()
          .extraFieldStrategy(FieldMismatchStrategy.IGNORE)
          .missingFieldStrategy(FieldMismatchStrategy.IGNORE)
          // Else it would make one cell of the rest of the file.
          .allowUnclosedQuote(false)
          .build(handler, text)
          .iterator());
    } catch (UncheckedIOException e) {
      throw explained(file, e.getCause());
    } catch (IOException e) {
      throw explained(file, e);
    } catch (CsvParseException e) {
      if (e.getCause() instanceof UncheckedIOException other) {
        throw explained(file, other.getCause());
      }
      throw e.getCause() instanceof TrainingFailure failure ? failure : explained(file, e);
    }
  }

  private static TrainingFailure explained(Path file, CsvParseException error) {
    Matcher quoted = MISPLACED_QUOTE.matcher(error.getMessage());
    return failure(file, quoted.find()
        ? ", line " + quoted.group(1) + MARKS
        : " can't be read: " + error.getMessage());
  }

  private static IOException explained(Path file, IOException error) {
    if (error instanceof CharacterCodingException) {
      throw failure(file, " is not a text file in UTF-8: only CSV can be read");
    }
    if (error instanceof EOFException || error instanceof ZipException) {
      throw failure(file, " is damaged: it can't be unpacked");
    }
    return error instanceof FileSystemException
        ? error
        : new FileSystemException(file.toString(), null, error.getMessage());
  }

  /** Returns the text of a file, decompressed, from behind its byte order mark. */
  private static Reader open(Path file) throws IOException {
    InputStream bytes = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
    if (firstBytes(file, bytes).startsWith(GZIP)) {
      bytes = new BufferedInputStream(new Gzip(bytes), 1 << 16);
    }
    if (firstBytes(file, bytes).startsWith(UTF_8_MARK)) {
      bytes.skipNBytes(UTF_8_MARK.length());
    }
    // This decoder refuses what is not UTF-8; FastCSV's own would replace it.
    return new BufferedReader(
        new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder()));
  }

  /** Unpacks to the end of the file: Java's own leaves out what follows a damaged part. */
  private static final class Gzip extends GZIPInputStream {
    private static final int TRAILER = 8;

    Gzip(InputStream bytes) throws IOException {
      super(bytes, 1 << 16);
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
      int count = super.read(into, offset, length);
      if (count < 0) {
        int rest = Math.max(inf.getRemaining() - TRAILER, 0);
        // Zeros are a filling, as gzip itself takes them.
        refuse(new ByteArrayInputStream(buf, len - rest, rest));
        refuse(in);
      }
      return count;
    }

    private static void refuse(InputStream rest) throws IOException {
      for (int next = rest.read(); next >= 0; next = rest.read()) {
        if (next != 0) {
          throw new ZipException();
        }
      }
    }
  }

  /** Returns the first bytes, a letter each; throws TrainingFailure if they are no CSV's. */
  private static String firstBytes(Path file, InputStream bytes) throws IOException {
    bytes.mark(BEGINNING);
    String begin = new String(bytes.readNBytes(BEGINNING), StandardCharsets.ISO_8859_1);
    bytes.reset();
    OTHERS.forEach((first, other) -> {
      if (begin.startsWith(first)) {
        throw failure(file, " is " + other);
      }
    });
    String text = begin.replace(UTF_8_MARK, "").strip();
    if (text.startsWith("<")) {
      throw failure(file, " is a web page or XML, not CSV: download the file itself");
    }
    if (text.startsWith("{") || text.startsWith("[")) {
      throw failure(file, " is JSON: only CSV can be read");
    }
    return begin;
  }

  // ---- Headers ------------------------------------------------------------------------------

  /**
   * Refuses a first line that is no header, and one whose columns have no names.
   *
   * @throws TrainingFailure that says what to write instead
   */
  static void checkHeader(Path file, List<String> header) {
    if (String.join("", header).indexOf('\0') >= 0) {
      throw failure(file, " is not a text file in UTF-8: only CSV can be read");
    }
    if (header.stream().allMatch(each -> each.isBlank() || isNumber(each))
        && header.stream().anyMatch(Csv::isNumber)) {
      throw failure(
          file, ", line 1 holds numbers: write a header line with the names of the columns");
    }
    if (header.size() == 1) {
      SEPARATORS.forEach((separator, name) -> check(header.get(0).indexOf(separator) < 0, file,
          "the columns are separated by %s: write the file with commas", name));
    }
    long unnamed = header.stream().filter(String::isBlank).count();
    check(unnamed != 1 || !header.get(0).isBlank(), file, "column 1 has no name, as the row "
        + "numbers of pandas and R: write the file without them (index=False, row.names = FALSE)");
    Set<String> names = new HashSet<>();
    for (String name : header) {
      check(!ROW_NUMBERS.matcher(name).matches(), file, "the column \"%s\" holds row numbers of "
          + "pandas: write the file without them (index=False)", name);
      check(!name.isBlank(), file, "column %s has no name", names.size() + 1);
      check(names.add(name), file, "the column \"%s\" stands twice", name);
    }
  }

  private static boolean isNumber(String text) {
    try {
      return !Float.isNaN(number(text));
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Refuses a header, if something is not good. */
  static void check(boolean good, Path file, String problem, Object... values) {
    if (!good) {
      throw failure(file, ", line 1: " + problem.formatted(values));
    }
  }

  /** Returns the failure for a file: its name, and a sentence without its point. */
  static TrainingFailure failure(Path file, String sentence) {
    return new TrainingFailure(JobFiles.nameOf(file) + sentence + ".");
  }

  // ---- Cells --------------------------------------------------------------------------------

  /** Returns the number of a cell, NaN for a missing one, 1 and 0 for true and false. */
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

  private static float number(String cell) {
    if (cell.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(ZEROS); // Which Float.parseFloat takes for blanks.
    }
    String text = cell.strip();
    String word = text.toLowerCase(Locale.ROOT);
    if (text.isEmpty() || word.equals("nan")) {
      return Float.NaN;
    }
    if (word.equals("true") || word.equals("false")) {
      return word.equals("true") ? 1 : 0;
    }
    try {
      float value = Float.parseFloat(text);
      // Float.parseFloat also takes what is a number in Java alone: 1f, 0x1p3.
      if (Float.isFinite(value) && "0123456789.".indexOf(text.charAt(text.length() - 1)) >= 0
          && word.indexOf('x') < 0) {
        return value;
      }
    } catch (NumberFormatException e) {
      // The sentence below says it.
    }
    throw new IllegalArgumentException("\"%s\" is not a number%s".formatted(text, remedy(word)));
  }

  /** Returns whether a cell that is not empty is neither a number nor meant for one. */
  static boolean isText(String cell) {
    String word = cell.strip().toLowerCase(Locale.ROOT);
    return !NUMBER.matcher(word).matches() && remedy(word).isEmpty() && cell.indexOf('\0') < 0;
  }

  /** Refuses, in a column of text, what stands for a missing value elsewhere. */
  static void checkText(String cell) {
    String word = cell.strip().toLowerCase(Locale.ROOT);
    if (remedy(word).equals(AN_EMPTY_CELL) || word.equals("nan")) {
      throw new IllegalArgumentException("\"%s\"%s".formatted(cell, AN_EMPTY_CELL));
    }
    if (cell.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(ZEROS);
    }
  }

  private static String remedy(String word) {
    if (MISSING.contains(word)) {
      return AN_EMPTY_CELL;
    }
    return PUNCTUATED.matcher(word).matches()
        ? ": write a point for decimals, and nothing between thousands"
        : "";
  }
}
