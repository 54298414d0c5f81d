"""A training job as the service runs it: a tree of files, and a container that is given it.

Independent of the generated tools/local, which the tests compare with it.
"""

import json
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from support import TEMPLATE

DATA = TEMPLATE / "{{cookiecutter.project_slug}}" / "data"

# Hyperparameters that make each language's training long, and how far a short one goes.
LONG = {
    "python": {"rounds": "100000"},
    "r": {"max_iterations": "100000", "tolerance": "0"},
    "java": {"rounds": "100000"},
}
STEPS = {"python": "rounds", "r": "max_iterations", "java": "rounds"}
CHANNEL = {
    "TrainingInputMode": "File",
    "S3DistributionType": "FullyReplicated",
    "RecordWrapperType": "None",
}
SHARDED = CHANNEL | {"S3DistributionType": "ShardedByS3Key"}
# Seconds after which what has not happened never will, on the slowest machine.
HANG = 300


class Job:
    """The folders of one job; `run` starts a container on them."""

    def __init__(self, engine: str, image: str, folder: Path) -> None:
        self.engine = engine
        self.image = image
        self.folder = folder
        self.model = folder / "model"
        self.checkpoints = folder / "checkpoints"
        # Two trainings at once on two cores would wait for each other.
        self.threads = ("-e", "OMP_NUM_THREADS=1")
        self.running: Running | None = None
        self.words = ("train",)  # what `start` starts it with
        self.failure_file = folder / "output" / "failure"
        for name in ("input/config", "model", "output/data", "checkpoints"):
            (folder / name).mkdir(parents=True)
        shutil.copytree(DATA, folder / "input" / "data", ignore=shutil.ignore_patterns("README.md"))
        self.configure("inputdataconfig", {name: CHANNEL for name in ("training", "validation")})
        self.configure("hyperparameters", {})
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}
        self.configure("resourceconfig", hosts)

    def configure(self, name: str, content: object) -> None:
        """Write a file of /opt/ml/input/config."""
        (self.folder / f"input/config/{name}.json").write_text(json.dumps(content))

    def training_file(self) -> Path:
        """Return the file of the training channel."""
        return self.folder / "input/data/training/penguins.csv"

    def command(self, *arguments: str, options: tuple[str, ...] = (), name: str = "") -> list[str]:
        """Return the engine's command: input read-only, the places for results writable."""
        mounts = []
        places = {
            f"{self.folder}/input": "input:ro",
            self.model: "model",
            f"{self.folder}/output": "output",
            self.checkpoints: "checkpoints",
        }
        for folder, place in places.items():
            # A mount of the test's own, such as a small disk, takes the place of the folder.
            if not any(f"/opt/ml/{place.split(':')[0]}" in option for option in options):
                mounts += ["-v", f"{folder}:/opt/ml/{place}"]
        named = ["--name", name] if name else ["--rm"]
        return [
            self.engine,
            "run",
            *named,
            *self.threads,
            *mounts,
            *options,
            self.image,
            *arguments,
        ]

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        """Run the image to its end and return exit code, stdout and stderr."""
        return subprocess.run(
            self.command(*(arguments or ("train",)), options=options),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=HANG,
        )

    def start(self, *options: str) -> "Running":
        """Start the image with `train` and return the running container."""
        self.running = Running(self, options)
        return self.running

    def close(self) -> None:
        """End what a failed test has left running."""
        if self.running and self.running.process.poll() is None:
            self.running.kill()

    def metadata(self) -> dict:
        """Return what metadata.json says of the model."""
        return json.loads((self.model / "metadata.json").read_text(encoding="utf-8"))

    def model_bytes(self) -> dict[str, bytes]:
        """Return the model's files by name."""
        return {path.name: path.read_bytes() for path in sorted(self.model.iterdir())}


class Running:
    """A container that trains, until it is stopped, killed or done. Its log is read meanwhile."""

    def __init__(self, job: Job, options: tuple[str, ...]) -> None:
        self.engine = job.engine
        self.name = f"test-{uuid.uuid4().hex[:12]}"
        self.lines: list[str] = []
        self.started = time.monotonic()
        self.times: list[float] = []  # time.monotonic() when each line came
        self.ended = 0.0  # and at its end
        self.stopping: subprocess.Popen | None = None
        self.process = subprocess.Popen(
            job.command(*job.words, options=options, name=self.name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self._awaited = 0  # how many lines wait_for has looked at
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self.process.stdout:
            for line in self.process.stdout:
                with self._news:
                    self.times.append(time.monotonic())
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        self.process.wait()
        with self._news:
            self.ended = time.monotonic()
            self._news.notify_all()

    def wait_for(self, text: str) -> str:
        """Await a further line with this text and return it."""
        deadline = time.monotonic() + HANG
        with self._news:
            while True:
                for line in self.lines[self._awaited :]:
                    self._awaited += 1
                    if text in line:
                        return line
                if self.ended or not self._news.wait(deadline - time.monotonic()):
                    last = "\n".join(self.lines[-20:])
                    raise AssertionError(f"no line with {text!r} came:\n{last}")

    def end(self) -> int:
        """Await the end and return the exit code."""
        self._reader.join(HANG)
        if hangs := self._reader.is_alive():
            subprocess.run([self.engine, "kill", self.name], capture_output=True)
            self._reader.join(HANG)
        if self.stopping:
            self.stopping.wait(timeout=HANG)
        subprocess.run([self.engine, "rm", "-f", self.name], capture_output=True)
        if hangs:
            raise AssertionError("it did not end:\n" + "\n".join(self.lines[-20:]))
        return self.process.returncode

    def stop(self) -> int:
        """Stop it as the service does, SIGTERM and after a while SIGKILL; return the exit code."""
        self.begin_stop()
        return self.end()

    def begin_stop(self, seconds: int = 30) -> None:
        """Have SIGTERM sent, and SIGKILL after so many seconds."""
        stop = [self.engine, "stop", "-t", str(seconds), self.name]
        self.stopping = subprocess.Popen(stop, stdout=subprocess.DEVNULL)

    def do(self, word: str) -> None:
        """Have the engine kill, pause or unpause it."""
        subprocess.run([self.engine, word, self.name], check=True, capture_output=True)

    def kill(self) -> int:
        """Kill it without notice, as a spot interruption may; return the exit code."""
        self.do("kill")
        return self.end()


class Cluster:
    """Several hosts of one job: a tree each, a network, and one folder for the checkpoints.

    Each has one CPU and a hostname that is not its name on the network (C39, C66, C96). The
    training channel is sharded, the validation channel is the same on all.
    """

    def __init__(self, engine: str, image: str, folder: Path, size: int = 2) -> None:
        self.engine = engine
        self.network = f"test-{uuid.uuid4().hex[:12]}"
        self.names = [f"algo-{number}" for number in range(1, size + 1)]
        self.jobs = {name: Job(engine, image, folder / name) for name in self.names}
        self.leader = self.jobs["algo-1"]
        self.running: dict[str, Running] = {}
        for name, job in self.jobs.items():
            job.checkpoints = self.leader.checkpoints
            hosts = {"current_host": name, "hosts": self.names, "network_interface_name": "eth0"}
            job.configure("resourceconfig", hosts)
        self.configure("inputdataconfig", {"training": SHARDED, "validation": CHANNEL})
        command = [engine, "network", "create", self.network]
        subprocess.run(command, check=True, capture_output=True)

    def configure(self, name: str, content: object) -> None:
        """Write a file of /opt/ml/input/config on every host."""
        for job in self.jobs.values():
            job.configure(name, content)

    def start(self, *names: str, options: Sequence[str] = ()) -> None:
        """Start these hosts, or all."""
        for name in names or self.names:
            network = ("--network", self.network, "--network-alias", name, "--cpus", "1")
            self.running[name] = self.jobs[name].start(*network, *options)

    def end(self) -> dict[str, int]:
        """Await the end of all that were started and return their exit codes."""
        return {name: running.end() for name, running in self.running.items()}

    def kill(self) -> None:
        """Kill all at once, as a spot interruption may; one may have ended for the other's end."""
        names = [running.name for running in self.running.values()]
        subprocess.run([self.engine, "kill", *names], capture_output=True)

    def cut(self, name: str) -> None:
        """Take a host off the network: no message of its end reaches the others."""
        command = [self.engine, "network", "disconnect", self.network, self.running[name].name]
        subprocess.run(command, check=True, capture_output=True)

    def log(self) -> str:
        """Return what all hosts said, for the message of an assertion."""
        return "\n".join(
            f"{name} | {line}"
            for name, running in self.running.items()
            for line in running.lines[-15:]
        )

    def close(self) -> None:
        """End what a failed test has left running, and remove the network."""
        for running in self.running.values():
            subprocess.run([self.engine, "rm", "-f", running.name], capture_output=True)
        subprocess.run([self.engine, "network", "rm", self.network], capture_output=True)
