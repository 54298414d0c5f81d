"""Run the training job of training-job.json on this machine, as SageMaker would.

    python3 tools train [--hosts N] [--no-network] [--hyperparameter NAME=VALUE ...]
                       [--stop-after S | --interrupt-after S | --kill-host NAME:S]
                       [--print | --shell | --no-container]

Builds the tree of /opt/ml under runs/JOB (job.py), starts the image with the word "train",
shows its log, and reports what the service would: status, FailureReason, metrics, model.tar.gz,
output.tar.gz. This is the one place that knows how the service starts a container. Clause numbers
(C1, ...) are those of docs/contract.md of the template that made this repository.

Needs Python 3.9 and docker, podman or finch (the environment's CONTAINER_ENGINE chooses one).
Exit code: 0 for a job that completed or was stopped on purpose, 1 for a failed one, 2 for usage.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Union

from job import (
    REPOSITORY,
    Host,
    Job,
    LocalRunError,
    channel_folder,
    data_folder,
    default_image,
    empty_outputs,
    host_names,
    job_name,
    new_job,
    read_request,
    write_tree,
)

ENGINES = ("docker", "podman", "finch")
# Between SIGTERM and SIGKILL the service waits this long, in seconds (C5).
GRACE = 120
# What Ctrl-C, an editor or a closed terminal sends.
INTERRUPTS = [
    getattr(signal, each) for each in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, each)
]

SPEAKING = threading.Lock()

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


# ---- Containers ----------------------------------------------------------------------------


class Container:
    """The container of a host: the engine's commands for it."""

    def __init__(self, job: Job, host: Host, engine: str, image: str, network: str = "") -> None:
        self.job = job
        self.host = host
        self.engine = engine
        self.image = image
        self.network = network
        self.process: subprocess.Popen | None = None
        # Two checkouts of one repository may start a job in the same second.
        self.name = f"{job.name}-{host.name}-{secrets.token_hex(3)}"

    def run_command(self, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """Return the command that starts the image with /opt/ml as a job has it."""
        command = [self.engine, "run", "--name", self.name, *options]
        if self.network:
            command += ["--network", self.network]
        if self.job.size > 1:
            # The machine's own name is another one, as in the service (C39). Hosts that each had
            # all the CPUs would wait for each other's threads most of the time.
            command += ["--network-alias", self.host.name, "--cpus", "1"]
        for name, value in self.job.environment.items():
            command += ["--env", f"{name}={value}"]
        for mount in self.mounts().values():
            command += mount
        if "podman" in Path(self.engine).name:
            # SELinux would hide the mounts; docker's packages leave it off.
            command += ["--security-opt", "label=disable"]
        return [*command, self.image, *arguments]

    def mounts(self) -> dict[str, list[str]]:
        """Return the engine's option for each folder of /opt/ml, by its place in the container.

        Not /opt/ml as a whole: the image's /opt/ml/code must stay visible (C24).
        """
        mounts = {}

        def mount(source: Path, target: str, *flags: str) -> None:
            mounts[target] = bind(source, target, *flags)

        folder = self.host.folder
        mount(folder / "input" / "config", "/opt/ml/input/config", "readonly")
        for channel in self.job.channels:
            source = channel_folder(self.job, self.host, channel)
            mount(source, f"/opt/ml/input/data/{channel['ChannelName']}", "readonly")
        mount(folder / "model", "/opt/ml/model")
        mount(folder / "output", "/opt/ml/output")
        if self.job.checkpoint_path:
            mount(self.job.folder / "checkpoints", self.job.checkpoint_path)
        return mounts

    def start(self, words: Sequence[str] = ("train",), options: Sequence[str] = ()) -> None:
        """Start the image with the word "train", without a terminal (C1, C14)."""
        self.process = start_process(self.run_command(*words, options=options))

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

    def remove(self) -> None:
        """Remove the container; note why it was killed where the engine knows."""
        state = call(self.engine, "inspect", "--format", "{{.State.OOMKilled}}", self.name)
        if state.stdout.strip() == "true":
            self.host.killed_by = "the memory was full"
        call(self.engine, "rm", "--force", self.name)
        while self.process and self.process.poll() is None:  # perhaps it was not made yet
            time.sleep(0.2)
            call(self.engine, "rm", "--force", self.name)

    def own_folders(self) -> None:
        """Give the job's folders to the user: the container wrote them as root (F32)."""
        if os.name != "posix" or os.geteuid() == 0:
            return
        folder = self.job.folder
        if all(path.lstat().st_uid == os.geteuid() for path in folder.rglob("*")):
            return
        if not self.chown(f"{os.getuid()}:{os.getgid()}"):
            say(f"The files of {relative(folder)} belong to root: the image has no chown.")

    def chown(self, owner: str) -> bool:
        """Give the job's folders to another owner, which takes root; return whether it worked."""
        command = [self.engine, "run", "--rm", "--user", "0", "--network", "none"]
        command += [*bind(self.job.folder, "/run-folder"), "--entrypoint", "chown", self.image]
        return call(*command, "-R", owner, "/run-folder").returncode == 0


class HostProcess:
    """The program itself on this machine, for those who have no engine (--no-container)."""

    def __init__(self, job: Job) -> None:
        self.job = job
        (self.host,) = job.hosts
        self.command, self.directory = host_program()
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
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

    def remove(self) -> None:
        """End what is still there; nothing else remains."""
        if self.process and self.process.poll() is None:
            self.kill()

    def own_folders(self) -> None:
        """Nothing to do: the program ran as the user."""


Runner = Union[Container, HostProcess]


@contextlib.contextmanager
def network_of(job: Job, engine: str, isolated: bool) -> Iterator[str]:
    """Give the name of the network that the hosts reach each other by; afterwards it is gone.

    With EnableNetworkIsolation they reach each other all the same, and nothing else (C100).
    """
    if job.size == 1:
        yield "none" if isolated else ""
        return
    command = network_command(job, engine, isolated)
    try:
        made = call(*command)
        if made.returncode != 0:
            raise LocalRunError(f"{engine} could not make a network: {made.stderr.strip()}")
        yield command[-1]
    finally:
        with at_interrupts(signal.SIG_IGN):  # Clean up to the end.
            call(engine, "network", "rm", command[-1])


def network_command(job: Job, engine: str, isolated: bool) -> list[str]:
    """Return the command that makes a network of the job's own."""
    options = ["--internal"] if isolated else []
    return [engine, "network", "create", *options, f"{job.name}-{secrets.token_hex(3)}"]


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


@contextlib.contextmanager
def at_interrupts(handler: object) -> Iterator[None]:
    """Have Ctrl-C and its like do this while the block runs."""
    before = {each: signal.signal(each, handler) for each in INTERRUPTS}
    try:
        yield
    finally:
        for each, old in before.items():
            signal.signal(each, old)


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


def follow(job: Job, runners: list[Runner], *events: tuple[float, Callable[[], None]]) -> None:
    """Run all hosts to their ends, showing their log as it comes.

    Each event is a number of seconds and what happens then. At the request's MaxRuntimeInSeconds
    and at Ctrl-C the job is stopped as the service does it; at the second Ctrl-C it is killed.
    """
    # Counted only: an exception may come where it is lost, or break off what the first began.
    presses: list[int] = []
    with at_interrupts(lambda *_: presses.append(1)):
        run_to_the_ends(job, runners, presses, events)


def run_to_the_ends(job: Job, runners: list[Runner], presses: list[int], events: Sequence) -> None:
    """Start all hosts and wait until each has ended; see `follow`."""
    ends = [threading.Event() for _ in runners]
    for runner, ended in zip(runners, ends):
        runner.start()
        threading.Thread(target=read_log, args=[job, runner, ended], daemon=True).start()
    limit = job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
    events = (*events, (limit, lambda: stop(job, runners, f"MaxRuntimeExceeded: {limit} s")))
    timers = [threading.Timer(after, event) for after, event in events]
    for timer in timers:
        timer.daemon = True
        timer.start()
    while not all(ended.wait(0.1) for ended in ends):
        if presses:
            presses.pop()
            stop_or_kill(job, runners)
    for timer in timers:
        timer.cancel()


def read_log(job: Job, runner: Runner, ended: threading.Event) -> None:
    """Show a host's log to its end and note its exit code."""
    host = runner.host
    width = max(len(each.name) for each in job.hosts)
    before = f"{host.name:{width}} | " if job.size > 1 else ""
    try:
        for line in io.TextIOWrapper(runner.process.stdout, "utf-8", "replace", newline="\n"):
            host.log.append(line.rstrip("\r\n"))
            job.log.append(host.log[-1])
            say(before + host.log[-1])
        code = runner.process.wait()
        # A process that a signal ended has the code that a container would have.
        host.code = code if code >= 0 else 128 - code
        if before:
            say(f"{before}(ended with exit code {host.code})")
    finally:
        ended.set()


def stop(job: Job, runners: list[Runner], reason: str) -> None:
    """Stop all hosts as the service does, unless they are being stopped already."""
    if not job.stopped:
        job.stopped = reason
        # In threads, since the log goes on meanwhile.
        for runner in runners:
            threading.Thread(target=runner.stop, daemon=True).start()


def stop_or_kill(job: Job, runners: list[Runner]) -> None:
    """Stop all hosts at the first Ctrl-C, kill them at the second."""
    if job.stopped:
        job.stopped = "killed by Ctrl-C"
        kill(runners)
    stop(job, runners, "stopped by Ctrl-C")


def kill(runners: list[Runner]) -> None:
    """End hosts without notice."""
    for runner in runners:
        runner.kill()


def kill_host(job: Job, runners: list[Runner], name: str) -> None:
    """End one host without notice, as a fault of its machine does."""
    (runner,) = (each for each in runners if each.host.name == name)
    if runner.host.code is None and not job.stopped:
        runner.host.killed_by = "killed by --kill-host"
        runner.kill()


def interrupt(job: Job, runners: list[Runner], after: float) -> bool:
    """Run, kill all hosts after so many seconds, and empty what a spot interruption loses (C67).

    Returns whether it came to that: the training may have ended earlier.
    """
    killed = threading.Event()

    def kill_all() -> None:
        if not job.stopped:
            killed.set()
            kill(runners)

    follow(job, runners, (after, kill_all))
    if job.stopped:
        return False
    if not killed.is_set():
        say(f"The training ended before the {after:g} s of --interrupt-after were over.")
        return False
    for runner in runners:
        runner.remove()
    runners[0].own_folders()
    empty_outputs(job)
    say(f"Interrupted after {after:g} s; starting again with the checkpoints alone.")
    return True


# ---- The report ----------------------------------------------------------------------------


def report(job: Job) -> bool:
    """Print what the service would show of the ended job; return whether all is well."""
    failed = sorted((host for host in job.hosts if host.code != 0), key=failed_at)
    code = failed[0].code if failed else 0
    say("")
    if job.stopped:
        say(f"Status: Stopped ({job.stopped}), exit code {code}")
        if not job.stopped.startswith("killed") and any(host.code == 137 for host in failed):
            say(f"The program did not end within {GRACE} s of SIGTERM and was killed (C5, C6).")
    elif code == 0:
        say("Status: Completed")
    else:
        say("Status: Failed")
        say(f"FailureReason: {failure_reason(failed[0])}")
    for host in job.hosts if job.size > 1 else ():
        say(f"  {host.name}: {failure_reason(host) if host.code else 'exit code: 0'}")
    for name, value in last_metrics(job).items() if code == 0 else ():
        say(f"  {name} = {value or 'none: no line of the log matches its Regex'}")
    # Of the host that leads: what others write beside it may clash in the service (C61).
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


def failed_at(host: Host) -> float:
    """Return when a host failed, to order hosts by: the first is most likely the cause.

    The service does not say whose reason it shows (C58). One that was killed left no file.
    """
    return host.failure.stat().st_mtime if host.failure.exists() else 0.0


def failure_reason(host: Host) -> str:
    """Return the FailureReason that the service would give for this host (C57, C58)."""
    code = host.code
    try:
        text = host.failure.read_text(encoding="utf-8", errors="replace")[:1024].strip()
    except OSError:
        text = ""
    if text:
        return f"AlgorithmError: {text}, exit code: {code}"
    tail = "\n".join(host.log[-5:])
    # A program with a wrong first line may end as if it had been started, with code 1.
    unstarted = re.search(r"exec format error|^exec \S+: |exec user process", tail, re.MULTILINE)
    if code in (125, 126, 127) or unstarted:
        for pattern, cause in START_FAULTS.items():
            if re.search(pattern, tail, re.IGNORECASE):
                return f"ClientError: {cause}, exit code: {code}"
        # What the engine itself says comes before its hints.
        said = [line for line in host.log if re.match(r"docker: |Error: ", line)] or host.log[-1:]
        if said:
            return f"ClientError: {said[0]}, exit code: {code}"
    if code == 137:
        cause = host.killed_by or "killed, perhaps since the memory was full"
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
    source = job.hosts[0].folder / folder
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
    """Print a line at once, as a whole: several hosts speak."""
    with SPEAKING:
        print(line, flush=True)


# ---- The command ---------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Run the job and return the exit code of the command."""
    # A log may hold characters that the console's encoding lacks.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    for each in INTERRUPTS:
        signal.signal(each, signal.default_int_handler)
    options = read_options(arguments)
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130
    except LocalRunError as error:
        print(error, file=sys.stderr)
        return 1


def run(options: argparse.Namespace) -> int:
    """Build the trees, start the program, follow it, report."""
    request = read_request(REPOSITORY / "training-job.json")
    request.setdefault("HyperParameters", {}).update(options.hyperparameter)
    runs = REPOSITORY / "runs"
    if options.no_container:
        job = new_job(request, runs)
        write_tree(job)
        return run_job(job, [HostProcess(job)], options)
    image = options.image or default_image(request)
    engine = find_engine()
    if options.print:
        name = job_name(request)
        print_commands(Job(request, name, runs / name, options.hosts), engine, image, options)
        return 0
    require_image(engine, image)
    asked = request.get("ResourceConfig", {}).get("InstanceCount", 1)
    if options.hosts == 1 and asked != 1:
        # A laptop is no cluster: it takes the hosts that it is told to.
        say(f"InstanceCount is {asked}, and this run has one host: --hosts {asked} starts as many.")
    job = new_job(request, runs, options.hosts)
    write_tree(job)
    with network_of(job, engine, options.no_network) as network:
        containers = [Container(job, host, engine, image, network) for host in job.hosts]
        if options.shell:
            return containers[0].shell()
        return run_job(job, containers, options)


def print_commands(job: Job, engine: str, image: str, options: argparse.Namespace) -> None:
    """Print the engine's commands, one a line."""
    network = "none" if options.no_network else ""
    if job.size > 1:
        command = network_command(job, engine, options.no_network)
        say(shlex.join(command))
        network = command[-1]
    for host in job.hosts:
        say(shlex.join(Container(job, host, engine, image, network).run_command("train")))


def run_job(job: Job, runners: list[Runner], options: argparse.Namespace) -> int:
    """Run the job as the options say, clean up, report; return the command's exit code."""
    events = []
    if options.stop_after is not None:
        reason = f"stopped after {options.stop_after:g} s"
        events.append((options.stop_after, lambda: stop(job, runners, reason)))
    if options.kill_host:
        name, after = options.kill_host
        events.append((after, lambda: kill_host(job, runners, name)))
    try:
        if options.interrupt_after is None or interrupt(job, runners, options.interrupt_after):
            follow(job, runners, *events)
    finally:
        with at_interrupts(signal.SIG_IGN):  # Clean up to the end.
            for runner in runners:
                runner.remove()
            runners[0].own_folders()
    return 0 if report(job) else 1


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
    parser.add_argument(
        "--hosts",
        type=positive,
        default=1,
        metavar="N",
        help="run on N hosts, algo-1 to algo-N, each a container (default: 1)",
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
    ends.add_argument(
        "--kill-host",
        type=name_and_seconds,
        metavar="NAME:S",
        help="kill one host after S seconds, as a fault of its machine does",
    )
    parser.add_argument("--no-network", action="store_true", help="as EnableNetworkIsolation does")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--print", action="store_true", help="print the engine's command only")
    kinds.add_argument("--shell", action="store_true", help="open a shell in the image instead")
    kinds.add_argument(
        "--no-container", action="store_true", help="run the program on this machine itself"
    )
    options = parser.parse_args(arguments)
    if options.hosts > 1 and (options.shell or options.no_container):
        parser.error("--hosts is for a run in containers: leave out --shell and --no-container")
    if options.kill_host and options.kill_host[0] not in host_names(options.hosts):
        known = ", ".join(host_names(options.hosts))
        parser.error(f'--kill-host: there is no host "{options.kill_host[0]}", only {known}')
    return options


def name_and_value(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f'"{text}" must be NAME=VALUE')
    return name, value


def name_and_seconds(text: str) -> tuple[str, float]:
    """Split NAME:S."""
    name, _, after = text.rpartition(":")
    return name, seconds(after)


def positive(text: str) -> int:
    """Return a whole number, one or more."""
    if not re.fullmatch(r"[1-9][0-9]{0,2}", text):
        raise argparse.ArgumentTypeError(f'"{text}" must be a whole number from 1')
    return int(text)


def seconds(text: str) -> float:
    """Return a number of seconds, zero or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f'"{text}" must be a number of seconds')
    return value
