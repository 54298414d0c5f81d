"""The verb contract: the tests of this folder, by a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from contract.other_image import place_of_job
from local.environment import python_with
from repository import REPOSITORY, RUNS
from settings import VARIABLE, read_settings, settings_file
from terminal import UserError, parser_of

FOLDER = Path(__file__).resolve().parent
ADVICE = """{}

pytest could not be installed in .venv-contract: see above. That takes uv or venv, and PyPI or a
mirror of it. Where venv is missing, on Debian and Ubuntu:
    sudo apt-get install python3-venv"""


def contract(arguments: Sequence[str]) -> int:
    """Test the image against what SageMaker asks of a container, clause by clause.

    What the tests can't know of the algorithm stands in contract.ini; its section [skip] names
    tests that do not apply, and why. Other flags are those of pytest, such as -k c5_. pytest goes
    into .venv-contract, once.

    Any image can be tested: --image IMAGE --settings FILE. FILE has the sections of contract.ini,
    as far as they matter. In [job] it may name `request`, a CreateTrainingJob request, and
    `data`, which has a folder for each channel. Without them the job is that which lies beside
    FILE, else one channel, "training", of a generated CSV.
    """
    parser = parser_of("contract", contract.__doc__)
    parser.add_argument("--image", default="", help="default: IMAGE, else that of `make build`")
    parser.add_argument("--settings", metavar="FILE", help="of another image: see above")
    ours, others = parser.parse_known_args(arguments)
    file = Path(ours.settings).resolve() if ours.settings else settings_file()
    require_tests(file)
    python = find_python()
    RUNS.mkdir(exist_ok=True)
    if not ours.settings:
        return run_tests(python, file, REPOSITORY, ours.image, others)
    with tempfile.TemporaryDirectory() as folder:
        place = place_of_job(file, Path(folder))
        return run_tests(python, file, place, ours.image, others)


def run_tests(python: Path, file: Path, place: Path, image: str, others: Sequence[str]) -> int:
    """Run pytest in the folder that has training-job.json and data/; return its exit code."""
    command = [python, "-B", "-m", "pytest", str(FOLDER), f"--image={image}"]
    command += ["--basetemp", str(RUNS / "contract")]
    # Read by xdist's workers too.
    environment = {**os.environ, VARIABLE: str(file), "PYTHONDONTWRITEBYTECODE": "1"}
    if not others:
        # Where not even an ordinary job completes, one sentence is better than fifty.
        first = [*command, "--quiet", "-k", "test_c1_"]
        code = subprocess.run(first, cwd=place, env=environment).returncode
        if code:
            return code
    command += ["-n", "2", "--dist", "loadfile", *others]
    return subprocess.run(command, cwd=place, env=environment).returncode


def require_tests(file: Path) -> None:
    """Raise UserError where [skip] names a test that there is not, or gives no reason."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    for name, reason in read_settings(file)["skip"].items():
        if f"\ndef {name}(" not in tests or not name.startswith("test_"):
            raise UserError(f"{file.name}: [skip] names {name}, and there is no such test.")
        if not reason:
            raise UserError(f"{file.name}: [skip] gives no reason for {name}: write {name} = why.")


def find_python() -> Path:
    """Return a Python that has pytest."""
    python, said = python_with(FOLDER / "requirements.txt", REPOSITORY / ".venv-contract")
    if python:
        return python
    # This Python may have it already.
    check = [sys.executable, "-c", "import pytest, xdist"]
    if subprocess.run(check, stderr=subprocess.DEVNULL).returncode == 0:
        return Path(sys.executable)
    raise UserError(ADVICE.format(said))
