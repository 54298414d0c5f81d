"""What the tests of all folders share and no fixture can be."""

import importlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from unittest import mock

import pytest

TEMPLATE = Path(__file__).parents[1]
LANGUAGES = ("python", "r", "java")


# For what is the same whatever the language is: one is enough.
once = pytest.mark.parametrize("language", ["python"], indirect=True)


def unavailable(reason: str) -> None:
    """Skip the test, which CI does not allow (skips.py)."""
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


def real_python(version: str) -> str | None:
    """Return a Python of just this version, such as 3.9; None where there is none.

    By its own name: a shim of pyenv's may answer as another one, or not at all.
    """
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    named = shutil.which(f"python{version}")
    ask = "import sys; print('{}.{}'.format(*sys.version_info))"
    for python in filter(None, [named, *root.glob(f"versions/{version}.*/bin/python")]):
        told = subprocess.run([python, "-c", ask], capture_output=True, encoding="utf-8")
        if told.stdout.strip() == version:
            return str(python)
    return None


@cache
def oldest_python() -> str:
    """Return Python 3.9, the oldest for tools/, else this Python: then vermin looks for newer."""
    return real_python("3.9") or sys.executable


def load_tools(repository: Path, *names: str) -> list:
    """Import modules of a repository's tools/, such as cloud.aws; no cache is left there."""
    tools = repository / "tools"
    rooms = {each.stem for each in tools.iterdir()}
    with (
        mock.patch.dict(sys.modules),
        mock.patch.object(sys, "path", [str(tools), *sys.path]),
        mock.patch.object(sys, "dont_write_bytecode", True),
    ):
        # Another repository's may have been imported, or a module of the tests of that name.
        for name in [each for each in sys.modules if each.partition(".")[0] in rooms]:
            del sys.modules[name]
        return [importlib.import_module(name) for name in names]


def run_with_cli(repository: Path, folder: Path, cli: str, *words: str):
    """Run a verb with a program of this text for the aws CLI, which lies in the folder's bin/."""
    program = folder / "bin" / "aws"
    program.parent.mkdir(exist_ok=True)
    program.write_text(cli)
    program.chmod(0o755)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "tools", *words],
        cwd=repository,
        env=kept | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
