"""What a rule is, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from check.repository import Repository

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


def findings_of(rules: Iterable[Rule], repository: Repository) -> list[Finding]:
    """Return what rules find in a repository, by file and line, without what comments excuse."""
    findings = set()
    for each in rules:
        for file, line, what, *lower in each.find(repository):
            if not is_allowed(repository.texts.get(file, ""), line, each.name):
                message = what + (f" ({each.clauses})" if each.clauses else "")
                findings.add(Finding(file, line, each.name, *(lower or [each.severity]), message))
    return sorted(findings)


def lines(findings: list[Finding]) -> list[str]:
    """Return a line to read for each finding."""
    texts = [f"{each.file}:{each.line}: {each.rule}: {each.message}" for each in findings]
    return ["".join(c if c.isprintable() else "?" for c in text) for text in texts]


def rules_in(module: ModuleType) -> list[Rule]:
    """Return the rules of a module."""
    return [each for each in vars(module).values() if isinstance(each, Rule)]


# check: allow RULE the reason
ALLOW = re.compile(r"^\s*(?:#|//|<!--)\s*check:\s*allow\b\s*(\S*)\s*(.*?)\s*(?:-->)?\s*$")


def is_allowed(text: str, line: int, name: str) -> bool:
    """Whether the comments right above the line excuse the rule."""
    lines = text.splitlines()
    for above in reversed(lines[: line - 1]):
        if not above.strip().startswith(("#", "//", "<!--")):
            return False
        found = ALLOW.match(above)
        if found and found[1] == name and found[2]:
            return True
    return False
