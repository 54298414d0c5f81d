"""A test of the model to start from: the program, run on data/ as training-job.json says.

It is yours: add what your model must do. `make test` runs it in the image; a test that fails shows
the program's log.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
JOB = json.loads((REPOSITORY / "training-job.json").read_text(encoding="utf-8"))


def train(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the program in a folder that stands for /opt/ml; its log is stdout, with stderr in it."""
    names = [channel["ChannelName"] for channel in JOB.get("InputDataConfig", [])]
    for name in names:
        shutil.copytree(REPOSITORY / "data" / name, root / "input/data" / name)
    config = root / "input/config"
    config.mkdir()
    (config / "hyperparameters.json").write_text(json.dumps(JOB["HyperParameters"]))
    (config / "inputdataconfig.json").write_text(json.dumps({name: {} for name in names}))
    return subprocess.run(
        [sys.executable, "train.py", "train", *arguments],
        cwd=REPOSITORY / "training",
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, str]:
    """Return the folder and the log of a training that succeeded."""
    root = tmp_path_factory.mktemp("ml")
    run = train(root)
    assert run.returncode == 0, run.stdout
    return root, run.stdout


def test_it_leaves_a_model_and_says_what_it_is(trained):
    root, log = trained
    assert len(list((root / "model").iterdir())) >= 2, log
    assert json.loads((root / "model/metadata.json").read_text(encoding="utf-8"))["steps"] >= 1


@pytest.mark.parametrize(
    "metric", JOB["AlgorithmSpecification"]["MetricDefinitions"], ids=lambda metric: metric["Name"]
)
def test_each_metric_of_the_job_is_in_the_log(trained, metric):
    found = re.findall(metric["Regex"], trained[1])
    assert [float(number) for number in found], trained[1]
