"""A virtual environment that holds what a file of requirements names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from terminal import say


def python_with(requirements: Path, folder: Path, *flags: str) -> tuple[Path | None, str]:
    """Return the Python of an environment in this folder, made anew when the file has changed.

    By venv and pip, else by uv, which does without Debian's python3-venv. Where neither can, the
    first is None, and the second what they said.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    installed = folder / "installed-requirements.txt"
    if installed.exists() and installed.read_bytes() == requirements.read_bytes():
        return python, ""
    say(f"Installing what {requirements.name} names into {folder.name}; that may take a minute.")
    wanted = [*flags, "--requirement", str(requirements)]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    ways = [[[sys.executable, "-m", "venv", "--clear", str(folder)], [*pip, *wanted]]]
    uv = shutil.which("uv")
    if uv:
        make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
        ways.append([make, [uv, "pip", "install", "--quiet", "--python", str(python), *wanted]])
    said = ""
    for commands in ways:
        for command in commands:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
            said += done.stdout
            if done.returncode != 0:
                break
        else:
            shutil.copy(requirements, installed)
            return python, ""
    return None, said.strip()
