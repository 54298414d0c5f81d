package training.job;

import java.io.IOException;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * A setting of the algorithm, declared once, in the model.
 *
 * @param type the class of its values: Integer, Double, Boolean or String
 * @param defaultValue the value where none is given, or null
 * @param meaning what --help says of it
 * @param minimum the least value, or null
 * @param maximum the greatest value, or null
 * @param choices the only values of a string, or none for any text
 */
public record Hyperparameter<T>(
    String name,
    Class<T> type,
    T defaultValue,
    String meaning,
    BigDecimal minimum,
    BigDecimal maximum,
    List<String> choices) {

  static final Pattern RESERVED_NAME =
      Pattern.compile("sagemaker_.*|_tuning_objective_metric");
  private static final Pattern NUMBER =
      Pattern.compile("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,9})?");

  /** Declares an integer from {@code minimum} to {@code maximum}; null leaves that side open. */
  public static Hyperparameter<Integer> ofInteger(
      String name, Integer defaultValue, String meaning, Integer minimum, Integer maximum) {
    return new Hyperparameter<>(name, Integer.class, defaultValue, meaning, decimal(minimum),
        decimal(maximum == null ? Integer.MAX_VALUE : maximum), List.of());
  }

  /** Declares a number from {@code minimum} to {@code maximum}; null leaves that side open. */
  public static Hyperparameter<Double> ofNumber(
      String name, Double defaultValue, String meaning, Double minimum, Double maximum) {
    return new Hyperparameter<>(name, Double.class, defaultValue, meaning, decimal(minimum),
        decimal(maximum), List.of());
  }

  /** Declares a setting that is true or false. */
  public static Hyperparameter<Boolean> ofBoolean(
      String name, Boolean defaultValue, String meaning) {
    return new Hyperparameter<>(name, Boolean.class, defaultValue, meaning, null, null, List.of());
  }

  /** Declares a text: any, or one of the choices where some are given. */
  public static Hyperparameter<String> ofString(
      String name, String defaultValue, String meaning, String... choices) {
    return new Hyperparameter<>(
        name, String.class, defaultValue, meaning, null, null, List.of(choices));
  }

  /** Returns what a value must be, for messages and for --help. */
  String expected() {
    return defaultValue == null ? kind() + " or null" : kind();
  }

  private String kind() {
    if (type == Boolean.class) {
      return "true or false";
    }
    if (type == String.class) {
      return choices.isEmpty() ? "text" : "one of " + String.join(", ", choices);
    }
    String kind = type == Integer.class ? "an integer" : "a number";
    if (minimum == null) {
      return maximum == null ? kind : kind + " of at most " + maximum.toPlainString();
    }
    return maximum == null
        ? kind + " of at least " + minimum.toPlainString()
        : kind + " from " + minimum.toPlainString() + " to " + maximum.toPlainString();
  }

  /**
   * Refuses a declaration that makes no sense.
   *
   * @throws TrainingFailure if no job could give the name, or the default is not allowed
   */
  void check() {
    String declared = "Hyperparameter \"%s\" in Model".formatted(name);
    if (name.equals("help") || RESERVED_NAME.matcher(name).matches()) {
      throw new TrainingFailure(declared + " has a name that is reserved: choose another.");
    }
    try {
      if (defaultValue != null) {
        value(Log.asText(defaultValue));
      }
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new TrainingFailure("%s has the default \"%s\": it must be %s."
          .formatted(declared, Log.asText(defaultValue), expected()));
    }
  }

  /**
   * Returns the typed value of a text, which callers encode in several ways (C30).
   *
   * @throws TrainingFailure if the text is no such value
   */
  T decode(String text) {
    String plain = withoutQuotes(text);
    String word = plain.strip();
    // A choice may be called so.
    if (List.of("", "null", "None").contains(word) && !choices.contains(plain)) {
      return defaultValue;
    }
    try {
      return type.cast(value(type == String.class ? plain : word));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new TrainingFailure(
          "Hyperparameter \"%s\" is \"%s\": it must be %s.".formatted(name, word, expected()));
    }
  }

  private Object value(String text) {
    if (type == Boolean.class) {
      return switch (text.toLowerCase(Locale.ROOT)) {
        case "true", "1", "yes" -> true;
        case "false", "0", "no" -> false;
        default -> throw new IllegalArgumentException("no boolean");
      };
    }
    if (type == String.class) {
      require(choices.isEmpty() || choices.contains(text));
      return text;
    }
    require(NUMBER.matcher(text).matches() && !Double.isInfinite(Double.parseDouble(text)));
    BigDecimal number = new BigDecimal(text);
    require(minimum == null || number.compareTo(minimum) >= 0);
    require(maximum == null || number.compareTo(maximum) <= 0);
    return type == Integer.class ? (Object) number.intValueExact() : number.doubleValue();
  }

  private static void require(boolean good) {
    if (!good) {
      throw new IllegalArgumentException();
    }
  }

  /** Undoes the JSON encoding of a string, which some SDK classes add (C30). */
  private static String withoutQuotes(String text) {
    if (!text.startsWith("\"")) {
      return text;
    }
    try {
      return Json.parse(text) instanceof String plain ? plain : text;
    } catch (IOException e) {
      return text; // A text that happens to begin with a quote.
    }
  }

  private static BigDecimal decimal(Number bound) {
    return bound == null ? null : new BigDecimal(Log.asText(bound));
  }
}
