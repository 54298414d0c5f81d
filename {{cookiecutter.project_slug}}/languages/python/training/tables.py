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
from job.files import name_of, named
from job.log import log

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?nan", re.ASCII | re.IGNORECASE)
LARGEST = 3.4e38  # of a 32-bit float, as XGBoost stores the features
ROWS_AT_ONCE = 100_000

# What other programs write in place of a number; an empty cell has no value.
TRUTHS = {"true": "1", "false": "0", "": None}
MISSING = {"na", "n/a", "#n/a", "null", "none", "nil", r"\n", "?", "-", "--", "."}
GROUPED = re.compile(r"[+-]?\d[\d.,' \u00a0\u202f]*\d")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# How files begin that are none of ours, and what is said of them.
BEGINNINGS = {
    b"\xff\xfe": 'is UTF-16, as Excel\'s "Unicode text" is: save it as CSV UTF-8.',
    b"\xfe\xff": 'is UTF-16, as Excel\'s "Unicode text" is: save it as CSV UTF-8.',
    b"PK\x03\x04": "is an Excel workbook or a ZIP archive: save it as CSV UTF-8.",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook or a ZIP archive: save it as CSV UTF-8.",
    b"BZh": "is compressed by bzip2: only gzip can be read.",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: only gzip can be read.",
    b"\xfd7zXZ": "is compressed by xz: only gzip can be read.",
    b"version https://git-lfs": "is a pointer of Git LFS, not the file: run git lfs pull.",
    b"<": "is a web page or XML, not CSV: download the file itself.",
    b"{": "is JSON: only CSV and Parquet can be read.",
    b"[": "is JSON: only CSV and Parquet can be read.",
}


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


def read_table(
    path: Path, header: list[str], first: str, columns: list[str], target: str
) -> polars.DataFrame:
    """Return the numbers of a file as 32-bit floats, its columns ordered as `columns`.

    It must have the same columns as the file `first`, in any order. True and False are 1 and 0, an
    empty cell is a missing value, a blank line is none.
    """
    _check_columns(path, header, first, columns, target)
    try:
        with named(path):
            table = (_read_parquet if _is_parquet(path) else _read_csv)(path, header)
    except polars.exceptions.PolarsError as error:
        _find_fault(path, header, target)
        raise TrainingFailure(
            f"{name_of(path)} can't be read: {str(error).splitlines()[0]}."
        ) from error
    # polars takes a row that ends early for one with missing values, and a blank line too.
    if table[header[-1]].has_nulls() and not _is_parquet(path):
        _find_short_row(path, header)
        table = table.filter(~polars.all_horizontal(polars.all().is_null()))
    infinite = polars.any_horizontal(polars.all().is_infinite().any())
    if table.select(infinite).item() or not table[target].is_in([0.0, 1.0]).fill_null(False).all():
        _find_fault(path, header, target)
    return table.select(columns)


def read_headers(files: Iterable[Path]) -> dict[Path, list[str]]:
    """Return the column names of each file that has any; the log names the others."""
    headers = {}
    for path in files:
        with named(path):
            header = _read_header(path)
        if header:
            headers[path] = header
        else:
            log(f"{name_of(path)} is empty: skipped.")
    return headers


def _read_header(path: Path) -> list[str]:
    """Return the column names of a file, none for one that is empty."""
    is_parquet = _is_parquet(path)
    header = list(_parquet_schema(path)) if is_parquet else next(_csv_rows(path), ("", []))[1]
    place = name_of(path) if is_parquet else f"{name_of(path)}, line 1"
    numbers = any(header) and all(NUMBER.fullmatch(name) or not name for name in header)
    if numbers and not is_parquet:
        raise TrainingFailure(
            f"{place} holds numbers: write a header line with the names of the columns."
        )
    if len(header) == 1:
        for separator, name in SEPARATORS.items():
            if separator in header[0]:
                raise TrainingFailure(
                    f"{place}: the columns are separated by {name}: write the file with commas."
                )
    if header and not header[0]:
        raise TrainingFailure(
            f"{place}: column 1 has no name, as the row numbers of pandas and R: "
            "write the file without them (index=False, row.names = FALSE)."
        )
    for name in header:
        if re.fullmatch(r"Unnamed: \d+|__index_level_\d+__", name):
            raise TrainingFailure(
                f'{place}: the column "{name}" holds row numbers of pandas: '
                "write the file without them (index=False)."
            )
    return header


def _check_columns(
    path: Path, header: list[str], first: str, columns: list[str], target: str
) -> None:
    place = name_of(path) if _is_parquet(path) else f"{name_of(path)}, line 1"
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
        raise TrainingFailure(_ragged(f"{name_of(path)}, line {number}", count, header))


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
            number = TRUTHS.get(text.lower(), text)
            if number and (not NUMBER.fullmatch(number) or abs(float(number)) > LARGEST):
                raise TrainingFailure(f'{cell}: "{text}" is not a number{_remedy(text)}.')
            if name == target and (not number or float(number) not in (0, 1)):
                problem = f"{text} is neither 0 nor 1" if text else "the target is empty"
                raise TrainingFailure(f"{cell}: {problem}.")


def _remedy(text: str) -> str:
    if text.strip().lower() in MISSING:
        return ": a missing value is an empty cell"
    if GROUPED.fullmatch(text.strip()) and not NUMBER.fullmatch(text.strip()):
        return ": write a point for decimals, and nothing between thousands"
    return ""


def _ragged(place: str, fields: int, header: list[str]) -> str:
    return f"{place}: {fields} fields, but the header has {len(header)}."


# ---- CSV -----------------------------------------------------------------------------------


def _read_csv(path: Path, header: list[str]) -> polars.DataFrame:
    try:
        numbers = dict.fromkeys(header, polars.Float32)
        return polars.read_csv(path, glob=False, schema_overrides=numbers)
    except polars.exceptions.PolarsError:
        # It may have columns of True and False, as pandas writes them.
        texts = dict.fromkeys(header, polars.String)
        table = polars.read_csv(path, glob=False, schema_overrides=texts)
        return table.select(polars.all().str.to_lowercase().replace(TRUTHS).cast(polars.Float32))


def _csv_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the fields of each row that is not blank."""
    name = name_of(path)
    not_text = f"{name} is not a text file in UTF-8: only CSV and Parquet can be read."
    with path.open("rb") as file:
        unpacked = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file
        try:
            beginning = unpacked.peek(64).removeprefix(b"\xef\xbb\xbf").lstrip()
            for signature, problem in BEGINNINGS.items():
                if beginning.startswith(signature):
                    raise TrainingFailure(f"{name} {problem}")
            reader = csv.reader(io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline=""))
            for row in reader:
                if any("\0" in field for field in row):
                    raise TrainingFailure(not_text)
                if row and row != [""] and not (len(row) == 1 and not row[0].strip()):
                    yield f"{name}, line {reader.line_num}", row
        except (UnicodeDecodeError, csv.Error) as error:
            raise TrainingFailure(not_text) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise TrainingFailure(f"{name} is damaged: it can't be unpacked.") from error


# ---- Parquet -------------------------------------------------------------------------------


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_parquet(path: Path, header: list[str]) -> polars.DataFrame:
    numbers = polars.col(header).cast(polars.Float32)
    return polars.scan_parquet(path, glob=False).select(numbers).collect()


def _parquet_schema(path: Path) -> dict[str, polars.DataType]:
    """Return the type of each column, all of which must be numbers or booleans."""
    name = name_of(path)
    try:
        schema = polars.read_parquet_schema(path)
    except polars.exceptions.PolarsError as error:
        raise TrainingFailure(f"{name} is damaged: {str(error).splitlines()[0]}.") from error
    for column, kind in schema.items():
        if not kind.is_numeric() and kind != polars.Boolean:
            raise TrainingFailure(f'{name}, column "{column}": {kind} is no type of numbers.')
    return schema


def _parquet_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the place of each row and its cells as CSV would write them."""
    numbers = polars.scan_parquet(path, glob=False).select(polars.all().cast(polars.Float64))
    for number, row in enumerate(numbers.collect().iter_rows(), start=1):
        cells = ["" if cell is None else f"{cell:g}" for cell in row]
        yield f"{name_of(path)}, row {number}", cells
