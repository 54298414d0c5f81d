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


class Modes(dict):
    """Path → x bit, looked up when asked for: from git's index where no modes are kept."""

    def __init__(self, folder: Path, texts: Mapping[str, str | None]) -> None:
        self.folder = folder
        self.texts = texts

    def get(self, name: str, default: bool | None = None) -> bool | None:
        paths = [self.folder / each for each, text in self.texts.items() if text is not None]
        if os.name != "nt" and not all(os.access(path, os.X_OK) for path in paths):
            return os.access(self.folder / name, os.X_OK)
        import subprocess  # Here, since no generation of a repository needs it.

        command = ["git", "ls-files", "--stage", "--", name]
        try:
            done = subprocess.run(
                command, cwd=self.folder, capture_output=True, encoding="utf-8", timeout=10
            )
        except (OSError, subprocess.SubprocessError):
            return default
        return done.stdout.startswith("100755") if done.stdout else default
