package training;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import training.job.Cluster;
import training.job.Log;
import training.job.TrainingFailure;

/** The different texts of a column, for each of which a number stands. */
final class Categories {
  private static final int MOST = 1000;

  private final String column;
  private final Map<String, Integer> codes = new LinkedHashMap<>();
  private boolean complete;

  Categories(String column) {
    this.column = column;
  }

  /** Returns the number of a text: while training is read, each new text gets the next one. */
  float code(String text) {
    Integer code = codes.get(text);
    if (code == null) {
      Csv.checkText(text);
      if (complete) {
        String stray = stray();
        throw new IllegalArgumentException("\"%s\" is in no row of training%s".formatted(text,
            stray.isEmpty() ? "" : ", where \"%s\" makes the column text".formatted(stray)));
      }
      code = codes.size();
      codes.put(text, code);
      refuseTooMany();
    }
    return code;
  }

  /**
   * Numbers the texts that training has on all hosts by their order, that of their code points.
   *
   * @return the new number of each that had one here
   */
  float[] complete(Cluster cluster) throws InterruptedException {
    List<String> own = List.copyOf(codes.keySet());
    // UTF-8 sorts as its code points do, which Java's own order does not.
    TreeSet<String> all = new TreeSet<>((one, other) -> Arrays.compareUnsigned(
        one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8)));
    for (String texts : cluster.collect(String.join("\0", own)).values()) {
      all.addAll(List.of(texts.split("\0")));
    }
    all.remove(""); // What a host without any gives.
    codes.clear();
    all.forEach(text -> codes.put(text, codes.size()));
    refuseTooMany();
    Log.line("Column \"%s\" is of text: %s categories.".formatted(column, codes.size()));
    complete = true;
    float[] numbers = new float[own.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = codes.get(own.get(i));
    }
    return numbers;
  }

  private void refuseTooMany() {
    if (codes.size() > MOST) {
      String stray = stray();
      throw new TrainingFailure("Column \"%s\" has more than 1,000 different texts%s leave it out, "
          .formatted(column, stray.isEmpty() ? ":"
              : ", since \"%s\" is not a number: mend that, or".formatted(stray))
          + "or make numbers of it.");
    }
  }

  /** Returns the first text that is no number, where most are; else an empty one. */
  private String stray() {
    List<String> strays = codes.keySet().stream().filter(Csv::isText).toList();
    return strays.isEmpty() || 2 * strays.size() >= codes.size() ? "" : strays.get(0);
  }

  /** Returns the texts in the order of their numbers. */
  List<String> texts() {
    return List.copyOf(codes.keySet());
  }
}
