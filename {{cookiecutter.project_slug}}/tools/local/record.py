"""What a run leaves in its folder: report.json, and log.txt with the time of each line."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from job import Host, Job
from terminal import note

TEXT = {"encoding": "utf-8", "errors": "replace"}
# A report has so many values of a metric at most, evenly taken; all of them are in log.txt.
POINTS = 500
# While a run goes on, its report is so old at most, in seconds.
PERIOD = 2
# Behind a progress bar it may be glued to a number.
STEP = re.compile(r"(?<![A-Za-z_])step=(\d{1,15})\b")


class Record:
    """Writes the report of a run while it goes on, so that one which is killed has left it too.

    Its status is InProgress, Completed, Failed or Stopped, its times are seconds from its start.
    A host has several spans where the run was interrupted. The kinds of events are stop,
    interruption, resume and kill. A metric has [step, value, time].
    """

    def __init__(self, job: Job, command: str, image: str) -> None:
        self.folder = job.folder
        self.clock = time.monotonic()
        self.silent = False
        # Several hosts speak, each in a thread.
        self.lock = threading.Lock()
        self.patterns, self.wrong = patterns_of(job.request)
        # The last value of each metric, as the log has it; empty where no line matches.
        self.last = dict.fromkeys(self.patterns, "")
        self.metrics: dict[str, list[list[float]]] = {name: [] for name in self.patterns}
        self.report: dict = {
            "name": job.name,
            "command": command,
            "image": image,
            "status": "InProgress",
            "reason": "",
            "exit_code": None,
            "started": now("seconds"),
            "ended": None,
            "seconds": 0,
            "process": os.getpid(),
            "hyperparameters": job.request.get("HyperParameters", {}),
            "hosts": {host.name: [] for host in job.hosts},
            "events": [],
        }
        job.tell = self.tell
        self.write()

    def tell(self, what: str, host: Host | None = None, text: str = "") -> None:
        """Note that a host began, ended or wrote a line, or else what was done to the run."""
        with self.lock:
            at = round(time.monotonic() - self.clock, 3)
            if what == "began":
                span = {"began": at, "ended": None, "exit_code": None}
                self.report["hosts"][host.name].append(span)
            elif what == "ended":
                self.report["hosts"][host.name][-1].update(ended=at, exit_code=host.code)
            elif what == "line":
                self.measure(text, at)
                self.log(host.name, text)
            else:
                self.report["events"].append({"at": at, "what": what, "text": text})
                self.log("tools", f"{what}: {text}")
            if what != "line" or at - self.report["seconds"] >= PERIOD:
                self.write()

    def end(self, status: str, reason: str, code: int) -> None:
        """Write the report of the ended run."""
        with self.lock:
            self.report.update(status=status, reason=reason, exit_code=code, ended=now("seconds"))
            self.write()

    def measure(self, line: str, at: float) -> None:
        """Take the metrics of a line, by its step=N, else by their number (C94)."""
        step = STEP.search(line)
        for name, pattern in self.patterns.items():
            match = pattern.search(line)
            if not (match and match.lastindex):
                continue
            self.last[name] = match[1] or ""
            points = self.metrics[name]
            with contextlib.suppress(ValueError):
                value = float(self.last[name])
                if math.isfinite(value):
                    points.append([int(step[1]) if step else len(points) + 1, value, at])

    def write(self) -> None:
        """Write report.json, each member on a line of its own."""
        self.report["seconds"] = round(time.monotonic() - self.clock, 3)
        metrics = {name: thinned(points) for name, points in self.metrics.items()}
        members = {**self.report, "metrics": metrics}.items()
        lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in members]
        with self.unless_full():
            write_whole(self.folder / "report.json", "{\n" + ",\n".join(lines) + "\n}\n")

    def log(self, who: str, text: str) -> None:
        """Add a line to log.txt."""
        with self.unless_full(), (self.folder / "log.txt").open("a", **TEXT) as file:
            file.write(f"{now('milliseconds')} {who} | {text}\n")

    @contextlib.contextmanager
    def unless_full(self) -> Iterator[None]:
        """Say once where nothing can be written: the run itself goes on."""
        try:
            yield
        except OSError as error:
            if not self.silent:
                note(f"The report of this run can't be written: {error.strerror}.")
            self.silent = True


def patterns_of(request: dict) -> tuple[dict[str, re.Pattern], dict[str, str]]:
    """Return the pattern of each metric definition, and what is wrong with those that are none."""
    patterns, wrong = {}, {}
    for definition in request.get("AlgorithmSpecification", {}).get("MetricDefinitions", []):
        try:
            patterns[definition["Name"]] = re.compile(definition["Regex"])
        except re.error as error:
            wrong[definition["Name"]] = str(error)
    return patterns, wrong


def now(digits: str) -> str:
    """Return the local time and how far it is from UTC."""
    return datetime.now().astimezone().isoformat(timespec=digits)


def thinned(points: list) -> list:
    """Return POINTS of the points at most, among them the first and the last."""
    stride = -(-len(points) // (POINTS - 1)) or 1
    return points[:-1:stride] + points[-1:]


def write_whole(path: Path, text: str) -> None:
    """Write a file aside and rename it: who reads it finds it whole."""
    aside = path.with_suffix(".new")
    aside.write_text(text, **TEXT)
    aside.replace(path)
