"""Train the model on the hosts of a SageMaker training job, each of which runs this program.

    python train.py [train] [--hyperparameter value ...]

The service starts the image with the word "train" (C1); everything else comes from files under
/opt/ml. The algorithm is in model.py, the service's contract in opt_ml.py, what makes several hosts
one in cluster.py.
"""

import os
import sys

import cluster
import opt_ml


def main(arguments: list[str]) -> int:
    """Return the exit code: 0, 1 for a failed training, 2 for words that mean nothing here."""
    stop = opt_ml.StopRequest()
    return opt_ml.run(lambda: train(arguments, stop))


def train(arguments: list[str], stop: opt_ml.StopRequest) -> None:
    """Read, train step by step, keep checkpoints, save the model."""
    opt_ml.limit_threads()
    # Imported here, since it may take a while, and SIGTERM and a failure count from the start.
    from model import Model

    if "--help" in arguments:
        print(opt_ml.usage(Model.HYPERPARAMETERS))
        return
    overrides = opt_ml.read_arguments(arguments, Model.HYPERPARAMETERS)
    hyperparameters = opt_ml.read_hyperparameters(Model.HYPERPARAMETERS, overrides)
    hosts = opt_ml.read_hosts()
    if not getattr(Model, "SEVERAL_HOSTS", False):
        hosts.refuse_several()
    with cluster.join(hosts, stop):
        channels = opt_ml.read_channels(Model.REQUIRED_CHANNELS, hosts, cluster.collect)

        model = Model(hyperparameters)
        model.read(channels)
        checkpoints = opt_ml.Checkpoints()
        checkpoints.resume(model.load_checkpoint)
        cluster.require_same(model.steps, "The hosts resumed after different steps")

        metrics: dict[str, float] = {}
        stopped = False
        while not model.finished() and not (stopped := cluster.any(stop.received)):
            model.step()
            metrics = model.metrics()
            if hosts.leads:
                opt_ml.log_step(model.steps, metrics)
                if checkpoints.due():
                    checkpoints.save(model.steps, model.save_checkpoint)

        if model.steps == 0 and stopped:
            raise opt_ml.stopped_too_early()
        if hosts.several:
            cluster.require_same(model.checksum(), "The hosts have models of different checksums")
        metadata = {
            "hyperparameters": hyperparameters,
            "metrics": metrics or model.metrics(),
            "steps": model.steps,
            "stopped": not model.finished(),
            **model.metadata(),
        }
        if hosts.leads:
            checkpoints.save(model.steps, model.save_checkpoint)
            opt_ml.save_model(model.save, Model.load, metadata)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    if code != 0:
        os._exit(code)  # No orderly end: see cluster.join.
