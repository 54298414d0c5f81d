import datetime
import decimal
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import job
from job import TrainingFailure
from job.algorithm import Algorithm
from job.model_folder import refuse_unfinished, save_model


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_number(folder):
    (folder / "number.txt").write_text("7")


def test_a_model_is_saved_with_its_metadata_c59(root):
    save_model(write_number, lambda folder: (folder / "number.txt").read_text(), {"steps": 1})
    assert names(root / "model") == ["metadata.json", "number.txt"]
    assert json.loads((root / "model/metadata.json").read_text()) == {"steps": 1}


def test_a_model_that_can_not_be_read_back_is_none(root):
    with pytest.raises(KeyError):
        save_model(write_number, lambda folder: {}["number"], {})
    assert names(root / "model") == []


def test_an_empty_model_is_a_failure_c60(root):
    with pytest.raises(TrainingFailure, match="would be empty"):
        save_model(lambda folder: None, lambda folder: None, {})
    assert names(root / "model") == []


class Odd:
    """What no JSON encoder has heard of."""

    def __str__(self):
        raise ValueError("no text")


def test_metadata_of_any_type_is_written_c59(root):
    circle = {"a": 1}
    circle["itself"] = circle
    numpy = pytest.importorskip("numpy")
    metadata = {
        "numbers": [numpy.float32(0.5), numpy.int64(3), numpy.bool_(True), numpy.array([[1, 2]])],
        "not finite": [math.nan, math.inf, numpy.float64("nan")],
        "decimal": decimal.Decimal("1.5"),
        "date": datetime.date(2026, 1, 2),
        "set": {"x"},
        "bytes": b"x",
        "path": Path("a/b"),
        "text": "\ud800",
        ("a", 1): None,
        "circle": circle,
        "odd": Odd(),
    }
    save_model(write_number, lambda folder: None, metadata)
    assert json.loads((root / "model/metadata.json").read_text()) == {
        "numbers": [0.5, 3, True, [[1, 2]]],
        "not finite": ["nan", "inf", "nan"],
        "decimal": "1.5",
        "date": "2026-01-02",
        "set": ["x"],
        "bytes": "b'x'",
        "path": "a/b",
        "text": "\ud800",
        "('a', 1)": None,
        "circle": {"a": 1, "itself": str(circle)},
        "odd": "a Odd",
    }


def test_a_model_may_have_a_metadata_file_of_its_own(root, capsys):
    def save(folder):
        write_number(folder)
        (folder / "metadata.json").write_text("its own")

    save_model(save, lambda folder: None, {"steps": 1})
    assert names(root / "model") == ["metadata.json", "number.txt", "training-metadata.json"]
    assert (root / "model/metadata.json").read_text() == "its own"
    assert json.loads((root / "model/training-metadata.json").read_text()) == {"steps": 1}
    assert "WARNING: save() in model.py wrote a metadata.json: " in capsys.readouterr().out


def test_a_job_that_is_killed_while_it_saves_leaves_a_mark(root):
    program = """
import os, signal
from job.model_folder import save_model
def save(folder):
    (folder / "first.txt").write_text("1")
    os.kill(os.getpid(), signal.SIGKILL)
save_model(save, lambda folder: None, {})
"""
    subprocess.run([sys.executable, "-c", program], cwd=Path(job.__file__).parents[1])
    assert names(root / "model") == [".saving"]
    with pytest.raises(TrainingFailure, match=r"holds \.saving: the job was killed while it saved"):
        refuse_unfinished(root / "model")
    with pytest.raises(TrainingFailure, match=r"holds \.saving"):
        Algorithm.load(root / "model")
    # The next run begins anew.
    save_model(write_number, lambda folder: None, {})
    assert names(root / "model") == ["metadata.json", "number.txt"]
    refuse_unfinished(root / "model")
