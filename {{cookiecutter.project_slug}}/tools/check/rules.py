"""What a rule is, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Callable, NamedTuple

# File, line, what is wrong and what to write instead. The rule of an error adds WARNING where it
# can't know whether the job would fail.
Found = Iterator[tuple]
WARNING = "warning"


class Finding(NamedTuple):
    """What a rule found; the message ends with the clauses of the contract that it rests on."""

    file: str
    line: int
    rule: str
    severity: str
    message: str


class Rule(NamedTuple):
    """An error is what fails on SageMaker or lies to the reader, a warning what is fragile."""

    name: str
    severity: str
    clauses: str
    find: Callable[..., Found]
    lesson: str  # what --explain prints


def rule(severity: str, *clauses: str) -> Callable[[Callable[..., Found]], Rule]:
    """Make a rule of a function: its name is the rule's, its docstring is the lesson."""

    def make(find: Callable[..., Found]) -> Rule:
        lesson = re.sub(r"\s+", " ", find.__doc__ or "").strip()
        return Rule(find.__name__.replace("_", "-"), severity, ", ".join(clauses), find, lesson)

    return make
