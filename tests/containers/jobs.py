"""A training job as the service runs it: a tree of files, and a container that is given it.

Independent of the generated scripts/train_local.py, which the tests compare with it.
"""

import json
import shutil
import subprocess
import uuid
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


class Job:
    """The folders of one job; `run` starts a container on them."""

    def __init__(self, engine: str, image: str, folder: Path) -> None:
        self.engine = engine
        self.image = image
        self.folder = folder
        self.model = folder / "model"
        self.checkpoints = folder / "checkpoints"
        self.running: Running | None = None
        self.failure_file = folder / "output" / "failure"
        for name in ("input/config", "model", "output/data", "checkpoints"):
            (folder / name).mkdir(parents=True)
        shutil.copytree(DATA, folder / "input" / "data", ignore=shutil.ignore_patterns("README.md"))
        channel = {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
        self.configure("inputdataconfig", {"training": channel, "validation": channel})
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
        for place, mode in (("input", ":ro"), ("model", ""), ("output", ""), ("checkpoints", "")):
            # A mount of the test's own, such as a small disk, takes the place of the folder.
            if not any(f"/opt/ml/{place}" in option for option in options):
                mounts += ["-v", f"{self.folder / place}:/opt/ml/{place}{mode}"]
        named = ["--name", name] if name else ["--rm"]
        # One thread: two trainings at once on two cores would wait for each other.
        threads = ["-e", "OMP_NUM_THREADS=1"]
        return [self.engine, "run", *named, *threads, *mounts, *options, self.image, *arguments]

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        """Run the image to its end and return exit code, stdout and stderr."""
        return subprocess.run(
            self.command(*(arguments or ("train",)), options=options),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
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
    """A container that trains, until it is stopped, killed or done."""

    def __init__(self, job: Job, options: tuple[str, ...]) -> None:
        self.engine = job.engine
        self.name = f"test-{uuid.uuid4().hex[:12]}"
        self.lines: list[str] = []
        self.stopping: subprocess.Popen | None = None
        self.process = subprocess.Popen(
            job.command("train", options=options, name=self.name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def wait_for(self, text: str) -> str:
        """Read the log up to a line with this text and return the line."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return self.lines[-1]
        raise AssertionError(f"no line with {text!r} came:\n" + "\n".join(self.lines[-20:]))

    def end(self) -> int:
        """Read the log to its end and return the exit code."""
        self.lines += [line.rstrip("\n") for line in self.process.stdout]
        self.process.stdout.close()
        code = self.process.wait(timeout=60)
        if self.stopping:
            self.stopping.wait(timeout=60)
        subprocess.run([self.engine, "rm", "-f", self.name], capture_output=True)
        return code

    def stop(self) -> int:
        """Stop it as the service does, SIGTERM and after a while SIGKILL; return the exit code."""
        self.begin_stop()
        return self.end()

    def begin_stop(self, seconds: int = 30) -> None:
        """Have SIGTERM sent, and SIGKILL after so many seconds."""
        stop = [self.engine, "stop", "-t", str(seconds), self.name]
        self.stopping = subprocess.Popen(stop, stdout=subprocess.DEVNULL)

    def kill(self) -> int:
        """Kill it without notice, as a spot interruption may; return the exit code."""
        subprocess.run([self.engine, "kill", self.name], check=True, capture_output=True)
        return self.end()
