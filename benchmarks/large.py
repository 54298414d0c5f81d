"""Measure what large data cost against a bare script: reading, steps, memory, and the disk.

    make benchmark-large                      (all languages; writes the table of README.md)
    .venv/bin/python benchmarks/large.py [--language python|r|java ...] [--runs N]   (only prints)

Both sides run in turn, each in a container that has one CPU; compared are medians. README.md says
what is measured and how. --cpu takes the CPU's seconds, for a machine that others use too. Aims are
reported, not enforced. CONTAINER_ENGINE and BUILD_ARGS are those of `make build`.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from run import (
    ENGINE,
    STAND_IN_ARGUMENT,
    WORK,
    build,
    build_arguments,
    call,
    engine_version,
    generate,
    make,
    remove,
    run_options,
)
from table import HEADER, Machine, facts, row, write

BARE = Path(__file__).with_name("bare")
COLUMNS = 20  # beside the target
PART = 250_000  # rows of a file, which stands in a folder under many names
# What a log says when; a bare script says Start where the template has counted its files.
EVENT = re.compile(r"(?:\S+ )?(?P<name>Start|Channels: |Read|step=)")


@dataclass(frozen=True)
class Language:
    """What differs between the languages, most of it R's."""

    bare: tuple[str, ...]  # what starts the bare script
    kinds: tuple[str, ...]  # of files, beside CSV
    steps: str = "rounds"  # the hyperparameter
    rows: int = 3_750_000  # where memory is measured: some 300 MB of numbers
    width: int = 4 * COLUMNS  # bytes of a row's numbers
    roomy: int = 150  # MB of memory that do not hold ROWS rows, but what the kernel keeps of files
    # Aims, as shares: seconds by those of the bare script, memory by the numbers.
    read: float = 1.0
    in_memory: float = 1.5
    on_disk: float = 0.8


LANGUAGES = {
    # In less memory the numbers, of which XGBoost's matrix is made, would be read from the disk.
    "python": Language(("python", "/bare/large.py"), ("csv.gz", "parquet"), roomy=200),
    "r": Language(
        ("Rscript", "/bare/large.R"),
        ("csv.gz",),
        "max_iterations",
        rows=1_750_000,
        width=8 * (COLUMNS + 1),
        roomy=400,
        read=1.11,
        in_memory=1.7,
        on_disk=1.02,  # 300 MB
    ),
    "java": Language(
        ("java", "--class-path=/opt/ml/code/target/lib/*", "/bare/Large.java"), ("csv.gz",)
    ),
}
# Rows and steps where seconds are measured.
ROWS, FEW_STEPS, MANY_STEPS = 1_000_000, 3, 100
NARROW = 280  # MB of memory that do not even hold what the kernel would keep of the files

GENERATE = f"""
import gzip, numpy, polars
random = numpy.random.default_rng(1)
x = random.normal(size=({PART}, {COLUMNS})).astype("float32")
y = (x[:, 0] + x[:, 1] * x[:, 2] + random.normal(size={PART}) / 2 > 0).astype("float32")
table = polars.DataFrame({{"is_male": y}} | {{f"x{{i}}": x[:, i] for i in range({COLUMNS})}})
table.with_columns(table["is_male"].cast(int)).write_csv("/data/part.csv", float_precision=5)
with open("/data/part.csv", "rb") as rows, gzip.open("/data/part.csv.gz", "wb", 6) as packed:
    packed.write(rows.read())
table.write_parquet("/data/part.parquet")
"""


@dataclass
class Run:
    """What a training took: seconds since its files were counted, MB at its peak, and the loss."""

    read: float
    steps: list[float]
    memory: float
    loss: float
    log: str

    @property
    def built(self) -> float:
        """Return the seconds of the matrices and all steps."""
        return self.steps[-1] - self.read

    @property
    def step(self) -> float:
        """Return the seconds of a step."""
        return statistics.median(b - a for a, b in zip(self.steps, self.steps[1:], strict=False))


class Program:
    """The template's program of a language, and the bare script, on the same data."""

    def __init__(self, name: str, data: Path, by_cpu: bool) -> None:
        self.name = name
        self.language = LANGUAGES[name]
        self.data = data
        self.by_cpu = by_cpu
        self.losses: dict[tuple[str, int, int], float] = {}
        repository = generate(WORK / f"benchmark-large-{name}", name)
        _, build_args = build_arguments(repository / "Dockerfile")
        make(repository, "build", build_args)
        self.stand_in = STAND_IN_ARGUMENT in build_args
        self.image = self.bare_image = f"{repository.name}:local"
        if name == "java":  # The image has no compiler.
            self.bare_image = f"{repository.name}:bare"
            tag = ("--target=test", f"--tag={self.bare_image}")
            build(*shlex.split(build_args), *tag, repository)

    def template(self, kind: str, rows: int, steps: int, memory: int = 0) -> Run:
        """Train by the template, with so many MB of memory, or as many as there are."""
        limit = [f"--memory={memory}m", f"--memory-swap={memory}m"] if memory else []
        run = self.run(kind, rows, steps, [*limit, self.image, "train"])
        if ("kept on the disk" in run.log) != bool(memory):
            sys.exit(f"{memory} MB are not the memory that was meant:\n{run.log}")
        return run

    def bare(self, kind: str, rows: int, steps: int) -> Run:
        """Train by the bare script."""
        program, *words = self.language.bare
        volume = f"--volume={BARE / self.name}:/bare:ro"
        return self.run(
            kind, rows, steps, [volume, f"--entrypoint={program}", self.bare_image, *words]
        )

    def run(self, kind: str, rows: int, steps: int, words: list[str]) -> Run:
        """Train in a container; exit where the model is another than before on the same data."""
        with tempfile.TemporaryDirectory(dir=self.data) as folder:
            write_input(Path(folder), self.data / f"part.{kind}", rows, self.settings(steps))
            options = [*run_options(Path(folder)), "--cpuset-cpus=0"]
            container = call(ENGINE, "create", *options, *words).strip()
            try:
                run = follow(container, self.by_cpu)
            finally:
                call(ENGINE, "rm", "--force", "--volumes", container)
        loss = self.losses.setdefault((kind, rows, steps), run.loss)
        if abs(loss - run.loss) > 1e-3:
            sys.exit(f"{self.name} does not train the same on both sides: {loss}, {run.loss}")
        return run

    def settings(self, steps: int) -> dict[str, str]:
        """Return the hyperparameters of a training with so many steps, each on all rows."""
        other = {"tolerance": "0"} if self.name == "r" else {"subsample": "1"}
        return {self.language.steps: str(steps)} | other


def write_input(folder: Path, part: Path, rows: int, settings: dict[str, str]) -> None:
    """Write a job's /opt/ml/input."""
    for name in ("config", "data/training"):
        (folder / name).mkdir(parents=True)
    (folder / "config/hyperparameters.json").write_text(json.dumps(settings), encoding="utf-8")
    for number in range(rows // PART):
        os.link(part, folder / "data/training" / part.name.replace("part", f"{number:02}"))


def follow(container: str, by_cpu: bool) -> Run:
    """Start a container and return what its program took until its last step."""
    call(ENGINE, "start", container)
    process = (
        Path("/proc") / call(ENGINE, "inspect", "--format", "{{.State.Pid}}", container).strip()
    )
    used = {"memory": 0.0, "cpu": 0.0}
    threading.Thread(target=watch, args=(process, used), daemon=True).start()
    command = [ENGINE, "logs", "--follow", "--timestamps", container]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    times: dict[str, list[float]] = {}
    log = ""
    with subprocess.Popen(command, encoding="utf-8", **pipes) as logs:
        for line in logs.stdout:
            stamp, _, text = line.partition(" ")
            log += text
            if event := EVENT.match(text):
                now = used["cpu"] if by_cpu else datetime.fromisoformat(stamp).timestamp()
                times.setdefault(event["name"].replace("Channels: ", "Start"), []).append(now)
    if call(ENGINE, "wait", container).strip() != "0":
        sys.exit(f"{container} failed:\n{log}")
    start = times["Start"][0]
    return Run(
        read=times["Read"][0] - start,
        steps=[time - start for time in times["step="]],
        memory=used["memory"],
        loss=float(re.findall(r"training:log_loss=(\S+)", log)[-1]),
        log=log,
    )


def watch(process: Path, used: dict[str, float]) -> None:
    """Note a process's seconds of the CPU and the MB that it had at most, until it ends."""
    while True:
        try:
            status = (process / "status").read_text(encoding="utf-8")
            ticks = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            memory = re.search(r"RssAnon:\s+(\d+) kB", status)
        except OSError:
            return
        if not memory:  # It has ended.
            return
        used["memory"] = max(used["memory"], int(memory[1]) * 1024 / 1e6)
        # Its own and its children's.
        used["cpu"] = sum(map(int, ticks[11:15])) / os.sysconf("SC_CLK_TCK")
        time.sleep(0.01)


def in_turn(runs: int, actions: list[Callable[[], Run]]) -> list[list[Run]]:
    """Return the runs of each action."""
    found: list[list[Run]] = [[] for _ in actions]
    for run in range(runs):
        # What comes later may profit from what comes first.
        order = range(len(actions)) if run % 2 == 0 else reversed(range(len(actions)))
        for number in order:
            found[number].append(actions[number]())
    return found


def measure(program: Program, runs: int, machine: Machine) -> list[str]:
    """Measure one language; return and print its lines of the table."""
    name, language = program.name, program.language
    lines: list[str] = []

    def say(what: str, ours: list[float], bare: list[float], aim: float | None, unit="s") -> None:
        lines.append(row(name, what, ours, bare, aim, unit))
        print(lines[-1], flush=True)

    def of(found: list[Run], attribute: str) -> list[float]:
        return [getattr(each, attribute) for each in found]

    def turn(*data: str | int, memory: int = 0) -> list[list[Run]]:
        actions = [lambda: program.template(*data), lambda: program.bare(*data)]
        if memory:
            actions.append(lambda: program.template(*data, memory))
        found = in_turn(runs, actions)
        machine.look()
        return found

    machine.settle()
    fast, bare, disk = turn("csv", ROWS, FEW_STEPS, memory=language.roomy)
    say("read CSV", of(fast, "read"), of(bare, "read"), language.read)
    for kind in language.kinds:
        ours, theirs = turn(kind, ROWS, 1)
        say(f"read {kind}", of(ours, "read"), of(theirs, "read"), language.read)
    say("step", of(fast, "step"), of(bare, "step"), 1.0)
    say("build and 3 steps", of(fast, "built"), of(bare, "built"), 1.08)
    if name != "r":  # It has converged long before.
        ours, theirs = turn("csv", ROWS // 2, MANY_STEPS)
        say(f"build and {MANY_STEPS} steps", of(ours, "built"), of(theirs, "built"), 1.03)
    say("memory", of(fast, "memory"), of(bare, "memory"), None, "MB")
    say("disk: read CSV", of(disk, "read"), of(fast, "read"), 1.5)
    say("disk: build and 3 steps", of(disk, "built"), of(fast, "built"), 1.2)
    large = "csv", language.rows, FEW_STEPS
    fast, disk = [program.template(*large)], [program.template(*large, NARROW)]
    machine.look()
    say("disk beyond the cache: the same", of(disk, "built"), of(fast, "built"), None)
    numbers = [language.rows * language.width / 1e6]
    say("memory by numbers", of(fast, "memory"), numbers, language.in_memory, "MB")
    say("disk: memory by numbers", of(disk, "memory"), numbers, language.on_disk, "MB")
    return lines


def main() -> None:
    """Measure the languages and print a table; write it where all were measured."""
    parser = argparse.ArgumentParser(description="Measure the template on large data.")
    parser.add_argument("--language", action="append", choices=LANGUAGES, help="default: all")
    parser.add_argument("--runs", type=int, default=3, help="of each measurement (default: 3)")
    parser.add_argument("--cpu", action="store_true", help="seconds of the CPU")
    options = parser.parse_args()
    if not ENGINE:
        sys.exit("There is no container engine: install docker or podman.")
    WORK.mkdir(parents=True, exist_ok=True)
    machine = Machine()
    lines = list(HEADER)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        data = Path(folder)
        python = Program("python", data, options.cpu)
        run = ["run", "--rm", f"--volume={data}:/data", f"--user={os.getuid()}"]
        call(ENGINE, *run, "--entrypoint=python", python.image, "-c", GENERATE)
        print(*lines, sep="\n", flush=True)
        for name in options.language or LANGUAGES:
            program = python if name == "python" else Program(name, data, options.cpu)
            lines += measure(program, options.runs, machine)
            remove(program.image, program.bare_image)
            shutil.rmtree(WORK / f"benchmark-large-{name}")
    if not options.language:
        bases = "stand-in" if python.stand_in else "real"
        where = facts(engine_version(), bases, f"medians of {options.runs}")
        write("large", [where, "", *lines], machine)


if __name__ == "__main__":
    main()
