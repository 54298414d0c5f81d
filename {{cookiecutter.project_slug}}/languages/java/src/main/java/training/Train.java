package training;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import training.job.Algorithm;
import training.job.Channels;
import training.job.Checkpoints;
import training.job.Cluster;
import training.job.Hosts;
import training.job.Hyperparameters;
import training.job.JobFiles;
import training.job.Log;
import training.job.ModelFolder;
import training.job.Outcome;
import training.job.Stop;

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
  private final JobFiles files = JobFiles.fromEnvironment();
  private final Outcome outcome = new Outcome(files);
  private final Stop stop = new Stop();

  private Train() {}

  /** Ends with 0, with 1 for a failed training, with 2 for words that mean nothing here. */
  public static void main(String[] arguments) {
    run(Model::new, arguments);
  }

  static void run(Supplier<Algorithm> algorithm, String... arguments) {
    Log.useUtf8();
    Train train = new Train();
    int exitCode =
        train.outcome.run(() -> train.start(algorithm.get(), List.of(arguments)));
    // After SIGTERM System.exit would wait here for the hook, which waits for this thread.
    Runtime.getRuntime().halt(exitCode);
  }

  /** Reads the settings and meets the other hosts. */
  private void start(Algorithm model, List<String> arguments) throws Exception {
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
    } catch (Exception e) {
      throw hosts.several() && model.lostHost(e) ? cluster.explained(e) : e;
    }
  }

  /** Reads the data, trains step by step, keeps checkpoints, saves the model. */
  private void train(Algorithm model, Hyperparameters settings, Cluster cluster)
      throws Exception {
    Hosts hosts = cluster.hosts();
    Map<String, List<Path>> channels =
        Channels.read(files, model.requiredChannels(), hosts, cluster::collect);

    model.join(cluster);
    model.read(settings, channels);
    Checkpoints checkpoints = new Checkpoints(files);
    int steps = checkpoints.resume(model::loadCheckpoint);
    cluster.refuseOtherSteps(steps);

    Map<String, Double> metrics = Map.of();
    boolean stopped = cluster.onAnyHost(stop.received());
    while (!model.finished(steps) && !stopped) {
      model.step(steps, stop::received);
      steps++;
      metrics = model.metrics();
      if (hosts.leads()) {
        Log.step(steps, metrics);
        if (checkpoints.due()) {
          checkpoints.save(steps, model::saveCheckpoint);
        }
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
    metadata.put("metrics", metrics.isEmpty() ? model.metrics() : metrics);
    metadata.put("steps", steps);
    metadata.put("stopped", !model.finished(steps));
    metadata.putAll(model.metadata());
    if (hosts.leads()) {
      checkpoints.save(steps, model::saveCheckpoint);
      outcome.undisturbed(
          () -> new ModelFolder(files).save(model::save, model::load, metadata));
    }
  }
}
