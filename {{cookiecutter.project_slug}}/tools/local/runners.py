"""What runs the program of one host: a container, as the service starts it, or a process.

This is the one place that knows how the service starts, stops and kills a container.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from job import Host, Job, channel_folder, data_folder
from local.engine import STUDIO_NETWORK, bind, call, in_studio
from repository import relative
from terminal import UserError, say, uninterrupted

SILENT = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)


class Runner:
    """Runs the program on a host, shows its log and notes its exit code."""

    def __init__(self, job: Job, host: Host) -> None:
        self.job = job
        self.host = host
        self.process: subprocess.Popen | None = None
        self.ended = threading.Event()
        self.removal: subprocess.Popen | None = None

    def remove(self) -> None:
        """Leave nothing of the program where it ran but its files."""
        self.begin_removal()
        self.end_removal()

    def begin_removal(self) -> None:
        """Begin with that: the report of the run needs not wait for it."""
        raise NotImplementedError

    def end_removal(self) -> None:
        """Wait for its end."""

    def begin(self, command: list[str], **options: object) -> None:
        """Start a command with one stream for its log; Ctrl-C reaches us alone."""
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
        self.ended = threading.Event()
        self.job.tell("began", self.host)
        threading.Thread(target=self.read_log, daemon=True).start()

    def read_log(self) -> None:
        """Show the log to its end and note the exit code."""
        host = self.host
        width = max(len(each.name) for each in self.job.hosts)
        before = f"{host.name:{width}} | " if self.job.size > 1 else ""
        try:
            for line in io.TextIOWrapper(self.process.stdout, "utf-8", "replace", newline="\n"):
                host.log.append(line.rstrip("\r\n"))
                self.job.tell("line", host, host.log[-1])
                say(before + host.log[-1])
            code = self.process.wait()
            # A process that a signal ended has the code that a container would have.
            host.code = code if code >= 0 else 128 - code
            self.job.tell("ended", host)
            if before:
                say(f"{before}(ended with exit code {host.code})")
        finally:
            self.ended.set()


class Container(Runner):
    """The container of a host: the engine's commands for it."""

    def __init__(
        self,
        job: Job,
        host: Host,
        engine: str,
        image: str,
        network: str = "",
        instead: Mapping[str, list[str]] | None = None,
        limits: Sequence[str] = (),
    ) -> None:
        """`instead` has mounts, by their place in the container, that take those of the job's.

        `limits` are the engine's options for memory, CPUs and GPUs.
        """
        super().__init__(job, host)
        self.engine = engine
        self.image = image
        self.network = network
        self.instead = instead or {}
        self.limits = limits
        # Two checkouts of one repository may start a job in the same second.
        self.name = f"{job.name}-{host.name}-{os.urandom(3).hex()}"

    def run_command(self, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """Return the command that starts the image with /opt/ml as a job has it."""
        command = [self.engine, "run", "--name", self.name, *options]
        if self.network:
            command += ["--network", self.network]
        if self.job.size > 1:
            # The machine's own name is another one, as in the service (C39). Hosts that each had
            # all the CPUs would wait for each other's threads most of the time.
            command += ["--network-alias", self.host.name]
            command += [] if "--cpus" in self.limits else ["--cpus", "1"]
        command += self.limits
        for name, value in self.job.environment.items():
            command += ["--env", f"{name}={value}"]
        for mount in {**self.mounts(), **self.instead}.values():
            command += mount
        if "podman" in Path(self.engine).name:
            # SELinux would hide the mounts; docker's packages leave it off.
            command += ["--security-opt", "label=disable"]
        return [*command, self.image, *arguments]

    def mounts(self) -> dict[str, list[str]]:
        """Return the engine's option for each folder of /opt/ml, by its place in the container.

        Not /opt/ml as a whole: the image's /opt/ml/code must stay visible (C24).
        """
        folder = self.host.folder
        found = {"/opt/ml/input/config": (folder / "input" / "config", "readonly")}
        for channel in self.job.channels:
            place = f"/opt/ml/input/data/{channel['ChannelName']}"
            found[place] = (channel_folder(self.job, self.host, channel), "readonly")
        found["/opt/ml/model"] = (folder / "model",)
        found["/opt/ml/output"] = (folder / "output",)
        if self.job.checkpoint_path:
            found[self.job.checkpoint_path] = (self.job.folder / "checkpoints",)
        return {place: bind(source, place, *flags) for place, (source, *flags) in found.items()}

    def start(self, words: Sequence[str] = ("train",), options: Sequence[str] = ()) -> None:
        """Start the image with the word "train", without a terminal (C1, C14)."""
        self.begin(self.run_command(*words, options=options))

    def stop(self) -> None:
        """Do as StopTrainingJob does: SIGTERM, 120 s, SIGKILL (C5)."""
        self.send("stop", "-t", f"{self.job.grace:g}")

    def kill(self) -> None:
        """Do as a spot interruption may: end it without notice (C68)."""
        self.send("kill")

    def send(self, *command: str) -> None:
        """Have the engine do this to the container, once it runs."""
        while self.process.poll() is None:
            # `stop` calls it a success where the container is made and not started yet.
            state = call(self.engine, "inspect", "--format", "{{.State.Running}}", self.name)
            running = state.stdout.strip() == "true"
            if running and call(self.engine, *command, self.name).returncode == 0:
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

    def begin_removal(self) -> None:
        """Have the engine remove the container; note why it was killed where the engine knows."""
        if self.host.code == 137:
            state = call(self.engine, "inspect", "--format", "{{.State.OOMKilled}}", self.name)
            if state.stdout.strip() == "true":
                self.host.killed_by = "the memory was full"
        self.removal = subprocess.Popen([self.engine, "rm", "--force", self.name], **SILENT)
        while self.process and self.process.poll() is None:  # perhaps it was not made yet
            time.sleep(0.2)
            call(self.engine, "rm", "--force", self.name)

    def end_removal(self) -> None:
        """Wait until the container is gone."""
        if self.removal:
            self.removal.wait()

    def own_folders(self) -> None:
        """Give the job's folders to the user: the container wrote them as root."""
        if os.name != "posix" or os.geteuid() == 0:
            return
        folder = self.job.folder
        if all(path.lstat().st_uid == os.geteuid() for path in folder.rglob("*")):
            return
        if not self.chown(f"{os.getuid()}:{os.getgid()}"):
            say(f"The files of {relative(folder)} belong to root: the image has no chown.")

    def chown(self, owner: str) -> bool:
        """Give the job's folders to another owner, which takes root; return whether it worked."""
        network = STUDIO_NETWORK if in_studio() else "none"
        command = [self.engine, "run", "--rm", "--user", "0", "--network", network]
        command += [*bind(self.job.folder, "/run-folder"), "--entrypoint", "chown", self.image]
        return call(*command, "-R", owner, "/run-folder").returncode == 0


class HostProcess(Runner):
    """The program itself on this machine, for those who have no engine (--no-container)."""

    def __init__(self, job: Job, command: Sequence[str], directory: Path) -> None:
        (host,) = job.hosts
        super().__init__(job, host)
        self.command = command
        self.directory = directory

    def start(self) -> None:
        """Start the program with SAGEMAKER_BASE_DIR in place of /opt/ml."""
        for channel in self.job.channels:
            link = self.job.folder / "input" / "data" / channel["ChannelName"]
            if not link.is_symlink():
                link.rmdir()
                link.symlink_to(data_folder(channel), target_is_directory=True)
        environment = {**os.environ, **self.job.environment}
        environment["SAGEMAKER_BASE_DIR"] = str(self.job.folder)
        self.begin([*self.command, "train"], cwd=self.directory, env=environment)

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL to what is still there after the grace period."""
        self.process.terminate()
        try:
            self.process.wait(self.job.grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the program and its helpers without notice."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def begin_removal(self) -> None:
        """End what is still there; nothing else remains."""
        if self.process and self.process.poll() is None:
            self.kill()

    def own_folders(self) -> None:
        """Nothing to do: the program ran as the user."""


def require_names(engine: str) -> None:
    """Raise UserError where hosts can't find each other by name: nerdctl has no such network."""
    if Path(engine).name in ("finch", "nerdctl"):
        raise UserError(
            f"{Path(engine).name} can't give several hosts their names: use docker or podman "
            "(CONTAINER_ENGINE), or one host."
        )
    if in_studio():
        raise UserError(
            "In SageMaker Studio all containers are one host of its network: leave out --hosts."
        )


@contextlib.contextmanager
def network_of(job: Job, engine: str, isolated: bool) -> Iterator[str]:
    """Give the name of the network that the hosts reach each other by; afterwards it is gone.

    With EnableNetworkIsolation they reach each other all the same, and nothing else (C100).
    """
    if job.size == 1:
        yield own_network(isolated)
        return
    require_names(engine)
    command = network_command(job, engine, isolated)
    try:
        made = call(*command)
        if made.returncode != 0:
            raise UserError(f"{engine} could not make a network: {made.stderr.strip()}")
        yield command[-1]
    finally:
        with uninterrupted():
            call(engine, "network", "rm", command[-1])


def own_network(isolated: bool) -> str:
    """Return the network of a host that has no others; without a name it is the engine's choice."""
    if not in_studio():
        return "none" if isolated else ""
    if isolated:
        raise UserError("SageMaker Studio allows no network but its own: leave out --no-network.")
    return STUDIO_NETWORK


def network_command(job: Job, engine: str, isolated: bool) -> list[str]:
    """Return the command that makes a network of the job's own."""
    options = ["--internal"] if isolated else []
    return [engine, "network", "create", *options, f"{job.name}-{os.urandom(3).hex()}"]


# ---- All hosts of a job ----------------------------------------------------------------------


def stop(job: Job, runners: Sequence[Runner], reason: str) -> None:
    """Stop all hosts as the service does, unless they are being stopped already."""
    if not job.stopped:
        job.stopped = reason
        job.tell("stop", text=reason)
        say(f"Stopping: SIGTERM is sent, and SIGKILL {job.grace:g} s later (C5).")
        # In threads, since the log goes on meanwhile.
        for runner in runners:
            threading.Thread(target=runner.stop, daemon=True).start()


def kill(runners: Sequence[Runner]) -> None:
    """End all hosts without notice."""
    for runner in runners:
        runner.kill()
