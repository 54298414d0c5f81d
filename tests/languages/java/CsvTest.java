package training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import training.job.Hyperparameters;
import training.job.TrainingFailure;

/** Files as other people's programs write them. */
class CsvTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource(delimiter = '~', quoteCharacter = '`', value = {
      "1,2,3\\n0,1,2\\n ~ ` holds numbers: write a header line with the names of the columns.`",
      "1,,-3e5\\n ~ ` holds numbers: write a header line with the names of the columns.`",
      "5\\n6\\n ~ ` holds numbers: write a header line with the names of the columns.`",
      "is_male;a\\n0;1\\n ~ : the columns are separated by semicolons: "
          + "write the file with commas.",
      "sep=;\\nis_male;a\\n ~ : the columns are separated by semicolons: "
          + "write the file with commas.",
      "is_male\\ta\\n0\\t1\\n ~ : the columns are separated by tabs: write the file with commas.",
      "is_male|a\\n0|1\\n ~ : the columns are separated by vertical bars: "
          + "write the file with commas.",
      ",is_male,a\\n0,0,1\\n ~ `: column 1 has no name, as the row numbers of pandas and R: "
          + "write the file without them (index=False, row.names = FALSE).`",
      "Unnamed: 0,is_male\\n0,0\\n ~ `: the column \"Unnamed: 0\" holds row numbers of pandas: "
          + "write the file without them (index=False).`",
      "is_male,__index_level_0__\\n0,0\\n ~ `: the column \"__index_level_0__\" holds row numbers "
          + "of pandas: write the file without them (index=False).`",
      "is_male,,a\\n0,0,1\\n ~ : column 2 has no name.",
      ",is_male,,a\\n0,0,1,1\\n ~ : column 1 has no name.",
  })
  void lineThatIsNoHeaderIsRefusedWithTheRemedy(String text, String sentence) throws IOException {
    Path file = write(text.translateEscapes());

    assertEquals(file + ", line 1" + sentence, failure(file));
  }

  @ParameterizedTest
  @ValueSource(strings = {"NA", "N/A", "#N/A", "NULL", "None", "nil", "\\N", "?", "-", "--", ".",
      "na", " NA "})
  void missingValueIsAnEmptyCell(String cell) throws IOException {
    Path file = write("is_male,a\n0,1\n1,%s\n".formatted(cell));

    assertEquals("%s, line 3, column \"a\": \"%s\" is not a number: a missing value is an empty "
        .formatted(file, cell.strip()) + "cell.", failure(file));
  }

  @ParameterizedTest
  @ValueSource(strings = {"1,5", "1.234,5", "1 234", "1'234", "1,234,567.8", "-1\u00a0234"})
  void numberHasAPointAndNothingBetweenThousands(String cell) throws IOException {
    Path file = write("is_male,a\n0,1\n1,\"%s\"\n".formatted(cell));

    assertEquals("%s, line 3, column \"a\": \"%s\" is not a number: write a point for decimals, "
        .formatted(file, cell) + "and nothing between thousands.", failure(file));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '~', quoteCharacter = '`', value = {
      "\\377\\376i\\0 ~ ` is UTF-16, as Excel's \"Unicode text\" is: save it as CSV UTF-8.`",
      "\\376\\377\\0i ~ ` is UTF-16, as Excel's \"Unicode text\" is: save it as CSV UTF-8.`",
      "PK\\3\\4 ~ ` is an Excel workbook or a ZIP archive: save it as CSV UTF-8.`",
      "\\320\\317\\021\\340 ~ ` is an Excel workbook or a ZIP archive: save it as CSV UTF-8.`",
      "BZh9 ~ ` is compressed by bzip2: only gzip can be read.`",
      "\\050\\265\\057\\375 ~ ` is compressed by zstd: only gzip can be read.`",
      "\\3757zXZ\\0 ~ ` is compressed by xz: only gzip can be read.`",
      "`\\n <html>` ~ ` is a web page or XML, not CSV: download the file itself.`",
      "<?xml ~ ` is a web page or XML, not CSV: download the file itself.`",
      "version https://git-lfs.github.com/spec/v1 ~ "
          + "` is a pointer of Git LFS, not the file: run git lfs pull.`",
      "{\"is_male\": 1} ~ ` is JSON: only CSV can be read.`",
      "[1] ~ ` is JSON: only CSV can be read.`",
      "is_male,a\\n\\351,1\\n ~ ` is not a text file in UTF-8: only CSV can be read.`",
  })
  void otherKindsOfFilesAreNamed(String text, String sentence) throws IOException {
    byte[] bytes = text.translateEscapes().getBytes(StandardCharsets.ISO_8859_1);
    Path file = Files.write(folder.resolve("a.csv"), bytes);
    assertEquals(file + sentence, failure(file));

    Files.write(file, gzip(bytes));
    assertEquals(file + sentence, failure(file));
  }

  /** Parts of gzip may follow one another, and zeros; what else follows is not left out. */
  @Test
  void gzipIsReadToTheEndOfTheFile() throws Exception {
    byte[] part = gzip("is_male,a\n0,1\n1,1\n0,3\n".getBytes(StandardCharsets.UTF_8));
    byte[] other = gzip("1,2\n0,5\n".getBytes(StandardCharsets.UTF_8));
    Path file = folder.resolve("a.csv.gz");
    Files.write(file, join(part, other, new byte[600]));
    assertEquals(Map.of("training", 5L), model(List.of(file)).metadata().get("rows"));

    other[0] = 'x';
    for (byte[] rest : List.of(other, "junk".getBytes(StandardCharsets.UTF_8))) {
      Files.write(file, join(part, rest));
      assertEquals(file + " is damaged: it can't be unpacked.", failure(file));
    }
  }

  @Test
  void trueAndFalseAreOneAndZero() throws Exception {
    Path words = Files.writeString(
        folder.resolve("b.csv"), "is_male,a\nTrue,1\nFALSE,true\nfalse,3\n");
    Path numbers = write("is_male,a\n1,1\n0,1\n0,3\n");

    assertEquals(model(List.of(numbers)).metrics(), model(List.of(words)).metrics());
  }

  /** A blank file is skipped, wherever it stands, also if gzip makes a few bytes of it. */
  @Test
  void emptyFilesAreSkipped() throws Exception {
    Path first = Files.writeString(folder.resolve("1.csv"), "\n  \n");
    Path second = Files.write(folder.resolve("2.csv.gz"), gzip(new byte[0]));
    Path whole = write("is_male,a\n1,1\n0,1\n0,3\n");

    assertEquals(model(List.of(whole)).metrics(), model(List.of(first, whole, second)).metrics());
    assertEquals(first + " has no header.", failure(first));
  }

  private Path write(String text) throws IOException {
    return Files.writeString(folder.resolve("a.csv"), text);
  }

  private static byte[] join(byte[]... parts) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      bytes.write(part);
    }
    return bytes.toByteArray();
  }

  private static byte[] gzip(byte[] content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(content);
    }
    return bytes.toByteArray();
  }

  private static Model model(List<Path> files) throws Exception {
    Model model = new Model();
    model.read(
        Hyperparameters.of(model.hyperparameters(), Map.of()), Map.of("training", files));
    return model;
  }

  private static String failure(Path file) {
    return assertThrows(TrainingFailure.class, () -> model(List.of(file))).getMessage();
  }
}
