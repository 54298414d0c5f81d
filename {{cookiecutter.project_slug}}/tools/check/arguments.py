"""Passwords in the commands that build an image, wherever they stand."""

from __future__ import annotations

import re

from check.repository import Repository
from check.rules import Found, rule
from passwords import is_password

# A Makefile, a script, a workflow: what holds a command that builds.
PLACES = re.compile(r"(.*/)?([\w.-]*[Mm]akefile|[\w.-]+\.(mk|sh|ya?ml)|Jenkinsfile)")
# In quotes, and in the braces of a workflow, blanks do not end the value.
ARGUMENT = re.compile(
    r"""--build-arg[ =]+["']?(\w+)(?:=("[^"]*"|'[^']*'|(?:\$\{\{.*?\}\}|[^\s"'])*))?"""
)


@rule("error", "C78")
def password_argument(repository: Repository) -> Found:
    """The value of a --build-arg stays in the image's history, where whoever can pull the image
    reads it. A secret of BuildKit does not: `--secret id=NAME,env=VARIABLE` in the command, and
    `RUN --mount=type=secret,id=NAME` in the Dockerfile."""
    for name, text in repository.sources():
        if not PLACES.fullmatch(name):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for found in ARGUMENT.finditer(line.partition(" #")[0]):
                if not line.lstrip().startswith("#") and is_password(found[1], found[2] or ""):
                    what = f"--build-arg {found[1]} gives a password, which stays in the image"
                    yield (
                        (name, number),
                        f"{what}: write --secret id=…, and RUN --mount=type=secret",
                    )
