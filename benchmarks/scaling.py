"""Measure how jobs scale over hosts, and fit a model of what another host brings.

    make benchmark-hosts     (half an hour; writes scaling.json, README.md and ../docs/scaling.md)
    .venv/bin/python benchmarks/scaling.py [--language python|r|java ...] [--quick]   (only prints)

Each host is a container pinned to a CPU of its own, with one thread. Strong: two hosts share the
rows that one had. Weak: each of two has as many as the one. Beside it the engine used bare:
bare/LANGUAGE/hosts.*, in the template's image. What only the model is fitted to are shorter jobs.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

from run import (
    ENGINE,
    STAND_IN_ARGUMENT,
    WORK,
    build_arguments,
    engine_version,
    generate,
    make,
)
from scaling_page import POINTS, write_page
from table import Machine, facts, write

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path += [str(TEMPLATE / "tests"), str(TEMPLATE / "tests/containers")]

from jobs import Cluster  # noqa: E402

LANGUAGES = ("python", "r", "java")
CHANNELS = ("training", "validation")
FILES = 4  # of the rows of one host: two hosts get two each
ROWS_THAT_DIFFER = 25_000
DEPTH = 6
# Java's engine is that of Python.
BARE = {"python": ["python", "/bare/hosts.py"], "r": ["Rscript", "/bare/hosts.R"]}

# Jobs of a minute or so.
LONG = ((1_000_000, 1), (1_000_000, 2), (2_000_000, 2))  # rows, hosts: one, strong, weak
LONG_STEPS = {"python": 500, "r": 120, "java": 500}
# What only the model is fitted to: rows, columns. With steps enough that most of them come after R
# and Java have compiled what they run.
SHORT = ((100_000, 20), (400_000, 20), (100_000, 60))
SHORT_STEPS = {"python": 200, "r": 60, "java": 200}
STARTS = [(10_000, 20, 200, hosts) for hosts in (1, 2, 4, 8)]
QUICK = 50  # how much less --quick does


def short_jobs(language: str) -> list[tuple[int, ...]]:
    """Return the jobs of a language that tell of start, joining and the model: rows, …, hosts."""
    steps = SHORT_STEPS[language]
    return STARTS + [(*size, steps, hosts) for size in SHORT for hosts in (1, 2)]


def long_jobs(language: str) -> list[tuple[int, ...]]:
    """Return the jobs of a language that take a minute or so."""
    return [(rows, 20, LONG_STEPS[language], hosts) for rows, hosts in LONG]


def hyperparameters(language: str, steps: int) -> dict[str, str]:
    """Return what lets each step go over all rows, and none be the last before its time."""
    if language == "r":
        return {"max_iterations": str(steps), "tolerance": "0"}
    return {"rounds": str(steps), "subsample": "1", "max_depth": str(DEPTH)}


def build_image(language: str) -> tuple[str, bool]:
    """Generate a repository and build its image; return its name, and if its base is a stand-in."""
    repository = generate(WORK / f"hosts-{language}", language)
    _, build_args = build_arguments(repository / "Dockerfile")
    make(repository, "build", build_args)
    return f"{repository.name}:local", STAND_IN_ARGUMENT in build_args


def write_rows(path: Path, rows: int, columns: int) -> Path:
    """Write rows of a target that hangs on half of the features, unless they are there."""
    if path.exists():
        return path
    draw = random.Random(1)
    lines = []
    for _ in range(min(rows, ROWS_THAT_DIFFER)):
        row = [draw.gauss(0, 1) for _ in range(columns)]
        target = sum(row[: columns // 2]) + draw.gauss(0, columns**0.5) > 0
        lines.append(f"{target:d},{','.join(f'{value:.4f}' for value in row)}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["is_male", *(f"x{number}" for number in range(columns))]) + "\n")
        for start in range(0, rows, ROWS_THAT_DIFFER):
            file.writelines(lines[: rows - start])
    return path


def run(language: str, image: str, data: Path, job: tuple[int, ...], bare: bool = False) -> dict:
    """Run a job; return what it was and its seconds: in all, start, joining, reading, a step."""
    rows, columns, steps, hosts = job
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        cluster = Cluster(ENGINE, image, Path(folder) / "job", size=hosts)
        cluster.configure("hyperparameters", hyperparameters(language, steps))
        options: tuple[str, ...] = ()
        if bare:
            program, script = BARE[language]
            code = TEMPLATE / "benchmarks" / "bare" / language
            options = ("--volume", f"{code}:/bare:ro", "--entrypoint", program)
        parts = FILES * max(1, hosts // FILES)
        file = write_rows(data / f"{columns}-{rows // parts}.csv", rows // parts, columns)
        validation = write_rows(data / f"{columns}-validation.csv", 10_000, columns)
        for number, each in enumerate(cluster.jobs.values()):
            inputs = each.folder / "input/data"
            for channel in CHANNELS:
                (inputs / channel / "penguins.csv").unlink()
            for part in range(number, parts, hosts):
                os.link(file, inputs / "training" / f"{part}.csv")
            os.link(validation, inputs / "validation/rows.csv")
            each.words = (script,) if bare else ("train",)
        cpus = len(os.sched_getaffinity(0))
        try:
            for number, name in enumerate(cluster.names):
                cluster.start(name, options=(f"--cpuset-cpus={number % cpus}", *options))
            running = list(cluster.running.values())
            if set(cluster.end().values()) != {0}:
                sys.exit(cluster.log())
        finally:
            cluster.close()
    start = min(each.started for each in running)
    result = {
        **dict(zip(("rows", "columns", "steps", "hosts"), job, strict=True)),
        "bare": bare,
        "seconds": max(each.ended for each in running) - start,
    }
    if not bare:
        leader = running[0]
        there = max(time_of(each, "Hosts: ") for each in running) if hosts > 1 else start
        ready = time_of(leader, "Channels: ")
        times = [t for t, line in zip(leader.times, leader.lines, strict=True) if "step=" in line]
        step = statistics.median(b - a for a, b in zip(times, times[1:], strict=False))
        result |= {
            "start": (there if hosts > 1 else ready) - start,
            "join": ready - there if hosts > 1 else 0.0,
            "read": times[0] - step - ready,
            "step": step,
        }
    return {name: round(x, 4) if isinstance(x, float) else x for name, x in result.items()}


def time_of(running: object, text: str) -> float:
    """Return when a line with this text came."""
    return next(
        time for time, line in zip(running.times, running.lines, strict=True) if text in line
    )


def measure(language: str, data: Path, shorter: int, machine: Machine) -> tuple[list[dict], bool]:
    """Run all jobs of a language; return what they took, and if the base is a stand-in."""
    image, stand_in = build_image(language)
    machine.settle()
    jobs = [(job, False) for job in (*short_jobs(language), *long_jobs(language))]
    if language in BARE:
        jobs += [(job, True) for job in long_jobs(language)]
    points = []
    for (rows, columns, steps, hosts), bare in jobs:
        job = (max(rows // shorter, 1_000), columns, max(steps // shorter, 4), hosts)
        points.append({"language": language} | run(language, image, data, job, bare))
        print(points[-1], flush=True)
        machine.look()
    return points, stand_in


def main() -> None:
    """Measure the languages; where all were measured, write figures and page."""
    parser = argparse.ArgumentParser(description="Measure how jobs scale over hosts.")
    parser.add_argument("--language", action="append", choices=LANGUAGES, help="default: all")
    parser.add_argument("--quick", action="store_true", help="far smaller jobs, to try it")
    options = parser.parse_args()
    if not ENGINE:
        sys.exit("There is no container engine: install docker or podman.")
    WORK.mkdir(parents=True, exist_ok=True)
    machine = Machine()
    points: list[dict] = []
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        for language in options.language or LANGUAGES:
            shorter = QUICK if options.quick else 1
            found, stand_in = measure(language, Path(folder), shorter, machine)
            points += found
    if not options.language and not options.quick:
        bases = "stand-in" if stand_in else "real"
        where = facts(engine_version(), bases, "one run each")
        if machine.quiet:
            text = json.dumps({"where": where, "points": points}, indent=1)
            POINTS.write_text(text + "\n", encoding="utf-8")
        write("hosts", [where, "", *hosts_table(points)], machine)
        write_page()


def hosts_table(points: list[dict]) -> list[str]:
    """Return the table of the long jobs."""
    lines = ["| | one host | two, half each | speed-up | two, all each | efficiency |"]
    lines.append("|---|--:|--:|--:|--:|--:|")
    for language in LANGUAGES:
        for bare in (False, True) if language in BARE else (False,):
            seconds = {
                (each["rows"], each["columns"], each["steps"], each["hosts"]): each["seconds"]
                for each in points
                if each["language"] == language and each["bare"] is bare
            }
            one, strong, weak = (seconds[job] for job in long_jobs(language))
            lines.append(
                f"| {language}{', bare' if bare else ''} | {one:.1f} s | {strong:.1f} s "
                f"| {one / strong:.2f} | {weak:.1f} s | {one / weak:.2f} |"
            )
    return lines


if __name__ == "__main__":
    main()
