"""The contract between a SageMaker training job and its container: files under /opt/ml.

Knows nothing of the algorithm. Clause numbers (C27, …) are those of docs/contract.md of the
template; each names its source in AWS's documentation.
"""

import contextlib
import difflib
import errno
import json
import math
import os
import re
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESERVED_NAMES = re.compile(r"sagemaker_|_tuning_objective_metric$")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
FAILURE_LENGTH = 1024
CHECKPOINTS_KEPT = 3

_saving = threading.Lock()


class TrainingFailure(Exception):
    """What the user can mend, in one sentence. It ends the job without a stack trace."""

    exit_code = 1


class UsageError(TrainingFailure):
    """Words on the command line that mean nothing here."""

    exit_code = 2


def root() -> Path:
    """Return /opt/ml, or what SAGEMAKER_BASE_DIR puts in its place (runs without a container)."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def limit_threads() -> None:
    """Have libraries that are imported later start as many threads as there are CPUs for us.

    They count the machine's else. What the environment says already stays.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(variable, str(cpus()))


def cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the number of CPUs that the container may use: its quota, or else its CPU set."""
    available = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):
        if (cgroup / "cpu.max").exists():  # cgroup v2; without a limit it says "max 100000".
            quota, period = map(int, (cgroup / "cpu.max").read_text().split())
        else:  # v1; without a limit the quota is -1.
            quota = int((cgroup / "cpu/cpu.cfs_quota_us").read_text())
            period = int((cgroup / "cpu/cpu.cfs_period_us").read_text())
        if quota > 0:
            return max(1, min(available, quota // period))
    return available


def log(line: str) -> None:
    """Print a line to stdout at once: the service shows it in CloudWatch (C93)."""
    print(line, flush=True)


def log_step(step: int, metrics: Mapping[str, float]) -> None:
    """Print the metrics of a step as the regexes of training-job.json find them (C94)."""
    log(" ".join([f"step={step}", *(f"{name}={value:.6g}" for name, value in metrics.items())]))


# ---- Hyperparameters -----------------------------------------------------------------------


@dataclass(frozen=True)
class Hyperparameter:
    """A setting of the algorithm: `type` is int, float, bool or str, bounds are inclusive."""

    name: str
    type: type
    default: Any
    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """Say what a value must be, for messages and for --help."""
        if self.type is bool:
            return "true or false"
        if self.type is str:
            return f"one of {', '.join(self.choices)}" if self.choices else "text"
        kind = "an integer" if self.type is int else "a number"
        if self.minimum is not None and self.maximum is not None:
            return f"{kind} from {self.minimum} to {self.maximum}"
        if self.minimum is not None:
            return f"{kind} of at least {self.minimum}"
        if self.maximum is not None:
            return f"{kind} of at most {self.maximum}"
        return kind

    def decode(self, text: str) -> Any:
        """Return the typed value of `text`, which callers encode in several ways (C30).

        Raises TrainingFailure where the text is no such value.
        """
        plain = _without_quotes(text)
        if plain.strip() in ("", "null", "None"):
            return self.default
        if self.type is str:
            value: Any = plain
            valid = not self.choices or plain in self.choices
        else:
            plain = plain.strip()
            value = _decode_bool(plain) if self.type is bool else _decode_number(plain, self.type)
            valid = value is not None and self._in_range(value)
        if not valid:
            raise TrainingFailure(
                f'Hyperparameter "{self.name}" is "{plain}": it must be {self.expected}.'
            )
        return value

    def _in_range(self, value: float) -> bool:
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value <= self.maximum
        )


def _without_quotes(text: str) -> str:
    """Undo the JSON encoding of a string, which some SDK classes add (C30)."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            return json.loads(text)
        except ValueError:
            pass
    return text


def _decode_bool(text: str) -> bool | None:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return words.get(text.lower())


def _decode_number(text: str, kind: type) -> float | None:
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        return None
    if kind is float:
        return float(text)
    try:
        return int(text)
    except ValueError:  # 10.0 and 1e3 are integers too.
        return int(float(text)) if float(text).is_integer() else None


def usage(declared: Iterable[Hyperparameter]) -> str:
    """Return the text of --help."""
    lines = [
        "usage: [train] [--hyperparameter value ...]",
        "",
        "Trains on the files under /opt/ml/input and saves the model in /opt/ml/model.",
        "Hyperparameters come from hyperparameters.json, then from the command line:",
    ]
    for each in sorted(declared, key=lambda each: each.name):
        lines.append(f"  --{each.name}  {each.meaning}")
        lines.append(f"      {each.expected}; default {as_text(each.default)}")
    return "\n".join(lines)


def read_arguments(arguments: list[str], declared: Iterable[Hyperparameter]) -> dict[str, str]:
    """Return the `--name value` pairs after the word "train", which may be missing (C1, C9).

    Raises UsageError for anything else: an image that only trains must say so when it is started
    with "serve" (C22).
    """
    words = arguments[1:] if arguments[:1] == ["train"] else arguments
    known = [each.name for each in declared]
    pairs = {}
    while words:
        name, *words = words
        if not name.startswith("--"):
            raise UsageError(
                f'This image only trains: start it with "train" or nothing, not "{name}".'
            )
        if name[2:] not in known:
            raise UsageError(unknown_hyperparameter(name[2:], known))
        if not words:
            raise UsageError(f"{name} needs a value after it.")
        pairs[name[2:]], *words = words
    return pairs


def read_hyperparameters(
    declared: Iterable[Hyperparameter], overrides: Mapping[str, str]
) -> dict[str, Any]:
    """Return the typed value of each declared hyperparameter, by name.

    Values come from hyperparameters.json, strings all (C27), then from `overrides`, those of the
    command line (C9). Names that the platform and the SDKs add are skipped (C31). Raises
    TrainingFailure for an unknown name, a bad value or a file that can't be read.
    """
    given = _read_config("hyperparameters.json") or {}
    known = {each.name: each for each in declared}
    values = {name: each.default for name, each in known.items()}
    for name, text in (*given.items(), *overrides.items()):
        if RESERVED_NAMES.match(name):
            continue
        if name not in known:
            raise TrainingFailure(unknown_hyperparameter(name, known))
        if not isinstance(text, str):
            text = json.dumps(text)
        values[name] = known[name].decode(text)
    pairs = (f"{name}={as_text(value)}" for name, value in sorted(values.items()))
    log(f"Hyperparameters: {' '.join(pairs)}")
    return values


def as_text(value: Any) -> str:
    """Return a hyperparameter's value as it is written in training-job.json."""
    return value if isinstance(value, str) else json.dumps(value)


def unknown_hyperparameter(name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that is not declared."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f': did you mean "{near[0]}"?' if near else "."
    return f'Unknown hyperparameter "{name}"{hint} Known are {", ".join(sorted(known))}.'


# ---- Hosts and channels --------------------------------------------------------------------


@dataclass(frozen=True)
class Hosts:
    """The hosts of a job in the order of their ranks, and the one that this is."""

    names: list[str]
    current: str

    @property
    def rank(self) -> int:
        """Return the place of this host among the sorted names (C35, C36)."""
        return self.names.index(self.current)

    @property
    def leads(self) -> bool:
        """Return whether this is the host that writes the model and the checkpoints (C61, C66)."""
        return self.rank == 0

    @property
    def several(self) -> bool:
        """Return whether there are other hosts than this one."""
        return len(self.names) > 1

    @property
    def others(self) -> list[str]:
        """Return the names of the other hosts."""
        return [name for name in self.names if name != self.current]

    def refuse_several(self) -> None:
        """Raise TrainingFailure where there are other hosts: see C97."""
        if self.several:
            raise TrainingFailure(
                f"This program trains on one host and the job has {len(self.names)} "
                f"({', '.join(self.names)}): set InstanceCount to 1 in training-job.json."
            )


ONE_HOST = Hosts(["algo-1"], "algo-1")


def read_hosts() -> Hosts:
    """Return the hosts of resourceconfig.json (C34); without it, one."""
    config = _read_config("resourceconfig.json") or {}
    current = config.get("current_host", ONE_HOST.current)
    return Hosts(sorted(config.get("hosts", [current])), current)


def read_channels(
    required: Iterable[str],
    hosts: Hosts = ONE_HOST,
    collect: Callable[[Any], dict[str, Any]] = lambda value: {"": value},
) -> dict[str, list[Path]]:
    """Return the files of each channel, sorted, by the channel's name (C32, C43).

    Skips what is no data: names that start with "." or "_", and folder markers. Several hosts share
    out the files of a channel that each of them has as a whole, so that each row counts once (C52);
    one of them may have none. `collect` returns what each host gives it. Raises TrainingFailure for
    a required channel that is missing, one that is empty on every host, and Pipe mode (C50).
    """
    folder = root() / "input"
    if not folder.is_dir():
        raise TrainingFailure(f"{folder} does not exist: start with `make train`, or mount it.")
    data = folder / "data"
    config = _read_config("inputdataconfig.json")
    if config is None:
        log(f"inputdataconfig.json is missing: taking the folders under {data} as channels.")
        # Sorting out files matters: the service puts <channel>-manifest beside the folders (C44).
        config = {path.name: {} for path in sorted(data.glob("*")) if path.is_dir()}
    for name in required:
        if name not in config:
            present = f"only the channels {', '.join(sorted(config))}" if config else "no channels"
            raise TrainingFailure(f'Channel "{name}" is missing: the job has {present}.')
    channels = {}
    for name in sorted(config):
        if config[name].get("TrainingInputMode") == "Pipe":
            raise TrainingFailure(
                f'Channel "{name}" comes in Pipe mode, which this program can\'t read: '
                "use FastFile in training-job.json, which streams as well."
            )
        folder = data / name
        channels[name] = sorted(
            (path for path in folder.rglob("*") if _is_data(path, folder)), key=os.fsencode
        )
    counts = collect({name: len(files) for name, files in channels.items()}).values()
    for name, files in channels.items():
        if not any(count.get(name) for count in counts):
            where = " on any host" if hosts.several else ""
            raise TrainingFailure(
                f'Channel "{name}" is empty: there is no file under {data / name}{where}.'
            )
        if config[name].get("S3DistributionType") == "FullyReplicated":
            channels[name] = files[hosts.rank :: len(hosts.names)]
    counts = [f"{name} ({_count(len(files), 'file')})" for name, files in channels.items()]
    log(f"Channels: {', '.join(counts) or 'none'}.")
    return channels


def _is_data(path: Path, folder: Path) -> bool:
    if any(part.startswith((".", "_")) for part in path.relative_to(folder).parts):
        return False
    return path.is_file() and (path.suffix != "" or path.stat().st_size > 0)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _read_config(name: str) -> dict[str, Any] | None:
    path = root() / "input" / "config" / name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise TrainingFailure(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(content, dict):
        raise TrainingFailure(f"{path} must be a JSON object.")
    return content


# ---- Stopping ------------------------------------------------------------------------------


class StopRequest:
    """Whether SIGTERM has come: the service sends it to stop a job, then waits 120 s (C5).

    As PID 1 the program gets no default action for a signal (C6). The signal is logged at once,
    by a thread, also while the main thread is inside a long call of a library.
    """

    def __init__(self) -> None:
        self.received = False
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        # The C handler writes to this pipe even when the main thread runs no Python code.
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: None)
        os.register_at_fork(
            before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
            after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM}),
            after_in_child=_forget_signals,
        )
        threading.Thread(target=self._wait, args=(reader,), daemon=True).start()

    def _wait(self, reader: int) -> None:
        while signal.SIGTERM not in os.read(reader, 1):
            pass
        self.received = True
        log("SIGTERM received: finishing this step, then saving checkpoint and model.")


def stopped_too_early() -> TrainingFailure:
    """Return the failure of a job that is stopped before it has a model."""
    return TrainingFailure(
        "Stopped by SIGTERM before the first step was done: there is no model to save."
    )


def _forget_signals() -> None:
    """Let a forked helper process die of SIGTERM, and not report it as this process's."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


# ---- Checkpoints ---------------------------------------------------------------------------


class Checkpoints:
    """The states of a training in /opt/ml/checkpoints, one file each (C64 to C67).

    Without that folder, which a job has only with a CheckpointConfig, none are kept.
    """

    def __init__(self) -> None:
        self._folder = root() / "checkpoints"
        self._due_at = -math.inf
        self._kept = self._folder.is_dir()
        if not self._kept:
            log(f"No checkpoints: {self._folder} does not exist (the job has no CheckpointConfig).")

    def resume(self, load: Callable[[Path], None]) -> bool:
        """Call `load` with the newest checkpoint, or the one before where that is broken."""
        found = self._found() if self._kept else []
        for path in reversed(found):
            try:
                load(path)
            except Exception as error:
                reason = _first_line(error)
                log(f"WARNING: {path.name} is broken ({reason}): trying the one before.")
            else:
                log(f"Resuming from {path.name}, after step {int(path.name[-8:])}.")
                return True
        if found:
            log("WARNING: no checkpoint could be read: training starts from the beginning.")
        return False

    def due(self) -> bool:
        """Return whether to save now: at most every second and for a tenth of the time."""
        return self._kept and time.monotonic() >= self._due_at

    def save(self, step: int, save: Callable[[Path], None]) -> None:
        """Write the checkpoint of `step` aside, rename it, and delete all but the last few.

        The service uploads nothing that ends in .sagemaker-ignore (C65). It deletes in S3 what
        is deleted here, so a file that it still uploads is left alone.
        """
        if not self._kept:
            return
        start = time.monotonic()
        path = self._folder / f"checkpoint-{step:08d}"
        aside = path.with_name(path.name + ".sagemaker-ignore")
        try:
            with _named(aside):
                save(aside)
                _flush(aside)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        # Later ones are broken: this run resumed from one before them.
        for old in [each for each in self._found() if each <= path][:-CHECKPOINTS_KEPT]:
            if not old.with_name(old.name + ".sagemaker-uploading").exists():
                old.unlink()
        now = time.monotonic()
        self._due_at = now + max(1.0, 10 * (now - start))

    def _found(self) -> list[Path]:
        # Exact names, so that the uploader's marker files are never taken for checkpoints.
        files = self._folder.iterdir()
        return sorted(path for path in files if re.fullmatch(r"checkpoint-\d{8}", path.name))


# ---- Model ---------------------------------------------------------------------------------


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Have `fail_at_once` wait."""
    with _saving:
        yield


@_undisturbed()
def save_model(
    save: Callable[[Path], None], load: Callable[[Path], Any], metadata: Mapping[str, Any]
) -> None:
    """Write the model's files and metadata.json to /opt/ml/model, all or nothing (C59).

    `save` writes them into an empty folder, `load` reads them back, then they are renamed into
    place. Raises TrainingFailure where `save` wrote nothing: the service takes a job without a
    model for completed (C60).
    """
    folder = root() / "model"
    aside = folder / ".saving"
    placed: list[Path] = []
    description = json.dumps(metadata, indent=2, default=_plain) + "\n"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        with _named(aside):
            save(aside)
        files = sorted(path for path in aside.rglob("*") if path.is_file())
        if aside / "metadata.json" in files:
            raise TrainingFailure(
                "save() in model writes metadata.json, which is train's own: give it another name."
            )
        if not any(path.stat().st_size > 0 for path in files):
            raise TrainingFailure(
                f"The model folder {folder} would be empty: save() in model wrote no file."
            )
        load(aside)
        files.append(aside / "metadata.json")
        with _named(aside):
            files[-1].write_text(description, encoding="utf-8")
        for path in files:
            _flush(path)
        for path in files:
            place = folder / path.relative_to(aside)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
            placed.append(place)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    names = sorted(str(path.relative_to(folder)) for path in placed)
    log(f"Saved the model in {folder}: {', '.join(names)}.")


def _plain(value: Any) -> Any:
    """Return a number of NumPy as Python's own, anything else as text."""
    return value.item() if hasattr(value, "item") else str(value)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the place in an error of the disk: a write that fails does not know its file."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _flush(path: Path) -> None:
    """Have the file on the disk, so that a full one is an error now."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


# ---- Success and failure -------------------------------------------------------------------


def run(train: Callable[[], None]) -> int:
    """Call `train` and return the exit code of the program: 0 for success alone (C56).

    The first line of /opt/ml/output/failure becomes the job's FailureReason (C58).
    """
    # File names may hold bytes that are no text in the console's encoding.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    try:
        (root() / "output" / "failure").unlink(missing_ok=True)
        train()
    except TrainingFailure as failure:
        report_failure(str(failure))
        return failure.exit_code
    except MemoryError:
        report_failure("The memory is full: choose a larger InstanceType in training-job.json.")
    except BaseException as error:
        sentence = _disk_sentence(error) if isinstance(error, OSError) else None
        trace = "" if sentence else traceback.format_exc().rstrip()
        report_failure(sentence or f"{type(error).__name__}: {_first_line(error)}", trace)
    else:
        return 0
    return 1


def fail_at_once(sentence: str) -> None:
    """Report the failure and end the process, from any thread; what is being saved is first."""
    with _saving:
        report_failure(sentence)
        os._exit(1)


def report_failure(sentence: str, trace: str = "") -> None:
    """Write the sentence to stderr and to /opt/ml/output/failure, the trace after it."""
    print(sentence, trace, sep="\n" if trace else "", file=sys.stderr, flush=True)
    text = f"{sentence}\n"[:FAILURE_LENGTH]
    tail = trace[-(FAILURE_LENGTH - len(text)) :] if len(text) < FAILURE_LENGTH else ""
    try:
        folder = root() / "output"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "failure").write_text(text + tail, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        print(f"The failure file can't be written: {error}.", file=sys.stderr, flush=True)


def _disk_sentence(error: OSError) -> str | None:
    """Return the sentence for a full or unwritable disk, None for any other error."""
    path = Path(os.fsdecode(error.filename or root()))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"No space is left on the disk ({path}): raise VolumeSizeInGB in training-job.json."
    # Elsewhere, and without a file, it is a fault of the program: its trace tells more.
    if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM) or not error.filename:
        return None
    if not path.is_relative_to(root()):
        return None
    verb = "read" if path.is_relative_to(root() / "input") else "write"
    return f"Can't {verb} {path}: {error.strerror}."


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "no message")
