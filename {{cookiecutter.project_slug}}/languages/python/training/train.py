"""Train the model on one host of a SageMaker training job.

    python train.py [train] [--hyperparameter value ...]

The service starts the image with the word "train" (C1); everything else comes from files under
/opt/ml. The algorithm is in model.py, the service's contract in opt_ml.py.
"""

import sys

import opt_ml


def main(arguments: list[str]) -> int:
    """Return the exit code: 0, 1 for a failed training, 2 for words that mean nothing here."""
    stop = opt_ml.StopRequest()
    return opt_ml.run(lambda: train(arguments, stop))


def train(arguments: list[str], stop: opt_ml.StopRequest) -> None:
    """Read, train step by step, keep checkpoints, save the model."""
    # Imported here, since it may take a while, and SIGTERM and a failure count from the start.
    from model import Model

    if "--help" in arguments:
        print(opt_ml.usage(Model.HYPERPARAMETERS))
        return
    overrides = opt_ml.read_arguments(arguments, Model.HYPERPARAMETERS)
    hyperparameters = opt_ml.read_hyperparameters(Model.HYPERPARAMETERS, overrides)
    opt_ml.read_hosts()
    channels = opt_ml.read_channels(Model.REQUIRED_CHANNELS)

    model = Model(hyperparameters)
    model.read(channels)
    checkpoints = opt_ml.Checkpoints()
    checkpoints.resume(model.load_checkpoint)

    metrics: dict[str, float] = {}
    while not model.finished() and not stop.received:
        model.step()
        metrics = model.metrics()
        opt_ml.log_step(model.steps, metrics)
        if checkpoints.due():
            checkpoints.save(model.steps, model.save_checkpoint)

    if model.steps == 0 and stop.received:
        raise opt_ml.TrainingFailure(
            "Stopped by SIGTERM before the first step was done: there is no model to save."
        )
    checkpoints.save(model.steps, model.save_checkpoint)
    metadata = {
        "hyperparameters": hyperparameters,
        "metrics": metrics or model.metrics(),
        "steps": model.steps,
        "stopped": not model.finished(),
        **model.metadata(),
    }
    opt_ml.save_model(model.save, Model.load, metadata)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
