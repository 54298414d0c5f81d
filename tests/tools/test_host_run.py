"""Training on the machine itself, without an engine (--no-container), and `make demo`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from readme import manual_of, section
from support import LANGUAGES, TEMPLATE, unavailable

TOOLS = {"python": [], "r": ["Rscript"], "java": ["java", "mvn"]}
LONG = {"python": "rounds=100000", "r": "max_iterations=100000", "java": "rounds=100000"}

# What the manual has people type or choose in an IDE.
IDE_COMMANDS = {
    "python": [".venv", "training/train.py"],
    "r": ['setwd("training")', 'source("train.R")', "main(character())"],
    "java": ["pom.xml", "training.Train"],
}


@pytest.fixture(scope="module", params=LANGUAGES)
def train(request, bake):
    """Function: flags of tools train --no-container → the finished process."""
    for tool in TOOLS[request.param]:
        if not shutil.which(tool):
            unavailable(f"There is no {tool} on this machine.")
    repository = bake(request.param, project_slug=f"host-run-{request.param}")

    def run(*flags):
        return subprocess.run(
            [sys.executable, "-B", "tools", "train", "--no-container", *flags],
            cwd=repository,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=600,
        )

    run.language = request.param
    run.repository = repository
    return run


def test_a_job_completes_on_the_machine_itself(train):
    done = train()
    assert done.returncode == 0, done.stdout
    assert "Status: Completed\n" in done.stdout
    assert "validation:accuracy = 0.9" in done.stdout
    assert "the Dockerfile is not used" in done.stdout


def test_an_ide_trains_on_the_input_of_a_run(train):
    train()
    folder = max(train.repository.glob("runs/*/log.txt")).parent
    saved = (folder / "model/metadata.json").read_bytes()
    for path in (*folder.glob("model/*"), *folder.glob("checkpoints/*")):
        path.unlink()
    manual = manual_of(train.repository)
    for command in IDE_COMMANDS[train.language]:
        assert f"`{command}`" in section(manual, "## In an IDE")
    words = {
        "python": [".venv/bin/python", "training/train.py"],
        "r": ["Rscript", "-e", "; ".join(IDE_COMMANDS["r"])],
        "java": ["java", "-cp", "target/classes:target/lib/*", "training.Train"],
    }[train.language]
    done = subprocess.run(
        words,
        cwd=train.repository,
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout
    assert (folder / "model/metadata.json").read_bytes() == saved


def test_a_stop_saves_the_model_on_the_machine_itself_c5(train):
    flags = [f"--hyperparameter={LONG[train.language]}"]
    if train.language == "r":
        flags.append("--hyperparameter=tolerance=0")
    done = train("--stop-after", "4", *flags)
    assert done.returncode == 0, done.stdout
    assert "Status: Stopped (stopped after 4 s), exit code 0" in done.stdout
    assert "model.tar.gz" in done.stdout


def test_make_demo_trains_without_an_engine_and_says_so(tmp_path):
    """On a copy, as of a fresh clone; the tools come from this environment."""
    copy = tmp_path / "template"
    ignored = shutil.ignore_patterns(".git", ".venv", "demo", "runs", "__pycache__")
    shutil.copytree(TEMPLATE, copy, ignore=ignored)
    cookiecutter = shutil.which("cookiecutter", path=Path(sys.executable).parent)
    done = subprocess.run(
        ["scripts/demo.sh", cookiecutter, "python"],
        cwd=copy,
        env=os.environ | {"CONTAINER_ENGINE": "no-such-engine"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    assert "No container engine answers: training on this machine instead" in done.stdout
    assert "Status: Completed\n" in done.stdout
