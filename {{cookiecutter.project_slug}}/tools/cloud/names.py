"""The names of jobs: each unlike all others, and each repository's begin like no other one's.

The rights of a repository reach as far as that beginning (repository.yaml). It ends in two hyphens,
of which the name of a repository, which is one of ECR too, has never two together.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time

from api_model import SHAPES

# So many characters AWS lets the name of a job have.
TRAINING = SHAPES["TrainingJobName"]["max"]
TUNING = SHAPES["HyperParameterTuningJobName"]["max"]
# 251127-101530-9f3e
MOMENT = 18
# What stands for a name that is too long or has other characters: its beginning and a
# digest, twelve characters together.
HASHED = re.compile(r"(?=.{12}$)[a-z0-9-]*[a-z0-9]-[0-9a-f]{6,}")


def job_prefix(repository: str, longest: int) -> str:
    """Return what the names of all jobs of a repository begin with, of that length at most."""
    name = re.sub("[^a-z0-9]+", "-", repository.lower()).strip("-")
    too_long = len(name) + len("--") + MOMENT > longest
    # Of seal_a and seal.a both would become seal-a.
    if name != repository or too_long or HASHED.fullmatch(name):
        start = name[:5].rstrip("-")
        digest = hashlib.sha256(repository.encode()).hexdigest()
        name = f"{start}-{digest[: 11 - len(start)]}"
    return f"{name}--"


def unique_name(repository: str, base: str, longest: int) -> str:
    """Return a job name that no other job has: the repository, what the base adds, time, chance."""
    prefix = job_prefix(repository, longest)
    moment = f"{time.strftime('%y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    added = re.sub(rf"^{re.escape(repository)}(-|$)", "", base).strip("-")
    added = added[: max(0, longest - len(prefix) - len(moment) - 1)].rstrip("-")
    return f"{prefix}{added}-{moment}" if added else prefix + moment
