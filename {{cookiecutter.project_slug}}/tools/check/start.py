"""A program and how it is started: the words of a command taken apart."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

INTERPRETER = re.compile(r"python[\d.]*|pypy[\d.]*|Rscript|R|r|java")
PROGRAM = re.compile(r".*\.(py|R|r|jar|whl|pyz)")


class Program(NamedTuple):
    """The words of a program taken apart."""

    launcher: str = ""  # the interpreter, or the program itself
    script: str = ""  # the program's file, module or class; "" where none is seen
    arguments: tuple[str, ...] = ()  # those behind the script
    kind: str = "file"  # or "module", "class", "inline" (-c, -e), "batch" (R CMD)

    @property
    def known(self) -> bool:
        """Whether the launcher is an interpreter."""
        return bool(INTERPRETER.fullmatch(self.launcher))


def interpreter_in(text: str) -> list[str]:
    """Return the words of a script's first line, #!, behind env and its options."""
    words = text.partition("\n")[0][2:].split() if text.startswith("#!") else []
    if words and posixpath.basename(words[0]) == "env":
        words = [each for each in words[1:] if not each.startswith("-") and "=" not in each]
    return words


# Options of interpreters that take the next word.
WITH_VALUE = {
    *("-cp", "-classpath", "--class-path", "-W", "-X", "--encoding", "-p", "--module-path"),
    *("--add-modules", "-g", "--add-opens", "--add-exports"),
}


def program_of(words: Sequence[str]) -> Program:
    """Take the words of a command apart: interpreter, program, arguments."""
    if not words:
        return Program()
    launcher, rest = posixpath.basename(words[0]), list(words[1:])
    if not INTERPRETER.fullmatch(launcher):
        is_file = PROGRAM.fullmatch(words[0]) or words[0].endswith((".sh", ".bash"))
        return Program(launcher, words[0] if is_file else "", tuple(rest))
    is_r = launcher in ("R", "Rscript", "r")
    if launcher == "R" and rest[:1] == ["CMD"]:
        return Program(launcher, kind="batch")
    while rest:
        word = rest.pop(0)
        if is_r and word.startswith("--file="):
            return Program(launcher, word[7:], tuple(rest))
        if word == "-c" or (word.startswith("-e") if is_r else word == "-e"):
            return Program(launcher, "", tuple(rest[1:]), "inline")
        if word in ("-m", "--module") and rest:
            return Program(launcher, rest[0], tuple(rest[1:]), "module")
        if word in ("-jar", "-f") and rest:
            return Program(launcher, rest[0], tuple(rest[1:]))
        if is_r and word == "--args":
            break
        if word in WITH_VALUE:
            rest = rest[1:]
        elif not word.startswith(("-", "@")) and launcher != "R":  # R ignores plain words
            return Program(launcher, word, tuple(rest), "class" if launcher == "java" else "file")
    return Program(launcher)


@dataclass(frozen=True)
class Start:
    """What process 1 does in the end, on one way through the scripts before the program."""

    words: tuple[str, ...] = ()  # the program's, with the "train" where it arrives
    waits: str = ""  # what waits for the program and passes no SIGTERM on
    unsure: str = ""  # what can't be followed
    init: str = ""
    active: str = ""  # the environment that is activated for it; "?" one that can't be told
    folder: str = ""  # the folder it is started in, "" for WORKDIR, "?" for an unknown one
    stops: bool = False  # no program: the script ends
    refuses: bool = False  # and does so with an exit code that is not 0

    @property
    def is_train(self) -> bool:
        """Whether "train" itself is what is looked for as a program."""
        return self.words == ("train",)

    @property
    def is_fed(self) -> bool:
        """Whether "train" arrives behind other words."""
        return len(self.words) > 1 and self.words[-1] == "train"

    @property
    def own_words(self) -> tuple[str, ...]:
        """The words without the "train" that SageMaker adds."""
        return self.words[:-1] if self.words[-1:] == ("train",) else self.words

    @property
    def program(self) -> Program:
        return program_of(self.words)

    @property
    def own_program(self) -> Program:
        return program_of(self.own_words)

    def but(self, **changes) -> Start:
        """Return the start with something else; of what waits and its like the first counts."""
        for name in ("waits", "unsure", "active", "init"):
            if getattr(self, name):
                changes.pop(name, None)
        return replace(self, **changes)
