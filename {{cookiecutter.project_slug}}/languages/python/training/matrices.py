"""Tables as XGBoost's matrices."""

import tempfile
from collections.abc import Iterable

import numpy
import polars
import xgboost

from columns import Columns

ROWS_AT_ONCE = 100_000


def spool(
    tables: Iterable[polars.DataFrame], columns: Columns
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return all the tables' features, a row of them each, and their targets, as 32-bit floats.

    One table after another goes to a temporary file, which is then mapped: the kernel keeps of it
    in memory what there is room for, so that many files may be larger than the memory.
    """
    targets = [numpy.empty(0, numpy.float32)]
    with tempfile.TemporaryFile() as file:
        for table in tables:
            targets.append(table[columns.target].to_numpy())
            for part in table.drop(columns.target).iter_slices(ROWS_AT_ONCE):
                file.write(part.to_numpy(order="c"))
        file.flush()
        targets = numpy.concatenate(targets)
        shape = (len(targets), len(columns.features))
        if 0 in shape:
            return numpy.empty(shape, numpy.float32), targets
        return numpy.memmap(file, numpy.float32, "r+", shape=shape), targets


def recode(features: numpy.ndarray, changes: dict[int, numpy.ndarray]) -> None:
    """Change the numbers of texts in some columns, by place, to those in the order of the old."""
    for start in range(0, len(features), ROWS_AT_ONCE):
        part = features[start : start + ROWS_AT_ONCE]
        for column, new in changes.items():
            there = ~numpy.isnan(part[:, column])
            part[there, column] = new[part[there, column].astype(int)]


def quantize(
    features: numpy.ndarray,
    targets: numpy.ndarray,
    columns: Columns,
    training: xgboost.QuantileDMatrix | None,
) -> xgboost.QuantileDMatrix:
    """Return a matrix with a byte for each number, which is all that training needs."""
    return xgboost.QuantileDMatrix(
        features,
        targets,
        feature_names=columns.features,
        feature_types=columns.types,
        ref=training,
    )
