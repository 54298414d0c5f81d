"""The numbers of tables, and XGBoost's matrices of them: on the disk where memory is too small.

The numbers go to a file, and from there in batches to XGBoost, which keeps what it needs of them in
memory, or in a file of its own that it reads in each step. The model has the same bytes.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy
import xgboost
from scipy.sparse import csr_matrix

from columns import Columns
from job import TrainingFailure
from job.files import named, scratch
from job.log import log

# Bytes that XGBoost needs, as measured: in memory for each row, and for each column, where it looks
# for quantiles; wherever the numbers are, for each of them, without and with missing ones.
ROW = 44
COLUMN = 600_000
NUMBER = 2.5, 5.2
SLACK = 1.1  # what else a container needs
BATCH = 2_000_000  # numbers
LARGEST_BATCH = 2**28  # whose places 32 bits can count


@dataclass
class Spool:
    """The rows of a channel on this host: 32-bit floats, NaN where a value is missing.

    They are mapped files: the kernel keeps of them in memory what there is room for.
    """

    features: numpy.ndarray
    targets: numpy.ndarray
    complete: bool  # whether no value is missing

    @property
    def counts(self) -> tuple[int, int]:
        """Return how many rows there are, and how many of them have a target of 1."""
        return len(self.targets), int(numpy.count_nonzero(self.targets))

    @property
    def working(self) -> int:
        """Return the bytes of memory that XGBoost needs beside the numbers."""
        rows, columns = self.features.shape
        return ROW * rows + columns * min(COLUMN, 16 * rows)

    @property
    def size(self) -> int:
        """Return the bytes of what XGBoost keeps of the numbers, in memory or on the disk."""
        rows, columns = self.features.shape
        return int(rows * (columns * NUMBER[not self.complete] + 8))

    @property
    def plain(self) -> int:
        """Return the bytes of a plain matrix, in which XGBoost evaluates twice as fast."""
        rows, columns = self.features.shape
        return rows * (8 * columns + 16)


def spool(tables: Iterable[tuple[numpy.ndarray, numpy.ndarray]], columns: Columns) -> Spool:
    """Write the features and targets of tables, one after another, to files without a name.

    They go with the process.
    """
    complete = True
    with (
        named(Path(tempfile.gettempdir())),
        tempfile.TemporaryFile() as all_features,
        tempfile.TemporaryFile() as all_targets,
    ):
        for features, targets in tables:
            complete = complete and not numpy.isnan(features).any()
            all_features.write(features)
            all_targets.write(targets)
            del features, targets  # Or memory has them beside the next.
        rows = all_targets.tell() // 4
        shape = rows, len(columns.features)
        return Spool(_mapped(all_features, shape), _mapped(all_targets, (rows,)), complete)


def _mapped(file: BinaryIO, shape: tuple[int, ...]) -> numpy.ndarray:
    file.flush()
    if 0 in shape:
        return numpy.empty(shape, numpy.float32)
    return numpy.memmap(file, numpy.float32, "r+", shape=shape)


def recode(spool: Spool, changes: dict[int, numpy.ndarray]) -> None:
    """Change the numbers of texts in some columns, by place, to those in the order of the old."""
    rows = BATCH // 20
    for start in range(0, len(spool.targets) if changes else 0, rows):
        part = spool.features[start : start + rows]
        for column, new in changes.items():
            there = ~numpy.isnan(part[:, column])
            part[there, column] = new[part[there, column].astype(int)]


# ---- Matrices ------------------------------------------------------------------------------


def build(
    spools: dict[str, Spool], columns: Columns, parameters: dict[str, Any]
) -> dict[str, xgboost.DMatrix]:
    """Return each channel's matrix, in memory if all fit into it, for these XGBoost parameters.

    The log says what they need. Raises TrainingFailure where the disk has no room for them.
    """
    on_disk, batch = choose(spools, parameters)
    cache = str(scratch() / "numbers") if on_disk else None
    matrices = {}
    for channel, spool in spools.items():
        matrices[channel] = _matrix(spool, columns, batch, cache, matrices.get("training"))
    return matrices


def choose(spools: dict[str, Spool], parameters: dict[str, Any]) -> tuple[bool, int]:
    """Return whether the numbers stay on the disk, and how many go to XGBoost at a time."""
    room = memory()
    used = _anonymous()
    working = sum(each.working for each in spools.values())
    size = sum(each.size for each in spools.values())
    fast = sum(each.size if name == "training" else each.plain for name, each in spools.items())
    # A GPU has no use for files that were made for the CPU.
    if parameters["device"] != "cpu" or SLACK * (used + 4 * BATCH + working + fast) <= room:
        log(f"The data are kept in memory: training needs some {_megabytes(working + fast)} MB.")
        return False, BATCH
    log(
        f"The data are kept on the disk: training needs some {_megabytes(working + fast)} MB for "
        f"them in memory, of which {_megabytes(max(room - used, 0))} MB are free."
    )
    # Few at a time need little memory, and many little time.
    batch = min(max(BATCH // 20, room // 250), LARGEST_BATCH)
    working += used + 24 * batch
    place = tempfile.gettempdir()
    disk = size + sum(each.features.nbytes for each in spools.values())
    read = size + 2 * parameters["max_depth"] * spools["training"].size
    log(
        f"Training needs some {_megabytes(disk)} MB in {place}, and {_megabytes(working)} MB of "
        f"memory. A step reads up to {_megabytes(read)} MB, less what memory has room to keep."
    )
    if working > room:
        log("WARNING: this is more memory than there is: training may be killed (exit code 137).")
    if size > (free := shutil.disk_usage(place).free):
        raise TrainingFailure(
            f"{place} has {_megabytes(free)} MB free, and training needs {_megabytes(size)} MB "
            "there: raise VolumeSizeInGB in training-job.json."
        )
    return True, batch


def _matrix(
    spool: Spool, columns: Columns, batch: int, cache: str | None, training: xgboost.DMatrix
) -> xgboost.DMatrix:
    names = {"feature_names": columns.features, "feature_types": columns.types}
    if not len(spool.targets):
        return xgboost.QuantileDMatrix(spool.features, spool.targets, ref=training, **names)
    # Several hosts build theirs together, so that all must be of one kind.
    if training is not None and not cache and xgboost.collective.get_world_size() == 1:
        return xgboost.DMatrix(spool.features, spool.targets, **names)
    kind = xgboost.ExtMemQuantileDMatrix if cache else xgboost.QuantileDMatrix
    return kind(Batches(spool, columns, batch, cache), ref=training)


class Batches(xgboost.DataIter):
    """Gives XGBoost some rows at a time, in the form that it takes over fastest: sparse."""

    def __init__(self, spool: Spool, columns: Columns, numbers: int, cache: str | None) -> None:
        super().__init__(cache_prefix=cache, on_host=False)
        self._spool = spool
        self._columns = columns
        width = len(columns.features)
        self._rows = min(max(1, numbers // width), len(spool.targets))
        self._places = numpy.tile(numpy.arange(width, dtype=numpy.int32), self._rows)
        self._ends = numpy.arange(0, self._rows * width + 1, width, numpy.int32)
        self._at = 0

    def reset(self) -> None:
        self._at = 0

    def next(self, input_data: Callable[..., None]) -> bool:
        rows = slice(self._at, self._at + self._rows)
        part = self._spool.features[rows]
        if not len(part):
            return False
        sparse = part.reshape(-1), self._places[: part.size], self._ends[: len(part) + 1]
        input_data(
            data=csr_matrix(sparse, part.shape, copy=False),
            label=self._spool.targets[rows],
            feature_names=self._columns.features,
            feature_types=self._columns.types,
        )
        self._at += len(part)
        return True


# ---- Memory --------------------------------------------------------------------------------


def memory(cgroup: Path = Path("/sys/fs/cgroup"), proc: Path = Path("/proc")) -> int:
    """Return the bytes of memory that the program may have: the container's limit, or less."""
    free = re.search(r"MemAvailable: +(\d+) kB", (proc / "meminfo").read_text())
    room = int(free[1]) * 1024 + _anonymous(proc)
    for limit in (cgroup / "memory.max", cgroup / "memory/memory.limit_in_bytes"):  # v2, v1
        if limit.exists() and (text := limit.read_text().strip()) != "max":
            room = min(room, int(text))
    return room


def _anonymous(proc: Path = Path("/proc")) -> int:
    """Return the bytes of memory that this process has for itself."""
    return int(re.search(r"RssAnon:\s+(\d+) kB", (proc / "self/status").read_text())[1]) * 1024


def _megabytes(number: float) -> str:
    return f"{-(-number // 2**20):,.0f}"
