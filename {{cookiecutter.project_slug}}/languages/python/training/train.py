"""Train the model on the hosts of a SageMaker training job, each of which runs this program.

    python train.py [train] [--hyperparameter value ...]

The service starts the image with the word "train" (C1); everything else comes from files under
/opt/ml. The algorithm is in model.py, what SageMaker asks of a container in job/.
"""

import signal

if __name__ == "__main__":
    # Kept for StopRequest. Before this line the kernel drops it, since this is process 1 (C6).
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

import gc
import sys
from functools import partial

from job import TrainingFailure, cluster, outcome
from job.algorithm import is_finished, measure_numbers, refuse_incomplete
from job.channels import read_channels
from job.checkpoints import Checkpoints
from job.cpus import limit_threads
from job.hosts import read_hosts
from job.hyperparameters import read_arguments, read_hyperparameters, usage
from job.log import log_step
from job.model_folder import save_model
from job.stop import TOO_EARLY, StopRequest


def main(arguments: list[str]) -> int:
    """Return the exit code: 0, 1 for a failed training, 2 for words that mean nothing here."""
    return outcome.run(partial(train, arguments, StopRequest()))


def train(arguments: list[str], stop: StopRequest) -> None:
    """Read, train step by step, keep checkpoints, save the model."""
    limit_threads()
    # Imported here, since it may take a while, and SIGTERM and a failure count from the start.
    from model import Model

    gc.freeze()  # Python would go through all that is imported at its end, and in between.
    refuse_incomplete(Model)
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
        model.stop_requested = stop.ask
        checkpoints = Checkpoints(hyperparameters)
        if cluster.on_any_host(stop.received) and not checkpoints.found():
            raise TrainingFailure(TOO_EARLY)
        model.read(channels)
        model.steps = checkpoints.resume(model.load_checkpoint)
        if is_finished(model):
            checkpoints.refuse_change()
        cluster.require_same(model.steps, "The hosts resumed after different steps")

        # On several hosts all do the same calls, so a failure of one must end them all.
        attempt = (lambda _, call: call()) if hosts.several else outcome.attempt
        measure = partial(measure_numbers, model)
        metrics, stopped = None, False
        while not model.finished() and not (stopped := cluster.on_any_host(stop.received)):
            model.step()
            model.steps += 1
            if hosts.leads and checkpoints.due() and not model.finished():
                checkpoints.save(model.steps, model.save_checkpoint)
            metrics = attempt("metrics", measure)
            if hosts.leads:
                log_step(model.steps, metrics or {})

        if model.steps == 0 and stopped:
            raise TrainingFailure(TOO_EARLY)
        if hosts.several:
            cluster.require_same(model.checksum(), "The hosts have models of different checksums")
        metadata = {
            "hyperparameters": hyperparameters,
            "metrics": metrics or attempt("metrics", measure),
            "steps": model.steps,
            "stopped": stop.told or not model.finished(),
            **(attempt("metadata", lambda: dict(model.metadata())) or {}),
        }
        if hosts.leads:
            save_model(model.save, model.load, metadata)
            # Who resumes from a fit that was cut short would take it for a whole one.
            if not stop.told:
                last = partial(checkpoints.save, model.steps, model.save_checkpoint)
                outcome.attempt("last checkpoint", last)


if __name__ == "__main__":
    if code := main(sys.argv[1:]):
        outcome.end_process(code)  # No orderly end: see cluster.join.
