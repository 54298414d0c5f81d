"""Gradient-boosted trees for a target of 0 and 1, on tables: replace this file by your model.

job/algorithm.py says what `train` calls of it, and what each method must do. On several hosts each
has its own share of the data; all do the same calls of cluster and XGBoost, which makes one model.
"""

import pickle
import platform
import re
import zlib
from pathlib import Path
from typing import Any

import xgboost

from job import TrainingFailure, cluster
from job.algorithm import Algorithm
from job.files import name_of
from job.hyperparameters import Hyperparameter
from job.log import log
from matrices import build, recode, spool
from tables import find_columns, read_headers, read_tables


class Model(Algorithm):
    """A booster that grows one tree a step."""

    HYPERPARAMETERS = (
        Hyperparameter("target", str, "is_male", "column to predict, 0 or 1"),
        Hyperparameter("rounds", int, 100, "boosting rounds, one tree each", 1, 100_000),
        Hyperparameter("learning_rate", float, 0.1, "weight of each new tree", 0, 1),
        Hyperparameter("max_depth", int, 4, "levels of a tree", 1, 20),
        Hyperparameter("subsample", float, 0.8, "share of the rows each tree sees", 0.01, 1),
        Hyperparameter("device", str, "cpu", "what to train on", choices=("cpu", "cuda")),
        Hyperparameter("seed", int, 1, "start of the random numbers", 0, 2_147_483_647),
    )
    SEVERAL_HOSTS = True

    def __init__(self, hyperparameters: dict[str, Any]) -> None:
        super().__init__(hyperparameters)
        if hyperparameters["device"] == "cuda":
            require_gpu()
        given = ("learning_rate", "max_depth", "subsample", "device", "seed")
        self._parameters = {name: hyperparameters[name] for name in given} | {
            "objective": "binary:logistic",
            "eval_metric": ["logloss", "error"],
            "tree_method": "hist",
            # From XGBoost 3.3 on, whoever resumes draws the rows of who was not interrupted.
            "seed_per_iteration": True,
        }

    def read(self, channels: dict[str, list[Path]]) -> None:
        """Read "training" and, if it is there, "validation"; of several hosts one may have no file.

        Raises TrainingFailure with file, line and column for what can't be read.
        """
        used = [name for name in ("training", "validation") if name in channels]
        first = {name: next(map(name_of, channels[name]), f'Channel "{name}"') for name in used}
        headers = {name: read_headers(channels[name]) for name in used}
        self._columns = columns = find_columns(headers["training"], self.hyperparameters["target"])
        if not columns:
            raise TrainingFailure(f"{first['training']} has no header.")
        spools, self._rows = {}, {}
        for channel in used:
            files = headers[channel].items()
            tables = (table for file in files for table in read_tables(*file, columns))
            spools[channel] = spool(tables, columns)
            if channel == "training":
                recode(spools[channel], columns.agree())
            log(f"Read {spools[channel].counts[0]} rows of {channel}.")
            counts = cluster.collect(spools[channel].counts).values()
            self._rows[channel], ones = map(sum, zip(*counts, strict=True))
            if self._rows[channel] == 0:
                raise TrainingFailure(f"{first[channel]} has a header but no rows.")
            if channel == "training" and ones in (0, self._rows[channel]):
                raise TrainingFailure(
                    f'The target column "{columns.target}" is {min(ones, 1)} in every row of '
                    "training: there is nothing to learn."
                )
        self._matrices = build(spools, columns, self._parameters)
        self._booster = self._new_booster()

    def _new_booster(self) -> xgboost.Booster:
        booster = xgboost.Booster(self._parameters, list(self._matrices.values()))
        # Which a matrix without rows does not give it.
        booster.feature_names = self._columns.features
        booster.feature_types = self._columns.types
        return booster

    def finished(self) -> bool:
        return self.steps >= self.hyperparameters["rounds"]

    def step(self) -> None:
        self._booster.update(self._matrices["training"], self.steps)

    def metrics(self) -> dict[str, float]:
        """Return log loss (natural logarithm) and accuracy (share of rows, threshold 0.5)."""
        evaluated = [(matrix, name) for name, matrix in self._matrices.items()]
        text = self._booster.eval_set(evaluated, self.steps)
        values = {name: float(value) for name, value in re.findall(r"(\S+):(\S+)", text)}
        metrics = {"training:log_loss": values["training-logloss"]}
        if "validation" in self._matrices:
            metrics["validation:log_loss"] = values["validation-logloss"]
            metrics["validation:accuracy"] = 1 - values["validation-error"]
        return metrics

    def save_checkpoint(self, path: Path) -> None:
        state = self._columns.features, self._columns.categories, self._booster.save_raw("ubj")
        path.write_bytes(pickle.dumps(state))

    def load_checkpoint(self, path: Path) -> None:
        features, categories, booster = pickle.loads(path.read_bytes())
        if features != self._columns.features:
            raise ValueError("it was made from data with other columns")
        if categories != self._columns.categories:
            raise ValueError("it was made from data with other categories")
        self._booster = self._new_booster()
        self._booster.load_model(booster)

    def checksum(self) -> int:
        return zlib.crc32(self._booster.save_raw("ubj"))

    def save(self, folder: Path) -> None:
        (folder / "model.ubj").write_bytes(self._booster.save_raw("ubj"))

    @staticmethod
    def load(folder: Path) -> xgboost.Booster:
        """Return the booster that `save` wrote, to predict with."""
        return xgboost.Booster(model_file=folder / "model.ubj")

    def metadata(self) -> dict[str, Any]:
        """Return what a reader of the model must know: rows, columns, the order of texts."""
        return {
            "rows": self._rows,
            "target": self._columns.target,
            "features": self._columns.features,
            "categories": self._columns.categories,
            "versions": {"python": platform.python_version(), "xgboost": xgboost.__version__},
        }


def require_gpu() -> None:
    """Raise TrainingFailure without a GPU: XGBoost would warn, and train on the CPU."""
    problem = ""
    if not xgboost.build_info()["USE_CUDA"]:
        problem = "xgboost-cpu is installed: the manual says how to train on a GPU."
    elif not list(Path("/dev").glob("nvidia[0-9]*")):
        problem = "there is no GPU: choose an InstanceType that has one in training-job.json."
    if problem:
        raise TrainingFailure(f'Hyperparameter "device" is "cuda", but {problem}')
