package training.job;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * The hosts of a job in the order of their ranks, and the one that this is.
 *
 * @param names sorted, whatever the order in the file (C35, C36)
 */
public record Hosts(List<String> names, String current) {
  /**
   * Returns the hosts of resourceconfig.json (C34); without it, one.
   *
   * @throws TrainingFailure if it names several and not which of them this is
   */
  public static Hosts read(JobFiles files) throws IOException {
    Map<String, Object> config =
        files.readConfig("resourceconfig.json", "a JSON object").orElse(Map.of());
    Set<String> names = new TreeSet<>();
    if (config.get("hosts") instanceof List<?> hosts) {
      hosts.forEach(each -> names.add(String.valueOf(each)));
    }
    if (config.get("current_host") == null && names.size() > 1) {
      throw new TrainingFailure("%s has no current_host: it names %s hosts and not which this is."
          .formatted(files.config("resourceconfig.json"), names.size()));
    }
    String one = names.isEmpty() ? "algo-1" : names.iterator().next();
    String current = Objects.toString(config.get("current_host"), one);
    names.add(current);
    return new Hosts(List.copyOf(names), current);
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
          "This program trains on one host and the job has %s (%s): "
              .formatted(names.size(), String.join(", ", names))
              + "set InstanceCount to 1, or leave out --hosts.");
    }
  }
}
