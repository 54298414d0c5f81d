"""A folder in place of /opt/ml, and a toy model in place of model.py."""

import json
import sys
import types
from pathlib import Path

import opt_ml
import pytest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that stands for /opt/ml, with one channel of one file."""
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    for folder in ("input/config", "input/data/training", "model", "output/data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "input/data/training/a.txt").write_text("1\n")
    write_config(tmp_path, "inputdataconfig.json", {"training": {"TrainingInputMode": "File"}})
    return tmp_path


def write_config(root: Path, name: str, content: object) -> None:
    """Write a file that the service puts into /opt/ml/input/config."""
    (root / "input" / "config" / name).write_text(json.dumps(content))


class ToyModel:
    """A model that counts its steps."""

    HYPERPARAMETERS = (
        opt_ml.Hyperparameter("count", int, 3, "steps", 1, 1000),
        opt_ml.Hyperparameter("rate", float, 0.5, "nothing", 0, 1),
        opt_ml.Hyperparameter("fast", bool, False, "nothing"),
        opt_ml.Hyperparameter("kind", str, "adam", "nothing", choices=("adam", "sgd")),
        opt_ml.Hyperparameter("label", str, "x", "nothing"),
    )
    REQUIRED_CHANNELS = ("training",)

    def __init__(self, hyperparameters):
        self.hyperparameters = hyperparameters
        self.steps = 0

    def read(self, channels):
        self.files = channels["training"]

    def finished(self):
        return self.steps >= self.hyperparameters["count"]

    def step(self):
        self.steps += 1

    def metrics(self):
        return {"training:count": float(self.steps)}

    def save_checkpoint(self, path):
        path.write_text(str(self.steps))

    def load_checkpoint(self, path):
        self.steps = int(path.read_text())

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
