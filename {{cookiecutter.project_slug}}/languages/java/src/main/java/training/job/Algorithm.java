package training.job;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * What Train calls of a model, in this order. Whatever a method throws ends the job; a {@link
 * TrainingFailure} does it with its one sentence.
 *
 * <p>A model with one blocking fit writes hyperparameters, read, fit, metrics and save. One that
 * trains step by step writes step in place of fit, finished, and the two of the checkpoints.
 */
public interface Algorithm {
  /** Returns the settings of a job: constants, with which {@link #read} looks up their values. */
  List<Hyperparameter<?>> hyperparameters();

  /** Returns the channels without which a job can't start. */
  default List<String> requiredChannels() {
    return List.of("training");
  }

  /** Returns whether this model trains on several hosts; else a job with several is refused. */
  default boolean severalHosts() {
    return false;
  }

  /** Joins the library that trains to those on the other hosts, if there are any. */
  default void join(Cluster cluster) throws Exception {}

  /** Reads the files of each channel; on several hosts, one may have none. */
  void read(Hyperparameters settings, Map<String, List<Path>> channels) throws Exception;

  /** Goes on from a checkpoint; throws any error where it can't be read or does not fit. */
  default void loadCheckpoint(Path path) throws Exception {
    throw new UnsupportedOperationException("there is no loadCheckpoint() in Model.java");
  }

  /** Returns whether all is done after so many steps. */
  default boolean finished(int steps) {
    return steps >= 1;
  }

  /**
   * Does the step that follows so many.
   *
   * @param stopRequested whether SIGTERM has come: 120 s later the job is killed (C5)
   */
  default void step(int steps, BooleanSupplier stopRequested) throws Exception {
    fit(stopRequested);
  }

  /** Does all that there is to do; it may return early where {@code stopRequested} says so. */
  default void fit(BooleanSupplier stopRequested) throws Exception {
    throw new TrainingFailure(
        "There is neither fit() nor step() in Model.java: job/Algorithm.java asks for one.");
  }

  /** Returns the metrics after a step, in the order in which the log has them. */
  Map<String, Double> metrics() throws Exception;

  /** Writes all that {@link #loadCheckpoint} needs to one file; without one, none is kept. */
  default void saveCheckpoint(Path path) throws Exception {}

  /** Returns a checksum of the model, which each step must make the same on every host. */
  default long checksum() throws Exception {
    return 0;
  }

  /** Writes the model's files to an empty folder. */
  void save(Path folder) throws Exception;

  /** Reads back what {@link #save} wrote, before it becomes the job's model. */
  default void load(Path folder) throws Exception {}

  /** Returns what a reader of the model must know beside hyperparameters and metrics. */
  default Map<String, Object> metadata() throws Exception {
    return Map.of();
  }

  /** Returns whether an error means that the library lost its connection to another host. */
  default boolean lostHost(Exception error) {
    return false;
  }
}
