import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads the numbers of CSV files and keeps none: the least that Java can do. */
public final class Read {
  public static void main(String[] files) throws Exception {
    double sum = 0;
    for (String file : files) {
      try (BufferedReader lines = Files.newBufferedReader(Path.of(file))) {
        lines.readLine();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          for (int begin = 0, end = 0; end >= 0; begin = end + 1) {
            end = line.indexOf(',', begin);
            sum += Float.parseFloat(line.substring(begin, end < 0 ? line.length() : end));
          }
        }
      }
    }
    System.out.println("sum " + sum);
  }
}
