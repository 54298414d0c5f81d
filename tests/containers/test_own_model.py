"""Another model, as its user would write it, in place of the template's.

It reads text columns, prints other metrics, needs other packages, has a helper file and other
channels, and does all in one blocking fit. What is touched is what the README calls "yours".
"""

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from jobs import Job
from support import TEMPLATE

DATA = Path(__file__).parents[1] / "own_models" / "data"
# They lie where users find them, as overlays of a repository.
RECIPES = {
    "python": TEMPLATE / "recipes/python/scikit-learn",
    "r": TEMPLATE / "recipes/r/ranger",
    "java": TEMPLATE / "recipes/java/tribuo",
}
# What belongs to the model that was replaced.
LEFT_OVER = {
    "python": ["training/columns.py", "training/matrices.py", "training/tables.py"],
    "r": ["training/glm.R", "training/tables.R", "training/csv.R"],
    "java": [
        "src/main/java/training/Categories.java",
        "src/main/java/training/Columns.java",
        "src/main/java/training/Csv.java",
        "src/main/java/training/Matrices.java",
        "src/main/java/training/QuantileMatrix.java",
        "src/main/java/training/Spool.java",
        "src/main/java/training/Table.java",
        "src/main/java/training/Way.java",
        "src/main/java/training/Xgboost.java",
    ],
}
CHANNELS = ("train", "holdout")
HYPERPARAMETERS = {
    "python": {"outcome": "body_mass_g", "C": "2000", "shrinking": "true"},
    "r": {"outcome": "body_mass_g", "trees": "50", "bootstrap": "true"},
    "java": {"outcome": "body_mass_g", "trees": "50", "half": "true"},
}
# A fit of several seconds, and the line with which it begins.
SLOW = {
    "python": {"tol": "1e-300", "max_iter": "50000000"},
    "r": {"splits": "8000"},
    "java": {"trees": "1500"},
}
BEGINS = {"python": "Fitting", "r": "Growing", "java": "Growing"}


def replace_job(language, repository):
    """Write the hyperparameters, channels and metrics of the other model into the job."""
    path = repository / "training-job.json"
    job = json.loads(path.read_text(encoding="utf-8"))
    job["HyperParameters"] = HYPERPARAMETERS[language]
    for channel, name in zip(job["InputDataConfig"], CHANNELS, strict=True):
        channel["ChannelName"] = name
    job["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": name, "Regex": f"{name}=([-+.0-9e]+)"}
        for name in ("training:rmse", "holdout:rmse")
    ]
    path.write_text(json.dumps(job, indent=2) + "\n", encoding="utf-8")
    # It has the sample's names, and `make check` asks for those of the job.
    (repository / "tuning-job.json").unlink()


@pytest.fixture(scope="module")
def own_repository(bake, language, make):
    """A repository with the other model in place of the template's."""
    repository = bake(language, project_slug=f"own-model-{language}")
    shutil.copytree(RECIPES[language], repository, dirs_exist_ok=True)
    for name in LEFT_OVER[language]:
        (repository / name).unlink()
    replace_job(language, repository)
    shutil.rmtree(repository / "data")
    shutil.copytree(DATA, repository / "data")
    if language == "python":
        make(repository, "lock")
    make(repository, "build")
    return repository


@pytest.fixture
def job(engine, own_repository, tmp_path):
    job = Job(engine, f"{own_repository.name}:local", tmp_path / "job")
    shutil.rmtree(job.folder / "input/data")
    shutil.copytree(DATA, job.folder / "input/data")
    job.configure("inputdataconfig", {name: {"TrainingInputMode": "File"} for name in CHANNELS})
    yield job
    job.close()


def test_it_trains_and_passes_all_that_is_shipped(own_repository, make):
    output = make(own_repository, "train", "test", "check", "contract").stdout
    assert "\nStatus: Completed\n  training:rmse = " in output
    assert "\n  holdout:rmse = " in output
    assert re.search(r"\b\d+ passed, 5 skipped in ", output), output[-2000:]


def test_a_job_leaves_the_other_model_and_nothing_of_the_first(job):
    done = job.run("train")
    assert (done.returncode, done.stderr) == (0, "")
    metadata = job.metadata()
    assert metadata["rows"] == {"train": 60, "holdout": 20}
    assert metadata["metrics"]["holdout:rmse"] < 500
    assert (metadata["steps"], metadata["stopped"]) == (1, False)
    assert len(job.model_bytes()) == 2


def test_a_stop_in_the_fit_is_logged_at_once_and_the_fit_ends_c5(job, language):
    job.configure("hyperparameters", SLOW[language])
    running = job.start()
    running.wait_for(BEGINS[language])
    time.sleep(2)  # Until it is in the library's own code.
    running.begin_stop(seconds=120)
    asked = time.monotonic()
    running.wait_for("SIGTERM received: finishing this step")
    waited = time.monotonic() - asked
    assert running.end() == 0, "\n".join(running.lines)
    took = time.monotonic() - asked
    # Else the fit was over before the signal came, and this test said nothing.
    assert took > 2 * waited + 1, f"logged after {waited:.1f} s, ended after {took:.1f} s"
    # Whole: a stop can't shorten a fit of one step.
    assert (job.metadata()["steps"], job.metadata()["stopped"]) == (1, False)


def test_a_killed_fit_starts_anew_and_a_finished_one_does_not_c67(job, language):
    job.configure("hyperparameters", SLOW[language])
    running = job.start()
    running.wait_for(BEGINS[language])
    assert running.kill() == 137
    assert not list(job.model.iterdir())
    assert not list(job.checkpoints.iterdir())

    job.configure("hyperparameters", {})
    first = job.run("train")
    assert first.returncode == 0, first.stderr
    assert "Resuming" not in first.stdout
    metadata = job.metadata()
    again = job.run("train")
    assert again.returncode == 0, again.stderr
    assert "Resuming from checkpoint-00000001, after step 1." in again.stdout
    assert BEGINS[language] not in again.stdout
    assert job.metadata() == metadata


def test_a_model_that_does_not_say_that_it_can_is_refused_on_several_hosts_c97(job):
    job.configure("resourceconfig", {"current_host": "b", "hosts": ["b", "a"]})
    done = job.run("train")
    assert done.returncode == 1
    sentence = "This program trains on one host and the job has 2 (a, b): set InstanceCount to 1"
    assert done.stderr.startswith(sentence)
    assert job.failure_file.read_text(encoding="utf-8") == done.stderr


def test_a_failure_that_the_model_raises_is_one_sentence_c58(job):
    file = job.folder / "input/data/holdout/penguins.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("Gentoo", "Macaroni"), encoding="utf-8")
    done = job.run("train")
    assert done.returncode == 1
    assert done.stderr == 'The species "Macaroni" of holdout is not among those of train.\n'
    assert job.failure_file.read_text(encoding="utf-8") == done.stderr
    assert not list(job.model.iterdir())
