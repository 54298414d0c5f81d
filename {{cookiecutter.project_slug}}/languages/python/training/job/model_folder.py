"""The model: all of its files or none."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from job import TrainingFailure
from job.files import flush, named, root
from job.log import log
from job.outcome import saving


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
    with saving:
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            with named(aside):
                save(aside)
            files = sorted(path for path in aside.rglob("*") if path.is_file())
            if aside / "metadata.json" in files:
                raise TrainingFailure(
                    "save() in model writes metadata.json, which is train's own: "
                    "give it another name."
                )
            if not any(path.stat().st_size > 0 for path in files):
                raise TrainingFailure(
                    f"The model folder {folder} would be empty: save() in model wrote no file."
                )
            load(aside)
            files.append(aside / "metadata.json")
            with named(aside):
                files[-1].write_text(description, encoding="utf-8")
            for path in files:
                flush(path)
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
