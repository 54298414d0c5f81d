"""Data beyond the container's memory, in Java: trained without a flag, to the same model."""

import os
import random
import shutil

import pytest
from jobs import Cluster, Job

COLUMNS = 20


@pytest.fixture(scope="module")
def image(bake, make):
    make(bake("java", project_slug="large-java"), "build")
    return "large-java:local"


def fill(folder, rows, files, missing=0.0):
    """Write a channel of CSV, a file and links to it under other names; return its size."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    draw = random.Random(1)
    with (folder / "00.csv").open("w", encoding="utf-8") as file:
        print(
            "is_male,colour", *(f"x{number}" for number in range(COLUMNS - 1)), sep=",", file=file
        )
        for _ in range(rows):
            row = [draw.gauss(0, 1) for _ in range(COLUMNS - 1)]
            colour = draw.choice(["red", "green", "blue"])
            target = int(row[0] + row[1] * row[2] + (colour == "red") > 0)
            cells = ["" if draw.random() < missing else number for number in row]
            print(target, colour, *cells, sep=",", file=file)
    for number in range(1, files):
        os.link(folder / "00.csv", folder / f"{number:02}.csv")
    return sum(path.stat().st_size for path in folder.iterdir())


def memory(limit):
    """Return the engine's words for so much memory, and no swap beside it."""
    return ("--memory", limit, "--memory-swap", limit)


def test_csv_of_three_times_the_memory_trains_without_a_flag(engine, image, tmp_path):
    job = Job(engine, image, tmp_path / "job")
    job.configure("hyperparameters", {"rounds": "3"})
    assert fill(job.folder / "input/data/training", 68_000, 20) > 3 * 160 * 2**20
    fill(job.folder / "input/data/validation", 1000, 1)
    done = job.run("train", options=memory("160m"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "\nThe data are kept on the disk: " in done.stdout
    metadata = job.metadata()
    assert metadata["rows"] == {"training": 1_360_000, "validation": 1000}
    assert metadata["metrics"]["validation:accuracy"] > 0.6


def test_a_host_without_rows_trains_with_one_that_has_too_many(engine, image, tmp_path):
    models = []
    for limit, place in (("144m", "on the disk"), ("2g", "in memory")):
        cluster = Cluster(engine, image, tmp_path / limit)
        try:
            cluster.configure("hyperparameters", {"rounds": "3"})
            for name, job in cluster.jobs.items():
                fill(job.folder / "input/data/validation", 1000, 1)
                rows = 0 if name == "algo-1" else 30_000
                fill(job.folder / "input/data/training", rows, 15, missing=0.1)
            cluster.start(options=memory(limit))
            assert set(cluster.end().values()) == {0}, cluster.log()
            log = "\n".join(cluster.running["algo-2"].lines)
            assert f"\nThe data are kept {place}: " in log
            print(cluster.log())
            models.append(cluster.leader.model_bytes())
        finally:
            cluster.close()
    assert models[0] == models[1]
