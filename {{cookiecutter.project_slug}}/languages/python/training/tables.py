"""Tables of numbers and texts, with a target of 0 and 1, from files of CSV (also gzip) and Parquet.

polars reads some rows at a time; where it fails, or what it read looks odd, a slow reader finds the
place for the message.
"""

import collections
import contextlib
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy
import polars

from columns import BLANKS, NUMBER, TRUTHS, Columns, is_text
from job import TrainingFailure, cluster
from job.files import name_of, named
from job.log import log

# Bytes of CSV that are read at once, few at first, to see what they are, and numbers of Parquet,
# where polars unpacks a whole group of rows each time.
PIECE = 2**16, 2**22
NUMBERS_AT_ONCE = 2**23
LONGEST_ROW = 2**25  # bytes: what is longer is a quotation mark without its other one
# A row whose quotation marks enclose whole cells, each of a cell's own written twice.
QUOTED = re.compile(r'(("([^"]|"")*"|[^",]*)(,|$))*')

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
TEXTS = (polars.String, polars.Categorical, polars.Enum)
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


def find_columns(headers: dict[Path, list[str]], target: str) -> Columns | None:
    """Return the columns of the first training file of all hosts; None where none has a header.

    A column is of text if the first of its cells that is not empty is, in the first file with rows.
    Every host must call it.
    """
    own, texts = None, None
    for path, header in headers.items():
        own = own or Columns(header, name_of(path), target, {})
        texts = _find_texts(path, header) if texts is None else texts
    found = cluster.collect((own, texts))
    host = next((host for host, (columns, _) in found.items() if columns), None)
    if host is None:
        return None
    columns = found[host][0]
    texts = next((texts for _, texts in found.values() if texts is not None), ())
    return replace(
        columns,
        place=columns.place if columns == own else f"{columns.place} of {host}",
        codes={name: {} for name in columns.names if name in texts and name != target},
    )


def read_tables(
    path: Path, header: list[str], columns: Columns
) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
    """Yield some rows of a file at a time: their features, ordered as `columns`, and targets.

    They are 32-bit floats. The file must have the same columns, in any order. A text becomes its
    number; True and False are 1 and 0, an empty cell is missing (NaN), a blank line is no row.
    Blanks around a cell are not part of it.
    """
    _check_columns(path, header, columns)
    is_checked = _is_parquet(path)
    read = _read_parquet if is_checked else _read_csv
    try:
        with named(path):
            for table in read(path, header, columns):
                numbers = columns.number(table)
                marked = ('"' in text for texts in numbers.values() for text in texts)
                if not is_checked and any(marked):
                    is_checked = True
                    # polars leaves some marks as they are that enclose no cell: this refuses them.
                    collections.deque(_csv_rows(path), maxlen=0)
                codes = [
                    polars.col(name).replace_strict(texts, return_dtype=polars.Float32)
                    for name, texts in numbers.items()
                ]
                features = table.with_columns(codes)[columns.features].to_numpy(order="c")
                targets = table[columns.target].to_numpy()
                del table  # Or memory has it beside the next one.
                if numpy.isinf(features).any() or not numpy.isin(targets, (0, 1)).all():
                    _find_fault(path, header, columns)
                yield features, targets
                del features, targets
    except polars.exceptions.PolarsError as error:
        _find_fault(path, header, columns)
        raise TrainingFailure(
            f"{name_of(path)} can't be read: {str(error).splitlines()[0]}."
        ) from error


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
    header = header if is_parquet else [name.strip(BLANKS) for name in header]
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


def _check_columns(path: Path, header: list[str], columns: Columns) -> None:
    place = name_of(path) if _is_parquet(path) else f"{name_of(path)}, line 1"
    expected, seen = set(columns.names), set()
    for number, name in enumerate(header, start=1):
        if not name:
            raise TrainingFailure(f"{place}: column {number} has no name.")
        if name in seen:
            raise TrainingFailure(f'{place}: the column "{name}" stands twice.')
        seen.add(name)
        if set("[]<") & set(name):
            raise TrainingFailure(f'{place}: the column "{name}" has [, ] or < in its name.')
        if name not in expected:
            raise TrainingFailure(f'{place}: column "{name}" is not in {columns.place}.')
    for name in columns.names:
        if name not in seen:
            raise TrainingFailure(f'{place}: column "{name}" is missing.')
    if columns.target not in seen:
        raise TrainingFailure(
            f'{place}: the target column "{columns.target}" is missing; '
            f"the columns are {', '.join(header)}."
        )
    if len(header) == 1:
        raise TrainingFailure(f"{place}: there is no column beside the target.")


def _find_fault(path: Path, header: list[str], columns: Columns) -> None:
    """Raise TrainingFailure for the first thing in the file that is no row of such columns."""
    if _is_parquet(path):
        rows = _parquet_rows(path, list(columns.codes))
    else:
        rows = _csv_rows(path)
        next(rows)
    for place, row in rows:
        _check_length(place, row, header)
        for name, text in zip(header, (cell.strip(BLANKS) for cell in row), strict=True):
            if fault := columns.fault_of(name, text):
                raise TrainingFailure(f'{place}, column "{name}": {fault}.')


def _check_length(place: str, row: list[str], header: list[str]) -> None:
    if len(row) != len(header):
        raise TrainingFailure(f"{place}: {len(row)} fields, but the header has {len(header)}.")


# ---- CSV -----------------------------------------------------------------------------------


def _find_texts(path: Path, header: list[str]) -> set[str] | None:
    """Return the columns whose first cell that is not empty is text; None without rows."""
    if _is_parquet(path):
        return {name for name, kind in _parquet_schema(path).items() if kind in TEXTS}
    undecided, texts, rows = set(header), set(), 0
    try:
        for piece in _pieces(path, header):
            table = polars.read_csv(piece, infer_schema=False, new_columns=header)
            rows += table.height
            for name in undecided & set(table.columns):
                cells = table[name].str.strip_chars(BLANKS)
                for cell in cells.filter(cells != "").head(1):
                    undecided.remove(name)
                    texts |= {name} if is_text(cell) else set()
            if not undecided:
                break
    except polars.exceptions.PolarsError:
        # They raise where it is no CSV; all else is said when it is read.
        for place, row in _csv_rows(path):
            _check_length(place, row, header)
    return texts if rows else None


def _read_csv(path: Path, header: list[str], columns: Columns) -> Iterator[polars.DataFrame]:
    texts = list(columns.codes)
    numbers = dict.fromkeys(header, polars.Float32)
    kinds = numbers | dict.fromkeys(texts, polars.String)
    for piece in _pieces(path, header):
        try:
            table = polars.read_csv(piece, schema=kinds)
        except polars.exceptions.PolarsError:
            # It may have columns of True and False, as pandas writes them.
            table = polars.read_csv(piece, infer_schema=False, new_columns=header)
            cells = polars.all().exclude(texts).str.strip_chars(BLANKS).str.to_lowercase()
            table = table.with_columns(cells.replace(TRUTHS).cast(polars.Float32))
        # polars takes a row that ends early for one with missing values, and a blank line too.
        if table[header[-1]].has_nulls():
            text = polars.col(polars.String).str.strip_chars() == ""
            number = polars.all().exclude(texts).is_null()
            table = table.filter(~polars.all_horizontal(text.fill_null(True), number))
            commas = (len(header) - 1) * (table.height + 1)
            if b'"' in piece or piece.count(b",") != commas:
                _refuse_short_row(path, header, columns, piece)
        yield table


def _refuse_short_row(path: Path, header: list[str], columns: Columns, piece: bytes) -> None:
    # Commas within quotes are no ends, and a row of commas alone is no blank line.
    for row in csv.reader(io.StringIO(piece.decode(errors="replace"), newline="")):
        if len(row) < len(header) if any(map(str.strip, row)) else len(row) > 1:
            _find_fault(path, header, columns)


def _pieces(path: Path, header: list[str]) -> Iterator[bytes]:
    """Yield the rows of a file, some at a time, as CSV with the header."""
    line = io.StringIO()
    csv.writer(line).writerow(header)
    beginning, rest, size = b"", b"", PIECE[0]
    with _open(path) as file:
        while True:
            # Read into the piece itself: a copy would take longer than reading.
            start = beginning + rest
            piece = io.BytesIO(bytes(len(start) + size))
            with piece.getbuffer() as view:
                view[: len(start)] = start
                count = file.readinto(view[len(start) :])
            if not count:
                break
            piece.truncate(len(start) + count)
            end = max(_end_of_rows(piece.getvalue()), len(beginning))
            rest = piece.getvalue()[end:]
            if len(rest) > LONGEST_ROW:
                raise polars.exceptions.ComputeError(f"a row is longer than {LONGEST_ROW} bytes")
            if end > len(beginning):
                piece.truncate(end)
                yield piece.getvalue()
                beginning, size = line.getvalue().encode(), PIECE[1]
    if rest:
        yield beginning + rest


def _end_of_rows(piece: bytes) -> int:
    """Return the end of the last line that is no line within quotes; 0 if there is none."""
    end = piece.rfind(b"\n") + 1
    # `in` is faster than `count`.
    odd = b'"' in piece and piece.count(b'"', 0, end) % 2
    while odd and end:
        before = piece.rfind(b"\n", 0, piece.rfind(b'"', 0, end)) + 1
        odd ^= piece.count(b'"', before, end) % 2
        end = before
    return end


def _csv_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the fields of each row that is not blank."""
    name = name_of(path)
    not_text = f"{name} is not a text file in UTF-8: only CSV and Parquet can be read."
    with _open(path) as file:
        beginning = file.peek(64).removeprefix(b"\xef\xbb\xbf").lstrip()
        for signature, problem in BEGINNINGS.items():
            if beginning.startswith(signature):
                raise TrainingFailure(f"{name} {problem}")
        lines: list[str] = []  # of the row
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        reader = csv.reader(lines.append(line) or line for line in text)
        first = 1  # line of the row
        try:
            for row in reader:
                _refuse_marks(f"{name}, line {first}", "".join(lines))
                if any("\0" in field for field in row):
                    raise TrainingFailure(not_text)
                if row and row != [""] and not (len(row) == 1 and not row[0].strip()):
                    yield f"{name}, line {reader.line_num}", row
                first = reader.line_num + 1
                lines.clear()
        except csv.Error as error:
            _refuse_marks(f"{name}, line {first}", "".join(lines))
            raise TrainingFailure(f"{name}, line {first}: {error}.") from error
        except UnicodeDecodeError as error:
            raise TrainingFailure(not_text) from error


def _refuse_marks(place: str, row: str) -> None:
    if row.endswith("\r"):
        raise TrainingFailure(f"{place} ends with CR alone, as on old Macs: save it as CSV UTF-8.")
    if '"' in row and not QUOTED.fullmatch(row.rstrip("\r\n")):
        raise TrainingFailure(
            f"{place}: quotation marks must enclose a whole cell, and each within it stands twice."
        )


@contextlib.contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be read, unpacked if it is packed by gzip."""
    with path.open("rb") as file:
        try:
            yield gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise TrainingFailure(f"{name_of(path)} is damaged: it can't be unpacked.") from error


# ---- Parquet -------------------------------------------------------------------------------


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_parquet(path: Path, header: list[str], columns: Columns) -> Iterator[polars.DataFrame]:
    texts = list(columns.codes)
    for name, kind in _parquet_schema(path).items():
        right = kind in TEXTS if name in texts else kind.is_numeric() or kind == polars.Boolean
        if not right and kind != polars.Null:
            what = "texts" if name in texts else "numbers"
            raise TrainingFailure(f'{name_of(path)}, column "{name}": {kind} is no type of {what}.')
    kinds = dict.fromkeys(header, polars.Float32) | dict.fromkeys(texts, polars.String)
    rows = polars.scan_parquet(path, glob=False)
    count = max(1, NUMBERS_AT_ONCE // len(header))
    for start in range(0, rows.select(polars.len()).collect().item(), count):
        yield rows.slice(start, count).cast(kinds).collect()


def _parquet_schema(path: Path) -> dict[str, polars.DataType]:
    try:
        return polars.read_parquet_schema(path)
    except polars.exceptions.PolarsError as error:
        raise TrainingFailure(
            f"{name_of(path)} is damaged: {str(error).splitlines()[0]}."
        ) from error


def _parquet_rows(path: Path, texts: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the place of each row and its cells as CSV would write them."""
    number = polars.all().exclude(texts).cast(polars.Float64)
    rows = polars.scan_parquet(path, glob=False)
    rows = rows.with_columns(number, polars.col(texts).cast(polars.String)).collect()
    for place, row in enumerate(rows.iter_rows(), start=1):
        cells = [f"{cell:g}" if isinstance(cell, float) else cell or "" for cell in row]
        yield f"{name_of(path)}, row {place}", cells
