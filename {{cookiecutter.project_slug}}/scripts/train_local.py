#!/usr/bin/env python3
"""Run the training job of training-job.json on this machine, as SageMaker would.

    python3 scripts/train_local.py [--stop-after S | --interrupt-after S] [--no-network]
                                   [--hyperparameter NAME=VALUE ...] [--print | --shell]
                                   [--no-container]

Builds the tree of /opt/ml under runs/JOB, starts the image with the word "train", shows its log,
and reports what the service would: status, FailureReason, metrics, model.tar.gz, output.tar.gz.
This is the one place that knows how the service starts a container. Clause numbers (C1, ...) are
those of docs/contract.md of the template that made this repository.

Needs Python 3.9 and docker, podman or finch (the environment's CONTAINER_ENGINE chooses one).
Exit code: 0 for a job that completed or was stopped on purpose, 1 for a failed one, 2 for usage.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

REPOSITORY = Path(__file__).resolve().parent.parent
ENGINES = ("docker", "podman", "finch")
HOST = "algo-1"
# Between SIGTERM and SIGKILL the service waits this long, in seconds (C5).
GRACE = 120

# Kinds of those members of the request that are no plain text.
KINDS = {
    "AlgorithmSpecification": dict,
    "CheckpointConfig": dict,
    "Environment": dict,
    "HyperParameters": dict,
    "InputDataConfig": list,
    "OutputDataConfig": dict,
    "ResourceConfig": dict,
    "StoppingCondition": dict,
}

# What an engine prints for an image that can't start, and what is to be done (F1, F3, F4).
START_FAULTS = {
    r"executable file not found": 'the image has no ENTRYPOINT and no program "train" on its PATH: '
    "give the Dockerfile an exec-form ENTRYPOINT that names the training program",
    r"exec format error": "the image is of another architecture, or its program is a script "
    'without a "#!" line: build with PLATFORM=linux/amd64',
    r"exec.*permission denied": "the program that ENTRYPOINT names is not executable: "
    "COPY it with --chmod=0755",
    r"exec.*no such file or directory": "the program that ENTRYPOINT names, or the interpreter in "
    'its first line, is not in the image (a "#!" line that ends in CRLF looks the same)',
}


class LocalRunError(Exception):
    """What the user can mend, in one sentence."""


@dataclass
class Job:
    """A run of the training job: its request, and its folder, which holds the tree of /opt/ml."""

    request: dict
    name: str
    folder: Path
    log: list[str] = field(default_factory=list)
    stopped: str = ""  # why the run was stopped on purpose

    @property
    def channels(self) -> list[dict]:
        return self.request.get("InputDataConfig", [])

    @property
    def checkpoint_path(self) -> str | None:
        """The container's checkpoint folder, which exists only with a CheckpointConfig (C64)."""
        if "CheckpointConfig" not in self.request:
            return None
        return self.request["CheckpointConfig"].get("LocalPath", "/opt/ml/checkpoints")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the platform sets (C74), and the request's own (C75)."""
        image = self.request.get("AlgorithmSpecification", {}).get("TrainingImage", "")
        region = re.search(r"\.ecr\.([a-z0-9-]+)\.", image)
        _, partition, _, _, account, *_ = (self.request.get("RoleArn", "") + ":::::").split(":")
        return {
            "TRAINING_JOB_NAME": self.name,
            # The service writes the name in lower case here.
            "TRAINING_JOB_ARN": f"arn:{partition}:sagemaker:{region[1] if region else ''}:{account}"
            f":training-job/{self.name.lower()}",
            **self.request.get("Environment", {}),
        }


# ---- The tree of /opt/ml -------------------------------------------------------------------


def read_request(path: Path) -> dict:
    """Return the CreateTrainingJob request that the file holds."""
    try:
        request = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LocalRunError(f"{path.name} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise LocalRunError(f"{path.name} is not valid JSON: {error}.") from error
    if not isinstance(request, dict):
        raise LocalRunError(f"{path.name} must be one JSON object, a CreateTrainingJob request.")
    for key, kind in KINDS.items():
        if not isinstance(request.get(key, kind()), kind):
            name = "a list" if kind is list else "an object"
            raise LocalRunError(f"{path.name}: {key} must be {name}.")
    for key in ("HyperParameters", "Environment"):
        for name, value in request.get(key, {}).items():
            if not isinstance(value, str):
                text = json.dumps(json.dumps(value))
                raise LocalRunError(f'{path.name}: {key} "{name}" must be text: {text}.')
    return request


def new_job(request: dict, runs: Path) -> Job:
    """Return a job with a name that no other run has, and make its folder."""
    while True:
        name = job_name(request)
        try:
            (runs / name).mkdir(parents=True)
        except FileExistsError:
            time.sleep(0.1)
            continue
        return Job(request, name, runs / name)


def job_name(request: dict) -> str:
    """Return the request's job name with the time after it, which makes it unique."""
    return f"{request.get('TrainingJobName', 'training')}-{time.strftime('%Y%m%d-%H%M%S')}"


def default_image(request: dict) -> str:
    """Return the name of the image that `make build` makes."""
    image = request.get("AlgorithmSpecification", {}).get("TrainingImage", "")
    name = re.split(r"[:@]", image.rpartition("/")[2])[0]
    if not name:
        raise LocalRunError("training-job.json names no TrainingImage: give one by --image.")
    return f"{name}:local"


def data_folder(channel: dict) -> Path:
    """Return the folder of the repository that stands for the channel's place in S3."""
    name = channel.get("ChannelName", "")
    folder = REPOSITORY / "data" / name
    if not name or not folder.is_dir():
        raise LocalRunError(
            f'Channel "{name}" of training-job.json needs its files in data/{name}: '
            "make that folder, or take the channel out."
        )
    return folder


def write_tree(job: Job) -> None:
    """Make the folders and configuration files that a container finds at start (C25)."""
    config = job.folder / "input" / "config"
    config.mkdir(parents=True)
    for channel in job.channels:
        data_folder(channel)
        (job.folder / "input" / "data" / channel["ChannelName"]).mkdir(parents=True)
    empty_outputs(job)
    if job.checkpoint_path:
        (job.folder / "checkpoints").mkdir()
    files = {
        "hyperparameters.json": job.request.get("HyperParameters", {}),
        "inputdataconfig.json": input_data_config(job.request),
        "resourceconfig.json": resource_config(job.request, HOST, [HOST]),
    }
    for name, content in files.items():
        (config / name).write_text(json.dumps(content), encoding="utf-8")


def empty_outputs(job: Job) -> None:
    """Make model/ and output/data empty, as a new container finds them (C25, C67)."""
    for name in ("model", "output"):
        shutil.rmtree(job.folder / name, ignore_errors=True)
    (job.folder / "model").mkdir()
    (job.folder / "output" / "data").mkdir(parents=True)


def input_data_config(request: dict) -> dict:
    """Return inputdataconfig.json as the service writes it (C32, C53)."""
    default_mode = request.get("AlgorithmSpecification", {}).get("TrainingInputMode", "File")
    config = {}
    for channel in request.get("InputDataConfig", []):
        source = channel.get("DataSource", {}).get("S3DataSource", {})
        entry = {
            "TrainingInputMode": channel.get("InputMode", default_mode),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        if "ContentType" in channel:
            entry["ContentType"] = channel["ContentType"]
        config[channel["ChannelName"]] = entry
    return config


def resource_config(request: dict, current_host: str, hosts: list[str]) -> dict:
    """Return resourceconfig.json in the shape of 2025 (C34, C38)."""
    instance_type = request.get("ResourceConfig", {}).get("InstanceType", "local")
    group = {
        "instance_group_name": "homogeneousCluster",
        "instance_type": instance_type,
        "hosts": hosts,
    }
    return {
        "current_group_name": "homogeneousCluster",
        "current_host": current_host,
        "current_instance_type": instance_type,
        "hosts": hosts,
        "instance_groups": [group],
        "network_interface_name": "eth0",
        "topology": None,
    }


# ---- Containers ----------------------------------------------------------------------------


class Container:
    """A container of the job's image: the engine's commands, and what became of it."""

    def __init__(self, job: Job, engine: str, image: str, options: argparse.Namespace) -> None:
        self.job = job
        self.engine = engine
        self.image = image
        self.isolated = options.no_network
        # Two checkouts of one repository may start a job in the same second.
        self.name = f"{job.name}-{HOST}-{secrets.token_hex(3)}"

    def run_command(self, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """Return the command that starts the image with /opt/ml as a job has it."""
        command = [self.engine, "run", "--name", self.name, *options]
        if self.isolated:
            command += ["--network", "none"]
        for name, value in self.job.environment.items():
            command += ["--env", f"{name}={value}"]
        folder = self.job.folder
        # Not /opt/ml as a whole: the image's /opt/ml/code must stay visible (C24).
        command += bind(folder / "input" / "config", "/opt/ml/input/config", "readonly")
        for channel in self.job.channels:
            target = f"/opt/ml/input/data/{channel['ChannelName']}"
            command += bind(data_folder(channel), target, "readonly")
        command += bind(folder / "model", "/opt/ml/model")
        command += bind(folder / "output", "/opt/ml/output")
        if self.job.checkpoint_path:
            command += bind(folder / "checkpoints", self.job.checkpoint_path)
        if "podman" in Path(self.engine).name:
            # SELinux would hide the mounts; docker's packages leave it off.
            command += ["--security-opt", "label=disable"]
        return [*command, self.image, *arguments]

    def start(self) -> subprocess.Popen:
        """Start the image with the word "train", without a terminal (C1, C14)."""
        self.process = start_process(self.run_command("train"))
        return self.process

    def stop(self) -> None:
        """Do as StopTrainingJob does: SIGTERM, 120 s, SIGKILL (C5)."""
        self._signal("stop", "-t", str(GRACE))

    def kill(self) -> None:
        """Do as a spot interruption may: end it without notice (C68)."""
        self._signal("kill")

    def _signal(self, *command: str) -> None:
        while self.process.poll() is None:
            # `stop` calls it a success where the container is made and not started yet.
            state = call(self.engine, "inspect", "--format", "{{.State.Running}}", self.name)
            if (
                state.stdout.strip() == "true"
                and call(self.engine, *command, self.name).returncode == 0
            ):
                break
            time.sleep(0.2)

    def shell(self) -> int:
        """Open a shell where the program would start, and return its exit code."""
        say(f"A shell in {self.image}, with /opt/ml as a job has it; `exit` leaves it.")
        options = ["--rm", "--interactive", "--entrypoint", "/bin/sh"]
        if sys.stdin.isatty():
            options.append("--tty")
        find_shell = "exec $(command -v bash || command -v sh)"
        try:
            return subprocess.run(self.run_command("-c", find_shell, options=options)).returncode
        finally:
            self.own_folders()

    def remove(self) -> str:
        """Remove the container; return why it was killed where the engine knows."""
        state = call(self.engine, "inspect", "--format", "{{.State.OOMKilled}}", self.name)
        call(self.engine, "rm", "--force", self.name)
        return "the memory was full" if state.stdout.strip() == "true" else ""

    def own_folders(self) -> None:
        """Give the job's folders to the user: the container wrote them as root (F32)."""
        if os.name != "posix" or os.geteuid() == 0:
            return
        folder = self.job.folder
        if all(path.lstat().st_uid == os.geteuid() for path in folder.rglob("*")):
            return
        command = [self.engine, "run", "--rm", "--user", "0", "--network", "none"]
        command += [*bind(folder, "/run-folder"), "--entrypoint", "chown", self.image]
        owner = f"{os.getuid()}:{os.getgid()}"
        if call(*command, "-R", owner, "/run-folder").returncode != 0:
            say(f"The files of {relative(folder)} belong to root: the image has no chown.")


class HostProcess:
    """The program itself on this machine, for those who have no engine (--no-container)."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.command, self.directory = host_program()
        self.process: subprocess.Popen | None = None

    def start(self) -> subprocess.Popen:
        """Start the program with SAGEMAKER_BASE_DIR in place of /opt/ml."""
        for channel in self.job.channels:
            link = self.job.folder / "input" / "data" / channel["ChannelName"]
            if not link.is_symlink():
                link.rmdir()
                link.symlink_to(data_folder(channel), target_is_directory=True)
        environment = {**os.environ, **self.job.environment}
        environment["SAGEMAKER_BASE_DIR"] = str(self.job.folder)
        command = [*self.command, "train"]
        self.process = start_process(command, cwd=self.directory, env=environment)
        return self.process

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL to what is still there after the grace period."""
        self.process.terminate()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the program and its helpers without notice."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def remove(self) -> str:
        """End what is still there; nothing else remains."""
        if self.process and self.process.poll() is None:
            self.kill()
        return ""

    def own_folders(self) -> None:
        """Nothing to do: the program ran as the user."""


Runner = Union[Container, HostProcess]


def bind(source: Path, target: str, *flags: str) -> list[str]:
    """Return the option that mounts a folder; a comma in a path needs the quotes of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(
        ["type=bind", f"source={source}", f"target={target}", *flags]
    )
    return ["--mount", line.getvalue()]


def find_engine() -> str:
    """Return the container engine's command: CONTAINER_ENGINE, or the first that is installed."""
    chosen = os.environ.get("CONTAINER_ENGINE")
    for name in (chosen,) if chosen else ENGINES:
        if shutil.which(name):
            return name
    if chosen:
        raise LocalRunError(f'CONTAINER_ENGINE is "{chosen}", and there is no such command.')
    raise LocalRunError(
        "There is no container engine: install docker, podman or finch, "
        "or train without one by --no-container."
    )


def require_image(engine: str, image: str) -> None:
    """Raise LocalRunError where the engine does not answer or does not have the image."""
    found = call(engine, "image", "inspect", "--format", "{{.Id}}", image)
    if found.returncode == 0:
        return
    if re.search(r"no such image|image not known|: not found$", found.stderr, re.I | re.M):
        raise LocalRunError(f"There is no image {image}: run `make build` first.")
    reason = found.stderr.strip().splitlines() or ["it gave no reason"]
    raise LocalRunError(f"{engine} does not answer ({reason[-1]}): start it, then try again.")


def call(*command: str) -> subprocess.CompletedProcess:
    """Run a short command and return its exit code and output."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace"
    )


def start_process(command: list[str], **options: object) -> subprocess.Popen:
    """Start a command with one stream for its log; Ctrl-C reaches us alone."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **options,
    )


# ---- The program without a container -------------------------------------------------------


def host_program() -> tuple[list[str], Path]:
    """Return the command that trains on this machine, prepared, and its working directory."""
    training = REPOSITORY / "training"
    if (training / "train.py").exists():
        return [str(python_environment()), "train.py"], training
    if (training / "train.R").exists():
        require_r_packages()
        return ["Rscript", "train.R"], training
    for tool, advice in (("java", "a JDK of release 17 or newer"), ("mvn", "Maven 3.8 or newer")):
        if not shutil.which(tool):
            raise LocalRunError(f"There is no {tool} on this machine: install {advice}.")
    build = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "-DskipTests", "package"]
    if subprocess.run(build, cwd=REPOSITORY).returncode != 0:
        raise LocalRunError("Maven could not build the program: see its lines above.")
    return ["java", "-jar", "training.jar"], REPOSITORY / "target"


def python_environment() -> Path:
    """Return the interpreter of .venv, which holds what requirements.txt names."""
    if sys.version_info < (3, 11):
        raise LocalRunError(
            f"Training on this machine needs Python 3.11 or newer, and this is "
            f"{sys.version_info[0]}.{sys.version_info[1]}: install one, or a container engine."
        )
    python = REPOSITORY / ".venv" / "bin" / "python"
    requirements = REPOSITORY / "requirements.txt"
    installed = REPOSITORY / ".venv" / "installed-requirements.txt"
    if (
        python.exists()
        and installed.exists()
        and installed.read_bytes() == requirements.read_bytes()
    ):
        return python
    say("Installing the packages of requirements.txt into .venv.")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", ".venv"],
        [*pip, "--no-deps", "--require-hashes", "--requirement", str(requirements)],
    ):
        if subprocess.run(command, cwd=REPOSITORY).returncode != 0:
            raise LocalRunError(f"`{shlex.join(command)}` failed: see its lines above.")
    shutil.copy(requirements, installed)
    return python


def require_r_packages() -> None:
    """Raise LocalRunError where R or one of the packages of packages.txt is missing."""
    if not shutil.which("Rscript"):
        raise LocalRunError("There is no Rscript on this machine: install R 4.1 or newer.")
    lines = (REPOSITORY / "packages.txt").read_text(encoding="utf-8").splitlines()
    packages = [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    check = "for (p in commandArgs(TRUE)) if (!requireNamespace(p, quietly = TRUE)) cat(p, '')"
    missing = call("Rscript", "-e", check, *packages).stdout.split()
    if missing:
        names = ", ".join(f'"{name}"' for name in missing)
        raise LocalRunError(f"R packages are missing: run install.packages(c({names})) in R.")


# ---- Following a run -----------------------------------------------------------------------


def follow(job: Job, runner: Runner, stop_after: float | None = None) -> int:
    """Run to the end, showing the log as it comes, and return the exit code.

    After `stop_after` seconds, at the request's MaxRuntimeInSeconds, or at Ctrl-C, it is stopped
    as the service stops a job; at the second Ctrl-C it is killed.
    """
    process = runner.start()

    def stop(reason: str) -> None:
        if not job.stopped:
            job.stopped = reason
            # In a thread, since the log goes on meanwhile.
            threading.Thread(target=runner.stop, daemon=True).start()

    limit = job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
    timers = [threading.Timer(limit, stop, [f"MaxRuntimeExceeded: {limit} s"])]
    if stop_after is not None:
        timers.append(threading.Timer(stop_after, stop, [f"stopped after {stop_after:g} s"]))
    for timer in timers:
        timer.daemon = True
        timer.start()
    lines = io.TextIOWrapper(process.stdout, "utf-8", "replace", newline="\n")
    while True:
        try:
            for line in lines:
                job.log.append(line.rstrip("\r\n"))
                say(job.log[-1])
            code = process.wait()
            break
        except KeyboardInterrupt:
            if job.stopped:
                job.stopped = "killed by Ctrl-C"
                runner.kill()
            stop("stopped by Ctrl-C")
    for timer in timers:
        timer.cancel()
    # A process that a signal ended has the code that a container would have.
    return code if code >= 0 else 128 - code


def interrupt(job: Job, runner: Runner, after: float) -> int | None:
    """Run, kill it after so many seconds, and empty what a spot interruption loses (C67).

    Returns the exit code where the training ended earlier by itself, else None.
    """
    killed = threading.Event()

    def kill() -> None:
        if not job.stopped:
            killed.set()
            runner.kill()

    timer = threading.Timer(after, kill)
    timer.daemon = True
    timer.start()
    code = follow(job, runner)
    timer.cancel()
    if job.stopped:
        return code
    if not killed.is_set():
        say(f"The training ended before the {after:g} s of --interrupt-after were over.")
        return code
    runner.remove()
    runner.own_folders()
    empty_outputs(job)
    say(f"Interrupted after {after:g} s; starting again with the checkpoints alone.")
    return None


# ---- The report ----------------------------------------------------------------------------


def report(job: Job, code: int, killed_by: str) -> bool:
    """Print what the service would show of the ended job; return whether all is well."""
    say("")
    if job.stopped:
        say(f"Status: Stopped ({job.stopped}), exit code {code}")
        if code == 137 and not job.stopped.startswith("killed"):
            say(f"The program did not end within {GRACE} s of SIGTERM and was killed (C5, C6).")
    elif code == 0:
        say("Status: Completed")
    else:
        say("Status: Failed")
        say(f"FailureReason: {failure_reason(job, code, killed_by)}")
    for name, value in last_metrics(job).items() if code == 0 else ():
        say(f"  {name} = {value or 'none: no line of the log matches its Regex'}")
    model = pack(job, "model", "model.tar.gz")
    if model:
        say(f"Model: {relative(model)}")
    elif code == 0:
        say("Model: none, since /opt/ml/model is empty; the service calls that Completed (C60).")
    output = pack(job, "output/data", "output.tar.gz")
    if output:
        say(f"Output: {relative(output)}")
    say(f"Files of this run: {relative(job.folder)}")
    return code == 0


def failure_reason(job: Job, code: int, killed_by: str) -> str:
    """Return the FailureReason that the service would give (C57, C58)."""
    failure = job.folder / "output" / "failure"
    try:
        text = failure.read_text(encoding="utf-8", errors="replace")[:1024].strip()
    except OSError:
        text = ""
    if text:
        return f"AlgorithmError: {text}, exit code: {code}"
    tail = "\n".join(job.log[-5:])
    # A program with a wrong first line may end as if it had been started, with code 1.
    unstarted = re.search(r"exec format error|^exec \S+: |exec user process", tail, re.MULTILINE)
    if code in (125, 126, 127) or unstarted:
        for pattern, cause in START_FAULTS.items():
            if re.search(pattern, tail, re.IGNORECASE):
                return f"ClientError: {cause}, exit code: {code}"
        # What the engine itself says comes before its hints.
        said = [line for line in job.log if re.match(r"docker: |Error: ", line)] or job.log[-1:]
        if said:
            return f"ClientError: {said[0]}, exit code: {code}"
    if code == 137:
        cause = killed_by or "killed, perhaps since the memory was full"
        return f"AlgorithmError: {cause}, exit code: {code}"
    return f"AlgorithmError: the program wrote no /opt/ml/output/failure, exit code: {code}"


def last_metrics(job: Job) -> dict[str, str]:
    """Return the last value that each metric definition finds in the log (C94)."""
    metrics = {}
    definitions = job.request.get("AlgorithmSpecification", {}).get("MetricDefinitions", [])
    for definition in definitions:
        try:
            pattern = re.compile(definition["Regex"])
        except re.error as error:
            say(f"  {definition['Name']}: its Regex in training-job.json is wrong: {error}.")
            continue
        found = [match[1] for match in map(pattern.search, job.log) if match and match.lastindex]
        metrics[definition["Name"]] = found[-1] if found else ""
    return metrics


def pack(job: Job, folder: str, archive: str) -> Path | None:
    """Pack a folder as the service does, members relative to it; None where it is empty (C59)."""
    source = job.folder / folder
    if not source.is_dir() or not any(source.iterdir()):
        return None
    if job.request.get("OutputDataConfig", {}).get("CompressionType") == "NONE":
        return source
    with tarfile.open(job.folder / archive, "w:gz") as tar:
        for path in sorted(source.iterdir()):
            tar.add(path, arcname=path.name)
    return job.folder / archive


def relative(path: Path) -> Path:
    """Return the path as a person in the repository would type it."""
    return path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


# ---- The command ---------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Run the job and return the exit code of the command."""
    # A log may hold characters that the console's encoding lacks.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    options = read_options(arguments)
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130
    except LocalRunError as error:
        print(error, file=sys.stderr)
        return 1


def run(options: argparse.Namespace) -> int:
    """Build the tree, start the program, follow it, report."""
    request = read_request(REPOSITORY / "training-job.json")
    request.setdefault("HyperParameters", {}).update(options.hyperparameter)
    runs = REPOSITORY / "runs"
    if options.no_container:
        job = new_job(request, runs)
        runner: Runner = HostProcess(job)
    else:
        image = options.image or default_image(request)
        engine = find_engine()
        if options.print:
            name = job_name(request)
            container = Container(Job(request, name, runs / name), engine, image, options)
            say(shlex.join(container.run_command("train")))
            return 0
        require_image(engine, image)
        job = new_job(request, runs)
        runner = Container(job, engine, image, options)
    write_tree(job)
    if options.shell:
        return runner.shell()
    code = None
    try:
        if options.interrupt_after is not None:
            code = interrupt(job, runner, options.interrupt_after)
        if code is None:
            code = follow(job, runner, options.stop_after)
    finally:
        killed_by = runner.remove()
        runner.own_folders()
    return 0 if report(job, code, killed_by) else 1


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description="Run the training job of training-job.json as SageMaker would.",
        allow_abbrev=False,
    )
    parser.add_argument("--image", help="the image (default: the local one that `make build` made)")
    parser.add_argument(
        "--hyperparameter",
        action="append",
        default=[],
        type=name_and_value,
        metavar="NAME=VALUE",
        help="set a hyperparameter for this run; may be given again",
    )
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument(
        "--stop-after", type=seconds, metavar="S", help="stop the job after S seconds"
    )
    ends.add_argument(
        "--interrupt-after",
        type=seconds,
        metavar="S",
        help="kill it after S seconds and start again, as a spot interruption does",
    )
    parser.add_argument("--no-network", action="store_true", help="as EnableNetworkIsolation does")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--print", action="store_true", help="print the engine's command only")
    kinds.add_argument("--shell", action="store_true", help="open a shell in the image instead")
    kinds.add_argument(
        "--no-container", action="store_true", help="run the program on this machine itself"
    )
    return parser.parse_args(arguments)


def name_and_value(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f'"{text}" must be NAME=VALUE')
    return name, value


def seconds(text: str) -> float:
    """Return a number of seconds, zero or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f'"{text}" must be a number of seconds')
    return value


if __name__ == "__main__":
    sys.exit(main())
