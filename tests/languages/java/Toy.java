package training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import training.job.Algorithm;
import training.job.Cluster;
import training.job.Hosts;
import training.job.Hyperparameter;
import training.job.Hyperparameters;
import training.job.Log;

/** Counts its steps; a program of its own, which differs from Train's by the model alone. */
public final class Toy implements Algorithm {
  private static final Hyperparameter<Integer> COUNT =
      Hyperparameter.ofInteger("count", 3, "steps", 1, 1_000_000);
  private static final Hyperparameter<Integer> PAUSE =
      Hyperparameter.ofInteger("pause", 0, "milliseconds of a step", 0, null);
  private static final Hyperparameter<String> TROUBLE =
      Hyperparameter.ofString("trouble", "none", "what goes wrong");

  private Hyperparameters settings;
  private Hosts hosts;
  private int count;

  /** Trains the toy. */
  public static void main(String[] arguments) {
    Train.run(Toy::new, arguments);
  }

  @Override
  public List<Hyperparameter<?>> hyperparameters() {
    return List.of(COUNT, PAUSE, TROUBLE);
  }

  @Override
  public boolean severalHosts() {
    return true;
  }

  @Override
  public void join(Cluster cluster) {
    hosts = cluster.hosts();
  }

  @Override
  public long checksum() {
    return settings.get(TROUBLE).equals("other model") ? hosts.rank() : count;
  }

  @Override
  public void read(Hyperparameters settings, Map<String, List<Path>> channels)
      throws InterruptedException, IOException {
    this.settings = settings;
    Log.line("Reading " + channels.get("training").size() + " files.");
    if (settings.get(TROUBLE).equals("slow read")) {
      Thread.sleep(3000);
    } else if (settings.get(TROUBLE).equals("hooks")) {
      Runtime.getRuntime().addShutdownHook(new Thread(() -> Log.line("A library's hook.")));
      Process child = new ProcessBuilder("sh", "-c", "kill -TERM $$; sleep 600").start();
      Log.line("A child that is sent SIGTERM ends with %s.".formatted(child.waitFor()));
    } else if (settings.get(TROUBLE).startsWith("Error of ")
        && settings.get(TROUBLE).endsWith(hosts.current())) {
      throw new IllegalStateException("\"red\" is no number");
    }
  }

  @Override
  public boolean finished(int steps) {
    return steps >= settings.get(COUNT);
  }

  @Override
  public void step(int steps, BooleanSupplier stopRequested) throws InterruptedException {
    count++;
    if (settings.get(PAUSE) > 1000) {
      Log.line("A long step.");
    }
    Thread.sleep(settings.get(PAUSE));
    switch (settings.get(TROUBLE)) {
      case "asks" -> {
        while (!stopRequested.getAsBoolean()) {
          Thread.sleep(10);
        }
      }
      case "bug" -> throw new IllegalStateException("a bug\nof two lines");
      case "memory" -> Log.line("" + new long[Integer.MAX_VALUE].length);
      case "stack" -> step(steps, stopRequested);
      case "cause" ->
          throw new RuntimeException("outer", new IllegalStateException("inner\nand more"));
      case "exit" -> System.exit(0);
      case "exit 3" -> System.exit(3);
      case "thread" -> {
        Thread thread = new Thread(() -> System.exit(0));
        thread.start();
        thread.join();
      }
      case "thread left behind" -> new Thread(() -> LockSupport.parkNanos(Long.MAX_VALUE)).start();
      case "half" -> throw new IllegalStateException("\ud83d");
      case "class" -> throw new NoClassDefFoundError("some/Library");
      default -> { }
    }
  }

  @Override
  public Map<String, Double> metrics() {
    if (settings.get(TROUBLE).equals("no metrics")) {
      throw new IllegalStateException("a bug");
    }
    if (settings.get(TROUBLE).equals("null metrics")) {
      return null;
    }
    return Map.of("training:loss", 1.0 / count);
  }

  @Override
  public void saveCheckpoint(Path path) throws IOException {
    if (settings.get(TROUBLE).equals("full") && count == settings.get(COUNT)) {
      throw new IOException("No space left on device");
    }
    Files.writeString(path, "" + count);
  }

  @Override
  public void loadCheckpoint(Path path) throws IOException {
    count = Integer.parseInt(Files.readString(path));
  }

  @Override
  public void save(Path folder) throws IOException {
    if (!settings.get(TROUBLE).equals("no model")) {
      Files.writeString(folder.resolve("count.txt"), "" + count);
    }
  }

  @Override
  public void load(Path folder) throws IOException {
    Integer.parseInt(Files.readString(folder.resolve("count.txt")));
  }

  @Override
  public Map<String, Object> metadata() {
    if (settings.get(TROUBLE).equals("no metadata")) {
      throw new IllegalStateException("a bug");
    }
    if (settings.get(TROUBLE).equals("null metadata")) {
      return null;
    }
    return Map.of("rows", Map.of("training", 1));
  }
}
