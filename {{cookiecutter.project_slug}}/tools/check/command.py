"""Say what in this repository is known to break a training job, without building anything.

    python3 tools check [--strict] [--format text|github|json] [--dockerfile FILE] [FOLDER]
    python3 tools check --explain RULE

FOLDER may be any repository: language, program and Dockerfile are found. A finding is one line,
`file:line: rule: what is wrong: what to write instead (clause)`. Clauses (C1, ...) say what
SageMaker asks of a container; --explain prints those of a rule. Errors are what fails on SageMaker
or lies to the reader; warnings, which count with --strict, are what works but is fragile or against
AWS's guide, and what can't be known. A comment on the line before excuses one finding:

    # check: allow RULE the reason

Only reads. Needs Python 3.9. Exit code: 0, 1 for findings, 2 for usage.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from check import entrypoint, files, image, packages, program, request
from check.repository import Repository, read_repository
from check.rules import Finding, Found, Rule, rule

# ---- All rules ------------------------------------------------------------------------------

ALLOW = re.compile(r"^\s*(?:#|//|<!--)\s*check:\s*allow\b\s*(\S*)\s*(.*?)\s*(?:-->)?\s*$")


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
                yield name, number, f'there is no rule "{found[1]}" to allow: --help lists them'
            elif found and not found[2]:
                what = f"{found[1]} is allowed without a reason: write it behind the rule"
                yield name, number, what


SUBJECTS = (entrypoint, program, packages, image, files, request)
RULES: dict[str, Rule] = {
    each.name: each
    for values in (*map(vars, SUBJECTS), globals().copy())
    for each in values.values()
    if isinstance(each, Rule)
}


def check(
    texts: Mapping[str, str | None],
    modes: Mapping[str, bool] | None = None,
    dockerfile: str = "",
) -> list[Finding]:
    """Return all findings of a repository, by file and line.

    `texts` is path → text, None for a file that holds none; `modes` is path → its x bit.
    """
    repository = read_repository(texts, modes, dockerfile)
    findings = set()
    for each in RULES.values():
        for file, line, what, *lower in each.find(repository):
            if not is_allowed(repository.texts.get(file, ""), line, each.name):
                message = what + (f" ({each.clauses})" if each.clauses else "")
                findings.add(Finding(file, line, each.name, *(lower or [each.severity]), message))
    return sorted(findings)


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


# ---- A folder -------------------------------------------------------------------------------

# Folders that hold no source of the repository's own.
CACHES = {".git", "node_modules", "__pycache__", "renv", "venv", ".venv"}
NOT_OURS = CACHES | {"data", "runs", "target"}
LONGEST_FILE = 1_000_000


def check_folder(folder: Path, dockerfile: str = "") -> list[Finding]:
    """Return all findings of the repository in a folder."""
    texts = read_folder(folder)
    return check(texts, Modes(folder, texts), dockerfile)


def read_folder(folder: Path) -> dict[str, str | None]:
    """Return path → text. A folder that is not looked into stands there as "name/"."""
    texts: dict[str, str | None] = {}
    for place, folders, names in os.walk(folder):
        inside = Path(place).relative_to(folder)
        for each in sorted({*folders} & NOT_OURS):
            texts[(inside / each).as_posix() + "/"] = None
        hidden = {each for each in folders if each.startswith(".") and each != ".github"}
        folders[:] = sorted({*folders} - NOT_OURS - hidden)
        for each in sorted(names):
            texts[(inside / each).as_posix()] = read_text(Path(place, each))
    return texts


def read_text(path: Path) -> str | None:
    """Return the text of a file; None for what is large, binary or no file (a pipe would hang)."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > LONGEST_FILE:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return None if b"\0" in content else content.decode("utf-8", errors="replace")


class Modes(dict):
    """Path → x bit, looked up when asked for: from git's index where no modes are kept."""

    def __init__(self, folder: Path, texts: Mapping[str, str | None]) -> None:
        self.folder = folder
        self.texts = texts

    def get(self, name: str, default: bool | None = None) -> bool | None:
        paths = [self.folder / each for each, text in self.texts.items() if text is not None]
        if os.name != "nt" and not all(os.access(path, os.X_OK) for path in paths):
            return os.access(self.folder / name, os.X_OK)
        # Here and below: what one line needs, and each generation of a repository would import.
        import subprocess

        command = ["git", "ls-files", "--stage", "--", name]
        try:
            done = subprocess.run(
                command, cwd=self.folder, capture_output=True, encoding="utf-8", timeout=10
            )
        except (OSError, subprocess.SubprocessError):
            return default
        return done.stdout.startswith("100755") if done.stdout else default


# ---- The command ----------------------------------------------------------------------------


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
            f"Errors: {errors}, warnings: {warnings}. --explain RULE teaches a rule.",
            file=sys.stderr,
        )


def lines(findings: list[Finding]) -> list[str]:
    """Return a line to read for each finding."""
    texts = [f"{each.file}:{each.line}: {each.rule}: {each.message}" for each in findings]
    return ["".join(c if c.isprintable() else "?" for c in text) for text in texts]


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
    findings = check_folder(folder, Path(dockerfile).as_posix() if dockerfile else "")
    show(findings, options.format)
    return 1 if any(each.severity == "error" or options.strict for each in findings) else 0
