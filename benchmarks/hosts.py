"""Measure one job on one and on two hosts: how it scales, how long joining takes.

    .venv/bin/python benchmarks/hosts.py [--language python|r|java ...] [--rows N] [--runs N]

Each host is a container with one CPU and one thread. Strong: two hosts share the rows that one had.
Weak: each of two has as many as the one. Beside it the engine used bare: bare/LANGUAGE/hosts.*, in
the template's image. README.md has the figures; nothing is enforced.
"""

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from run import ENGINE, WORK, build_arguments, call

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path += [str(TEMPLATE / "tests"), str(TEMPLATE / "tests/containers")]

from jobs import Cluster  # noqa: E402

LANGUAGES = ("python", "r", "java")
CHANNELS = ("training", "validation")
FEATURES = 20
STEPS = {"rounds": "30", "subsample": "1"}
# Each step goes over all rows; with these tolerances none is the last before its time.
HYPERPARAMETERS = {
    "python": STEPS,
    "java": STEPS,
    "r": {"max_iterations": "10", "tolerance": "0"},
}
# Java's engine is that of Python.
BARE = {"python": ["python", "/bare/hosts.py"], "r": ["Rscript", "/bare/hosts.R"]}


def build_image(language: str) -> str:
    """Generate a repository, build its image and return the image's name."""
    repository = WORK / f"hosts-{language}"
    shutil.rmtree(repository, ignore_errors=True)
    bake = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config"]
    answers = [f"project_slug={repository.name}", f"language={language}"]
    call(*bake, "--output-dir", str(WORK), str(TEMPLATE), *answers)
    _, build_args = build_arguments(repository / "Dockerfile")
    clean = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    environment = clean | {"CONTAINER_ENGINE": ENGINE, "BUILD_ARGS": build_args}
    call("make", "build", cwd=repository, env=environment)
    return f"{repository.name}:local"


def write_rows(path: Path, rows: int, seed: int) -> None:
    """Write rows of a target that hangs on half of the features."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["is_male", *(f"x{number}" for number in range(FEATURES))]) + "\n")
        for _ in range(rows):
            row = [draw.gauss(0, 1) for _ in range(FEATURES)]
            target = sum(row[: FEATURES // 2]) + draw.gauss(0, 2) > 0
            file.write(f"{target:d},{','.join(f'{value:.4f}' for value in row)}\n")


def run(language: str, image: str, shards: list[list[Path]], bare: bool) -> tuple[float, float]:
    """Run a job with one host for each shard; return its seconds and those of joining."""
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        cluster = Cluster(ENGINE, image, Path(folder) / "job", size=len(shards))
        cluster.configure("hyperparameters", HYPERPARAMETERS[language])
        options = ()
        if bare:
            program, script = BARE[language]
            code = TEMPLATE / "benchmarks" / "bare" / language
            options = ("--volume", f"{code}:/bare:ro", "--entrypoint", program)
        for job, files in zip(cluster.jobs.values(), shards, strict=True):
            training, validation = (job.folder / "input/data" / name for name in CHANNELS)
            training.joinpath("penguins.csv").unlink()
            for file in files:
                os.link(file, training / file.name)
            shutil.copy(files[0].with_name("validation"), validation / "penguins.csv")
            job.words = (script,) if bare else ("train",)
        try:
            cluster.start(options=options)
            running = list(cluster.running.values())
            if set(cluster.end().values()) != {0}:
                sys.exit(cluster.log())
        finally:
            cluster.close()
        joined = 0.0
        if len(shards) > 1 and not bare:
            there = max(time_of(each, "Hosts: ") for each in running)
            joined = time_of(running[0], "Channels: ") - there
        return max(each.ended for each in running) - running[0].started, joined


def time_of(running: object, text: str) -> float:
    """Return when a line with this text came."""
    return next(
        time for time, line in zip(running.times, running.lines, strict=True) if text in line
    )


def measure(language: str, rows: int, runs: int) -> None:
    """Measure one language and print its lines of the table."""
    image = build_image(language)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        files = [Path(folder) / f"{number}.csv" for number in range(4)]
        for seed, file in enumerate(files):
            write_rows(file, rows // 4, seed)
        write_rows(Path(folder) / "validation", 10_000, 4)
        halves, doubled = [files[:2], files[2:]], [files, files]
        for bare in (False, True) if language in BARE else (False,):
            results = {"one": [], "strong": [], "weak": []}
            joins = []
            for _ in range(runs):
                results["one"].append(run(language, image, [files], bare)[0])
                for kind, shards in (("strong", halves), ("weak", doubled)):
                    seconds, joined = run(language, image, shards, bare)
                    results[kind].append(seconds)
                    joins.append(joined)
            one, strong, weak = (statistics.median(each) for each in results.values())
            name = f"{language}, bare" if bare else language
            join = "" if bare else f"{statistics.median(joins):.2f} s"
            print(
                f"| {name} | {one:.1f} s | {strong:.1f} s | {one / strong:.2f} "
                f"| {weak:.1f} s | {one / weak:.2f} | {join} |",
                flush=True,
            )


def main() -> None:
    """Measure the languages and print a table."""
    parser = argparse.ArgumentParser(description="Measure one job on one and on two hosts.")
    parser.add_argument("--language", action="append", choices=LANGUAGES, help="default: all")
    parser.add_argument("--rows", type=int, default=400_000, help="of one host (400000)")
    parser.add_argument("--runs", type=int, default=3, help="of each measurement (3)")
    options = parser.parse_args()
    if not ENGINE:
        sys.exit("There is no container engine: install docker or podman.")
    WORK.mkdir(parents=True, exist_ok=True)
    if os.getloadavg()[0] > 1:
        print("The machine is busy: measure again when it is quiet.")
    print(f"{os.cpu_count()} CPUs; {options.rows} rows; medians of {options.runs} runs.\n")
    print("| | one host | two, half each | speed-up | two, all each | efficiency | joining |")
    print("|---|--:|--:|--:|--:|--:|--:|", flush=True)
    for language in options.language or LANGUAGES:
        measure(language, options.rows, options.runs)


if __name__ == "__main__":
    main()
