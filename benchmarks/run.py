"""Measure what the template costs against a bare script: job, image, edit to trained model.

    make benchmark                            (all languages; writes the table of README.md)
    .venv/bin/python benchmarks/run.py [--language python|r|java ...] [--runs N]   (only prints)

Both sides run in turn; compared are medians. README.md says what is measured and how. Aims are
reported, not enforced; figures of a busy machine are not written. CONTAINER_ENGINE and BUILD_ARGS
are those of `make build`.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from table import HEADER, Machine, facts, row, write

TEMPLATE = Path(__file__).resolve().parents[1]
WORK = TEMPLATE / "demo" / "benchmarks"
ENGINE = os.environ.get("CONTAINER_ENGINE") or shutil.which("docker") or shutil.which("podman")
DONE = re.compile(r"^#(\d+) DONE ([\d.]+)s$", re.MULTILINE)  # as BuildKit says it
STAND_IN_ARGUMENT = "--build-arg CRAN_SNAPSHOT=file:///opt/cran"
# How often the penguins stand in the larger data.
LARGER = 100
# What a ratio may be at most.
JOB_AIM = 1.05
EDIT_AIM = 1.1
# Threads that wait for each other would measure what else the machine does.
ENVIRONMENT = {"OMP_THREAD_LIMIT": "1"}
# The last part of a base image's name → its stage in tests/containers/stand_ins/Dockerfile.
STAND_INS = {"python": "python", "r-ver": "r", "maven": "maven", "eclipse-temurin": "jre"}


@dataclass(frozen=True)
class Language:
    """What differs between the languages."""

    model: str  # the file to edit in a generated repository
    bare: str  # the file to edit in the bare project
    entrypoint: list[str]
    number: str  # what an edit changes, in both files: a number that the length does not hang on
    dependencies: str | None = None  # the file that the bare project shares


LANGUAGES = {
    "python": Language(
        model="training/model.py",
        bare="train.py",
        entrypoint=["python", "train.py"],
        number=r'(?<="seed", int, )\d+|(?<="seed": )\d+',
        dependencies="requirements.txt",
    ),
    "r": Language(
        model="training/model.R",
        bare="train.R",
        entrypoint=["Rscript", "train.R"],
        number=r"(?<=1)(?:[.]\d+)?(?=e-8)",  # the tolerance
    ),
    "java": Language(
        model="src/main/java/training/Model.java",
        bare="Train.java",
        entrypoint=["java", "-jar", "training.jar"],
        number=r'(?<="seed", )\d+',
        dependencies="pom.xml",
    ),
}


class Comparison:
    """A generated repository and a bare project in the same language."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.language = LANGUAGES[name]
        self.folder = WORK / name
        self.image, self.bare_image = (f"benchmark-{name}:{tag}" for tag in ("local", "bare"))
        # Not what an earlier benchmark made of the file: the build cache remembers.
        self.edits = int(time.time())
        self.metrics: dict[str, dict[str, float]] = {}

        shutil.rmtree(self.folder, ignore_errors=True)
        self.repository = generate(self.folder / f"benchmark-{name}", name)
        give_environment(self.repository / "training-job.json")
        self.inputs = [write_input(self.repository, self.folder, times) for times in (1, LARGER)]
        self.bare = self.folder / "bare"
        shutil.copytree(TEMPLATE / "benchmarks" / "bare" / name, self.bare)
        if self.language.dependencies:
            text = (self.repository / self.language.dependencies).read_text(encoding="utf-8")
            # JSON, which only the contract needs.
            text = re.sub(
                r"<!-- What training.job needs.*?</dependency>", "", text, flags=re.DOTALL
            )
            (self.bare / self.language.dependencies).write_text(text, encoding="utf-8")
        self.defaults, self.build_args = build_arguments(self.repository / "Dockerfile")

    @property
    def stand_in(self) -> bool:
        """Say whether its base image is one of the tests."""
        return STAND_IN_ARGUMENT in self.build_args

    def versions(self) -> dict[str, str]:
        """Return the versions that the last model of `make train` names."""
        metadata = max((self.repository / "runs").glob("*/model/metadata.json"))
        return json.loads(metadata.read_text(encoding="utf-8"))["versions"]

    def build(self) -> None:
        """Build both images."""
        self.make("build")
        self.build_bare()

    def make(self, target: str, build_args: str = "") -> str:
        """Call make in the repository and return all its output."""
        return make(self.repository, target, f"{self.build_args} {build_args}")

    def build_bare(self, *options: str) -> None:
        """Build the bare image, as its user would."""
        arguments = *self.defaults, *shlex.split(self.build_args), *options
        build(*arguments, "--tag", self.bare_image, self.bare)

    def run(self, image: str, folder: Path) -> float:
        """Return the seconds from the start to the end of a container that trains."""
        container = call(ENGINE, "create", *run_options(folder), image, "train").strip()
        try:
            self.check(call(ENGINE, "start", "--attach", container), folder.name)
            state = json.loads(call(ENGINE, "inspect", "--format", "{{json .State}}", container))
        finally:
            call(ENGINE, "rm", "--force", "--volumes", container)
        start, end = (datetime.fromisoformat(state[name]) for name in ("StartedAt", "FinishedAt"))
        return (end - start).total_seconds()

    def check(self, log: str, data: str) -> None:
        """Exit where a run did not train as the first on the same data did: same steps, metrics."""
        last = re.findall(r"^step=.*", log, re.MULTILINE)[-1]
        metrics = {name: float(value) for name, value in re.findall(r"(\S+)=(\S+)", last)}
        expected = self.metrics.setdefault(data, metrics)
        # The seeds differ from run to run.
        if metrics.keys() != expected.keys() or any(
            abs(metrics[name] - value) > 0.05 for name, value in expected.items()
        ):
            sys.exit(f"{self.name} does not train the same on both sides: {metrics}, {expected}")

    def first_train(self) -> list[str]:
        """Train as on a machine that has the bases alone; return a table of what took how long."""
        start = time.monotonic()
        log = self.make("train", "--no-cache --progress=plain")
        seconds = time.monotonic() - start
        names = dict(re.findall(r"^#(\d+) (?!DONE|CACHED|\d)(.+)$", log, re.MULTILINE)[::-1])
        steps = {names[number]: float(time) for number, time in DONE.findall(log)}
        job = re.search(r"^Model: .*/(\S+)/model.tar.gz", log, re.MULTILINE)[1]
        report = json.loads((self.repository / "runs" / job / "report.json").read_text())
        steps["the job itself"] = report["seconds"]
        steps["all else"] = max(0.0, seconds - sum(steps.values()))
        lines = [
            f"| {self.name} | all | {seconds:.1f} s |",
            f"| | the bare script instead, all | {self.train_bare('--no-cache'):.1f} s |",
        ]
        for name, time_ in sorted(steps.items(), key=lambda each: -each[1]):
            if time_ >= 0.1:
                lines.append(f"| | {shorten(name)} | {time_:.1f} s |")
        return lines

    def edit_and_train(self) -> float:
        """Edit a line of the model and `make train`; return the seconds."""
        self.edit(self.repository / self.language.model)
        old = image_property(self.image, "Id")
        start = time.monotonic()
        log = self.make("train")
        seconds = time.monotonic() - start
        self.check(log, "1")
        remove(old)
        return seconds

    def edit_and_train_bare(self) -> float:
        """Edit a line of the bare script, build and run; return the seconds."""
        self.edit(self.bare / self.language.bare)
        old = image_property(self.bare_image, "Id")
        seconds = self.train_bare()
        remove(old)
        return seconds

    def train_bare(self, *options: str) -> float:
        """Build the bare image and run it; return the seconds."""
        start = time.monotonic()
        self.build_bare(*options)
        log = call(ENGINE, "run", "--rm", *run_options(self.inputs[0]), self.bare_image)
        seconds = time.monotonic() - start
        self.check(log, "1")
        return seconds

    def edit(self, path: Path) -> None:
        """Change one line of the algorithm to what it never was."""
        self.edits += 1
        new = f".{self.edits}" if self.name == "r" else str(self.edits)
        text = path.read_text(encoding="utf-8")
        text, count = re.subn(self.language.number, new, text, count=1)
        if count == 0:
            sys.exit(f"{path} has no line to edit.")
        path.write_text(text, encoding="utf-8")

    def clean(self) -> None:
        """Remove what was made; the build cache keeps the layers."""
        self.make("clean")
        remove(self.bare_image)
        shutil.rmtree(self.folder)


def generate(repository: Path, language: str) -> Path:
    """Generate a repository in place of what was there, and return its folder."""
    shutil.rmtree(repository, ignore_errors=True)
    bake = [sys.executable, "-m", "cookiecutter", "--no-input", "--default-config"]
    answers = [f"project_slug={repository.name}", f"language={language}"]
    call(*bake, "--output-dir", str(repository.parent), str(TEMPLATE), *answers)
    return repository


def make(repository: Path, target: str, build_args: str) -> str:
    """Call make in a repository and return all its output."""
    # A make that calls this program must not speak to that one.
    clean = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    environment = clean | {"CONTAINER_ENGINE": ENGINE, "BUILD_ARGS": build_args}
    together = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return call("make", target, cwd=repository, env=environment, **together)


def write_input(repository: Path, folder: Path, times: int) -> Path:
    """Write a job's /opt/ml/input, with the rows of the repository's data so many times."""
    request = json.loads((repository / "training-job.json").read_text(encoding="utf-8"))
    channel = {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    files = {
        "hyperparameters": request["HyperParameters"],
        "inputdataconfig": {each["ChannelName"]: channel for each in request["InputDataConfig"]},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    folder = folder / "input" / str(times)
    (folder / "config").mkdir(parents=True)
    for name, content in files.items():
        (folder / "config" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    for path in (repository / "data").glob("*/*.csv"):
        header, rows = path.read_text(encoding="utf-8").split("\n", 1)
        copy = folder / "data" / path.parent.name / path.name
        copy.parent.mkdir(parents=True)
        copy.write_text(f"{header}\n{rows * times}", encoding="utf-8")
    return folder


def give_environment(training_job: Path) -> None:
    """Have `make train` set the environment that the other jobs have."""
    request = json.loads(training_job.read_text(encoding="utf-8")) | {"Environment": ENVIRONMENT}
    training_job.write_text(json.dumps(request, indent=2), encoding="utf-8")


def run_options(folder: Path) -> list[str]:
    """Return the options that give a container the environment, a job's input and its outputs."""
    # New volumes for each job, on the engine's disk: what is written has its price.
    volumes = [f"--volume=/opt/ml/{name}" for name in ("model", "output", "checkpoints")]
    variables = [f"--env={name}={value}" for name, value in ENVIRONMENT.items()]
    return [*volumes, f"--volume={folder}:/opt/ml/input:ro", *variables]


def build_arguments(dockerfile: Path) -> tuple[list[str], str]:
    """Return the options that give the Dockerfile's own arguments to another, and BUILD_ARGS.

    Base images that can't be had are replaced, as in the container tests.
    """
    top = dockerfile.read_text(encoding="utf-8").partition("\nFROM ")[0]
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", top, re.MULTILINE))
    bases = [image for name, image in arguments.items() if name.endswith("BASE")]
    stages = [STAND_INS[image.split("/")[-1].split(":")[0]] for image in bases]
    call(
        str(TEMPLATE / "tests/containers/stand_ins.sh"),
        *map("=".join, zip(stages, bases, strict=True)),
        env=os.environ | {"CONTAINER_ENGINE": ENGINE},
    )
    build_args = os.environ.get("BUILD_ARGS", "")
    if '"stand-in":"yes"' in image_property(bases[0], "json .Config.Labels"):
        build_args += f" {STAND_IN_ARGUMENT}"
    return [f"--build-arg={name}={value}" for name, value in arguments.items()], build_args


def build(*arguments: object, input: str | None = None) -> None:
    """Build an image."""
    environment = os.environ | {"DOCKER_BUILDKIT": "1"}
    call(ENGINE, "build", *map(str, arguments), env=environment, input=input)


def remove(*images: str) -> None:
    """Remove images that nothing else has under another name or uses."""
    subprocess.run([ENGINE, "image", "rm", *images], capture_output=True)


def image_property(image: str, name: str) -> str:
    """Return what the engine knows of an image."""
    field = name if name.startswith("json ") else f".{name}"
    return call(ENGINE, "image", "inspect", "--format", f"{{{{{field}}}}}", image).strip()


def engine_version() -> dict[str, str]:
    """Return name and version of the engine."""
    return {Path(ENGINE).name: call(ENGINE, "version", "--format", "{{.Server.Version}}").strip()}


def call(*command: str, **options: object) -> str:
    """Return a command's standard output; exit where it fails."""
    if options.get("input") is None:
        options = options | {"input": ""}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done = subprocess.run(command, encoding="utf-8", **(pipes | options))
    if done.returncode != 0:
        output = f"{done.stdout[-2000:]}\n{(done.stderr or '')[-4000:]}"
        sys.exit(f"{shlex.join(command)} failed:\n{output}")
    return done.stdout


def shorten(step: str) -> str:
    """Return the beginning of a build step, fit for a table."""
    words = " ".join(step.replace("|", "/").split())
    return f"`{words[:69]}…`" if len(words) > 70 else f"`{words}`"


def in_turn(
    runs: int, ours: Callable[[], float], bare: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Return the results of two measurements."""
    results: dict[Callable[[], float], list[float]] = {ours: [], bare: []}
    for run in range(runs):
        # The second of a pair may profit from the first.
        for action in (ours, bare) if run % 2 == 0 else (bare, ours):
            results[action].append(action())
    return results[ours], results[bare]


def measure(comparison: Comparison, runs: int, machine: Machine) -> list[str]:
    """Measure one language; return and print its lines of the table."""
    name = comparison.name
    lines: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        lines.append(line)
        machine.look()

    machine.settle()
    for folder, what in zip(comparison.inputs, ("job", f"job, {LARGER} x the data"), strict=True):

        def ours(folder: Path = folder) -> float:
            return comparison.run(comparison.image, folder)

        def bare(folder: Path = folder) -> float:
            return comparison.run(comparison.bare_image, folder)

        in_turn(1, ours, bare)
        say(row(name, what, *in_turn(runs, ours, bare), JOB_AIM))
    in_turn(1, comparison.edit_and_train, comparison.edit_and_train_bare)
    results = in_turn(runs, comparison.edit_and_train, comparison.edit_and_train_bare)
    say(row(name, "edit to trained model", *results, EDIT_AIM))
    ours, bare = (
        int(image_property(image, "Size")) / 1e6
        for image in (comparison.image, comparison.bare_image)
    )
    verdict = "" if ours - bare <= 1 else " missed"
    say(
        f"| {name} | image | {ours:.1f} MB | {bare:.1f} MB | {ours / bare:.3f} | | +1 MB{verdict} |"
    )
    return lines


def main() -> None:
    """Measure the languages and print a table; write it where all were measured."""
    parser = argparse.ArgumentParser(description="Measure the template against bare scripts.")
    parser.add_argument("--language", action="append", choices=LANGUAGES, help="default: all")
    parser.add_argument("--runs", type=int, default=9, help="of each measurement (default: 9)")
    options = parser.parse_args()
    if not ENGINE:
        sys.exit("There is no container engine: install docker or podman.")
    machine = Machine()
    lines = list(HEADER)
    print(*lines, sep="\n", flush=True)
    versions = engine_version()
    first = ["| language | what | time |", "|---|---|--:|"]
    for name in options.language or LANGUAGES:
        comparison = Comparison(name)
        comparison.build()
        lines += measure(comparison, options.runs, machine)
        first += comparison.first_train()
        machine.look()
        versions |= comparison.versions()
        bases = "stand-in" if comparison.stand_in else "real"
        comparison.clean()
    print(*first, sep="\n")
    if not options.language:
        where = facts(versions, bases, f"medians of {options.runs}")
        write("job", [where, "", *lines], machine)
        write("first", first, machine)


if __name__ == "__main__":
    main()
