package training;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import training.job.Algorithm;
import training.job.Channels;
import training.job.Checkpoints;
import training.job.Cluster;
import training.job.Hosts;
import training.job.Hyperparameters;
import training.job.JobFiles;
import training.job.Json;
import training.job.Log;
import training.job.ModelFolder;
import training.job.Outcome;
import training.job.Stop;
import training.job.TrainingFailure;

/**
 * Trains the model on the hosts of a SageMaker training job, each of which runs this program.
 *
 * <pre>java -jar training.jar [train] [--hyperparameter value ...]</pre>
 *
 * <p>The service starts the image with the word "train" (C1); everything else comes from files
 * under /opt/ml. The algorithm is in {@link Model}, what SageMaker asks of a container in the
 * package {@link training.job}, one file a subject. Clause numbers (C27, …) are those of
 * docs/contract.md of the template; each names its source in AWS's documentation.
 */
public final class Train {
  private final Stop stop;
  private final JobFiles files = JobFiles.fromEnvironment();
  private final Outcome outcome = new Outcome(files);

  private Train(Stop stop) {
    this.stop = stop;
  }

  /** Ends with 0, with 1 for a failed training, with 2 for words that mean nothing here. */
  public static void main(String[] arguments) {
    run(Model::new, arguments);
  }

  static void run(Supplier<Algorithm> algorithm, String... arguments) {
    Train train = new Train(Stop.onSigterm());
    Log.useUtf8();
    Outcome.end(train.outcome.run(() -> train.start(algorithm.get(), List.of(arguments))));
  }

  /** Refuses steps without an end: by the default of finished() the first would be the last. */
  static void refuseEndless(Algorithm model) throws NoSuchMethodException {
    Class<?> type = model.getClass();
    if (type.getMethod("finished", int.class).isDefault()
        && !type.getMethod("step", int.class, BooleanSupplier.class).isDefault()) {
      throw new TrainingFailure(
          "There is no finished() in Model.java, which job/Algorithm.java asks for.");
    }
  }

  /** Reads the settings and meets the other hosts. */
  private void start(Algorithm model, List<String> arguments) throws Exception {
    refuseEndless(model);
    if (arguments.contains("--help")) {
      Log.line(Hyperparameters.usage(model.hyperparameters()));
      return;
    }
    Hyperparameters settings = Hyperparameters.read(files, model.hyperparameters(), arguments);
    Hosts hosts = Hosts.read(files);
    if (!model.severalHosts()) {
      hosts.refuseSeveral();
    }
    Cluster cluster = Cluster.join(hosts, stop, outcome::endAtOnce);
    try {
      train(model, settings, cluster);
      cluster.leave();
    } catch (Throwable e) {
      if (e instanceof Exception error && hosts.several() && model.lostHost(error)) {
        throw cluster.lost(error);
      }
      cluster.fail(e);
      throw e;
    }
  }

  /** Reads the data, trains step by step, keeps checkpoints, saves the model. */
  private void train(Algorithm model, Hyperparameters settings, Cluster cluster)
      throws Exception {
    Hosts hosts = cluster.hosts();
    Map<String, List<Path>> channels =
        Channels.read(files, model.requiredChannels(), hosts, cluster::collect);

    Checkpoints checkpoints = new Checkpoints(files, settings.asMap());
    if (cluster.onAnyHost(stop.received()) && !checkpoints.any()) {
      throw Stop.tooEarly();
    }
    model.join(cluster);
    model.read(settings, channels);
    int steps = checkpoints.resume(model::loadCheckpoint);
    cluster.refuseOtherSteps(steps);
    checkpoints.refuseOthers(model.finished(steps));

    Map<String, Double> metrics = Map.of();
    boolean stopped = cluster.onAnyHost(stop.received());
    while (!model.finished(steps) && !stopped) {
      model.step(steps, stop::ask);
      steps++;
      if (hosts.leads() && checkpoints.due() && !model.finished(steps)) {
        checkpoints.save(steps, model::saveCheckpoint);
      }
      metrics = orNone("metrics", hosts, model::metrics);
      if (hosts.leads()) {
        Log.step(steps, metrics);
      }
      stopped = cluster.onAnyHost(stop.received());
    }

    if (steps == 0 && stopped) {
      throw Stop.tooEarly();
    }
    if (hosts.several()) {
      cluster.refuseOtherModels(model.checksum());
    }
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("hyperparameters", settings.asMap());
    metadata.put("metrics", metrics.isEmpty() ? orNone("metrics", hosts, model::metrics) : metrics);
    metadata.put("steps", steps);
    metadata.put("stopped", stop.told() || !model.finished(steps));
    metadata.putAll(orNone("metadata", hosts, model::metadata));
    if (hosts.leads()) {
      outcome.undisturbed(
          () -> new ModelFolder(files).save(model::save, model::load, metadata));
      // Who resumes from a fit that was cut short would take it for a whole one.
      if (!stop.told()) {
        try {
          checkpoints.save(steps, model::saveCheckpoint);
        } catch (Exception e) {
          outcome.warn("the last checkpoint can't be had (%s): the model is saved without it.", e);
        }
      }
    }
  }

  /**
   * Returns what the model says of itself, or nothing where that fails, which costs no model.
   *
   * <p>On several hosts all do the same calls, so that a failure of one must end them all.
   */
  private <T> Map<String, T> orNone(String what, Hosts hosts, Callable<Map<String, T>> says)
      throws Exception {
    try {
      Map<String, T> said = says.call();
      if (said != null) {
        return Json.inOrder(said);
      }
      TrainingFailure missing =
          new TrainingFailure(what + "() in Model.java returned null: it must be a map.");
      if (hosts.several()) {
        throw missing;
      }
      outcome.warn("the " + what + " can't be had (%s): the model is saved without them.", missing);
      return Map.of();
    } catch (Exception | AssertionError | LinkageError | StackOverflowError e) {
      if (e instanceof TrainingFailure || hosts.several()) {
        throw e;
      }
      outcome.warn("the " + what + " can't be had (%s): the model is saved without them.", e);
      return Map.of();
    }
  }
}
