"""Run the tests of this folder with a pytest of their own.

    python3 tools contract [--image NAME] [options of pytest, such as -k c5_]

Needs Python 3.9. pytest goes into .venv-contract, by uv where it is installed, else by venv.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from job import REPOSITORY

FOLDER = Path(__file__).resolve().parent
REQUIREMENTS = FOLDER / "requirements.txt"
ENVIRONMENT = REPOSITORY / ".venv-contract"
PYTHON = ENVIRONMENT / "bin" / "python"
INSTALLED = ENVIRONMENT / "installed-requirements.txt"
RUNS = REPOSITORY / "runs"
ADVICE = """
pytest could not be installed in .venv-contract: see above. That takes uv or venv, and PyPI or a
mirror of it. Where venv is missing, on Debian and Ubuntu:
    sudo apt-get install python3-venv"""


def main(arguments: list[str]) -> int:
    """Run the tests and return the exit code."""
    python = find_python()
    if not python:
        print(ADVICE, file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--image", default="")
    ours, others = parser.parse_known_args(arguments)
    RUNS.mkdir(exist_ok=True)
    command = [python, "-B", "-m", "pytest", str(FOLDER), f"--image={ours.image}"]
    command += ["--basetemp", str(RUNS / "contract")]
    if not others:
        # Where not even an ordinary job completes, one sentence is better than fifty.
        first = subprocess.run([*command, "--quiet", "-k", "test_c1_"]).returncode
        if first:
            return first
    return subprocess.run([*command, "-n", "2", "--dist", "loadfile", *others]).returncode


def find_python() -> str:
    """Return a Python that has pytest; empty where it can't be had."""
    if INSTALLED.exists() and INSTALLED.read_bytes() == REQUIREMENTS.read_bytes():
        return str(PYTHON)
    if all(subprocess.run(command).returncode == 0 for command in install_commands()):
        shutil.copy(REQUIREMENTS, INSTALLED)
        return str(PYTHON)
    # This Python may have it already.
    check = [sys.executable, "-c", "import pytest, xdist"]
    found = subprocess.run(check, stderr=subprocess.DEVNULL).returncode == 0
    return sys.executable if found else ""


def install_commands() -> list[list[str]]:
    """Return the commands that make .venv-contract."""
    uv = shutil.which("uv")
    environment, requirements = str(ENVIRONMENT), str(REQUIREMENTS)
    if uv:
        return [
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment],
            [uv, "pip", "install", "--quiet", "--python", str(PYTHON), "-r", requirements],
        ]
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [
        [sys.executable, "-m", "venv", "--clear", environment],
        [*pip, "--requirement", requirements],
    ]
