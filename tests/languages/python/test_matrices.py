"""The two ways to XGBoost: which is taken, that both have the same model, and what they leave."""

import json
import os
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy
import pytest
import test_trees
import xgboost
from conftest import write_config
from test_texts import TEXT
from test_trees import DATA, PENGUINS, on_hosts, take_steps, train

import matrices
from columns import Columns
from job import TrainingFailure

MB = 2**20


@pytest.fixture
def ways(monkeypatch):
    """Function: call it in memory, and on the disk, a thousandth of a batch at a time → both."""
    kinds = []
    for kind in ("QuantileDMatrix", "ExtMemQuantileDMatrix"):
        new = getattr(xgboost, kind)

        def note(*arguments, _new=new, _kind=kind, **more):
            kinds.append(_kind)
            return _new(*arguments, **more)

        monkeypatch.setattr(xgboost, kind, note)

    def both(call):
        results = []
        for room, kind in ((2**50, "QuantileDMatrix"), (0, "ExtMemQuantileDMatrix")):
            kinds.clear()
            with monkeypatch.context() as patch:
                patch.setattr(matrices, "memory", lambda room=room: room)
                patch.setattr(matrices, "BATCH", 1000)
                results.append(call())
            assert set(kinds) == {kind}
        return results

    return both


def test_both_ways_have_the_same_model_and_metrics(ways, write, saved):
    def penguins():
        model = train(PENGUINS, 20)
        return saved(model), model.metrics(), model.metadata()

    in_memory, on_disk = ways(penguins)
    assert in_memory == on_disk
    texts = {"training": [write(TEXT)], "validation": [write(TEXT, "b.csv")]}
    in_memory, on_disk = ways(lambda: saved(train(texts, 20)))
    assert in_memory == on_disk == saved(train(texts, 20))


def test_both_ways_resume_to_the_same_model(ways, tmp_path, saved):
    def resume():
        train(PENGUINS, 5).save_checkpoint(tmp_path / "checkpoint")
        model = train(PENGUINS, 0)
        model.load_checkpoint(tmp_path / "checkpoint")
        model.steps = 5
        take_steps(model, 12)
        return saved(model)

    assert ways(resume) == [saved(train(PENGUINS, 12))] * 2


@pytest.mark.parametrize("frugal", [0, 2, "not 1"])
def test_hosts_that_go_different_ways_have_the_model_of_one_way(
    run_hosts, tmp_path, monkeypatch, frugal
):
    header, *rows = TEXT.splitlines()
    shards = ["\n".join([header, *rows[:30]]), "", "\n".join([header, *rows[30:]])]
    fast = on_hosts(run_hosts, tmp_path, shards)
    condition = "rank != 1" if frugal == "not 1" else f"rank == {frugal}"
    force = f"import matrices\nif {condition}:\n    matrices.memory = lambda: 0\n"
    monkeypatch.setattr(test_trees, "ON_A_HOST", force + test_trees.ON_A_HOST)
    shutil.rmtree(tmp_path)
    assert on_hosts(run_hosts, tmp_path, shards) == fast


def test_a_channel_without_rows_on_this_host_stays_in_memory(monkeypatch):
    monkeypatch.setattr(matrices, "memory", lambda: 0)
    columns = Columns(["is_male", "a"], "a.csv", "is_male", {})
    table = numpy.float32([[1], [2]]), numpy.float32([0, 1])
    full, empty = matrices.spool([table], columns), matrices.spool([], columns)
    for training, validation in ((full, empty), (empty, full), (empty, empty)):
        built = matrices.build(
            {"training": training, "validation": validation},
            columns,
            {"device": "cpu", "max_depth": 3},
        )
        for channel, spool in (("training", training), ("validation", validation)):
            rows = len(spool.targets)
            assert built[channel].num_row() == rows
            kind = xgboost.ExtMemQuantileDMatrix if rows else xgboost.QuantileDMatrix
            assert type(built[channel]) is kind


# ---- The choice ----------------------------------------------------------------------------


def spool_of(rows, columns, complete=True):
    """Return a spool of so many rows that takes no memory."""
    zero = numpy.zeros((1, 1), numpy.float32)
    features = numpy.broadcast_to(zero, (rows, columns))
    return matrices.Spool(features, numpy.broadcast_to(zero[0], rows), complete)


def choose(monkeypatch, room, *spools, device="cpu", free=10**6):
    monkeypatch.setattr(matrices, "memory", lambda: int(room * MB))
    monkeypatch.setattr(matrices, "_anonymous", lambda: 50 * MB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free * MB))
    spools = dict(zip(("training", "validation"), spools, strict=False))
    return matrices.choose(spools, {"device": device, "max_depth": 4})


@pytest.mark.parametrize(
    ("spools", "least"),
    [
        # 50 MB that are in use, a batch, 52 bytes a row, 2.5 or 5.2 a number, 0.6 MB a column
        ([spool_of(10, 5)], 1.1 * 58),
        ([spool_of(1_000_000, 20)], 1.1 * (50 + 8 + 50 + 48 + 11)),
        ([spool_of(1_000_000, 20, complete=False)], 1.1 * (50 + 8 + 50 + 99 + 11)),
        # the validation's numbers have 8 bytes, and 8 more a row
        ([spool_of(1_000_000, 20), spool_of(1_000_000, 20)], 1.1 * (50 + 8 + 100 + 209 + 22)),
        ([spool_of(1000, 1000)], 1.1 * (50 + 8 + 2 + 15)),
    ],
)
def test_the_data_stay_in_memory_while_they_fit(monkeypatch, spools, least):
    assert choose(monkeypatch, least * 1.05, *spools)[0] is False
    assert choose(monkeypatch, least * 0.95, *spools)[0] is True
    assert choose(monkeypatch, least * 0.95, *spools, device="cuda")[0] is False


def test_the_log_says_what_training_needs(monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", "/tmp")
    choose(monkeypatch, 1000, spool_of(1_000_000, 20))
    said = capsys.readouterr().out
    assert said == "The data are kept in memory: training needs some 109 MB.\n"
    assert choose(monkeypatch, 130, spool_of(1_000_000, 20)) == (True, 130 * MB // 250)
    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        "The data are kept on the disk: training needs some 109 MB for them in memory, "
        "of which 80 MB are free."
    )
    # 9 times: twice for each of four levels, and once for the predictions.
    assert second == (
        "Training needs some 132 MB in /tmp, and 116 MB of memory. "
        "A step reads up to 498 MB, less what memory has room to keep."
    )
    choose(monkeypatch, 100, spool_of(1_000_000, 20))
    assert "\nWARNING: this is more memory than there is: " in capsys.readouterr().out


def test_too_small_a_disk_is_one_sentence(monkeypatch):
    with pytest.raises(TrainingFailure) as failure:
        choose(monkeypatch, 100, spool_of(1_000_000, 20), free=30)
    assert str(failure.value).endswith(
        " has 30 MB free, and training needs 56 MB there: "
        "raise VolumeSizeInGB in training-job.json."
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 1010),
        ({"memory.max": "max\n"}, 1010),
        ({"memory.max": str(512 * MB)}, 512),
        ({"memory.max": str(2048 * MB)}, 1010),
        ({"memory/memory.limit_in_bytes": str(256 * MB)}, 256),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, 1010),
    ],
)
def test_the_memory_is_the_containers(tmp_path, files, expected):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9999999 kB\nMemAvailable: 1024000 kB\n")
    (tmp_path / "proc/self/status").write_text("Name:\tpython\nRssAnon:\t   10240 kB\n")
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert matrices.memory(tmp_path / "cgroup", tmp_path / "proc") == expected * MB


# ---- What is left --------------------------------------------------------------------------


def test_the_rows_are_in_no_memory_of_their_own():
    columns = Columns(["a", "is_male"], "a.csv", "is_male", {})
    table = numpy.float32([[numpy.nan], [1]]), numpy.float32([0, 1])
    spool = matrices.spool([table, table], columns)
    assert spool.features.shape == (4, 1) and spool.targets.tolist() == [0, 1, 0, 1]
    assert type(spool.features) is type(spool.targets) is numpy.memmap
    assert not spool.complete


PROGRAM = """
import os, sys, threading
import matrices, train
from job import outcome
matrices.memory = lambda: 0
class Model(__import__("model").Model):
    def step(self):
        super().step()
        if self.steps == 2:
            files = [each for _, _, found in os.walk(os.environ["TMPDIR"]) for each in found]
            assert files
            {act}
sys.modules["model"].Model = Model
code = train.main(["train", "--rounds", "{rounds}"])
if code != 0:
    outcome.end_process(code)
"""
ENDS = {
    "success": ("pass", 5, 0),
    "os._exit": ("os._exit(3)", 5, 3),
    "a failure": ("1 / 0", 5, 1),
    "a host that is gone": (
        "threading.Thread(target=outcome.fail_at_once, args=['gone']).start()",
        100_000,
        1,
    ),
    "SIGTERM": ("print('now', flush=True)", 100_000, 0),
}


@pytest.mark.parametrize(("act", "rounds", "code"), ENDS.values(), ids=ENDS)
def test_no_files_stay_behind(tmp_path, root, act, rounds, code):
    for channel in ("training", "validation"):
        shutil.copytree(DATA / channel, root / "input/data" / channel, dirs_exist_ok=True)
    (root / "input/data/training/a.txt").unlink()
    write_config(root, "inputdataconfig.json", {"training": {}, "validation": {}})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(act=act, rounds=rounds)],
        cwd=DATA.parent / "training",
        env=os.environ | {"TMPDIR": str(temporary), "SAGEMAKER_BASE_DIR": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    for line in process.stdout:
        if line == "now\n":
            process.send_signal(signal.SIGTERM)
    errors = process.stderr.read()
    assert process.wait(60) == code, errors
    assert not list(temporary.iterdir())
    if "gone" in act:
        assert errors == "gone\n"
    if code == 0:
        assert json.loads((root / "model/metadata.json").read_text())["rows"]["training"] == 266
