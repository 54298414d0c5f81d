"""Data beyond the container's memory: trained without a flag, to the same model."""

import os
import random
import shutil

from jobs import Job

FILES = 16
ROWS = 130_000
COLUMNS = 20


def fill(folder):
    """Write 783 MB of CSV to a channel: a file, and links to it under other names."""
    shutil.rmtree(folder)
    folder.mkdir(parents=True)
    numbers = random.Random(1).gauss
    with (folder / "00.csv").open("w") as file:
        print("is_male", *(f"x{column}" for column in range(COLUMNS)), sep=",", file=file)
        for _ in range(ROWS):
            row = [numbers() for _ in range(COLUMNS)]
            print(int(row[0] + row[1] * row[2] > 0), *row, sep=",", file=file)
    for number in range(1, FILES):
        os.link(folder / "00.csv", folder / f"{number:02}.csv")
    return sum(path.stat().st_size for path in folder.iterdir())


def test_python_trains_data_of_three_times_its_memory(engine, bake, make, tmp_path):
    repository = bake("python", project_slug="memory-python")
    make(repository, "build")
    job = Job(engine, "memory-python:local", tmp_path / "job")
    shutil.rmtree(job.folder / "input/data")
    job.configure("inputdataconfig", {"training": {}})
    job.configure("hyperparameters", {"rounds": "3"})
    (job.folder / "input/data/training").mkdir(parents=True)
    assert fill(job.folder / "input/data/training") > 3 * 256 * 2**20
    models = []
    for memory, place in (("256m", "on the disk"), ("2g", "in memory")):
        limit = ("-m", memory, "--memory-swap", memory, "-e", "POLARS_MAX_THREADS=1")
        done = job.run("train", options=limit)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"\nThe data are kept {place}: " in done.stdout
        assert job.metadata()["rows"] == {"training": FILES * ROWS}
        models.append(job.model_bytes())
        shutil.rmtree(job.checkpoints)
        job.checkpoints.mkdir()
    assert models[0] == models[1]
