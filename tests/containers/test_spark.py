"""The recipe of Spark: MLlib on one host and on two, stopped, a host killed, and the contract.

A run takes some 20 seconds of a CPU for each of its processes, so that each test looks at much.
"""

import json
import re
import shutil

import pytest
from jobs import CHANNEL, HANG, SHARDED, Cluster, Job
from support import TEMPLATE
from test_own_model import LEFT_OVER

RECIPE = TEMPLATE / "recipes/java/spark"
LONG = {"max_iterations": "1000000", "tolerance": "0"}
# Java starts faster without its second compiler.
QUICK = ("--env", "JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

pytestmark = pytest.mark.parametrize("language", ["java"], indirect=True)


@pytest.fixture(scope="module")
def own_repository(bake, language, make):
    """A repository with the recipe in place of the template's model, built."""
    repository = bake(language, project_slug="spark-java")
    shutil.copytree(RECIPE, repository, dirs_exist_ok=True)
    for name in LEFT_OVER[language]:
        (repository / name).unlink()
    path = repository / "training-job.json"
    job = json.loads(path.read_text(encoding="utf-8"))
    job["HyperParameters"] = {"formula": "is_male ~ .", "max_iterations": "100"}
    path.write_text(json.dumps(job, indent=2) + "\n", encoding="utf-8")
    make(repository, "build")
    return repository


@pytest.fixture
def cluster(engine, own_repository, tmp_path):
    """Two hosts, each of which has all the files."""
    cluster = Cluster(engine, f"{own_repository.name}:local", tmp_path / "job")
    cluster.configure("inputdataconfig", {"training": CHANNEL, "validation": CHANNEL})
    yield cluster
    cluster.close()


def test_one_host_and_two_have_the_same_model(cluster, engine, own_repository, tmp_path):
    job = Job(engine, f"{own_repository.name}:local", tmp_path / "alone")
    # No network, nothing writable but /tmp, from which nothing can be executed.
    isolated = ("--network", "none", "--read-only", "--tmpfs", "/tmp")
    running = job.start(*isolated, *QUICK)
    assert running.end() == 0, "\n".join(running.lines)
    log = "\n".join(running.lines)
    assert "Left out 8 of 266 rows of training: a value is missing" in log
    # A slow machine may have Spark warn of other things.
    assert not re.search("Spark: (ERROR|.*(NativeCode|MacAddress|Asked to remove))", log), log
    assert not re.search(r"^\s+at ", log, re.MULTILINE)
    alone = job.metadata()
    assert alone["rows"] == {"training": 258, "validation": 66}
    assert alone["stopped"] is False
    assert {"species_Chinstrap", "species_Gentoo"} < set(alone["coefficients"])
    assert alone["metrics"]["validation:log_loss"] < 0.11

    cluster.start(options=QUICK)
    assert set(cluster.end().values()) == {0}, cluster.log()
    assert "Spark 4.2.0 has an executor on each of 2 hosts." in cluster.log()
    both = cluster.leader.metadata()
    assert both["rows"] == alone["rows"]
    assert both["coefficients"] == pytest.approx(alone["coefficients"], rel=1e-2, abs=1e-2)
    assert both["metrics"] == pytest.approx(alone["metrics"], abs=1e-5)
    # Whole, on the leader alone.
    assert (cluster.leader.model / "pipeline/metadata").is_dir()
    assert not list(cluster.jobs["algo-2"].model.iterdir())


def test_a_killed_host_ends_the_job_and_a_stopped_one_resumes_c5_c67_c98(cluster):
    cluster.configure("hyperparameters", LONG)
    cluster.start(options=QUICK)
    cluster.running["algo-1"].wait_for("step=2 ")
    cluster.running["algo-2"].do("kill")
    assert cluster.end() == {"algo-1": 1, "algo-2": 137}, cluster.log()
    said = cluster.leader.failure_file.read_text(encoding="utf-8")
    assert said == "Host algo-2 is gone: the job can't go on without it.\n"
    assert not list(cluster.leader.model.iterdir())

    cluster.start(options=QUICK)
    leader = cluster.running["algo-1"]
    leader.wait_for("Resuming from checkpoint-")
    leader.wait_for("step=")
    for running in cluster.running.values():
        running.begin_stop(seconds=HANG)
    assert set(cluster.end().values()) == {0}, cluster.log()
    metadata = cluster.leader.metadata()
    assert metadata["stopped"] is True and metadata["steps"] > 1


def test_files_that_a_host_lacks_are_an_error_that_names_the_channel(cluster):
    cluster.configure("inputdataconfig", {"training": SHARDED, "validation": CHANNEL})
    lacking = cluster.jobs["algo-2"].training_file()
    lacking.rename(lacking.with_name("other.csv"))
    cluster.start(options=QUICK)
    assert set(cluster.end().values()) == {1}, cluster.log()
    sentences = [job.failure_file.read_text(encoding="utf-8") for job in cluster.jobs.values()]
    assert any('channel "training" must be FullyReplicated' in each for each in sentences)


# What the recipe's own code has a part in; the rest is that of job/, which other images prove.
CLAUSES = "c1_ or c5_ or c27_ or c43_ or c51_ or c56_ or c6 or c94_"


def test_the_contract(own_repository, make):
    output = make(own_repository, "contract", f"ARGS=-k '{CLAUSES}'").stdout
    assert re.search(r"\b\d+ passed in ", output), output[-3000:]
