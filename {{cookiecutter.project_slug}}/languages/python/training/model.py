"""Gradient-boosted trees for a target of 0 and 1, on CSV files: replace this file by your model.

train.py calls, in this order: Model(hyperparameters), read, load_checkpoint (if there is one), then
step, metrics and save_checkpoint until finished, and at the end save, load, metadata. A model with
one blocking fit does it in step and is finished when steps is 1.
"""

import csv
import platform
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars
import xgboost
from opt_ml import Hyperparameter, TrainingFailure, log

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?nan", re.ASCII | re.IGNORECASE)
LARGEST = 3.4e38  # of a 32-bit float, as XGBoost stores the features


class Model:
    """A booster that grows one tree a step."""

    HYPERPARAMETERS = (
        Hyperparameter("target", str, "is_male", "column to predict, 0 or 1"),
        Hyperparameter("rounds", int, 100, "boosting rounds, one tree each", 1, 100_000),
        Hyperparameter("learning_rate", float, 0.1, "weight of each new tree", 0, 1),
        Hyperparameter("max_depth", int, 4, "levels of a tree", 1, 20),
        Hyperparameter("subsample", float, 0.8, "share of the rows each tree sees", 0.01, 1),
        Hyperparameter("seed", int, 1, "start of the random numbers", 0, 2_147_483_647),
    )
    REQUIRED_CHANNELS = ("training",)

    def __init__(self, hyperparameters: dict[str, Any]) -> None:
        self._target = hyperparameters["target"]
        self._rounds = hyperparameters["rounds"]
        self._parameters = {
            "objective": "binary:logistic",
            "eval_metric": ["logloss", "error"],
            "tree_method": "hist",
            "learning_rate": hyperparameters["learning_rate"],
            "max_depth": hyperparameters["max_depth"],
            "subsample": hyperparameters["subsample"],
            "seed": hyperparameters["seed"],
            # A resumed training draws the same rows as one that was never interrupted.
            "seed_per_iteration": True,
        }
        self.steps = 0

    def read(self, channels: dict[str, list[Path]]) -> None:
        """Read the CSV files of "training" and, if it is there, "validation".

        Raises TrainingFailure with file, line and column for what can't be read.
        """
        first = channels["training"][0]
        columns = read_header(first)
        self._matrices = {}
        for channel in ("training", "validation"):
            if channel in channels:
                self._matrices[channel] = self._read_channel(channels[channel], first, columns)
        rows = (f"{matrix.num_row()} rows of {name}" for name, matrix in self._matrices.items())
        log(f"Read {', '.join(rows)}.")
        self._evaluated = [(matrix, name) for name, matrix in self._matrices.items()]
        self._booster = xgboost.Booster(self._parameters, list(self._matrices.values()))

    def _read_channel(self, files: list[Path], first: Path, columns: list[str]) -> xgboost.DMatrix:
        table = polars.concat(read_table(file, first, columns, self._target) for file in files)
        if table.is_empty():
            raise TrainingFailure(f"{files[0]} has a header but no rows.")
        features = table.drop(self._target)
        return xgboost.DMatrix(
            features.to_numpy(order="c"),
            table[self._target].to_numpy(),
            feature_names=features.columns,
        )

    def finished(self) -> bool:
        """Return whether all the trees are grown."""
        return self.steps >= self._rounds

    def step(self) -> None:
        """Grow one tree."""
        self._booster.update(self._matrices["training"], self.steps)
        self.steps += 1

    def metrics(self) -> dict[str, float]:
        """Return log loss (natural logarithm) and accuracy (share of rows, threshold 0.5)."""
        text = self._booster.eval_set(self._evaluated, self.steps)
        values = {name: float(value) for name, value in re.findall(r"(\S+):(\S+)", text)}
        metrics = {"training:log_loss": values["training-logloss"]}
        if "validation" in self._matrices:
            metrics["validation:log_loss"] = values["validation-logloss"]
            metrics["validation:accuracy"] = 1 - values["validation-error"]
        return metrics

    def save_checkpoint(self, path: Path) -> None:
        """Write all that `load_checkpoint` needs to go on to one file."""
        content = self._booster.save_raw("ubj")
        path.write_bytes(zlib.crc32(content).to_bytes(4, "big") + content)

    def load_checkpoint(self, path: Path) -> None:
        """Go on from a checkpoint; raises any error where it can't be read or does not fit."""
        checkpoint = path.read_bytes()
        checksum, content = checkpoint[:4], checkpoint[4:]
        # XGBoost itself crashes, or takes all the memory, where a file ends too early.
        if zlib.crc32(content).to_bytes(4, "big") != checksum:
            raise ValueError("it is damaged")
        booster = xgboost.Booster(self._parameters, list(self._matrices.values()))
        booster.load_model(bytearray(content))
        if booster.feature_names != self._matrices["training"].feature_names:
            raise ValueError("it was made from data with other columns")
        self._booster = booster
        self.steps = booster.num_boosted_rounds()

    def save(self, folder: Path) -> None:
        """Write the model's files to the folder."""
        (folder / "model.ubj").write_bytes(self._booster.save_raw("ubj"))

    @staticmethod
    def load(folder: Path) -> xgboost.Booster:
        """Return the booster that `save` wrote, to predict with."""
        return xgboost.Booster(model_file=folder / "model.ubj")

    def metadata(self) -> dict[str, Any]:
        """Return what a reader of the model must know: rows seen, features, versions."""
        return {
            "rows": {name: matrix.num_row() for name, matrix in self._matrices.items()},
            "target": self._target,
            "features": self._matrices["training"].feature_names,
            "versions": {"python": platform.python_version(), "xgboost": xgboost.__version__},
        }


# ---- Reading CSV ---------------------------------------------------------------------------


def read_table(path: Path, first: Path, columns: list[str], target: str) -> polars.DataFrame:
    """Return the numbers of a CSV file as 32-bit floats, its columns ordered as `columns`.

    Its header must name the same columns as that of the file `first`, in any order.
    An empty cell is a missing value; a blank line is none. polars reads; where it fails, or what
    it read looks odd, a slow reader finds the place for the message.
    """
    header = read_header(path)
    _check_columns(path, header, first, columns, target)
    try:
        table = polars.read_csv(
            path, glob=False, schema_overrides=dict.fromkeys(header, polars.Float32)
        )
        table = table.select(columns)
    except polars.exceptions.PolarsError as error:
        _find_fault(path, header, target)
        raise TrainingFailure(f"{path} can't be read: {str(error).splitlines()[0]}.") from error
    # polars takes a row that ends early for one with missing values, and a blank line too.
    if table[header[-1]].has_nulls():
        _find_short_row(path, header)
        table = table.filter(~polars.all_horizontal(polars.all().is_null()))
    infinite = polars.any_horizontal(polars.all().is_infinite().any())
    if table.select(infinite).item() or not table[target].is_in([0.0, 1.0]).fill_null(False).all():
        _find_fault(path, header, target)
    return table


def read_header(path: Path) -> list[str]:
    """Return the column names of a CSV file."""
    for _, header in _rows(path):
        return header
    raise TrainingFailure(f"{path} is empty.")


def _check_columns(
    path: Path, header: list[str], first: Path, columns: list[str], target: str
) -> None:
    place = f"{path}, line 1"
    expected, seen = set(columns), set()
    for number, name in enumerate(header, start=1):
        if not name:
            raise TrainingFailure(f"{place}: column {number} has no name.")
        if name in seen:
            raise TrainingFailure(f'{place}: the column "{name}" stands twice.')
        seen.add(name)
        if set("[]<") & set(name):
            raise TrainingFailure(f'{place}: the column "{name}" has [, ] or < in its name.')
        if name not in expected:
            raise TrainingFailure(f'{place}: column "{name}" is not in {first}.')
    for name in columns:
        if name not in seen:
            raise TrainingFailure(f'{place}: column "{name}" is missing.')
    if target not in seen:
        raise TrainingFailure(
            f'{place}: the target column "{target}" is missing; '
            f"the columns are {', '.join(header)}."
        )


def _find_short_row(path: Path, header: list[str]) -> None:
    lines = polars.scan_lines(path, glob=False).with_row_index("line_number", offset=1)
    fields = polars.col("line").str.count_matches(",", literal=True).cast(int) + 1
    blank = polars.col("line").str.strip_chars() == ""
    counts = lines.filter(~blank).select("line_number", fields.alias("fields"))
    for number, count in counts.filter(polars.col("fields") < len(header)).head(1).collect().rows():
        raise TrainingFailure(_ragged(path, number, count, header))


def _find_fault(path: Path, header: list[str], target: str) -> None:
    """Raise TrainingFailure for the first thing in the file that is no row of numbers."""
    rows = _rows(path)
    next(rows)
    for line, row in rows:
        if len(row) != len(header):
            raise TrainingFailure(_ragged(path, line, len(row), header))
        for name, text in zip(header, row, strict=True):
            place = f'{path}, line {line}, column "{name}"'
            if text and (not NUMBER.fullmatch(text) or abs(float(text)) > LARGEST):
                raise TrainingFailure(f'{place}: "{text}" is not a number.')
            if name == target and (not text or float(text) not in (0, 1)):
                problem = f"{text} is neither 0 nor 1" if text else "the target is empty"
                raise TrainingFailure(f"{place}: {problem}.")


def _ragged(path: Path, line: int, fields: int, header: list[str]) -> str:
    return f"{path}, line {line}: {fields} fields, but the header has {len(header)}."


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the fields of each row that is not blank."""
    not_text = f"{path} is not a text file in UTF-8: only CSV can be read."
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            for row in reader:
                if any("\0" in field for field in row):
                    raise TrainingFailure(not_text)
                if row and row != [""] and not (len(row) == 1 and not row[0].strip()):
                    yield reader.line_num, row
        except (UnicodeDecodeError, csv.Error) as error:
            raise TrainingFailure(not_text) from error
