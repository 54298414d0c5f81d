"""The whole program, with a toy model."""

import gc
import json
import os
import signal
import threading

import pytest
from conftest import fill, write_checkpoint, write_config

import train
from job import stop


def terminate_and_wait(monkeypatch):
    """Send SIGTERM to this process and wait until it is logged."""
    logged = threading.Event()

    def log(line):
        if line.startswith("SIGTERM received"):
            logged.set()

    monkeypatch.setattr(stop, "log", log)
    os.kill(os.getpid(), signal.SIGTERM)
    assert logged.wait(60)


def test_training_leaves_a_model_its_metadata_and_step_lines(root, toy, capsys):
    write_config(root, "hyperparameters.json", {"count": "2"})
    assert train.main(["train"]) == 0
    assert (root / "model/count.txt").read_text() == "2"
    metadata = json.loads((root / "model/metadata.json").read_text())
    assert metadata["hyperparameters"]["count"] == 2
    assert metadata["metrics"] == {"training:count": 2.0}
    assert (metadata["steps"], metadata["stopped"]) == (2, False)
    assert metadata["rows"] == {"training": 1}
    log = capsys.readouterr().out.splitlines()
    assert "Hyperparameters: count=2 fast=false kind=adam label=x rate=0.5" in log
    assert "step=2 training:count=2" in log


def test_no_argument_trains_too_and_pairs_override(root, toy):
    assert train.main(["--count", "4"]) == 0
    assert (root / "model/count.txt").read_text() == "4"


def test_help_lists_the_hyperparameters(root, toy, capsys):
    assert train.main(["--help"]) == 0
    help_text = capsys.readouterr().out
    for each in toy.HYPERPARAMETERS:
        assert f"--{each.name}" in help_text
    assert not list((root / "model").iterdir())


def test_serve_is_refused_c22(root, toy, capsys):
    assert train.main(["serve"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_stop_saves_the_steps_done_c5(root, toy, monkeypatch):
    def step(self):
        terminate_and_wait(monkeypatch)

    toy.step = step
    (root / "checkpoints").mkdir()
    assert train.main(["train", "--count", "1000"]) == 0
    assert (root / "model/count.txt").read_text() == "1"
    assert json.loads((root / "model/metadata.json").read_text())["stopped"] is True
    assert (root / "checkpoints/checkpoint-00000001").exists()


def test_a_stop_before_the_first_step_fails_with_a_sentence(root, toy, monkeypatch):
    def read(self, channels):
        terminate_and_wait(monkeypatch)

    toy.read = read
    assert train.main(["train"]) == 1
    assert (root / "output/failure").read_text().startswith("Stopped by SIGTERM before the first")
    assert not list((root / "model").iterdir())


def test_a_run_resumes_from_the_checkpoint_c67(root, toy, capsys):
    write_checkpoint(root, 2, "2")
    assert train.main(["train"]) == 0
    log = capsys.readouterr().out
    assert "Resuming from checkpoint-00000002, after step 2." in log
    assert "step=3 " in log
    assert "step=2 " not in log


def test_a_run_that_resumes_at_the_end_saves_the_model_again(root, toy):
    write_checkpoint(root, 3, "3")
    assert train.main(["train"]) == 0
    assert json.loads((root / "model/metadata.json").read_text())["metrics"]


def test_an_error_in_the_model_is_a_failure_with_a_trace(root, toy, capsys):
    def step(self):
        raise ZeroDivisionError("by zero")

    toy.step = step
    assert train.main(["train"]) == 1
    assert (root / "output/failure").read_text().startswith("ZeroDivisionError: by zero\n")
    assert "Traceback" in capsys.readouterr().err


SEVERAL = """
import types
import train
class Model(conftest.ToyModel):
    SEVERAL_HOSTS = True
    def checksum(self):
        return {checksum}
sys.modules["model"] = types.ModuleType("model")
sys.modules["model"].Model = Model
train.train(["train"], stop)
"""
NAMES = ["127.0.0.1", "algo-2"]


def test_the_leader_alone_writes_and_speaks_of_steps_c61_c66(run_hosts, tmp_path):
    for name in NAMES:
        fill(tmp_path / name)
        (tmp_path / name / "checkpoints").mkdir()
    leader, worker = run_hosts(SEVERAL.format(checksum=7), NAMES)
    assert (leader[0], worker[0]) == (0, 0), leader[2] + worker[2]
    assert "step=3 " in leader[1]
    assert "step=" not in worker[1]
    for folder in ("model", "checkpoints"):
        assert list((tmp_path / NAMES[0] / folder).iterdir())
        assert not list((tmp_path / NAMES[1] / folder).iterdir())


def test_models_that_differ_are_not_saved(run_hosts, tmp_path):
    for code, _, errors in run_hosts(SEVERAL.format(checksum="os.getpid()"), NAMES):
        assert code == 1
        assert errors.startswith("The hosts have models of different checksums (127.0.0.1: ")
    assert not list((tmp_path / NAMES[0] / "model").iterdir())


def test_hosts_that_find_different_checkpoints_do_not_go_on_c66(run_hosts, tmp_path):
    fill(tmp_path / NAMES[0])
    write_checkpoint(tmp_path / NAMES[0], 2, "2")
    for code, _, errors in run_hosts(SEVERAL.format(checksum=7), NAMES):
        assert code == 1
        assert errors.startswith(
            "The hosts resumed after different steps (127.0.0.1: 2, algo-2: 0)"
        )


def test_several_hosts_are_refused_for_a_model_that_can_not_c97(root, toy, capsys):
    write_config(root, "resourceconfig.json", {"current_host": "b", "hosts": ["b", "a"]})
    assert train.main(["train"]) == 1
    assert capsys.readouterr().err.startswith("This program trains on one host and the job has 2 ")


def test_a_stop_before_the_data_are_read_ends_at_once_c5(root, toy, monkeypatch):
    def begin(self, hyperparameters):
        terminate_and_wait(monkeypatch)

    toy.__init__ = begin
    toy.read = lambda self, channels: pytest.fail("it read on")
    assert train.main(["train"]) == 1
    assert (root / "output/failure").read_text().startswith("Stopped by SIGTERM before the first")


def test_a_stop_before_the_data_are_read_saves_what_a_checkpoint_has_c5(root, toy, monkeypatch):
    def begin(self, hyperparameters):
        self.hyperparameters = hyperparameters
        terminate_and_wait(monkeypatch)

    toy.__init__ = begin
    write_checkpoint(root, 2, "2")
    assert train.main(["train"]) == 0
    assert (root / "model/count.txt").read_text() == "2"
    assert json.loads((root / "model/metadata.json").read_text())["stopped"] is True


def test_the_garbage_collector_passes_over_what_was_imported(root, toy):
    gc.unfreeze()
    assert train.main(["train"]) == 0
    assert gc.get_freeze_count() > 1000
