"""Train the model on the hosts of a SageMaker training job, each of which runs this program.

    python train.py [train] [--hyperparameter value ...]

The service starts the image with the word "train" (C1); everything else comes from files under
/opt/ml. The algorithm is in model.py, what SageMaker asks of a container in job/.
"""

import os
import sys

from job import cluster, outcome
from job.channels import read_channels
from job.checkpoints import Checkpoints
from job.cpus import limit_threads
from job.hosts import read_hosts
from job.hyperparameters import read_arguments, read_hyperparameters, usage
from job.log import log_step
from job.model_folder import save_model
from job.stop import StopRequest, stopped_too_early


def main(arguments: list[str]) -> int:
    """Return the exit code: 0, 1 for a failed training, 2 for words that mean nothing here."""
    stop = StopRequest()
    return outcome.run(lambda: train(arguments, stop))


def train(arguments: list[str], stop: StopRequest) -> None:
    """Read, train step by step, keep checkpoints, save the model."""
    limit_threads()
    # Imported here, since it may take a while, and SIGTERM and a failure count from the start.
    from model import Model

    if "--help" in arguments:
        print(usage(Model.HYPERPARAMETERS))
        return
    overrides = read_arguments(arguments, Model.HYPERPARAMETERS)
    hyperparameters = read_hyperparameters(Model.HYPERPARAMETERS, overrides)
    hosts = read_hosts()
    if not Model.SEVERAL_HOSTS:
        hosts.refuse_several()
    with cluster.join(hosts, stop):
        channels = read_channels(Model.REQUIRED_CHANNELS, hosts, cluster.collect)

        model = Model(hyperparameters)
        model.stop_requested = lambda: stop.received
        model.read(channels)
        checkpoints = Checkpoints()
        model.steps = checkpoints.resume(model.load_checkpoint)
        cluster.require_same(model.steps, "The hosts resumed after different steps")

        metrics: dict[str, float] = {}
        stopped = False
        while not model.finished() and not (stopped := cluster.on_any_host(stop.received)):
            model.step()
            model.steps += 1
            metrics = model.metrics()
            if hosts.leads:
                log_step(model.steps, metrics)
                if checkpoints.due():
                    checkpoints.save(model.steps, model.save_checkpoint)

        if model.steps == 0 and stopped:
            raise stopped_too_early()
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
            save_model(model.save, Model.load, metadata)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    if code != 0:
        os._exit(code)  # No orderly end: see cluster.join.
