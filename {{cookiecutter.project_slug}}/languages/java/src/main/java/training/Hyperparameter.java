package training;

import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * A setting of the algorithm, declared once, in {@link Model}.
 *
 * @param type what a value is: a Long, a Double, a Boolean or a String
 * @param defaultValue the value where none is given, of that type
 * @param meaning what --help says of it
 * @param minimum the least value, or null
 * @param maximum the greatest value, or null
 * @param choices the only values of a string, or none for any text
 */
public record Hyperparameter(
    String name,
    Type type,
    Object defaultValue,
    String meaning,
    BigDecimal minimum,
    BigDecimal maximum,
    List<String> choices) {

  private static final Pattern NUMBER =
      Pattern.compile("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,9})?");

  /** The types of values. */
  public enum Type {
    INTEGER,
    NUMBER,
    BOOLEAN,
    STRING
  }

  /** Declares an integer from {@code minimum} to {@code maximum}; null leaves that side open. */
  public static Hyperparameter ofInteger(
      String name, long defaultValue, String meaning, Long minimum, Long maximum) {
    return new Hyperparameter(
        name, Type.INTEGER, defaultValue, meaning, decimal(minimum), decimal(maximum), List.of());
  }

  /** Declares a number from {@code minimum} to {@code maximum}; null leaves that side open. */
  public static Hyperparameter ofNumber(
      String name, double defaultValue, String meaning, Double minimum, Double maximum) {
    return new Hyperparameter(
        name, Type.NUMBER, defaultValue, meaning, decimal(minimum), decimal(maximum), List.of());
  }

  /** Declares a setting that is true or false. */
  public static Hyperparameter ofBoolean(String name, boolean defaultValue, String meaning) {
    return new Hyperparameter(name, Type.BOOLEAN, defaultValue, meaning, null, null, List.of());
  }

  /** Declares a text: any, or one of the choices where some are given. */
  public static Hyperparameter ofString(
      String name, String defaultValue, String meaning, String... choices) {
    return new Hyperparameter(
        name, Type.STRING, defaultValue, meaning, null, null, List.of(choices));
  }

  /** Returns what a value must be, for messages and for --help. */
  String expected() {
    return switch (type) {
      case BOOLEAN -> "true or false";
      case STRING -> choices.isEmpty() ? "text" : "one of " + String.join(", ", choices);
      case INTEGER -> "an integer" + range();
      case NUMBER -> "a number" + range();
    };
  }

  /**
   * Returns the typed value of a text, which callers encode in several ways (C30).
   *
   * @throws TrainingFailure if the text is no such value
   */
  Object decode(String text) {
    String plain = OptMl.withoutQuotes(text);
    String word = plain.strip();
    if (List.of("", "null", "None").contains(word)) {
      return defaultValue;
    }
    if (type == Type.STRING && (choices.isEmpty() || choices.contains(plain))) {
      return plain;
    }
    try {
      switch (type) {
        case BOOLEAN:
          return decodeBoolean(word);
        case INTEGER:
          return inRange(decodeNumber(word)).longValueExact();
        case NUMBER:
          return inRange(decodeNumber(word)).doubleValue();
        default:
          throw new IllegalArgumentException("not one of the choices");
      }
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new TrainingFailure(
          "Hyperparameter \"%s\" is \"%s\": it must be %s.".formatted(name, word, expected()));
    }
  }

  private static boolean decodeBoolean(String word) {
    return switch (word.toLowerCase(Locale.ROOT)) {
      case "true", "1", "yes" -> true;
      case "false", "0", "no" -> false;
      default -> throw new IllegalArgumentException("no boolean");
    };
  }

  private static BigDecimal decodeNumber(String word) {
    if (!NUMBER.matcher(word).matches() || Double.isInfinite(Double.parseDouble(word))) {
      throw new NumberFormatException();
    }
    return new BigDecimal(word);
  }

  private BigDecimal inRange(BigDecimal value) {
    if ((minimum != null && value.compareTo(minimum) < 0)
        || (maximum != null && value.compareTo(maximum) > 0)) {
      throw new IllegalArgumentException("out of range");
    }
    return value;
  }

  private String range() {
    if (minimum == null && maximum == null) {
      return "";
    }
    if (maximum == null) {
      return " of at least " + minimum.toPlainString();
    }
    if (minimum == null) {
      return " of at most " + maximum.toPlainString();
    }
    return " from " + minimum.toPlainString() + " to " + maximum.toPlainString();
  }

  private static BigDecimal decimal(Number bound) {
    return bound == null ? null : new BigDecimal(OptMl.asText(bound));
  }
}
