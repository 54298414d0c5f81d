"""How a job ends: exit code, failure file, sentence."""

import errno
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from job import TrainingFailure
from job.files import root

FAILURE_LENGTH = 1024


saving = threading.Lock()  # What holds it is not torn apart by `fail_at_once`.


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
        report_failure(sentence or f"{type(error).__name__}: {first_line(error)}", trace)
    else:
        return 0
    return 1


def fail_at_once(sentence: str) -> None:
    """Report the failure and end the process, from any thread; what is being saved is first."""
    with saving:
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


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "no message")
