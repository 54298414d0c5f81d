"""What `train` calls of a model, and what it gets where a model says nothing.

A model with one blocking fit states HYPERPARAMETERS and writes read, fit, metrics and save. One
that learns step by step writes step and finished in place of fit; its checkpoint is `fitted`, or
what it writes by the two of the checkpoints.

The order of the calls: read, load_checkpoint (if there is a checkpoint), then step, metrics and
save_checkpoint until finished, at last metadata, save and load. Whatever one of them raises ends
the job; a TrainingFailure does it with its one sentence.
"""

import inspect
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from job import TrainingFailure, Unusable
from job.hyperparameters import Hyperparameter
from job.log import log
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
    # What of self a checkpoint has: `fitted`, and whatever else fit set.
    set_by_fit: tuple[str, ...] = ("fitted",)
    # Returns whether SIGTERM has come, 120 s after which the job is killed (C5). A fit that takes
    # longer asks now and then, and returns what it has.
    stop_requested: Callable[[], bool] = staticmethod(lambda: False)

    def __init__(self, hyperparameters: dict[str, Any]) -> None:
        self.hyperparameters = hyperparameters

    def read(self, channels: dict[str, list[Path]]) -> None:
        """Read the files of each channel; on several hosts, one may have none."""
        raise NotImplementedError

    def fit(self) -> Any:
        """Do all in one step; return what can be pickled, `fitted` from then on.

        Where it returns nothing there is no checkpoint, and save is yours to write.
        """
        raise NotImplementedError

    def step(self) -> None:
        """Do one step, after which the job can stop, and go on from a checkpoint."""
        before = dict(vars(self))
        self.fitted = self.fit()
        if self.fitted is None:
            log("fit() in model.py returned nothing: self.fitted is None, no checkpoint is kept.")
        self.set_by_fit = tuple(k for k, v in vars(self).items() if before.get(k) is not v)

    def finished(self) -> bool:
        """Return whether no step is left."""
        return self.steps >= 1

    def metrics(self) -> dict[str, float]:
        """Return numbers by their names in training-job.json, in the order of the log."""
        raise NotImplementedError

    def save_checkpoint(self, path: Path) -> None:
        """Write all that `load_checkpoint` needs to one file; without one, none is kept."""
        if self.fitted is not None:
            state = {name: getattr(self, name) for name in self.set_by_fit}
            path.write_bytes(_pickled(state, "save_checkpoint() and load_checkpoint()"))

    def load_checkpoint(self, path: Path) -> None:
        """Go on from a checkpoint; raise any error where it can't be read or does not fit."""
        saved = pickle.loads(path.read_bytes())
        vars(self).update(saved, set_by_fit=tuple(saved))

    def checksum(self) -> int:
        """Return a number that is the same on every host if the model is."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Write the model's files to an empty folder."""
        if self.fitted is None:
            raise TrainingFailure(
                "self.fitted is None: return it from fit(), set it in step(), or write save()."
            )
        (folder / "model.pickle").write_bytes(_pickled(self.fitted, "save() and load()"))

    @staticmethod
    def load(folder: Path) -> Any:
        """Return what `save` wrote; an error keeps it from becoming the model of the job."""
        refuse_unfinished(folder)
        for path in folder.glob("model.pickle"):
            return pickle.loads(path.read_bytes())

    def metadata(self) -> dict[str, Any]:
        """Return what a reader of the model must know beside hyperparameters and metrics."""
        return {}


def _pickled(value: Any, methods: str) -> bytes:
    try:
        return pickle.dumps(value)
    except Exception as error:
        said = f"What model.py keeps can't be pickled ({error}): write {methods}."
        raise Unusable(said) from error


def refuse_incomplete(model: type) -> None:
    """Raise TrainingFailure where model.py lacks what has no default, before anything is read."""
    if not (isinstance(model, type) and issubclass(model, Algorithm)):
        raise TrainingFailure("Model in model.py is no Algorithm: write class Model(Algorithm).")
    for name, kind, example in (
        ("HYPERPARAMETERS", Hyperparameter, 'Hyperparameter("trees", …)'),
        ("REQUIRED_CHANNELS", str, '"training"'),
    ):
        value = getattr(model, name)
        if not isinstance(value, tuple | list) or not all(isinstance(each, kind) for each in value):
            raise TrainingFailure(f"{name} in model.py must be a tuple, such as ({example},).")
    # One without an end would end after its first step.
    needed = ["read", "metrics", "fit" if model.step is Algorithm.step else "finished"]
    for name in [*needed, "checksum"] if model.SEVERAL_HOSTS else needed:
        if getattr(model, name) is getattr(Algorithm, name):
            raise TrainingFailure(
                f"There is no {name}() in Model of model.py, which job/algorithm.py asks for."
            )
    for name, ours in vars(Algorithm).items():
        theirs = inspect.getattr_static(model, name)
        if inspect.isfunction(ours) and inspect.isfunction(theirs):
            arguments = ", ".join(inspect.signature(ours).parameters)
            try:
                inspect.signature(theirs).bind(*arguments.split(", "))
            except TypeError:
                raise TrainingFailure(
                    f"{name}() in model.py takes other arguments than it gets: "
                    f"write def {name}({arguments})."
                ) from None


def is_finished(model: Algorithm) -> bool:
    """Return whether no step is left; TrainingFailure for a model that will never say so."""
    finished = model.finished()
    if finished is None:
        raise TrainingFailure("finished() in model.py returned None: let it return True or False.")
    return finished


def measure_numbers(model: Algorithm) -> dict[str, float]:
    """Return what `metrics` returned as numbers; Unusable names the one that is none."""
    metrics = model.metrics()
    if not isinstance(metrics, Mapping):
        raise Unusable(f"metrics() in model.py returned {metrics!r:.80}: it must be a dict")
    numbers = {}
    for name, value in metrics.items():
        try:
            numbers[name] = float(value)
        except (TypeError, ValueError):
            said = f'"{name}" of metrics() in model.py is {value!r:.80}: it must be a number'
            raise Unusable(said) from None
    return numbers
