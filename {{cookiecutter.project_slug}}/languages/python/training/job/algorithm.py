"""What `train` calls of a model, and what it gets where a model says nothing.

A model with one blocking fit states HYPERPARAMETERS and writes read, fit, metrics and save. One
that learns step by step writes step and finished in place of fit, and the two of the checkpoints.

The order of the calls: read, load_checkpoint (if there is a checkpoint), then step, metrics and
save_checkpoint until finished, at last metadata, save and load. Whatever one of them raises ends
the job; a TrainingFailure does it with its one sentence.
"""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from job.hyperparameters import Hyperparameter
from job.model_folder import refuse_unfinished


class Algorithm:
    """A model of one job: derive yours, named Model, in model.py."""

    # The settings of a job, each declared once.
    HYPERPARAMETERS: tuple[Hyperparameter, ...] = ()
    # The channels without which a job fails.
    REQUIRED_CHANNELS: tuple[str, ...] = ("training",)
    # Whether it trains on several hosts (C97), which then all do the same calls of cluster.
    SEVERAL_HOSTS = False

    # How many steps are done: train counts them.
    steps = 0
    # What fit returned, in this run or in the one that it goes on from.
    fitted: Any = None
    # Returns whether SIGTERM has come, 120 s after which the job is killed (C5). A fit that takes
    # longer asks now and then, and returns what it has.
    stop_requested: Callable[[], bool] = staticmethod(lambda: False)

    def __init__(self, hyperparameters: dict[str, Any]) -> None:
        self.hyperparameters = hyperparameters

    def read(self, channels: dict[str, list[Path]]) -> None:
        """Read the files of each channel; on several hosts, one may have none."""
        raise NotImplementedError

    def fit(self) -> Any:
        """Do all in one step; return what can be pickled, `fitted` from then on."""
        raise NotImplementedError

    def step(self) -> None:
        """Do one step, after which the job can stop, and go on from a checkpoint."""
        self.fitted = self.fit()

    def finished(self) -> bool:
        """Return whether no step is left."""
        return self.steps >= 1

    def metrics(self) -> dict[str, float]:
        """Return numbers by their names in training-job.json, in the order of the log."""
        raise NotImplementedError

    def save_checkpoint(self, path: Path) -> None:
        """Write all that `load_checkpoint` needs to one file."""
        path.write_bytes(pickle.dumps(self.fitted))

    def load_checkpoint(self, path: Path) -> None:
        """Go on from a checkpoint; raise any error where it can't be read or does not fit."""
        self.fitted = pickle.loads(path.read_bytes())

    def checksum(self) -> int:
        """Return a number that is the same on every host if the model is."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Write the model's files to an empty folder."""
        (folder / "model.pickle").write_bytes(pickle.dumps(self.fitted))

    @staticmethod
    def load(folder: Path) -> Any:
        """Return what `save` wrote; an error keeps it from becoming the model of the job."""
        refuse_unfinished(folder)
        for path in folder.glob("model.pickle"):
            return pickle.loads(path.read_bytes())

    def metadata(self) -> dict[str, Any]:
        """Return what a reader of the model must know beside hyperparameters and metrics."""
        return {}
