"""Passwords in the arguments of a build: whoever has the image reads them in its history."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

NAME = re.compile(
    r"(.*_)?(password|passwd|passphrase|secret|token|api_?key|(access|private)_key|credentials?)"
    r"(_.*)?|.*_(pass|pwd|pat)",
    re.I,
)
# A URL with a user: of https://TOKEN@example.com/ that is the password. Then what the tokens of
# GitHub, GitLab, PyPI and AWS, and those that are signed JSON, begin with.
VALUE = re.compile(
    r"://(\$\{\{.*?\}\}|[^\s/@])+@|(passw(or)?d|token|key)=|"
    r"\b(gh[oprsu]_|github_pat_|glpat-|pypi-A|AKIA|ASIA|eyJ)[\w-]{12}",
    re.I,
)
# Engines keep these out of the history.
PROXY = re.compile(r"(https?|ftp|no|all)_proxy", re.I)


def is_password(name: str, value: str) -> bool:
    """Return whether an argument of a build gives a password away."""
    return not PROXY.fullmatch(name) and bool(NAME.fullmatch(name) or VALUE.search(value))


def find_password(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the name of the first --build-arg that is a password, empty where none is.

    One without a value takes that of the environment's variable, as engines do.
    """
    for flag, word in zip(words, [*words[1:], ""]):
        given = word if flag == "--build-arg" else flag.partition("--build-arg=")[2]
        name, written, value = given.partition("=")
        if is_password(name, value if written else environment.get(name, "")):
            return name
    return ""
