package training;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Trains the model on one host of a SageMaker training job.
 *
 * <pre>java -jar training.jar [train] [--hyperparameter value ...]</pre>
 *
 * <p>The service starts the image with the word "train" (C1); everything else comes from files
 * under /opt/ml. The algorithm is in {@link Model}, the service's contract in {@link OptMl}.
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

  /** Reads, trains step by step, keeps checkpoints, saves the model. */
  private static void train(OptMl optMl, StopRequest stop, List<String> arguments)
      throws Exception {
    if (arguments.contains("--help")) {
      OptMl.log(OptMl.usage(Model.HYPERPARAMETERS));
      return;
    }
    Map<String, String> overrides = OptMl.readArguments(arguments, Model.HYPERPARAMETERS);
    Map<String, Object> hyperparameters =
        optMl.readHyperparameters(Model.HYPERPARAMETERS, overrides);
    optMl.readHosts();
    Map<String, List<Path>> channels = optMl.readChannels(Model.REQUIRED_CHANNELS);

    Model model = new Model(hyperparameters);
    model.read(channels);
    Checkpoints checkpoints = optMl.checkpoints();
    checkpoints.resume(model::loadCheckpoint);

    Map<String, Double> metrics = Map.of();
    while (!model.finished() && !stop.received()) {
      model.step();
      metrics = model.metrics();
      OptMl.logStep(model.steps(), metrics);
      if (checkpoints.due()) {
        checkpoints.save(model.steps(), model::saveCheckpoint);
      }
    }

    if (model.steps() == 0 && stop.received()) {
      throw new TrainingFailure(
          "Stopped by SIGTERM before the first step was done: there is no model to save.");
    }
    checkpoints.save(model.steps(), model::saveCheckpoint);
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("hyperparameters", hyperparameters);
    metadata.put("metrics", metrics.isEmpty() ? model.metrics() : metrics);
    metadata.put("steps", model.steps());
    metadata.put("stopped", !model.finished());
    metadata.putAll(model.metadata());
    optMl.saveModel(model::save, Model::load, metadata);
  }
}
