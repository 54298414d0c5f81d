"""A model that writes no more than it must."""

import json
import pickle
import sys
import types

import pytest

import train
from job import TrainingFailure, outcome
from job.algorithm import Algorithm
from job.hyperparameters import Hyperparameter
from job.stop import StopRequest


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


def test_metrics_that_fail_cost_no_model(root, mean, capsys):
    (root / "checkpoints").mkdir()
    mean.metrics = lambda self: {"training:mean": None}
    assert train.main(["train"]) == 0
    assert json.loads((root / "model/metadata.json").read_text())["metrics"] is None
    said, trace = capsys.readouterr()
    warning = "WARNING: the metrics can't be had (TypeError: float() argument must be "
    assert said.count(warning) == 1
    assert "): the model is saved without them.\n" in said
    assert "Traceback" in trace
    assert (root / "checkpoints/checkpoint-00000001").exists()


@pytest.mark.parametrize("metadata", [lambda self: 1 / 0, lambda self: 3, lambda self: None])
def test_metadata_that_fails_costs_no_model(root, mean, capsys, monkeypatch, metadata):
    monkeypatch.setattr(outcome, "_missed", set())
    mean.metadata = metadata
    assert train.main(["train"]) == 0
    assert json.loads((root / "model/metadata.json").read_text())["steps"] == 1
    assert "WARNING: the metadata can't be had (" in capsys.readouterr().out


def test_what_can_not_be_pickled_costs_no_model(root, mean, capsys):
    (root / "checkpoints").mkdir()
    mean.fit = lambda self: {"mean": 1.0, "function": lambda: 1}
    mean.save = lambda self, folder: (folder / "mean.txt").write_text("1")
    assert train.main(["train"]) == 0
    assert (root / "model/mean.txt").exists()
    assert "WARNING: the last checkpoint can't be had (" in capsys.readouterr().out
    assert not list((root / "checkpoints").iterdir())


def test_a_failure_that_metrics_mean_ends_the_job(root, mean):
    def metrics(self):
        raise TrainingFailure("The loss is no number.")

    mean.metrics = metrics
    assert train.main(["train"]) == 1
    assert (root / "output/failure").read_text() == "The loss is no number.\n"


def test_a_fit_that_was_told_to_stop_is_saved_and_has_no_checkpoint(root, mean, monkeypatch):
    monkeypatch.setattr(StopRequest, "ask", lambda self: setattr(self, "told", True) or True)
    (root / "checkpoints").mkdir()

    def fit(self):
        assert self.stop_requested()
        return {"mean": 0.5}

    mean.fit = fit
    assert train.main(["train"]) == 0
    assert json.loads((root / "model/metadata.json").read_text())["stopped"] is True
    assert not list((root / "checkpoints").iterdir())


def test_a_finished_fit_is_not_passed_off_for_one_of_other_hyperparameters(root, mean):
    (root / "checkpoints").mkdir()
    mean.HYPERPARAMETERS = (Hyperparameter("trees", int, 50, "nothing"),)
    assert train.main(["train"]) == 0
    assert train.main(["train", "--trees", "400"]) == 1
    sentence = "checkpoint-00000001 was made with trees=50, and this job has trees=400: give the "
    assert (root / "output/failure").read_text().startswith(sentence)
