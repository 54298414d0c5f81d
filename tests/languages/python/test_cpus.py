import os
import subprocess
import sys
from pathlib import Path

import pytest

import job
from job import cpus


@pytest.mark.parametrize(
    ("files", "number"),
    [
        ({"cpu.max": "150000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, 4),
        ({"cpu.max": "900000 100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({}, 4),
    ],
)
def test_the_cpus_are_those_of_the_container(tmp_path, monkeypatch, files, number):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert cpus.cpus(tmp_path) == number


def test_threads_follow_the_cpus_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.setattr(cpus, "cpus", lambda: 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "OMP_WAIT_POLICY"):
        # So that it is taken away again.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    cpus.limit_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert (os.environ["OMP_NUM_THREADS"], os.environ["POLARS_MAX_THREADS"]) == ("1", "3")


def test_a_way_of_waiting_that_the_environment_chooses_stays(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    cpus.limit_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_the_library_that_trains_takes_the_way_of_waiting(root):
    # libgomp shows its settings when it is loaded, which must be after they are made.
    program = "from job.cpus import limit_threads; limit_threads(); import xgboost"
    environment = {**os.environ, "OMP_DISPLAY_ENV": "TRUE"}
    environment.pop("OMP_WAIT_POLICY", None)
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(job.__file__).parents[1],
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in run.stderr
