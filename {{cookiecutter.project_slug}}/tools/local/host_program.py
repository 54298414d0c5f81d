"""The training program on this machine itself, for those who have no engine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from local.engine import call
from local.environment import python_with
from repository import REPOSITORY
from terminal import UserError, say


def host_program() -> tuple[list[str], Path]:
    """Return the command that trains on this machine, prepared, and its working directory."""
    training = REPOSITORY / "training"
    if (training / "train.py").exists():
        return [str(python_environment()), "train.py"], training
    if (training / "train.R").exists():
        require_r_packages()
        return ["Rscript", "train.R"], training
    for tool, advice in (("java", "a JDK of release 17 or newer"), ("mvn", "Maven 3.8 or newer")):
        if not shutil.which(tool):
            raise UserError(f"There is no {tool} on this machine: install {advice}.")
    say("Building the program with Maven; the first time it fetches the libraries.")
    build = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "-DskipTests", "package"]
    if subprocess.run(build, cwd=REPOSITORY).returncode != 0:
        raise UserError("Maven could not build the program: see its lines above.")
    return ["java", "-jar", "training.jar"], REPOSITORY / "target"


def python_environment() -> Path:
    """Return the interpreter of .venv, which holds what requirements.txt names."""
    if sys.version_info < (3, 11):
        raise UserError(
            f"Training on this machine needs Python 3.11 or newer, and this is "
            f"{sys.version_info[0]}.{sys.version_info[1]}: install one, or a container engine."
        )
    requirements = REPOSITORY / "requirements.txt"
    flags = ["--no-deps", "--require-hashes"]
    python, said = python_with(requirements, REPOSITORY / ".venv", *flags)
    if not python:
        raise UserError(f"{said}\nThe packages of requirements.txt did not get into .venv.")
    return python


def require_r_packages() -> None:
    """Raise UserError where R or one of the packages of packages.txt is missing."""
    if not shutil.which("Rscript"):
        raise UserError("There is no Rscript on this machine: install R 4.1 or newer.")
    lines = (REPOSITORY / "packages.txt").read_text(encoding="utf-8").splitlines()
    packages = [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    check = "for (p in commandArgs(TRUE)) if (!requireNamespace(p, quietly = TRUE)) cat(p, '')"
    missing = call("Rscript", "-e", check, *packages).stdout.split()
    if missing:
        names = ", ".join(f'"{name}"' for name in missing)
        raise UserError(f"R packages are missing: run install.packages(c({names})) in R.")
