"""What a rule is, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from check.repository import Repository

# Where it is (an instruction of the Dockerfile, or file and line), what is wrong and what to write
# instead. An error may add whether it is sure that the job fails: else it is a warning.
Found = Iterator[tuple]


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
    find: Callable[[Repository], Found]
    lesson: str  # what --explain prints
    of_image: bool  # nothing is asked of it where the Dockerfile makes no image


def rule(severity: str, *clauses: str, of_image: bool = False) -> Callable[[Callable], Rule]:
    """Make a rule of a function: its name is the rule's, its docstring is the lesson."""

    def make(find: Callable[[Repository], Found]) -> Rule:
        name = find.__name__.replace("_", "-")
        lesson = re.sub(r"\s+", " ", find.__doc__ or "").strip()
        return Rule(name, severity, ", ".join(clauses), find, lesson, of_image)

    return make


def findings_of(rules: Iterable[Rule], repository: Repository) -> list[Finding]:
    """Return what rules find in a repository, by file and line, without what comments excuse."""
    findings = set()
    for each in rules:
        if each.of_image and not repository.image:
            continue
        for place, what, *sure in each.find(repository):
            is_named = isinstance(place, tuple)
            file, line = place if is_named else (repository.dockerfile, place.line)
            if not is_allowed(repository.texts.get(file, ""), line, each.name):
                severity = each.severity if all(sure) else "warning"
                message = what + (f" ({each.clauses})" if each.clauses else "")
                findings.add(Finding(file, line, each.name, severity, message))
    return sorted(findings)


def lines(findings: list[Finding]) -> list[str]:
    """Return a line to read for each finding."""
    texts = [f"{each.file}:{each.line}: {each.rule}: {each.message}" for each in findings]
    return ["".join(c if c.isprintable() else "?" for c in text) for text in texts]


def rules_in(module: ModuleType) -> list[Rule]:
    """Return the rules of a module."""
    return [each for each in vars(module).values() if isinstance(each, Rule)]


def line_at(text: str, position: int) -> int:
    """Return the number of the line at a position of a text."""
    return text.count("\n", 0, max(0, position)) + 1


# check: allow RULE the reason
ALLOW = re.compile(r"^\s*(?:#|//|<!--)\s*check:\s*allow\b\s*(\S*)\s*(.*?)\s*(?:-->)?\s*$")


def is_allowed(text: str, line: int, name: str) -> bool:
    """Whether the comments right above the line excuse the rule."""
    for above in reversed(text.splitlines()[: line - 1]):
        if not above.strip().startswith(("#", "//", "<!--")):
            return False
        found = ALLOW.match(above)
        if found and found[1] == name and found[2]:
            return True
    return False
