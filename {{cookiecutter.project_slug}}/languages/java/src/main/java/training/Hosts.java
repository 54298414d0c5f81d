package training;

import java.util.List;

/**
 * The hosts of a job in the order of their ranks, and the one that this is.
 *
 * @param names sorted, whatever the order in the file (C35, C36)
 */
record Hosts(List<String> names, String current) {
  /** Returns whether there are other hosts than this one. */
  boolean several() {
    return names.size() > 1;
  }

  /** Returns the place of this host among the names. */
  int rank() {
    return names.indexOf(current);
  }

  /** Returns whether this is the host that writes the model and the checkpoints (C61, C66). */
  boolean leads() {
    return rank() == 0;
  }

  /** Returns the name of the host that leads. */
  String leader() {
    return names.get(0);
  }

  /** Returns the names of the other hosts. */
  List<String> others() {
    return names.stream().filter(name -> !name.equals(current)).toList();
  }

  /**
   * Refuses other hosts than this one, for a model that can't train on several (C97).
   *
   * @throws TrainingFailure if there are any
   */
  void refuseSeveral() {
    if (several()) {
      throw new TrainingFailure(
          "This program trains on one host and the job has %d (%s): set InstanceCount to 1 in "
              .formatted(names.size(), String.join(", ", names))
              + "training-job.json.");
    }
  }
}
