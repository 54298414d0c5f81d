package training.job;

import java.io.IOException;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The settings of a job, from hyperparameters.json and from the command line. */
public final class Hyperparameters {
  private final Map<String, Hyperparameter<?>> declared = new TreeMap<>();
  private final Map<String, Object> values = new TreeMap<>();

  private Hyperparameters(List<Hyperparameter<?>> declared) {
    for (Hyperparameter<?> each : declared) {
      each.check();
      if (this.declared.put(each.name(), each) != null) {
        throw new TrainingFailure(
            "Hyperparameter \"%s\" stands twice in Model.".formatted(each.name()));
      }
      values.put(each.name(), each.defaultValue());
    }
  }

  /**
   * Returns the values of the hyperparameters that are declared: what is given, and defaults.
   *
   * @param given texts by name; names that the platform and the SDKs add are skipped (C31)
   * @throws TrainingFailure for an unknown name or a bad value
   */
  public static Hyperparameters of(List<Hyperparameter<?>> declared, Map<String, ?> given) {
    Hyperparameters settings = new Hyperparameters(declared);
    given.forEach((name, text) -> {
      if (!Hyperparameter.RESERVED_NAME.matcher(name).matches()) {
        if (!settings.declared.containsKey(name)) {
          throw new TrainingFailure(unknown(name, settings.declared.keySet()));
        }
        settings.values.put(name, settings.declared.get(name).decode(String.valueOf(text)));
      }
    });
    return settings;
  }

  /**
   * Returns the values of hyperparameters.json, strings all (C27), then of the command line (C9).
   *
   * @param arguments {@code --name value} or {@code --name=value}, after the word "train", which
   *     may be missing (C1)
   * @throws TrainingFailure for an unknown name, a bad value, a file that can't be read, and other
   *     arguments: an image that only trains must say so when it is started with "serve" (C22)
   */
  public static Hyperparameters read(
      JobFiles files, List<Hyperparameter<?>> declared, List<String> arguments)
      throws IOException {
    if (declared == null) {
      throw new TrainingFailure(
          "hyperparameters() in Model.java returned null: let it return a list.");
    }
    Map<String, String> overrides = pairs(arguments, declared);
    Map<String, Object> given = new LinkedHashMap<>(
        files.readConfig("hyperparameters.json", "one flat object of strings").orElse(Map.of()));
    given.putAll(overrides);
    for (Object value : given.values()) {
      if (value instanceof Map || value instanceof Collection) {
        throw new TrainingFailure("%s must be one flat object of strings."
            .formatted(files.config("hyperparameters.json")));
      }
    }
    Hyperparameters settings = of(declared, given);
    Log.line(settings.values.entrySet().stream()
        .map(each -> " " + each.getKey() + "=" + Log.asText(each.getValue()))
        .collect(Collectors.joining("", "Hyperparameters:", "")));
    return settings;
  }

  /** Returns the value of a hyperparameter that is declared: null where that is its default. */
  public <T> T get(Hyperparameter<T> which) {
    if (declared.get(which.name()) != which) {
      throw new TrainingFailure(
          "Model.java: hyperparameters() does not list \"%s\".".formatted(which.name()));
    }
    return which.type().cast(values.get(which.name()));
  }

  /** Returns all values, by name. */
  public Map<String, Object> asMap() {
    return Collections.unmodifiableMap(values);
  }

  /** Returns the text of --help. */
  public static String usage(List<Hyperparameter<?>> declared) {
    return """
        usage: [train] [--hyperparameter value ...]

        Trains on the files under /opt/ml/input and saves the model in /opt/ml/model.
        Hyperparameters come from hyperparameters.json, then from the command line:
        """
        + declared.stream()
            .sorted(Comparator.comparing(Hyperparameter::name))
            .map(each -> "  --%s  %s%n      %s; default %s".formatted(
                each.name(), each.meaning(), each.expected(), Log.asText(each.defaultValue())))
            .collect(Collectors.joining("\n"));
  }

  private static Map<String, String> pairs(
      List<String> arguments, List<Hyperparameter<?>> declared) {
    List<String> known = declared.stream().<String>map(Hyperparameter::name).toList();
    Map<String, String> pairs = new LinkedHashMap<>();
    int first = !arguments.isEmpty() && arguments.get(0).equals("train") ? 1 : 0;
    Iterator<String> words = arguments.listIterator(first);
    while (words.hasNext()) {
      String word = words.next();
      if (!word.startsWith("--")) {
        throw TrainingFailure.ofUsage(
            "This image only trains: start it with \"train\" or nothing, not \"%s\"."
                .formatted(word));
      }
      int equals = word.indexOf('=');
      String name = equals < 0 ? word.substring(2) : word.substring(2, equals);
      if (!known.contains(name)) {
        throw TrainingFailure.ofUsage(unknown(name, known));
      }
      if (equals < 0 && !words.hasNext()) {
        throw TrainingFailure.ofUsage("%s needs a value after it.".formatted(word));
      }
      pairs.put(name, equals < 0 ? words.next() : word.substring(equals + 1));
    }
    return pairs;
  }

  private static String unknown(String name, Collection<String> known) {
    String hint = known.stream()
        .filter(each -> 2 * distance(name, each) <= Math.max(name.length(), each.length()))
        .min(Comparator.comparingInt(each -> distance(name, each)))
        .map(": did you mean \"%s\"?"::formatted)
        .orElse(".");
    return "Unknown hyperparameter \"%s\"%s Known are %s."
        .formatted(name, hint, known.stream().sorted().collect(Collectors.joining(", ")));
  }

  /** Returns how many letters to add, drop or change to make one word of the other. */
  private static int distance(String from, String to) {
    int[] row = new int[to.length() + 1];
    Arrays.setAll(row, j -> j);
    for (int i = 1; i <= from.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= to.length(); j++) {
        int changed = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(changed, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[to.length()];
  }
}
