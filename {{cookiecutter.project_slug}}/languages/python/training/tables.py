"""Tables of numbers, with a target of 0 and 1, from files of CSV (also gzip) and Parquet.

polars reads; where it fails, or what it read looks odd, a slow reader finds the place for the
message.
"""

import csv
import gzip
import io
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy
import polars

from job import TrainingFailure

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?nan", re.ASCII | re.IGNORECASE)
LARGEST = 3.4e38  # of a 32-bit float, as XGBoost stores the features
ROWS_AT_ONCE = 100_000


def spool(
    tables: Iterable[polars.DataFrame], columns: list[str], target: str
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return all the tables' features, a row of them each, and their targets, as 32-bit floats.

    One table after another goes to a temporary file, which is then mapped: the kernel keeps of it
    in memory what there is room for, so that many files may be larger than the memory.
    """
    targets = [numpy.empty(0, numpy.float32)]
    with tempfile.TemporaryFile() as file:
        for table in tables:
            targets.append(table[target].to_numpy())
            for part in table.drop(target).iter_slices(ROWS_AT_ONCE):
                file.write(part.to_numpy(order="c"))
        file.flush()
        targets = numpy.concatenate(targets)
        shape = (len(targets), len(columns) - 1)
        if 0 in shape:
            return numpy.empty(shape, numpy.float32), targets
        return numpy.memmap(file, numpy.float32, "r", shape=shape), targets


def read_table(path: Path, first: str, columns: list[str], target: str) -> polars.DataFrame:
    """Return the numbers of a file as 32-bit floats, its columns ordered as `columns`.

    It must have the same columns as the file `first`, in any order. An empty cell is a missing
    value; a blank line is none.
    """
    header = read_header(path)
    _check_columns(path, header, first, columns, target)
    try:
        if _is_parquet(path):
            numbers = polars.col(columns).cast(polars.Float32)
            table = polars.scan_parquet(path, glob=False).select(numbers).collect()
        else:
            types = dict.fromkeys(header, polars.Float32)
            table = polars.read_csv(path, glob=False, schema_overrides=types).select(columns)
    except polars.exceptions.PolarsError as error:
        _find_fault(path, header, target)
        raise TrainingFailure(f"{path} can't be read: {str(error).splitlines()[0]}.") from error
    # polars takes a row that ends early for one with missing values, and a blank line too.
    if table[header[-1]].has_nulls() and not _is_parquet(path):
        _find_short_row(path, header)
        table = table.filter(~polars.all_horizontal(polars.all().is_null()))
    infinite = polars.any_horizontal(polars.all().is_infinite().any())
    if table.select(infinite).item() or not table[target].is_in([0.0, 1.0]).fill_null(False).all():
        _find_fault(path, header, target)
    return table


def read_header(path: Path) -> list[str]:
    """Return the column names of a file."""
    if _is_parquet(path):
        return list(_parquet_schema(path))
    for _, header in _csv_rows(path):
        return header
    raise TrainingFailure(f"{path} is empty.")


def _check_columns(
    path: Path, header: list[str], first: str, columns: list[str], target: str
) -> None:
    place = f"{path}" if _is_parquet(path) else f"{path}, line 1"
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
        raise TrainingFailure(_ragged(f"{path}, line {number}", count, header))


def _find_fault(path: Path, header: list[str], target: str) -> None:
    """Raise TrainingFailure for the first thing in the file that is no row of numbers."""
    if _is_parquet(path):
        rows = _parquet_rows(path)
    else:
        rows = _csv_rows(path)
        next(rows)
    for place, row in rows:
        if len(row) != len(header):
            raise TrainingFailure(_ragged(place, len(row), header))
        for name, text in zip(header, row, strict=True):
            cell = f'{place}, column "{name}"'
            if text and (not NUMBER.fullmatch(text) or abs(float(text)) > LARGEST):
                raise TrainingFailure(f'{cell}: "{text}" is not a number.')
            if name == target and (not text or float(text) not in (0, 1)):
                problem = f"{text} is neither 0 nor 1" if text else "the target is empty"
                raise TrainingFailure(f"{cell}: {problem}.")


def _ragged(place: str, fields: int, header: list[str]) -> str:
    return f"{place}: {fields} fields, but the header has {len(header)}."


# ---- CSV -----------------------------------------------------------------------------------


def _csv_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the fields of each row that is not blank."""
    not_text = f"{path} is not a text file in UTF-8: only CSV and Parquet can be read."
    with path.open("rb") as file:
        unpacked = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file
        reader = csv.reader(io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline=""))
        try:
            for row in reader:
                if any("\0" in field for field in row):
                    raise TrainingFailure(not_text)
                if row and row != [""] and not (len(row) == 1 and not row[0].strip()):
                    yield f"{path}, line {reader.line_num}", row
        except (UnicodeDecodeError, csv.Error) as error:
            raise TrainingFailure(not_text) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise TrainingFailure(f"{path} is damaged: it can't be unpacked.") from error


# ---- Parquet -------------------------------------------------------------------------------


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _parquet_schema(path: Path) -> dict[str, polars.DataType]:
    """Return the type of each column, all of which must be numbers or booleans."""
    try:
        schema = polars.read_parquet_schema(path)
    except polars.exceptions.PolarsError as error:
        raise TrainingFailure(f"{path} is damaged: {str(error).splitlines()[0]}.") from error
    for name, kind in schema.items():
        if not kind.is_numeric() and kind != polars.Boolean:
            raise TrainingFailure(f'{path}, column "{name}": {kind} is no type of numbers.')
    return schema


def _parquet_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the place of each row and its cells as CSV would write them."""
    numbers = polars.scan_parquet(path, glob=False).select(polars.all().cast(polars.Float64))
    for number, row in enumerate(numbers.collect().iter_rows(), start=1):
        yield f"{path}, row {number}", ["" if cell is None else f"{cell:g}" for cell in row]
