import json

import pytest

from job import TrainingFailure
from job.model_folder import save_model


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
