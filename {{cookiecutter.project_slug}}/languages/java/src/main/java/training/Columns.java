package training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import training.job.Cluster;
import training.job.JobFiles;
import training.job.TrainingFailure;

/**
 * The columns that every file must have, on every host.
 *
 * @param place the file that they were found in
 * @param names in the order of that file
 * @param features the names without the target's
 * @param categories those of each feature that is of text
 */
record Columns(
    String place,
    List<String> names,
    String target,
    List<String> features,
    Map<String, Categories> categories) {

  /**
   * Returns the columns of the first file that has a header, on the first host that has one.
   *
   * <p>A column is of numbers or of text, as its first cell that is not empty in the first file
   * that has rows.
   */
  static Columns of(List<Path> files, String target, Cluster cluster)
      throws IOException, InterruptedException {
    String names = "";
    String texts = "";
    for (Path file : files) {
      Csv.Beginning beginning = Csv.beginning(file);
      if (names.isEmpty() && !beginning.header().isEmpty()) {
        names = JobFiles.nameOf(file) + "\0" + String.join("\0", beginning.header());
      }
      if (beginning.hasRows()) {
        texts = "rows\0" + String.join("\0", beginning.texts());
        break;
      }
    }
    String[] found = first(cluster.collect(names), cluster.hosts().current());
    if (found.length == 0) {
      throw new TrainingFailure("%s has no header.".formatted(
          files.isEmpty() ? "Each file" : JobFiles.nameOf(files.get(0))));
    }
    List<String> columns = List.of(found).subList(1, found.length);
    List<String> features = columns.stream().filter(name -> !name.equals(target)).toList();
    Map<String, Categories> categories = new LinkedHashMap<>();
    List<String> ofText = List.of(first(cluster.collect(texts), ""));
    for (String feature : features) {
      if (ofText.contains(feature)) {
        categories.put(feature, new Categories(feature));
      }
    }
    return new Columns(found[0], columns, target, features, categories);
  }

  /** Returns the words of the first host that has some, the first of them with its name. */
  private static String[] first(Map<String, String> hosts, String here) {
    for (Map.Entry<String, String> host : hosts.entrySet()) {
      if (!host.getValue().isEmpty()) {
        String[] words = host.getValue().split("\0", -1);
        words[0] += host.getKey().equals(here) ? "" : " of " + host.getKey();
        return words;
      }
    }
    return new String[0];
  }

  /** Returns XGBoost's types of the features: c for texts, which are categories, q for numbers. */
  String[] types() {
    return features.stream()
        .map(feature -> categories.containsKey(feature) ? "c" : "q")
        .toArray(String[]::new);
  }

  /** Returns the texts of each feature that is of text, in the order of their numbers. */
  Map<String, List<String>> texts() {
    Map<String, List<String>> texts = new LinkedHashMap<>();
    categories.forEach((feature, each) -> texts.put(feature, each.texts()));
    return texts;
  }
}
