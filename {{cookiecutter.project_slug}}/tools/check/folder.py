"""A folder as path → text, and as path → x bit: what the rules look at."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

# Folders that hold no source of the repository's own: at its root, and wherever they lie.
AT_ROOT = {"data", "runs", "target"}
CACHES = {".git", "node_modules", "__pycache__", "renv", "venv", ".venv"}
# What is data by its name is listed and not read.
DATA = (".csv", ".tsv", ".jsonl", ".parquet", ".npy", ".npz", ".libsvm", ".svm", ".gz", ".zip")
LONGEST_FILE = 1_000_000


def read_folder(folder: Path, *others: str) -> dict[str, str | None]:
    """Return path → text. A folder that is not looked into stands there as "name/"."""
    texts: dict[str, str | None] = {}
    for place, folders, names in os.walk(folder):
        inside = Path(place).relative_to(folder)
        skipped = {*folders} & (CACHES if place != str(folder) else CACHES | AT_ROOT | {*others})
        # A package of code may be called data.
        skipped = {each for each in skipped if not Path(place, each, "__init__.py").exists()}
        for each in sorted(skipped):
            texts[(inside / each).as_posix() + "/"] = None
        hidden = {each for each in folders if each.startswith(".") and each != ".github"}
        folders[:] = sorted({*folders} - skipped - hidden)
        for each in sorted(names):
            is_data = each.endswith(DATA)
            texts[(inside / each).as_posix()] = None if is_data else read_text(Path(place, each))
    return texts


def read_text(path: Path) -> str | None:
    """Return the text of a file; None for what is large, binary or no file (a pipe would hang)."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > LONGEST_FILE:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return None if b"\0" in content else content.decode("utf-8", errors="replace")


def modes_of(folder: Path, texts: Mapping[str, str | None]) -> dict[str, bool]:
    """Return path → whether it may be executed: as git has it where no modes are kept."""
    names = [each for each, text in texts.items() if text is not None]
    modes = {each: os.access(folder / each, os.X_OK) for each in names}
    if os.name != "nt" and not all(modes.values()):
        return modes
    import subprocess  # Here, since no generation of a repository needs it.

    command = ["git", "ls-files", "--stage", "-z"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return {}
    listed = [each.partition("\t") for each in os.fsdecode(done.stdout).split("\0")]
    return {name: mode.startswith("100755") for mode, _, name in listed}
