package training;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVRecord;
import training.job.TrainingFailure;

/** A table of penguins: their text as numbers, and what is to be predicted. */
record Penguins(List<String> species, double[][] features, double[] outcome) {
  private static final CSVFormat FORMAT =
      CSVFormat.DEFAULT.builder().setHeader().setSkipHeaderRecord(true).get();

  /** Reads all the files; {@code known} are the species to tell apart, or null for their own. */
  static Penguins read(List<Path> files, String outcome, List<String> known) throws IOException {
    List<CSVRecord> rows = new ArrayList<>();
    for (Path file : files) {
      try (Reader reader = Files.newBufferedReader(file)) {
        FORMAT.parse(reader).forEach(rows::add);
      }
    }
    Set<String> found = new TreeSet<>(rows.stream().map(row -> row.get("species")).toList());
    List<String> species = known == null ? List.copyOf(found) : known;
    for (String name : found) {
      if (!species.contains(name)) {
        throw new TrainingFailure(
            "The species \"%s\" of holdout is not among those of train.".formatted(name));
      }
    }
    return new Penguins(
        species,
        rows.stream().map(row -> encode(row, species)).toArray(double[][]::new),
        rows.stream().mapToDouble(row -> Double.parseDouble(row.get(outcome))).toArray());
  }

  private static double[] encode(CSVRecord row, List<String> species) {
    double[] numbers = new double[2 + species.size()];
    numbers[0] = row.get("sex").equals("male") ? 1 : 0;
    numbers[1] = Double.parseDouble(row.get("bill_length_mm"));
    numbers[2] = Double.parseDouble(row.get("flipper_length_mm"));
    // The first species is the one that the others are compared with.
    for (int i = 1; i < species.size(); i++) {
      numbers[2 + i] = row.get("species").equals(species.get(i)) ? 1 : 0;
    }
    return numbers;
  }
}
