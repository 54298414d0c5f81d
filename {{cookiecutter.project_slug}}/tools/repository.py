"""The repository that a verb is about, and the places in it that several rooms know."""

from __future__ import annotations

import json
from pathlib import Path

from terminal import UserError


def find() -> Path:
    """Return the nearest folder from here up that has a training-job.json, else that of tools/."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "training-job.json").is_file():
            return folder
    return Path(__file__).resolve().parents[1]


REPOSITORY = find()
RUNS = REPOSITORY / "runs"
# The job that was submitted last: name, region, whether it is a tuning job.
SUBMITTED_JOB = RUNS / "submitted-job.json"
# The image that was pushed last, by digest, and its tag.
PUSHED_IMAGE = REPOSITORY / "pushed-image.json"


def relative(path: Path) -> Path:
    """Return the path as a person in the repository would type it."""
    return path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path


def read_json(path: Path) -> object:
    """Return what a JSON file of the user's holds; raise UserError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path.name} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path.name} is not valid JSON: {error}.") from error
