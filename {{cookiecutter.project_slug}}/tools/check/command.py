"""Say what in a repository is known to break a training job, without building anything.

A finding is one line, `file:line: rule: what is wrong: what to write instead (clause)`. Errors are
what fails on SageMaker or lies to the reader; warnings, which count with --strict, are what works
but is fragile or against AWS's guide, and what can't be known. `# check: allow RULE the reason` on
the line before excuses one finding. Only reads. Exit code: 0, 1 for findings, 2 for usage.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from check import entrypoint, files, image, packages, program, request
from check.folder import modes_of, read_folder
from check.repository import Repository
from check.rules import ALLOW, Finding, Found, Rule, findings_of, lines, rule, rules_in


@rule("error")
def allow(repository: Repository) -> Found:
    """A comment `# check: allow RULE reason` on the line before excuses one finding. It names a
    rule that exists and gives a reason, for whoever reads it next year."""
    for name, text in repository.texts.items():
        if name not in (repository.dockerfile, "Makefile"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found = ALLOW.match(line)
            if found and found[1] not in RULES:
                yield (name, number), f'there is no rule "{found[1]}" to allow: --help lists them'
            elif found and not found[2]:
                what = f"{found[1]} is allowed without a reason: write it behind the rule"
                yield (name, number), what


SUBJECTS = (entrypoint, program, packages, image, files, request)
RULES: dict[str, Rule] = {
    each.name: each for each in (*(r for module in SUBJECTS for r in rules_in(module)), allow)
}


def check(
    texts: Mapping[str, str | None], modes: Mapping[str, bool] | None = None, dockerfile: str = ""
) -> list[Finding]:
    """Return all findings of a repository, by file and line; see Repository."""
    return findings_of(RULES.values(), Repository(texts, modes, dockerfile))


def check_folder(folder: Path, dockerfile: str = "") -> list[Finding]:
    """Return all findings of the repository in a folder."""
    return findings_of(RULES.values(), repository_in(folder, dockerfile))


def repository_in(folder: Path, dockerfile: str = "") -> Repository:
    """Return what there is to know of the repository in a folder."""
    texts = read_folder(folder)
    return Repository(texts, modes_of(folder, texts), dockerfile)


def started(repository: Repository) -> str:
    """Return what SageMaker starts in the container; "" where the base image decides that (C1)."""
    entry = repository.entry if repository.image else None
    if entry is None or entry.name != "ENTRYPOINT" or entry.json == []:
        return ""
    return shlex.join([*(entry.json or ["/bin/sh", "-c", entry.rest]), "train"])


def show(findings: list[Finding], form: str) -> None:
    """Print the findings in one of the three forms."""
    if form == "json":
        print(json.dumps([each._asdict() for each in findings], indent=2))
    elif form == "github":
        for each in findings:
            place = f"file={each.file},line={each.line},title={each.rule}"
            text = each.message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
            print(f"::{each.severity} {place}::{text}")
    else:
        print(*lines(findings), sep="\n", end="\n" if findings else "")
    errors = sum(each.severity == "error" for each in findings)
    if findings and form == "text":
        warnings = len(findings) - errors
        print(
            f"Errors: {errors}, warnings: {warnings}. "
            "python3 tools check --explain RULE teaches one.",
            file=sys.stderr,
        )


def explain(name: str) -> str:
    """Return what a rule teaches, and the clauses that it rests on."""
    each = RULES[name]
    head = f"{name}, {each.severity}" + (f" ({each.clauses})" if each.clauses else "")
    clauses = json.loads(Path(__file__).with_name("clauses.json").read_text(encoding="utf-8"))
    cited = [f"{clause}. {clauses[clause]}" for clause in each.clauses.split(", ") if clause]
    settings = Path(__file__).parents[2] / "pyproject.toml"
    text = settings.read_text(encoding="utf-8") if settings.is_file() else ""
    address = re.search(r'^clauses = "(.*)"$', text, re.MULTILINE)
    if cited and address:
        cited.append(f"All clauses, with their sources: {address[1]}")
    return "\n\n".join([head, each.lesson, *cited])


def main(arguments: list[str] | None = None, default: Path | None = None) -> int:
    """Check a repository, `default` where none is named, and return the command's exit code."""
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    import argparse

    if default is None:
        from repository import REPOSITORY as default

    parser = argparse.ArgumentParser(
        prog="python3 tools check",
        description="Say what in a repository is known to break a training job.",
        epilog="Rules: " + ", ".join(sorted(RULES)),
        allow_abbrev=False,
    )
    parser.add_argument("folder", nargs="?", type=Path, default=default, help="this one, or any")
    parser.add_argument("--dockerfile", metavar="FILE", default="", help="the one that trains")
    parser.add_argument("--strict", action="store_true", help="fail on warnings too")
    parser.add_argument("--explain", metavar="RULE", choices=sorted(RULES), help="teach a rule")
    parser.add_argument("--format", choices=("text", "github", "json"), default="text")
    options = parser.parse_args(arguments)
    if options.explain:
        print(explain(options.explain))
        return 0
    folder = options.folder.resolve()
    if not folder.is_dir():
        parser.error(f"{options.folder} is no folder")
    dockerfile = options.dockerfile
    if dockerfile and (folder / dockerfile).is_file():
        dockerfile = os.path.relpath((folder / dockerfile).resolve(), folder)
    elif dockerfile and Path(dockerfile).is_file():
        dockerfile = os.path.relpath(Path(dockerfile).resolve(), folder)
    elif dockerfile:
        parser.error(f"{options.folder} has no {dockerfile}")
    repository = repository_in(folder, Path(dockerfile).as_posix() if dockerfile else "")
    findings = findings_of(RULES.values(), repository)
    show(findings, options.format)
    if options.format == "text" and started(repository):
        print(f"SageMaker would start: {started(repository)}", file=sys.stderr)
    return 1 if any(each.severity == "error" or options.strict for each in findings) else 0
