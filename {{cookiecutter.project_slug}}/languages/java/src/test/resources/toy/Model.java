package training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Counts its steps: TrainTest puts it in place of the model of this repository. */
public final class Model implements SeveralHosts {
  public static final List<Hyperparameter> HYPERPARAMETERS = List.of(
      Hyperparameter.ofInteger("count", 3, "steps", 1L, 1_000_000L),
      Hyperparameter.ofInteger("pause", 0, "milliseconds of a step", 0L, null),
      Hyperparameter.ofString("trouble", "none", "what goes wrong"));
  public static final List<String> REQUIRED_CHANNELS = List.of("training");

  private final long count;
  private final long pause;
  private final String trouble;
  private Hosts hosts;
  private int steps;

  public Model(Map<String, Object> hyperparameters) {
    count = (long) hyperparameters.get("count");
    pause = (long) hyperparameters.get("pause");
    trouble = (String) hyperparameters.get("trouble");
  }

  @Override
  public void join(Cluster cluster) {
    hosts = cluster.hosts();
  }

  @Override
  public long checksum() {
    return trouble.equals("other model") ? hosts.rank() : steps;
  }

  public void read(Map<String, List<Path>> channels) throws InterruptedException {
    OptMl.log("Reading " + channels.get("training").size() + " files.");
    if (trouble.equals("slow read")) {
      Thread.sleep(3000);
    }
  }

  public boolean finished() {
    return steps >= count;
  }

  public void step() throws InterruptedException {
    steps++;
    Thread.sleep(pause);
    switch (trouble) {
      case "bug" -> throw new IllegalStateException("a bug\nof two lines");
      case "memory" -> OptMl.log("" + new long[Integer.MAX_VALUE].length);
      case "stack" -> step();
      case "exit" -> System.exit(0);
      case "half" -> throw new IllegalStateException("\ud83d");
      case "class" -> throw new NoClassDefFoundError("some/Library");
      default -> { }
    }
  }

  public int steps() {
    return steps;
  }

  public Map<String, Double> metrics() {
    return Map.of("training:loss", 1.0 / steps);
  }

  public void saveCheckpoint(Path path) throws IOException {
    Files.writeString(path, "" + steps);
  }

  public void loadCheckpoint(Path path) throws IOException {
    steps = Integer.parseInt(Files.readString(path));
  }

  public void save(Path folder) throws IOException {
    if (!trouble.equals("no model")) {
      Files.writeString(folder.resolve("count.txt"), "" + steps);
    }
  }

  public static int load(Path folder) throws IOException {
    return Integer.parseInt(Files.readString(folder.resolve("count.txt")));
  }

  public Map<String, Object> metadata() {
    return Map.of("rows", Map.of("training", 1));
  }
}
