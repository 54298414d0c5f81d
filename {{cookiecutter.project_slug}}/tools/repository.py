"""The repository that a verb is about, and the places in it that several rooms know."""

from __future__ import annotations

import json
import re
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
    except json.JSONDecodeError as error:
        where = f"{path.name}:{error.lineno}: it is not valid JSON"
        raise UserError(f"{where} ({error.msg}): {json_lead(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path.name}:1: it is not valid JSON ({error}): mend it.") from error


def json_lead(error: json.JSONDecodeError) -> str:
    """Return what to write in the place where JSON ends."""
    before, rest = error.doc[: error.pos].rstrip(), error.doc[error.pos :]
    leads = (
        (r"\ufeff", "save it as UTF-8 without a byte order mark"),
        ("'", 'write double quotes, "'),
        ("//|/[*]|#", "take the comment out, JSON has none"),
        ("True|False|None|yes|no", "write true, false or null"),
        (r"[]}]", "take the comma before it out" if before.endswith(",") else "mend it"),
    )
    return next((lead for pattern, lead in leads if re.match(pattern, rest)), "mend it")
