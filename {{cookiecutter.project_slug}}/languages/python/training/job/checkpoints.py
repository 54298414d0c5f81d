"""The states of a training: kept, skipped when broken, resumed."""

import json
import math
import re
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from job import TrainingFailure
from job.files import as_text, flush, named, root
from job.log import log
from job.outcome import message

KEPT = 3


class Checkpoints:
    """The states of a training in /opt/ml/checkpoints, one file each (C64 to C67).

    Each is a ZIP archive of what the model wrote and of the hyperparameters it was made with; the
    archive's checksums tell a damaged one. Without that folder, which a job has only with a
    CheckpointConfig, none are kept.
    """

    def __init__(self, hyperparameters: Mapping[str, Any]) -> None:
        self._hyperparameters = dict(hyperparameters)
        self._folder = root() / "checkpoints"
        self._due_at = -math.inf
        self._newest = -1  # the step of the newest that this run has saved
        self._change = ""
        self._kept = self._folder.is_dir()
        if not self._kept:
            log(f"No checkpoints: {self._folder} does not exist (the job has no CheckpointConfig).")

    def resume(self, load: Callable[[Path], None]) -> int:
        """Call `load` with the newest checkpoint, or the one before where that is broken.

        Returns after how many steps it was made; without any that can be read, 0.
        """
        found = self.found()
        for path in reversed(found):
            try:
                with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
                    archive.extractall(folder)
                    load(Path(folder, "state"))
                    made_with = json.loads(archive.read("hyperparameters.json"))
            except Exception as error:
                damaged = isinstance(error, zipfile.BadZipFile | zlib.error | EOFError | KeyError)
                reason = "it is damaged" if damaged else message(error) or type(error).__name__
                log(f"WARNING: {path.name} is broken ({reason}): trying the one before.")
            else:
                steps = int(path.name[-8:])
                log(f"Resuming from {path.name}, after step {steps}.")
                self._compare(path.name, made_with)
                return steps
        if found:
            log("WARNING: no checkpoint could be read: training starts from the beginning.")
        return 0

    def _compare(self, name: str, made_with: Mapping[str, Any]) -> None:
        changes = [
            (key, as_text(made_with.get(key)), as_text(now))
            for key, now in self._hyperparameters.items()
            if made_with.get(key) != now
        ]
        if changes:
            said = "; ".join(f"{key}={before}, now {now}" for key, before, now in changes)
            log(f"WARNING: {name} was made with other hyperparameters: {said}.")
            key, before, now = changes[0]
            self._change = f"{name} was made with {key}={before}, and this job has {key}={now}"

    def refuse_change(self) -> None:
        """Raise TrainingFailure where the checkpoint was made with other hyperparameters.

        For a training that has nothing left to do: its model would have nothing of these.
        """
        if self._change:
            raise TrainingFailure(
                f"{self._change}: give the same, or start it without checkpoints."
            )

    def due(self) -> bool:
        """Return whether to save now: at most every second and for a tenth of the time."""
        return self._kept and time.monotonic() >= self._due_at

    def save(self, step: int, save: Callable[[Path], None]) -> None:
        """Write the checkpoint of `step` aside, rename it, and delete all but the last few.

        The service uploads nothing that ends in .sagemaker-ignore (C65). It deletes in S3 what
        is deleted here, so a file that it still uploads is left alone.
        """
        if not self._kept or step == self._newest:
            return
        start = time.monotonic()
        path = self._folder / f"checkpoint-{step:08d}"
        aside = path.with_name(path.name + ".sagemaker-ignore")
        try:
            with named(aside), tempfile.TemporaryDirectory() as folder:
                save(Path(folder, "state"))
                if not Path(folder, "state").exists():
                    return  # This model has no checkpoints.
                with zipfile.ZipFile(aside, "w") as archive:
                    archive.write(Path(folder, "state"), "state")
                    archive.writestr("hyperparameters.json", json.dumps(self._hyperparameters))
                flush(aside)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
        self._newest = step
        # Later ones are broken: this run resumed from one before them.
        for old in [each for each in self.found() if each <= path][:-KEPT]:
            if not old.with_name(old.name + ".sagemaker-uploading").exists():
                old.unlink()
        now = time.monotonic()
        self._due_at = now + max(1.0, 10 * (now - start))

    def found(self) -> list[Path]:
        """Return the files of the checkpoints, the newest last."""
        files = self._folder.iterdir() if self._kept else ()
        # Exact names, so that the uploader's marker files are never taken for checkpoints.
        return sorted(path for path in files if re.fullmatch(r"checkpoint-\d{8}", path.name))
