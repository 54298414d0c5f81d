package training;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Trains the model on the hosts of a SageMaker training job, each of which runs this program.
 *
 * <pre>java -jar training.jar [train] [--hyperparameter value ...]</pre>
 *
 * <p>The service starts the image with the word "train" (C1); everything else comes from files
 * under /opt/ml. The algorithm is in {@link Model}, the service's contract in {@link OptMl}, what
 * makes several hosts one in {@link Cluster}.
 */
public final class Train {
  private Train() {}

  /** Ends with 0, with 1 for a failed training, with 2 for words that mean nothing here. */
  public static void main(String[] arguments) {
    StopRequest stop = new StopRequest();
    OptMl optMl = OptMl.fromEnvironment();
    int exitCode = optMl.run(() -> train(optMl, stop, List.of(arguments)));
    // After SIGTERM System.exit would wait here for the hook, which waits for this thread.
    Runtime.getRuntime().halt(exitCode);
  }

  /** Reads the settings and meets the other hosts. */
  private static void train(OptMl optMl, StopRequest stop, List<String> arguments)
      throws Exception {
    if (arguments.contains("--help")) {
      OptMl.log(OptMl.usage(Model.HYPERPARAMETERS));
      return;
    }
    Map<String, String> overrides = OptMl.readArguments(arguments, Model.HYPERPARAMETERS);
    Map<String, Object> hyperparameters =
        optMl.readHyperparameters(Model.HYPERPARAMETERS, overrides);
    Hosts hosts = optMl.readHosts();
    if (!SeveralHosts.class.isAssignableFrom(Model.class)) {
      hosts.refuseSeveral();
    }
    Cluster cluster = Cluster.join(hosts, stop, optMl::endAtOnce);
    try {
      train(optMl, stop, hyperparameters, cluster);
      cluster.leave();
    } catch (Exception e) {
      throw cluster.explained(e);
    }
  }

  /** Reads the data, trains step by step, keeps checkpoints, saves the model. */
  private static void train(
      OptMl optMl, StopRequest stop, Map<String, Object> hyperparameters, Cluster cluster)
      throws Exception {
    Map<String, List<Path>> channels = optMl.readChannels(Model.REQUIRED_CHANNELS, cluster);
    boolean leads = cluster.hosts().leads();

    Model model = new Model(hyperparameters);
    cluster.admit(model);
    model.read(channels);
    Checkpoints checkpoints = optMl.checkpoints();
    checkpoints.resume(model::loadCheckpoint);
    cluster.refuseOtherSteps(model.steps());

    Map<String, Double> metrics = Map.of();
    boolean stopped = cluster.any(stop.received());
    while (!model.finished() && !stopped) {
      model.step();
      metrics = model.metrics();
      if (leads) {
        OptMl.logStep(model.steps(), metrics);
        if (checkpoints.due()) {
          checkpoints.save(model.steps(), model::saveCheckpoint);
        }
      }
      stopped = cluster.any(stop.received());
    }

    if (model.steps() == 0 && stopped) {
      throw StopRequest.tooEarly();
    }
    cluster.refuseOtherModels(model);
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("hyperparameters", hyperparameters);
    metadata.put("metrics", metrics.isEmpty() ? model.metrics() : metrics);
    metadata.put("steps", model.steps());
    metadata.put("stopped", !model.finished());
    metadata.putAll(model.metadata());
    if (leads) {
      checkpoints.save(model.steps(), model::saveCheckpoint);
      optMl.saveModel(model::save, Model::load, metadata);
    }
  }
}
