"""The places under /opt/ml, and what is read and written there."""

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from job import TrainingFailure

_scratch: list[tuple[int, tempfile.TemporaryDirectory]] = []
_removing = threading.Lock()


def root() -> Path:
    """Return /opt/ml, or what SAGEMAKER_BASE_DIR puts in its place (runs without a container)."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def name_of(path: Path) -> str:
    """Return a data file's name as people know it: data/training/a.csv, here and in S3."""
    folder = root() / "input"
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def read_config(name: str) -> dict[str, Any] | None:
    """Return what a file of /opt/ml/input/config holds; None where there is none (C28)."""
    path = root() / "input" / "config" / name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise TrainingFailure(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(content, dict):
        raise TrainingFailure(f"{path} must be a JSON object.")
    return content


def as_text(value: Any) -> str:
    """Return a hyperparameter's value as it is written in training-job.json."""
    return value if isinstance(value, str) else json.dumps(value)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Name the place in an error of the disk: a write that fails does not know its file."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def scratch() -> Path:
    """Return a new folder for files that are gone at the end, by whatever way train ends."""
    _scratch.append((os.getpid(), tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
    return Path(_scratch[-1][1].name)


def remove_scratch() -> None:
    """Remove the folders of `scratch`, for an end that is none of Python's; in a child, none."""
    with _removing:
        for process, folder in _scratch:
            if process == os.getpid():
                folder.cleanup()


def flush(path: Path) -> None:
    """Have the file on the disk, so that a full one is an error now."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
