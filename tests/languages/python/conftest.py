"""A folder in place of /opt/ml, and a toy model in place of model.py."""

import json
import os
import subprocess
import sys
import textwrap
import types
import zipfile
from pathlib import Path

import pytest

import job
from job.algorithm import Algorithm
from job.hyperparameters import Hyperparameter


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that stands for /opt/ml, with one channel of one file."""
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    fill(tmp_path)
    return tmp_path


def fill(root: Path) -> None:
    """Make the tree of /opt/ml in a folder."""
    for folder in ("input/config", "input/data/training", "model", "output/data"):
        (root / folder).mkdir(parents=True)
    (root / "input/data/training/a.txt").write_text("1\n")
    write_config(root, "inputdataconfig.json", {"training": {"TrainingInputMode": "File"}})


def write_config(root: Path, name: str, content: object) -> None:
    """Write a file that the service puts into /opt/ml/input/config."""
    (root / "input" / "config" / name).write_text(json.dumps(content))


def write_checkpoint(root: Path, steps: int, state: str, **hyperparameters: object) -> None:
    """Write a checkpoint of a toy model, made with its defaults and these hyperparameters."""
    (root / "checkpoints").mkdir(exist_ok=True)
    defaults = {each.name: each.default for each in ToyModel.HYPERPARAMETERS}
    with zipfile.ZipFile(root / f"checkpoints/checkpoint-{steps:08d}", "w") as archive:
        archive.writestr("state", state)
        archive.writestr("hyperparameters.json", json.dumps(defaults | hyperparameters))


class ToyModel(Algorithm):
    """A model that counts its steps."""

    HYPERPARAMETERS = (
        Hyperparameter("count", int, 3, "steps", 1, 1000),
        Hyperparameter("rate", float, 0.5, "nothing", 0, 1),
        Hyperparameter("fast", bool, False, "nothing"),
        Hyperparameter("kind", str, "adam", "nothing", choices=("adam", "sgd")),
        Hyperparameter("label", str, "x", "nothing"),
    )

    def read(self, channels):
        self.files = channels["training"]

    def finished(self):
        return self.steps >= self.hyperparameters["count"]

    def step(self):
        pass

    def metrics(self):
        return {"training:count": float(self.steps)}

    def save_checkpoint(self, path):
        path.write_text(str(self.steps))

    def load_checkpoint(self, path):
        int(path.read_text())

    def save(self, folder):
        (folder / "count.txt").write_text(str(self.steps))

    @staticmethod
    def load(folder):
        return int((folder / "count.txt").read_text())

    def metadata(self):
        return {"rows": {"training": len(self.files)}}


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> type[ToyModel]:
    """Put a toy in place of model.Model; a test may change its methods."""
    model = type("Model", (ToyModel,), {})
    module = types.ModuleType("model")
    module.Model = model
    monkeypatch.setitem(sys.modules, "model", module)
    return model


# ---- Of the template's own model -----------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    """Function: model → the bytes of the file that it saves."""

    def save(model):
        model.save(tmp_path)
        return (tmp_path / "model.ubj").read_bytes()

    return save


@pytest.fixture
def write(tmp_path):
    """Function: text or bytes, file name → the file's path."""

    def write(content, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def parquet(tmp_path):
    """Function: columns, file name → the path of a Parquet file."""

    def parquet(columns, name="a.parquet"):
        import polars

        polars.DataFrame(columns).write_parquet(tmp_path / name)
        return tmp_path / name

    return parquet


# ---- Several hosts -------------------------------------------------------------------------

HOST = """
import os, signal, socket, sys, threading, time
import conftest
from job import TrainingFailure, cluster, outcome
from job.hosts import Hosts
from job.stop import StopRequest
hosts = Hosts(sys.argv[2].split(","), sys.argv[1])
rank = hosts.rank
stop = StopRequest()
def run():
{body}
code = outcome.run(run)
if code != 0:
    os._exit(code)
"""


@pytest.fixture
def run_hosts(tmp_path):
    """Function: source code, names, names of those started → exit code, stdout, stderr of each.

    Each host is a process with a tree of its own. The first name must be an address of this
    machine: the hosts find their leader by it.
    """
    # Another model than the template's may do without it.
    pytest.importorskip("xgboost")
    processes = []

    def start(name, names, body):
        root = tmp_path / name
        if not root.exists():
            fill(root)
        write_config(root, "resourceconfig.json", {"current_host": name, "hosts": names[::-1]})
        program = HOST.format(body=textwrap.indent(body, "    "))
        paths = os.pathsep.join([str(Path(job.__file__).parents[1]), str(Path(__file__).parent)])
        # One thread: those of several processes would wait for each other.
        environment = {"SAGEMAKER_BASE_DIR": str(root), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-c", program, name, ",".join(names)],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        processes.append(process)
        return process

    def run(body, names, started=None):
        started = [start(name, names, body) for name in started or names]
        ends = [process.communicate(timeout=300) for process in started]
        return [(each.returncode, *end) for each, end in zip(started, ends, strict=True)]

    yield run
    for process in processes:
        process.kill()
        process.communicate()
