"""What the tests of all folders share and no fixture can be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[1]
LANGUAGES = ("python", "r", "java")


def unavailable(reason: str) -> None:
    """Skip the test; fail it in CI, where nothing may be left out unnoticed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def tracked_files() -> dict[str, Path]:
    """Return path within the template → the file, for all that git tracks or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=TEMPLATE, check=True, capture_output=True).stdout
    names = sorted(set(listed.decode().rstrip("\0").split("\0")))
    return {name: TEMPLATE / name for name in names if (TEMPLATE / name).is_file()}


def copy_template(folder: Path) -> Path:
    """Copy what git tracks of the template, or would, to a folder, and return it."""
    for name, path in tracked_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name)
    return folder


def oldest_python() -> str:
    """Return Python 3.9 if it works here (a shim of pyenv may not), else this Python."""
    found = shutil.which("python3.9")
    works = found and subprocess.run([found, "-V"], capture_output=True).returncode == 0
    return found if works else sys.executable
