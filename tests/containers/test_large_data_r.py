"""Data that are larger than the container's memory, in R: trained without a flag."""

import random

import pytest
from jobs import Job

# Without swap, which some engines would give beside the memory.
MEMORY = 200  # MB
LIMITS = ("--memory", f"{MEMORY}m", "--memory-swap", f"{MEMORY}m")
# How many columns beside the target have text, numbers of many digits, and numbers of one digit.
WIDE, NARROW = (1, 19, 0), (0, 0, 1)
BLOCK = 20_000  # rows


@pytest.fixture(scope="module")
def image(bake, make):
    make(bake("r", project_slug="large-r"), "build")
    return "large-r:local"


@pytest.fixture
def job(engine, image, tmp_path):
    job = Job(engine, image, tmp_path / "job")
    yield job
    job.close()


def write_rows(path, shape, megabytes):
    """Write rows, the same again and again, some with an empty cell, and return how many."""
    random.seed(1)
    texts, long, short = shape
    block = ""
    for _ in range(BLOCK):
        cells = random.choices(["red", "green", "blue", ""], k=texts)
        numbers = [random.gauss(0, 1) for _ in range(long)]
        digits = [random.randrange(10) for _ in range(short)]
        signal = sum(numbers[:2]) + cells.count("red") + sum(digits) / 5 - short
        target = random.gauss(0, 1) < signal
        row = [f"{target:d}", *cells, *(f"{number:.6f}" for number in numbers), *map(str, digits)]
        block += ",".join(row) + "\n"
    times = -(-megabytes * 2**20 // len(block))
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["is_male", *(f"x{i}" for i in range(sum(shape)))]) + "\n")
        for _ in range(times):
            file.write(block)
    return BLOCK * times


# Narrow rows are so many that they take long: as many MB as the memory has are enough to see it.
@pytest.mark.parametrize(("shape", "times"), [(WIDE, 4), (NARROW, 1)], ids=["wide", "narrow"])
def test_csv_of_several_times_the_memory_trains_without_a_flag(job, shape, times):
    rows = write_rows(job.training_file(), shape, times * MEMORY)
    write_rows(job.folder / "input/data/validation/penguins.csv", shape, 1)
    job.configure("hyperparameters", {"max_iterations": "1"})
    running = job.start(*LIMITS)
    # Each may take as long as a whole job of another test.
    for line in ("The data are kept on the disk: training needs some ", "Read ", "step=1 "):
        running.wait_for(line)
    assert running.end() == 0, running.lines
    metadata = job.metadata()
    assert rows // 2 < metadata["rows"]["training"] <= rows
    assert metadata["metrics"]["validation:accuracy"] > 0.6


def test_too_little_disk_is_one_sentence(job):
    write_rows(job.training_file(), WIDE, MEMORY)
    done = job.run("train", options=(*LIMITS, "--tmpfs", "/tmp:size=16m"))
    assert done.returncode == 1
    assert done.stderr.startswith("/tmp has 16 MB free, and training needs ")
    assert done.stderr.endswith(" MB there: raise VolumeSizeInGB in training-job.json.\n")
    assert job.failure_file.read_text() == done.stderr
    assert not list(job.model.iterdir())
