"""One job on several hosts: the model of all shards, and every fault ends every host.

The same table for each language; what only one needs is in its own tests. Seconds are printed and
recorded, never judged: `pytest -rP` shows them.
"""

import itertools
import json
import re
import shutil
import time

import pytest
from jobs import DATA, LONG, Cluster, Job

TRAINING = DATA / "training/penguins.csv"
HEADER, *ROWS = TRAINING.read_text(encoding="utf-8").splitlines()
# Adelie on one host, the others on the other: neither knows what its peer has, nor how much.
ADELIE = [row for row in ROWS if "Adelie" in row]
OTHERS = [row for row in ROWS if row not in ADELIE]
GONE = "Host {} is gone: the job can't go on without it."


def give(job, *files, header=HEADER):
    """Let these lists of rows be the files of a host's training channel."""
    folder = job.folder / "input/data/training"
    shutil.rmtree(folder)
    folder.mkdir()
    for number, rows in enumerate(files):
        # Names and depths differ from host to host.
        path = folder / f"{job.folder.name}-{number}" / f"part-{number}.csv"
        path.parent.mkdir()
        path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")


@pytest.fixture
def cluster(engine, image, tmp_path):
    """Two hosts whose shards are not alike; the validation channel is the same on both."""
    cluster = Cluster(engine, image, tmp_path / "job")
    give(cluster.jobs["algo-1"], OTHERS[::2], OTHERS[1::2])
    give(cluster.jobs["algo-2"], ADELIE)
    yield cluster
    cluster.close()


@pytest.fixture
def took(record_property, language):
    """Function: write down how many seconds something took."""

    def record(what, seconds):
        record_property(what, f"{seconds:.1f} s")
        print(f"{language}: {what}: {seconds:.1f} s")

    return record


def ended(cluster):
    """Await the ends of a good run."""
    codes = cluster.end()
    assert set(codes.values()) == {0}, cluster.log()
    assert not any(job.failure_file.exists() for job in cluster.jobs.values())
    assert not any(
        list(job.model.iterdir()) for name, job in cluster.jobs.items() if name > "algo-1"
    )
    return cluster.leader.metadata()


def failed(cluster, sentences):
    """Await the ends of a run that failed on every host, each with its sentence."""
    codes = cluster.end()
    for name, sentence in sentences.items():
        assert codes[name] == 1, cluster.log()
        said = cluster.jobs[name].failure_file.read_text(encoding="utf-8")
        assert said.startswith(sentence), f"{name} said {said!r}\n{cluster.log()}"
        assert said.count("\n") == 1
        log = "\n".join(cluster.running[name].lines)
        assert log.count(said.strip()) == 1 and not re.search(r"Traceback|Stack trace|^\s+at ", log)
        assert not list(cluster.jobs[name].model.iterdir())


def alone(engine, image, folder, rows):
    """Return the metadata of the model that one host makes of these rows."""
    job = Job(engine, image, folder)
    give(job, rows)
    done = job.run("train")
    assert done.returncode == 0, done.stderr
    return job


# ---- Good runs -------------------------------------------------------------------------------


def test_unlike_shards_give_the_model_of_all_the_data_c52_c61(
    cluster, engine, image, language, repository, tmp_path, took
):
    cluster.start()
    metadata = ended(cluster)
    all_data = alone(engine, image, tmp_path / "all", OTHERS + ADELIE)
    name = "validation:log_loss"
    wanted = all_data.metadata()["metrics"][name]
    if language != "r":  # which refuses columns that are constant
        # With a row of each other species, since validation has them.
        few = [next(row for row in OTHERS if each in row) for each in ("Chinstrap", "Gentoo")]
        shard = alone(engine, image, tmp_path / "one", ADELIE + few).metadata()["metrics"][name]
        assert shard > wanted + 0.1, "a shard alone is good enough: this test says nothing"
    tolerance = 1e-8 if language == "r" else 0.02
    assert metadata["metrics"][name] == pytest.approx(wanted, abs=tolerance)
    # Each host says who it is, and the leader alone what it has learned (C94, C98).
    lines = {name: "\n".join(running.lines) for name, running in cluster.running.items()}
    for name, text in lines.items():
        assert f"Hosts: algo-1 (leader), algo-2; this is {name}.\n" in text
    request = json.loads((repository / "training-job.json").read_text(encoding="utf-8"))
    for definition in request["AlgorithmSpecification"]["MetricDefinitions"]:
        assert re.search(definition["Regex"], lines["algo-1"])
        assert not re.search(definition["Regex"], lines["algo-2"])
    took("the ends of the two hosts lie apart by", apart(cluster))


def apart(cluster):
    ends = [running.ended for running in cluster.running.values()]
    return max(ends) - min(ends)


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))), ids=str)
def test_three_hosts_in_every_order_of_names_and_addresses_c35_c96(engine, image, tmp_path, order):
    cluster = Cluster(engine, image, tmp_path / "job", size=3)
    try:
        for number, job in enumerate(cluster.jobs.values()):
            give(job, ROWS[number::3])
        # The first of the sorted names leads, whatever order the file has.
        for name, job in cluster.jobs.items():
            hosts = {"current_host": name, "hosts": ["algo-3", "algo-1", "algo-2"]}
            job.configure("resourceconfig", hosts)
        # The engine gives out the addresses of a network in the order of the starts.
        for number in order:
            cluster.start(f"algo-{number}")
            cluster.running[f"algo-{number}"].wait_for("Hosts: ")
        assert ended(cluster)["metrics"]["validation:accuracy"] > 0.9
    finally:
        cluster.close()


@pytest.mark.parametrize(("first", "late"), [("algo-1", "algo-2"), ("algo-2", "algo-1")])
def test_a_host_that_starts_late_is_awaited_c39(cluster, first, late):
    cluster.start(first)
    cluster.running[first].wait_for("Waiting for ")
    cluster.start(late)
    ended(cluster)


@pytest.mark.parametrize("empty", ["algo-1", "algo-2"])
def test_a_host_without_data_takes_part_c52(cluster, empty):
    for name, job in cluster.jobs.items():
        give(job, *([] if name == empty else [ROWS]))
    cluster.start()
    assert ended(cluster)["metrics"]["validation:accuracy"] > 0.9


TEXTS = ["Adelie", "Chinstrap", "Gentoo"]
TEXT_ROWS = [
    f"{i * 7919 % 13 < 6:d},{TEXTS[i % 3] if i % 8 else ''},{i * 5 % 11 if i % 9 else ''}"
    for i in range(180)
]


@pytest.mark.parametrize("lacks", ["rows", "a text"])
@pytest.mark.parametrize("lacking", ["algo-1", "algo-2"])
def test_hosts_agree_on_the_texts_of_a_column_c52(cluster, language, lacking, lacks):
    for name, job in cluster.jobs.items():
        rows = [] if lacks == "rows" else [row for row in TEXT_ROWS if "Gentoo" not in row]
        header = "is_male,species,body_mass_g"
        give(job, rows if name == lacking else TEXT_ROWS, header=header)
        (validation,) = (job.folder / "input/data/validation").iterdir()
        validation.write_text("\n".join([header, *TEXT_ROWS, ""]), encoding="utf-8")
    cluster.start()
    metadata = ended(cluster)
    if language == "r":  # whose model has them, as levels of a factor
        return
    assert metadata["categories"] == {"species": TEXTS}
    assert metadata["rows"]["training"] == 180 + (lacks == "a text") * len(
        [row for row in TEXT_ROWS if "Gentoo" not in row]
    )


def test_a_slow_host_is_awaited_and_the_others_say_so_f29(cluster):
    # The worker can't go on without the leader: wherever it is paused, that is before they meet.
    cluster.start("algo-2")
    cluster.running["algo-2"].wait_for("Hyperparameters: ")
    cluster.running["algo-2"].do("pause")
    cluster.start("algo-1")
    cluster.running["algo-1"].wait_for("Waiting for ")
    cluster.running["algo-2"].do("unpause")
    ended(cluster)


def test_sigterm_at_different_steps_ends_all_at_one_step_c5_c6(cluster, language, took):
    cluster.configure("hyperparameters", LONG[language])
    cluster.start()
    leader, worker = cluster.running.values()
    leader.wait_for("step=5 ")
    asked = time.monotonic()
    worker.begin_stop(seconds=120)
    worker.wait_for("SIGTERM received")
    leader.begin_stop(seconds=120)
    stopped = ended(cluster)
    took("from SIGTERM to the end of all", max(leader.ended, worker.ended) - asked)
    assert stopped["stopped"] is True
    # One checkpoint for all, of the step at which the model was saved (C66).
    cluster.start()
    leader, worker = cluster.running.values()
    assert leader.wait_for("Resuming from").endswith(f"after step {stopped['steps']}.")
    for running in (leader, worker):
        running.begin_stop(seconds=120)
    assert ended(cluster)["steps"] >= stopped["steps"]


@pytest.mark.parametrize("here", ["algo-1", "algo-2"])
def test_a_stop_while_a_host_is_awaited_ends_at_once_c5_c6(cluster, here, took):
    cluster.start(here)
    cluster.running[here].wait_for("Hosts: ")
    asked = time.monotonic()
    cluster.running[here].begin_stop(seconds=120)
    failed(cluster, {here: "Stopped by SIGTERM before the first step was done: there is no model"})
    took("from SIGTERM to the end", cluster.running[here].ended - asked)


def test_an_interrupted_training_ends_with_the_model_of_an_uninterrupted_one_c67_c68(
    cluster, language
):
    # Too many for the job to be done before it is killed.
    many = {"max_iterations": "2000", "tolerance": "0"}
    steps = many if language == "r" else {"rounds": "400"}
    cluster.configure("hyperparameters", steps)
    cluster.start()
    cluster.running["algo-1"].wait_for("step=3 ")
    cluster.kill()
    assert set(cluster.end().values()) <= {1, 137}
    cluster.start()
    cluster.running["algo-1"].wait_for("Resuming from")
    ended(cluster)
    resumed = cluster.leader.model_bytes()
    for folder in (cluster.leader.checkpoints, cluster.leader.model):
        for path in folder.iterdir():
            path.unlink()
    cluster.start()
    ended(cluster)
    assert cluster.leader.model_bytes() == resumed


# ---- Faults: every host fails, and says why --------------------------------------------------


def test_no_host_has_data_c52(cluster):
    for job in cluster.jobs.values():
        give(job)
    cluster.start()
    failed(cluster, {"algo-1": 'Channel "training" is empty', "algo-2": ""})


def test_other_columns_on_a_peer_are_an_error_that_names_the_host(cluster):
    give(cluster.jobs["algo-2"], ADELIE, header=HEADER.replace("body_mass_g", "mass"))
    cluster.start()
    failed(cluster, dict.fromkeys(cluster.names, ""))
    for job in cluster.jobs.values():
        assert re.search(r"algo-[12]", job.failure_file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("victim", "other"), [("algo-2", "algo-1"), ("algo-1", "algo-2")])
def test_a_killed_host_ends_the_other_c98(cluster, language, victim, other, took):
    cluster.configure("hyperparameters", LONG[language])
    cluster.start()
    cluster.running["algo-1"].wait_for("step=5 ")
    killed = time.monotonic()
    cluster.running[victim].do("kill")
    assert cluster.running[victim].end() == 137
    failed(cluster, {other: GONE.format(victim)})
    took(f"from the kill of {victim} to the end of {other}", cluster.running[other].ended - killed)


@pytest.mark.parametrize(("wrong", "other"), [("algo-2", "algo-1"), ("algo-1", "algo-2")])
def test_a_users_mistake_on_one_host_ends_the_other_c98(cluster, wrong, other, took):
    give(cluster.jobs[wrong], [*ROWS[:5], ROWS[5].rpartition(",")[0] + ",abc", *ROWS[6:]])
    cluster.start()
    (file,) = cluster.jobs[wrong].folder.glob("input/data/training/*/*")
    place = f"{file.relative_to(cluster.jobs[wrong].folder / 'input')}, line 7, column"
    # Not every language says the cause on the others yet, or the file as its user knows it.
    places = (place, f"/opt/ml/input/{place}")
    failed(cluster, {wrong: places, other: (f"Host {wrong} failed: {place}", GONE.format(wrong))})
    took(f"from the end of {wrong} to that of {other}", apart(cluster))


@pytest.mark.parametrize("victim", ["algo-2", "algo-1"])
def test_a_host_that_is_cut_off_ends_all_at_the_time_out_f29(cluster, language, victim, took):
    cluster.configure("hyperparameters", LONG[language])
    cluster.start(options=("--env", "HOST_TIMEOUT=10"))
    cluster.running["algo-1"].wait_for("step=5 ")
    cut = time.monotonic()
    cluster.cut(victim)
    silent = "Host {} did not answer for 10 s: it is gone, or slower than HOST_TIMEOUT allows."
    failed(cluster, {"algo-1": silent.format("algo-2"), "algo-2": silent.format("algo-1")})
    for name, running in cluster.running.items():
        took(f"from the cut of {victim} to the end of {name}", running.ended - cut)


@pytest.mark.parametrize(("here", "absent"), [("algo-1", "algo-2"), ("algo-2", "algo-1")])
def test_a_host_that_never_comes_ends_the_others_at_the_time_out_f29(cluster, here, absent, took):
    started = time.monotonic()
    cluster.start(here, options=("--env", "HOST_TIMEOUT=5"))
    sentence = f"Host {absent} did not answer for 5 s: it is gone, or slower than HOST_TIMEOUT"
    failed(cluster, {here: sentence})
    took(f"from the start of {here} to its end", cluster.running[here].ended - started)
