"""The service's part: a job that tools/local lays out and starts, and a way to fail.

Each test of this folder holds a clause of what SageMaker asks of a container. It changes one thing
about an ordinary short job, runs the image, and looks from outside: exit code, log, files. Clause
numbers (C1, ...) are those of docs/contract.md of the template that made this repository.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from job import Host, Job, data_folder, input_data_config, job_name, read_request, write_tree
from local.engine import bind, find_engine
from local.report import failure_reason
from local.runners import Container
from repository import REPOSITORY, relative
from settings import read_settings, settings_file

# What is made here must look as the service makes it: folders 0755, files 0644 (C26).
os.umask(0o022)

REQUEST = read_request(REPOSITORY / "training-job.json")
SETTINGS = read_settings(settings_file())
# How long a short run, or the way to the midst of a long one, may take, in seconds.
LIMIT = SETTINGS.getint("limits", "run")
# How long a stop may take.
GRACE = SETTINGS.getint("limits", "stop")


def must(holds: object, consequence: str) -> None:
    """Fail with what it means on SageMaker that this does not hold."""
    if not holds:
        pytest.fail(consequence, pytrace=False)


def hyperparameters(kind: str) -> dict[str, str]:
    """Return those of training-job.json, and over them those of a section of contract.ini."""
    return {**REQUEST.get("HyperParameters", {}), **section(kind)}


def section(kind: str) -> Mapping[str, str]:
    """Return the hyperparameters of a section; skip the test where none is wrong."""
    if kind == "wrong" and not SETTINGS[kind]:
        pytest.skip("[wrong] names no hyperparameter that the image must refuse")
    return SETTINGS[kind]


class Trial:
    """A job on the data of data/, short as it is: change its files or mounts, then run it."""

    def __init__(self, image: str, folder: Path, size: int = 1) -> None:
        request = json.loads(json.dumps(REQUEST))
        request["HyperParameters"] = hyperparameters("short")
        request.setdefault("Environment", {}).update(SETTINGS["environment"])
        self.job = Job(request, job_name(request), folder / "job", size, GRACE)
        self.image = image
        self.mounts: dict[str, list[str]] = {}
        self.runs: list[Run] = []
        write_tree(self.job)

    @property
    def checkpoints(self) -> Path:
        """The folder that the container has as /opt/ml/checkpoints."""
        return self.job.folder / "checkpoints"

    def configure(self, name: str, content: object) -> None:
        """Write a file of /opt/ml/input/config: text as it is, anything else as JSON."""
        text = content if isinstance(content, str) else json.dumps(content)
        file = self.job.folder / "input" / "config" / f"{name}.json"
        file.write_text(text, encoding="utf-8")

    def configure_channels(self, **changes: str) -> None:
        """Write inputdataconfig.json, each channel with these changes."""
        config = input_data_config(self.job.request)
        self.configure("inputdataconfig", {name: {**config[name], **changes} for name in config})

    def mount(self, source: Path, target: str, *flags: str) -> None:
        """Mount something of the test's own, in place of the job's where the target is the same."""
        self.mounts[target] = bind(source, target, *flags)

    def copy_data(self, channel: dict) -> Path:
        """Give the job a copy of the channel's folder, which the test may change; return it."""
        copy = self.job.folder / "data" / channel["ChannelName"]
        shutil.copytree(data_folder(channel), copy)
        self.mount(copy, f"/opt/ml/input/data/{channel['ChannelName']}", "readonly")
        return copy

    def container(self, rank: int = 0, network: str = "") -> Container:
        """Return a container of the image for a host; a log of its own, since it may run twice."""
        host = self.job.hosts[rank]
        return Container(
            self.job,
            Host(host.name, host.folder),
            find_engine(),
            self.image,
            network,
            instead=self.mounts,
        )

    def give_to_root(self) -> None:
        """Make the job's folders those of root, as the service's are (C26)."""
        self.container().chown("0:0")

    def start(
        self,
        words: Sequence[str] = ("train",),
        options: Sequence[str] = (),
        network: str = "",
        rank: int = 0,
    ) -> Run:
        """Start the image with these words, and these options of the engine, on one host."""
        self.runs.append(Run(self, self.container(rank, network)))
        self.runs[-1].begin(words, options)
        return self.runs[-1]

    def run(self, *ways: Sequence[str], **more: object) -> Run:
        """Run the image to its end; the arguments are those of `start`."""
        return self.start(*ways, **more).end()

    def close(self) -> None:
        """End what still runs."""
        for run in self.runs:
            run.end(kill=True)


class Run:
    """A container of the image, its log and its end; it is killed when it takes too long."""

    def __init__(self, trial: Trial, container: Container) -> None:
        self.trial = trial
        self.container = container
        self.host = container.host
        self.watchdog: threading.Timer | None = None

    def begin(self, words: Sequence[str], options: Sequence[str]) -> None:
        """Start it; its log is read meanwhile, a line at a time."""
        self.container.start(words, options)
        self.watchdog = threading.Timer(LIMIT, self.container.kill)
        self.watchdog.start()

    def trains(self) -> bool:
        """Wait until the log says that it trains; False where it ends without."""
        while True:
            ended = self.container.ended.is_set()
            if self.find(SETTINGS["log"]["training"]):
                return not ended
            if ended:
                return False
            self.container.ended.wait(0.02)

    def resumes(self) -> bool:
        """Wait until it trains, and return whether it said before that it resumes."""
        return self.trains() and bool(self.find(SETTINGS["log"]["resuming"]))

    def stop(self) -> None:
        """Stop it as StopTrainingJob does."""
        self.watchdog.cancel()
        self.container.stop()

    def end(self, kill: bool = False) -> Run:
        """Wait for the end, or make it end."""
        if kill:
            self.container.kill()
        self.container.ended.wait()
        if self.watchdog:
            self.watchdog.cancel()
            self.watchdog = None
            self.container.remove()
            self.container.own_folders()
        return self

    @property
    def log(self) -> list[str]:
        """The lines so far."""
        return self.host.log

    @property
    def code(self) -> int | None:
        """The exit code, once it has ended."""
        return self.host.code

    def must(self, holds: object, consequence: str) -> None:
        """As the function; the end of the log stands below."""
        if holds:
            return
        self.end(kill=True)
        lines = [consequence]
        if self.code not in (0, 137):
            lines += ["", f"FailureReason: {failure_reason(self.host)}"]
        lines += ["", f"The log of this run, which ended with exit code {self.code}, ends:"]
        lines += [f"    {line}" for line in self.log[-8:]]
        must(False, "\n".join([*lines, f"Its files: {relative(self.trial.job.folder)}"]))

    def must_complete(self, consequence: str) -> None:
        """Fail where the job is not Completed, or has no model."""
        self.must(self.completed, consequence)

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
