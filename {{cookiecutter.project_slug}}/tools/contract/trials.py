"""The service's part: a job that tools/local lays out and starts, and a way to fail.

Each test of this folder holds a clause of what SageMaker asks of a container. It changes one thing
about an ordinary short job, runs the image, and looks from outside: exit code, log, files. Clause
numbers (C1, ...) are those of docs/contract.md of the template that made this repository.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

import job as training_job
from local import run as train_local

# What is made here must look as the service makes it: folders 0755, files 0644 (C26).
os.umask(0o022)

REQUEST = training_job.read_request(training_job.REPOSITORY / "training-job.json")
SETTINGS = configparser.ConfigParser(interpolation=None, delimiters=["="])
SETTINGS.optionxform = str  # A hyperparameter's name may have capitals.
SETTINGS.read(training_job.REPOSITORY / "contract.ini", encoding="utf-8")
# How long a short run, or the way to the midst of a long one, may take, in seconds.
LIMIT = SETTINGS.getint("limits", "run")
train_local.GRACE = SETTINGS.getint("limits", "stop")


def must(holds: object, consequence: str, run: Run | None = None) -> None:
    """Fail with what it means on SageMaker that this does not hold, and the end of the log."""
    if holds:
        return
    lines = [consequence]
    if run:
        run.end(kill=True)
        if run.code not in (0, 137):
            lines += ["", f"FailureReason: {train_local.failure_reason(run.host)}"]
        lines += ["", f"The log of this run, which ended with exit code {run.code}, ends:"]
        lines += [f"    {line}" for line in run.log[-8:]]
        lines += [f"Its files: {train_local.relative(run.job.folder)}"]
    pytest.fail("\n".join(lines), pytrace=False)


def hyperparameters(kind: str) -> dict[str, str]:
    """Return those of training-job.json, and over them those of a section of contract.ini."""
    return {**REQUEST.get("HyperParameters", {}), **SETTINGS[kind]}


def inspect(image: str) -> dict:
    """Return what the engine knows of the image."""
    answer = train_local.call(train_local.find_engine(), "image", "inspect", image)
    return json.loads(answer.stdout)[0]


class Job(training_job.Job):
    """A job on the data of data/, short as it is: change its files or mounts, then run it."""

    def __init__(self, image: str, folder: Path, size: int = 1) -> None:
        request = json.loads(json.dumps(REQUEST))
        request["HyperParameters"] = hyperparameters("short")
        request.setdefault("Environment", {}).update(SETTINGS["environment"])
        super().__init__(request, training_job.job_name(request), folder / "job", size)
        self.image = image
        self.mounts: dict[str, list[str]] = {}
        self.runs: list[Run] = []
        training_job.write_tree(self)

    @property
    def checkpoints(self) -> Path:
        """The folder that the container has as /opt/ml/checkpoints."""
        return self.folder / "checkpoints"

    def configure(self, name: str, content: object) -> None:
        """Write a file of /opt/ml/input/config: text as it is, anything else as JSON."""
        text = content if isinstance(content, str) else json.dumps(content)
        file = self.folder / "input" / "config" / f"{name}.json"
        file.write_text(text, encoding="utf-8")

    def configure_channels(self, **changes: str) -> None:
        """Write inputdataconfig.json, each channel with these changes."""
        config = training_job.input_data_config(self.request)
        self.configure("inputdataconfig", {name: {**config[name], **changes} for name in config})

    def mount(self, source: Path, target: str, *flags: str) -> None:
        """Mount something of the test's own, in place of the job's where the target is the same."""
        self.mounts[target] = train_local.bind(source, target, *flags)

    def copy_data(self, channel: dict) -> Path:
        """Give the job a copy of the channel's folder, which the test may change; return it."""
        copy = self.folder / "data" / channel["ChannelName"]
        shutil.copytree(training_job.data_folder(channel), copy)
        self.mount(copy, f"/opt/ml/input/data/{channel['ChannelName']}", "readonly")
        return copy

    def give_to_root(self) -> None:
        """Make the job's folders those of root, as the service's are (C26)."""
        Run(self, self.hosts[0], "").chown("0:0")

    def start(
        self,
        words: Sequence[str] = ("train",),
        options: Sequence[str] = (),
        network: str = "",
        rank: int = 0,
    ) -> Run:
        """Start the image with these words, and these options of the engine, on one host."""
        self.runs.append(Run(self, self.hosts[rank], network))
        self.runs[-1].begin(words, options)
        return self.runs[-1]

    def run(self, *ways: Sequence[str], **more: str) -> Run:
        """Run the image to its end; the arguments are those of `start`."""
        return self.start(*ways, **more).end()

    def close(self) -> None:
        """End what still runs."""
        for run in self.runs:
            run.end(kill=True)


class Run(train_local.Container):
    """A container of the image, its log and its end; it is killed when it takes too long."""

    def __init__(self, job: Job, host: training_job.Host, network: str) -> None:
        # A log of its own, since a job may be run twice.
        host = training_job.Host(host.name, host.folder)
        super().__init__(job, host, train_local.find_engine(), job.image, network)

    def mounts(self) -> dict[str, list[str]]:
        """Return the job's mounts, with those of the test in their places."""
        return {**super().mounts(), **self.job.mounts}

    def begin(self, words: Sequence[str], options: Sequence[str]) -> None:
        """Start it and read its log, a line at a time."""
        self.start(words, options)
        self.watchdog = threading.Timer(LIMIT, self.kill)
        self.watchdog.start()
        self.ended = threading.Event()
        read = [self.job, self, self.ended]
        threading.Thread(target=train_local.read_log, args=read, daemon=True).start()

    def trains(self) -> bool:
        """Wait until the log says that it trains; False where it ends without."""
        while True:
            ended = self.ended.is_set()
            if self.find(SETTINGS["log"]["training"]):
                return not ended
            if ended:
                return False
            self.ended.wait(0.02)

    def resumes(self) -> bool:
        """Wait until it trains, and return whether it said before that it resumes."""
        return self.trains() and bool(self.find(SETTINGS["log"]["resuming"]))

    def stop(self) -> None:
        """Stop it as StopTrainingJob does."""
        self.watchdog.cancel()
        super().stop()

    def end(self, kill: bool = False) -> Run:
        """Wait for the end, or make it end."""
        if kill:
            self.kill()
        self.ended.wait()
        if self.watchdog:
            self.watchdog.cancel()
            self.watchdog = None
            self.remove()
            self.own_folders()
        return self

    @property
    def log(self) -> list[str]:
        """The lines so far."""
        return self.host.log

    @property
    def code(self) -> int | None:
        """The exit code, once it has ended."""
        return self.host.code

    @property
    def completed(self) -> bool:
        """Whether the service would call the job Completed, and there is a model (C56, C60)."""
        return self.code == 0 and bool(self.model_files())

    @property
    def reason(self) -> str:
        """The first line of /opt/ml/output/failure (C58)."""
        try:
            text = self.host.failure.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""
        return text.partition("\n")[0]

    @property
    def explained(self) -> bool:
        """Whether it failed with a sentence for the one who reads the FailureReason."""
        return 0 < (self.code or 0) < 125 and not re.match(r"Traceback|\s*$", self.reason)

    def find(self, pattern: str) -> str | None:
        """Return the first line of the log that matches."""
        return next((line for line in self.log if re.search(pattern, line)), None)

    def model_files(self) -> list[Path]:
        """Return what is in /opt/ml/model, folders left out."""
        return [path for path in (self.host.folder / "model").rglob("*") if not path.is_dir()]
