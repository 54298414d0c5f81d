"""The model of the README and the examples, run as they stand there."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
(MODEL,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def train(root, code, *arguments):
    return subprocess.run(
        [sys.executable, "train.py", "train", *arguments],
        cwd=code,
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(root)},
        capture_output=True,
        encoding="utf-8",
    )


@pytest.fixture
def start(tmp_path):
    """Function: rows → the folder of a finished training of the model to start from."""
    code = shutil.copytree(REPOSITORY / "training", tmp_path / "code")
    (code / "model.py").write_text(MODEL, encoding="utf-8")
    for name in ("columns.py", "matrices.py", "tables.py"):
        (code / name).unlink()

    def start(text, *arguments):
        # A channel that the model does not know may hold anything.
        other = tmp_path / "ml/input/data/code/a.csv"
        other.parent.mkdir(parents=True)
        other.write_text("x,y\n1,2\n")
        for channel in ("training", "validation"):
            folder = tmp_path / "ml/input/data" / channel
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "a.csv").write_text(text)
        return tmp_path / "ml", train(tmp_path / "ml", code, *arguments)

    return start


ROWS = "a,body_mass_g,b\n1,5,1\n2,8,1\n3,13,2\n5,17,1\n"  # 3 a + 2 b


def test_the_model_to_start_from_trains(start):
    root, run = start(ROWS, "--ridge", "0")
    assert run.returncode == 0, run.stderr
    assert re.search(r"^step=1 training:rmse=\d.* validation:rmse=\d", run.stdout, re.MULTILINE)
    weights = numpy.loadtxt(root / "model/weights.csv")
    assert weights == pytest.approx([3, 2], abs=1e-6)
    assert json.loads((root / "model/metadata.json").read_text())["steps"] == 1


def test_it_trains_on_the_data_that_are_shipped(start):
    text = (REPOSITORY / "data/training/penguins.csv").read_text(encoding="utf-8")
    root, run = start(text)
    (rmse,) = re.findall(r"^step=1 training:rmse=([\d.]+) ", run.stdout, re.MULTILINE)
    assert 100 < float(rmse) < 700  # grams; by the mean alone it is 800
    header = (root / "model/weights.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "flipper_length_mm" in header and "species" not in header


def test_what_is_wrong_with_its_data_is_one_sentence(start):
    _, run = start(ROWS.replace("13", ""))
    sentence = "training: column body_mass_g is missing or not all numbers.\n"
    assert (run.returncode, run.stderr) == (1, sentence)


def test_a_column_that_is_not_there_is_one_sentence(start):
    _, run = start(ROWS, "--target", "c")
    assert run.returncode == 1
    assert run.stderr == "training: column c is missing or not all numbers.\n"


def test_it_reads_a_file_of_excel_and_one_of_a_single_row(start):
    _, run = start("\ufeffbody_mass_g,a\r\n5,1\r\n")
    assert run.returncode == 0, run.stderr


def test_it_has_no_more_lines_than_one_reads():
    assert len(MODEL.strip().splitlines()) <= 45


def test_the_models_predictions_need_nothing_of_this_repository(tmp_path):
    for channel in ("training", "validation"):
        copy = shutil.copytree(REPOSITORY / "data" / channel, tmp_path / "input/data" / channel)
        # With a further column of text and empty cells, some of them in quotes.
        header, *rows = (copy / "penguins.csv").read_text().splitlines()
        texts = itertools.cycle([" Torgersen", '"Dream, or ""Biscoe"""', "", '""', "Biscoe"])
        rows = [f"{row},{text}" for row, text in zip(rows, texts, strict=False)]
        text = "\n".join([f"\ufeff{header}, island", *rows])
        (copy / "penguins.csv").write_text(text, encoding="utf-8")
    done = train(tmp_path, REPOSITORY / "training", "--rounds", "20")
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-I", str(REPOSITORY / "examples/predict.py")]
    command += ["model", "input/data/validation/penguins.csv"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    chances = [float(word) for word in run.stdout.split()]
    lines = (REPOSITORY / "data/validation/penguins.csv").read_text().splitlines()[1:]
    pairs = zip(chances, lines, strict=True)
    right = sum((chance > 0.5) == line.startswith("1,") for chance, line in pairs)
    metadata = json.loads((tmp_path / "model/metadata.json").read_text())
    assert right / len(lines) == pytest.approx(metadata["metrics"]["validation:accuracy"])
    assert metadata["categories"]["island"] == ["Biscoe", 'Dream, or "Biscoe"', "Torgersen"]
    # Where a job was killed in the midst of saving, it says so.
    (tmp_path / "model/.saving").mkdir()
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert run.stderr == "The job was killed while it saved: the model is not whole.\n"
