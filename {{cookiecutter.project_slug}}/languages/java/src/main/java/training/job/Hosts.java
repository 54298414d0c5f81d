package training.job;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * The hosts of a job in the order of their ranks, and the one that this is.
 *
 * @param names sorted, whatever the order in the file (C35, C36)
 */
public record Hosts(List<String> names, String current) {
  /** Returns the hosts of resourceconfig.json (C34); without it, one. */
  public static Hosts read(JobFiles files) throws IOException {
    Map<String, Object> config =
        files.readConfig("resourceconfig.json", "a JSON object").orElse(Map.of());
    String current = String.valueOf(config.getOrDefault("current_host", "algo-1"));
    List<String> names = config.get("hosts") instanceof List<?> hosts
        ? hosts.stream().map(String::valueOf).sorted().toList()
        : List.of(current);
    return new Hosts(names, current);
  }

  /** Returns whether there are other hosts than this one. */
  public boolean several() {
    return names.size() > 1;
  }

  /** Returns the place of this host among the names. */
  public int rank() {
    return names.indexOf(current);
  }

  /** Returns whether this is the host that writes the model and the checkpoints (C61, C66). */
  public boolean leads() {
    return rank() == 0;
  }

  /** Returns the name of the host that leads. */
  public String leader() {
    return names.get(0);
  }

  /** Returns the names of the other hosts. */
  public List<String> others() {
    return names.stream().filter(name -> !name.equals(current)).toList();
  }

  /**
   * Refuses other hosts than this one, for a model that can't train on several (C97).
   *
   * @throws TrainingFailure if there are any
   */
  public void refuseSeveral() {
    if (several()) {
      throw new TrainingFailure(
          "This program trains on one host and the job has %s (%s): set InstanceCount to 1 in "
              .formatted(names.size(), String.join(", ", names))
              + "training-job.json.");
    }
  }
}
