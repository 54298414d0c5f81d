"""A model that writes no more than it must."""

import json
import pickle
import sys
import types

import pytest

import train
from job.algorithm import Algorithm


class Mean(Algorithm):
    """A model with one fit."""

    def read(self, channels):
        self.numbers = [float(path.read_text()) for path in channels["training"]]

    def fit(self):
        return {"mean": sum(self.numbers) / len(self.numbers)}

    def metrics(self):
        return {"training:mean": self.fitted["mean"]}


@pytest.fixture
def mean(monkeypatch):
    """Put it in place of model.Model; a test may change its methods."""
    module = types.ModuleType("model")
    module.Model = type("Model", (Mean,), {})
    monkeypatch.setitem(sys.modules, "model", module)
    return module.Model


def test_a_model_with_one_fit_has_all_else_by_default(root, mean, capsys):
    (root / "checkpoints").mkdir()
    assert train.main(["train"]) == 0
    assert pickle.loads((root / "model/model.pickle").read_bytes()) == {"mean": 1.0}
    metadata = json.loads((root / "model/metadata.json").read_text())
    assert (metadata["steps"], metadata["stopped"]) == (1, False)
    assert "step=1 training:mean=1\n" in capsys.readouterr().out
    # What is fitted is not fitted again.
    mean.fit = lambda self: pytest.fail("fitted again")
    assert train.main(["train"]) == 0
    assert "Resuming from checkpoint-00000001, after step 1." in capsys.readouterr().out


def test_a_fit_can_ask_whether_to_stop(root, mean):
    asked = []
    mean.fit = lambda self: asked.append(self.stop_requested())
    mean.metrics = lambda self: {}
    assert train.main(["train"]) == 0
    assert asked == [False]


def test_outside_of_a_job_nothing_asks_it_to_stop():
    assert Mean({}).stop_requested() is False
