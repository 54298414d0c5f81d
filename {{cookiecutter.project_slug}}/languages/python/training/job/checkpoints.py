"""The states of a training: kept, skipped when broken, resumed."""

import math
import re
import time
from collections.abc import Callable
from pathlib import Path

from job.files import flush, named, root
from job.log import log
from job.outcome import first_line

CHECKPOINTS_KEPT = 3


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

    def resume(self, load: Callable[[Path], None]) -> int:
        """Call `load` with the newest checkpoint, or the one before where that is broken.

        Returns after how many steps it was made; without any that can be read, 0.
        """
        found = self._found() if self._kept else []
        for path in reversed(found):
            try:
                load(path)
            except Exception as error:
                reason = first_line(error)
                log(f"WARNING: {path.name} is broken ({reason}): trying the one before.")
            else:
                steps = int(path.name[-8:])
                log(f"Resuming from {path.name}, after step {steps}.")
                return steps
        if found:
            log("WARNING: no checkpoint could be read: training starts from the beginning.")
        return 0

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
            with named(aside):
                save(aside)
                flush(aside)
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
