"""The model: all of its files or none."""

import contextlib
import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from job import TrainingFailure
from job.files import flush, named, root
from job.log import log
from job.outcome import saving

UNFINISHED = ".saving"


def save_model(
    save: Callable[[Path], None], load: Callable[[Path], Any], metadata: Mapping[str, Any]
) -> None:
    """Write the model's files and metadata.json to /opt/ml/model, all or nothing (C59).

    `save` writes them into an empty folder, `load` reads them back, then they are renamed into
    place. The folder lies in /opt/ml/model, since nothing is renamed from one mount to another; a
    process that is killed leaves it there, for a mark that the model is not whole. Raises
    TrainingFailure where `save` wrote nothing: the service takes a job without a model for
    completed (C60).
    """
    folder = root() / "model"
    aside = folder / UNFINISHED
    placed: list[Path] = []
    with saving:
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            with named(aside):
                save(aside)
            files = sorted(path for path in aside.rglob("*") if path.is_file())
            if not any(path.stat().st_size > 0 for path in files):
                raise TrainingFailure(
                    f"save() in model.py wrote no file into its folder: {folder} would be empty."
                )
            load(aside)
            description = aside / "metadata.json"
            if description in files:
                description = aside / "training-metadata.json"
                log(
                    "WARNING: save() in model.py wrote a metadata.json: "
                    f"what train says of the job is in {description.name}."
                )
            files.append(description)
            with named(aside):
                text = json.dumps(as_json(metadata), indent=2) + "\n"
                description.write_text(text, encoding="utf-8")
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


def refuse_unfinished(folder: Path) -> None:
    """Raise TrainingFailure for a model that a killed job left half-written."""
    if (folder / UNFINISHED).exists():
        raise TrainingFailure(
            f"{folder} holds {UNFINISHED}: the job was killed while it saved the model, "
            "so it is not whole."
        )


def as_json(value: Any, within: tuple[int, ...] = ()) -> Any:
    """Return what JSON can say of a value of any type: what it has no word for as text."""
    if value is None or isinstance(value, bool | str):
        return value
    with contextlib.suppress(Exception):
        if isinstance(value, int | float):
            return value if math.isfinite(value) else str(value)
        if id(value) not in within:
            within = (*within, id(value))
            if isinstance(value, Mapping):
                return {str(key): as_json(each, within) for key, each in value.items()}
            if hasattr(value, "tolist"):  # arrays and numbers of NumPy
                return as_json(value.tolist(), within)
            if isinstance(value, list | tuple | set | frozenset):
                return [as_json(each, within) for each in value]
        return str(value)
    return f"a {type(value).__name__}"
