"""How a job ends: exit code, failure file, one sentence with the cause."""

import contextlib
import errno
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from job import TrainingFailure, Unusable
from job.files import name_of, remove_scratch, root
from job.log import log

FAILURE_LENGTH = 1024
CAUSE_LENGTH = 400
EARLY = "The program was ended by {} before the model was saved: let train end it."

saving = threading.Lock()  # What holds it is not torn apart by `fail_at_once`.
_over = threading.Event()  # The first failure is the one to tell.
_exit = os._exit
_missed: set[str] = set()


def run(train: Callable[[], None]) -> int:
    """Call `train` and return the exit code of the program: 0 for success alone (C56).

    The first line of /opt/ml/output/failure becomes the job's FailureReason (C58).
    """
    # File names may hold bytes that are no text in the console's encoding.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    try:
        (root() / "output" / "failure").unlink(missing_ok=True)
        with _no_way_out():
            train()
    except TrainingFailure as failure:
        report_failure(str(failure))
        return failure.exit_code
    except BaseException as error:
        sentence, is_known = explain(error)
        report_failure(sentence, "" if is_known else traceback.format_exc().rstrip())
        return 1
    return 0


@contextlib.contextmanager
def _no_way_out() -> Iterator[None]:
    """Have `os._exit` in a model fail the job: no handler of exceptions sees it."""
    process = os.getpid()

    def end(code: int) -> None:
        if os.getpid() == process:
            report_failure(EARLY.format("os._exit()"))
        end_process(code or (os.getpid() == process))

    os._exit = end
    try:
        yield
    finally:
        os._exit = _exit


def attempt(what: str, call: Callable[[], Any]) -> Any:
    """Return what `call` returns; where it fails, say so once and return None.

    For what a finished model can do without.
    """
    try:
        return call()
    except TrainingFailure:
        raise
    except Exception as error:
        if what not in _missed:
            _missed.add(what)
            sentence, is_known = explain(error)
            them = "it" if what.startswith("last") else "them"
            cause = sentence.rstrip(".")
            log(f"WARNING: the {what} can't be had ({cause}): the model is saved without {them}.")
            if not is_known:
                traceback.print_exc()
        return None


def fail_at_once(sentence: str) -> None:
    """Report the failure and end the process, from any thread; what is being saved is first."""
    with saving:
        report_failure(sentence)
        _over.set()
        end_process(1)


def end_process(code: int) -> None:
    """End the process with nothing of Python's orderly end but the removal of its files."""
    remove_scratch()
    _exit(code)


def report_failure(sentence: str, trace: str = "") -> None:
    """Write the sentence to stderr and to /opt/ml/output/failure, the trace after it."""
    if _over.is_set():
        return
    print(sentence, trace, sep="\n" if trace else "", file=sys.stderr, flush=True)
    text = f"{sentence}\n"[:FAILURE_LENGTH]
    tail = trace[-(FAILURE_LENGTH - len(text)) :] if len(text) < FAILURE_LENGTH else ""
    try:
        folder = root() / "output"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "failure").write_text(text + tail, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        print(f"The failure file can't be written: {error}.", file=sys.stderr, flush=True)


def explain(error: BaseException) -> tuple[str, bool]:
    """Return one sentence for an error, and whether that is all that a user needs to know."""
    if isinstance(error, TrainingFailure | Unusable):
        return str(error), True
    if isinstance(error, SystemExit):
        return (error.code if isinstance(error.code, str) else EARLY.format("sys.exit()")), True
    # Behind another error it may be one that a library gets along without.
    if isinstance(error, ModuleNotFoundError) and error.name:
        module = error.name.partition(".")[0]
        return (
            f"The module {module} is not in the image: write its package into requirements.in, "
            f"then make lock, or put {module}.py beside model.py."
        ), True
    if str(error).startswith("cannot import name 'Model' from 'model'"):
        return "There is no class Model in model.py: write class Model(Algorithm).", True
    chain = list(_chain(error))
    for each in chain:
        for known in (_full_memory, _disk, _missing_library):
            if sentence := known(each):
                return sentence, True
    said = [describe(error)]
    for each in chain[1:]:
        # Many libraries repeat what they were told.
        if not re.search(rf"(?<!\w){re.escape(message(each))}(?!\w)", " ".join(said)):
            said.append(describe(each))
    return said[0] + (f" (caused by {'; '.join(said[1:])})" if said[1:] else ""), False


def describe(error: BaseException) -> str:
    """Return the class of an error and what it says, in one line."""
    said = message(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def message(error: BaseException) -> str:
    """Return what an error says, in one line that is not too long."""
    try:
        text = "; ".join([str(error), *getattr(error, "__notes__", ())])
    except Exception:
        return ""
    # XGBoost's message goes on with the addresses of its C++ functions.
    text = " ".join(text.partition("Stack trace:")[0].split())
    return text if len(text) <= CAUSE_LENGTH else text[:CAUSE_LENGTH] + "…"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, those that it groups, and those that it came from."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
            if cause := each.__cause__ or (not each.__suppress_context__ and each.__context__):
                waiting.append(cause)


def _full_memory(error: BaseException) -> str | None:
    said = message(error)
    if not isinstance(error, MemoryError) and "std::bad_alloc" not in said:
        return None
    asked = f" ({said})" if isinstance(error, MemoryError) and said else ""
    return f"The memory is full{asked}: choose a larger InstanceType in training-job.json."


def _disk(error: BaseException) -> str | None:
    """Return the sentence for a full disk, or a place that can't be read or written."""
    name = getattr(error, "filename", None)
    path = Path(os.fsdecode(name)) if isinstance(name, str | bytes) else None
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT) or os.strerror(errno.ENOSPC) in message(error):
        place = path or root()
        return f"No space is left on the disk ({place}): raise VolumeSizeInGB in training-job.json."
    # Elsewhere, and without a file, it is a fault of the program: its trace tells more.
    if number is None or path is None or not path.is_relative_to(root()):
        return None
    if path.is_relative_to(root() / "input"):
        return f"Can't read {name_of(path)}: {error.strerror}."
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"Can't write {path}: {error.strerror}."
    return None


def _missing_library(error: BaseException) -> str | None:
    """Return the sentence for a shared library that a package needs and the image has not."""
    found = re.search(r"([\w.+-]+\.so[.\d]*): cannot open shared object", message(error))
    if not found:
        return None
    library = found[1]
    if library.startswith(("libcuda.", "libnvidia-")):
        return f"{library} is the driver's: choose an InstanceType that has a GPU."
    # Debian's rule for the name of a library's package.
    package = re.sub(r"\.so\.?", "", re.sub(r"(\d)\.so\.", r"\1-", library)).lower()
    package = package.replace("_", "-").replace("libglib-", "libglib")
    return (
        f"{library} is missing in the image: put its Debian package ({package}) into "
        "SYSTEM_LIBRARIES of the Dockerfile."
    )
