package training.job;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Lines of the log, which the service shows in CloudWatch (C93). */
public final class Log {
  private static final MathContext SIX_DIGITS = new MathContext(6);

  private Log() {}

  /** Has stdout and stderr be UTF-8, whatever the locale. */
  public static void useUtf8() {
    System.setOut(utf8(FileDescriptor.out));
    System.setErr(utf8(FileDescriptor.err));
  }

  private static PrintStream utf8(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
  }

  /** Prints a line to stdout at once. */
  public static void line(String line) {
    System.out.println(line);
  }

  /** Prints the metrics of a step as the regexes of training-job.json find them (C94). */
  public static void step(int step, Map<String, Double> metrics) {
    StringBuilder line = new StringBuilder("step=").append(step);
    metrics.forEach(
        (name, value) -> line.append(' ').append(name).append('=').append(
            sixDigits(value == null ? Double.NaN : value)));
    line(line.toString());
  }

  /** Returns a hyperparameter's value as it is written in training-job.json. */
  static String asText(Object value) {
    if (!(value instanceof Double number)) {
      return String.valueOf(value);
    }
    if (Double.isFinite(number)) {
      return plain(BigDecimal.valueOf(number));
    }
    return Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }

  /** Returns up to six significant digits, with a point in every locale. */
  private static String sixDigits(double value) {
    return Double.isFinite(value)
        ? plain(new BigDecimal(value).round(SIX_DIGITS))
        : asText(value);
  }

  private static String plain(BigDecimal number) {
    BigDecimal value = number.stripTrailingZeros();
    // BigDecimal writes 100 without its zeros as 1E+2.
    return value.scale() < 0 && value.scale() > -16
        ? value.toPlainString()
        : value.toString().replace('E', 'e');
  }
}
