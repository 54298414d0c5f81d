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
    mean.fit = lambda self: asked.append(self.stop_requested()) or "fitted"
    mean.metrics = lambda self: {}
    assert train.main(["train"]) == 0
    assert asked == [False]


def test_outside_of_a_job_nothing_asks_it_to_stop():
    assert Mean({}).stop_requested() is False


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        ({"loss": None}, '"loss" of metrics() in model.py is None: it must be a number'),
        (
            {"a": 1, "b": "c"},
            "\"b\" of metrics() in model.py is 'c': it must be a number",
        ),
        ({"a": [0.5]}, '"a" of metrics() in model.py is [0.5]: it must be a number'),
        (None, "metrics() in model.py returned None: it must be a dict"),
        ([("a", 1.0)], "metrics() in model.py returned [('a', 1.0)]: it must be a dict"),
    ],
)
def test_metrics_that_fail_cost_no_model(root, mean, capsys, monkeypatch, metrics, sentence):
    monkeypatch.setattr(outcome, "_missed", set())
    (root / "checkpoints").mkdir()
    mean.metrics = lambda self: metrics
    assert train.main(["train"]) == 0
    assert json.loads((root / "model/metadata.json").read_text())["metrics"] is None
    said, trace = capsys.readouterr()
    warning = f"WARNING: the metrics can't be had ({sentence}): the model is saved "
    assert said.count(warning) == 1
    assert trace == ""
    assert (root / "checkpoints/checkpoint-00000001").exists()


@pytest.mark.parametrize("metadata", [lambda self: 1 / 0, lambda self: 3, lambda self: None])
def test_metadata_that_fails_costs_no_model(root, mean, capsys, monkeypatch, metadata):
    monkeypatch.setattr(outcome, "_missed", set())
    mean.metadata = metadata
    assert train.main(["train"]) == 0
    assert json.loads((root / "model/metadata.json").read_text())["steps"] == 1
    assert "WARNING: the metadata can't be had (" in capsys.readouterr().out


def test_a_bug_in_metrics_has_a_trace(root, mean, capsys, monkeypatch):
    monkeypatch.setattr(outcome, "_missed", set())
    mean.metrics = lambda self: 1 / 0
    assert train.main(["train"]) == 0
    said, trace = capsys.readouterr()
    assert "WARNING: the metrics can't be had (ZeroDivisionError: division by zero): the " in said
    assert "Traceback" in trace


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


def failure_of(root, *arguments):
    assert train.main(["train", *arguments]) == 1
    return (root / "output/failure").read_text()


def test_a_fit_that_returns_nothing_leaves_no_model_of_nothing(root, mean):
    mean.fit = lambda self: None
    mean.metrics = lambda self: {}
    assert failure_of(root) == (
        "self.fitted is None: return it from fit(), set it in step(), or write save().\n"
    )
    assert not (root / "model/model.pickle").exists()


def test_a_fit_that_keeps_its_result_to_itself_has_no_checkpoint(root, mean, capsys):
    (root / "checkpoints").mkdir()
    mean.fit = lambda self: setattr(self, "mean", 2.0)
    mean.metrics = lambda self: {"training:mean": self.mean}
    mean.save = lambda self, folder: (folder / "mean.txt").write_text(f"{self.mean}")
    # Else the next run would resume from a checkpoint that holds nothing.
    for _ in range(2):
        assert train.main(["train"]) == 0
        assert "step=1 training:mean=2\n" in capsys.readouterr().out
        assert not list((root / "checkpoints").iterdir())


def test_a_checkpoint_has_what_else_the_fit_set(root, mean, capsys):
    (root / "checkpoints").mkdir()

    def fit(self):
        self.scale = 2.0
        return 3.0

    mean.fit = fit
    mean.metrics = lambda self: {"training:mean": self.fitted * self.scale}
    mean.save = lambda self, folder: (folder / "scale.txt").write_text(f"{self.scale}")
    # The second goes on from the first one's checkpoint, the third from the second one's.
    for _ in range(3):
        assert train.main(["train"]) == 0
        metadata = json.loads((root / "model/metadata.json").read_text())
        assert metadata["metrics"] == {"training:mean": 6}
        assert (root / "model/scale.txt").read_text() == "2.0"
    assert "Resuming from checkpoint-00000001, after step 1." in capsys.readouterr().out


def test_steps_without_a_checkpoint_of_their_own_begin_anew(root, mean):
    (root / "checkpoints").mkdir()
    mean.step = lambda self: setattr(self, "count", getattr(self, "count", 0) + 1)
    mean.finished = lambda self: self.steps >= 3
    mean.metrics = lambda self: {}
    mean.save = lambda self, folder: (folder / "count.txt").write_text(f"{self.count}")
    for _ in range(2):
        assert train.main(["train"]) == 0
        assert (root / "model/count.txt").read_text() == "3"
        assert not list((root / "checkpoints").iterdir())


def test_what_can_not_be_pickled_is_told_where_nothing_else_saves_it(root, mean):
    mean.fit = lambda self: {"mean": 1.0, "function": lambda: 1}
    said = failure_of(root)
    assert said.startswith("What model.py keeps can't be pickled (Can't ")
    assert "): write save() and load().\n" in said


def test_steps_that_keep_what_can_not_be_pickled_are_told(root, mean, capsys):
    (root / "checkpoints").mkdir()
    mean.step = lambda self: setattr(self, "fitted", lambda: 1)
    mean.finished = lambda self: self.steps >= 3
    mean.metrics = lambda self: {}
    mean.save = lambda self, folder: (folder / "a.txt").write_text("1")
    said = failure_of(root)
    assert said.endswith("): write save_checkpoint() and load_checkpoint().\n")
    assert "Traceback" not in capsys.readouterr().err
    # The last one alone costs no model.
    mean.finished = lambda self: self.steps >= 1
    assert train.main(["train"]) == 0
    assert (root / "model/a.txt").exists()


@pytest.mark.parametrize("name", ["read", "fit", "metrics", "checksum"])
def test_what_a_model_lacks_is_told_before_anything_is_read(root, mean, monkeypatch, name):
    mean.SEVERAL_HOSTS = name == "checksum"
    mean.read = lambda self, channels: pytest.fail("read")
    monkeypatch.setattr(mean, name, getattr(Algorithm, name))
    sentence = f"There is no {name}() in Model of model.py, which job/algorithm.py asks for.\n"
    assert failure_of(root) == sentence


def test_steps_without_an_end_are_told(root, mean):
    mean.step = lambda self: pytest.fail("a step")
    sentence = "There is no finished() in Model of model.py, which job/algorithm.py asks for.\n"
    assert failure_of(root) == sentence


@pytest.mark.parametrize(
    ("name", "function", "right"),
    [
        ("fit", lambda self, x, y: 1, "fit(self)"),
        ("fit", lambda: 1, "fit(self)"),
        ("read", lambda self: 1, "read(self, channels)"),
        ("save", lambda self: 1, "save(self, folder)"),
    ],
)
def test_a_method_that_can_not_be_called_is_told_before_reading(root, mean, name, function, right):
    mean.read = lambda self, channels: pytest.fail("read")
    setattr(mean, name, function)
    assert failure_of(root) == (
        f"{name}() in model.py takes other arguments than it gets: write def {right}.\n"
    )


def test_a_fit_that_returns_nothing_is_told(root, mean, capsys):
    mean.fit = lambda self: None
    failure_of(root)
    assert (
        "fit() in model.py returned nothing: self.fitted is None, no checkpoint is kept.\n"
    ) in capsys.readouterr().out


def test_a_model_of_another_name_is_told(root, mean):
    del sys.modules["model"].Model
    assert failure_of(root) == (
        "There is no class Model in model.py: write class Model(Algorithm).\n"
    )


def test_a_hyperparameter_that_is_not_declared_is_told(root, mean):
    mean.HYPERPARAMETERS = (Hyperparameter("trees", int, 50, "nothing"),)
    mean.fit = lambda self: self.hyperparameters["tress"]
    assert failure_of(root) == (
        'model.py: Unknown hyperparameter "tress": did you mean "trees"? Known are trees.\n'
    )


def test_a_model_that_is_no_algorithm_is_told(root, mean):
    sys.modules["model"].Model = type("Model", (), {})
    assert failure_of(root) == (
        "Model in model.py is no Algorithm: write class Model(Algorithm).\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "example"),
    [
        ("REQUIRED_CHANNELS", ("training"), '("training",)'),
        ("HYPERPARAMETERS", (Hyperparameter("a", int, 1, "x")), '(Hyperparameter("trees", …),)'),
        ("HYPERPARAMETERS", {"a": 1}, '(Hyperparameter("trees", …),)'),
    ],
)
def test_a_tuple_without_its_comma_is_told(root, mean, name, value, example):
    setattr(mean, name, value)
    assert failure_of(root) == f"{name} in model.py must be a tuple, such as {example}.\n"


def test_a_hyperparameter_that_stands_twice_is_told(root, mean):
    mean.HYPERPARAMETERS = [Hyperparameter("a", int, 1, "x"), Hyperparameter("a", int, 2, "y")]
    assert failure_of(root) == 'Hyperparameter "a" stands twice in model.py.\n'


def test_a_module_that_is_not_there_is_told_with_the_remedy(root, mean):
    def fit(self):
        import sklearn_of_elsewhere.svm  # noqa: F401

    mean.fit = fit
    assert failure_of(root) == (
        "The module sklearn_of_elsewhere is not in the image: write its package into "
        "requirements.in, then make lock, or put sklearn_of_elsewhere.py beside model.py.\n"
    )


def test_a_finished_that_returns_nothing_would_never_end(root, mean):
    mean.finished = lambda self: None
    sentence = "finished() in model.py returned None: let it return True or False.\n"
    assert failure_of(root) == sentence
