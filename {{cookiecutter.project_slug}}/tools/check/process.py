"""What process 1 is: the word "train" followed through launchers and scripts to the program."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from check.contents import Contents
from check.launchers import (
    KNOWN_SCRIPTS,
    LAUNCHERS,
    SHELLS,
    behind,
    by_module,
    environment_of,
    launcher_of,
)
from check.script import Walker
from check.stages import Stage
from check.start import PROGRAM, Start, interpreter_in


def starts_of(image: Stage, contents: Contents) -> list[Start]:
    """Return what `docker run IMAGE train` starts in the end; nothing for the shell form."""
    if not image.entrypoint:
        start = contents.base.start or ""
        words = [] if start == "exec" else start.split()
    elif image.entrypoint.json is None:
        return []
    else:
        words = image.entrypoint.json
    return list(dict.fromkeys(Follower(contents).follow([*words, "train"], Start(), 0)))


class Follower(Walker):
    """Follows the words of a command: each method returns the starts on all ways."""

    def follow(self, words: list[str], start: Start, depth: int) -> list[Start]:
        """Follow launchers up to the program, and into scripts."""
        for _ in range(12):
            if not words or depth > 12:
                break
            words = by_module(words)
            name = posixpath.basename(words[0])
            if name in SHELLS:
                return self.shell(words, start, depth)
            if name == "su":
                return self.su(words, start, depth)
            key = launcher_of(words)
            if not key:
                return self.script(words, start, depth)
            start, rest = self.launched(start, words, key), behind(words, key)
            if not rest:
                return [replace(start, words=() if key == "tini" else tuple(words))]
            words = rest
        return [replace(start, words=tuple(words))]

    def launched(self, start: Start, words: list[str], key: str) -> Start:
        """Note what a launcher means for the program behind it."""
        kind = LAUNCHERS[key][0]
        if kind == "waits":
            start = start.but(waits=key)
        elif kind == "unsure":
            start = start.but(unsure=key)
        elif key == "tini":
            start = start.but(init=posixpath.basename(words[0]))
        place = environment_of(words, key)
        return replace(start, active=place) if place else start

    def su(self, words: list[str], start: Start, depth: int) -> list[Start]:
        """su USER -c "command" [arguments]"""
        start = start.but(waits="su")
        if "-c" in words[:-1]:
            return self.run_text(words[words.index("-c") + 1], ["train"], "su", start, depth)
        return [start.but(unsure="su")]

    def shell(self, words: list[str], start: Start, depth: int) -> list[Start]:
        """A shell: its -c text, or its script, or whatever its first argument is."""
        rest = words[2:] if posixpath.basename(words[0]) == "busybox" else words[1:]
        inline = False
        while rest and re.match("[-+].", rest[0]) and rest[0] != "--":
            option, *rest = rest
            letters = "" if option.startswith("--") else option
            inline = inline or "c" in letters
            if option == "--login" or "l" in letters or "i" in letters:
                start = start.but(active="?")
            if letters.endswith("o") or option in ("--rcfile", "--init-file"):
                rest = rest[1:]
        rest = rest[1:] if rest[:1] in (["-"], ["--"]) else rest
        if not rest:
            return [start.but(waits="a shell", stops=True)]
        if inline:
            name = rest[1] if rest[1:] else words[0]
            return self.run_text(rest[0], rest[2:], name, start, depth)
        if rest == ["train"]:
            return [replace(start, words=(words[0], "train"))]
        text = self.text_of(rest[0], start, on_path=False)
        if text is not None:
            return self.run_text(text, rest[1:], rest[0], start, depth)
        if KNOWN_SCRIPTS.fullmatch(posixpath.basename(rest[0])) and rest[1:]:
            return self.follow(rest[1:], start, depth + 1)
        if self.contents.there(self.where(rest[0], start, False)) is False and "$" not in rest[0]:
            return [replace(start, words=tuple(rest))]
        return [start.but(unsure=rest[0])]

    def script(self, words: list[str], start: Start, depth: int) -> list[Start]:
        """Follow a file that is started by itself, if it is a script of a shell."""
        program = [replace(start, words=tuple(words))]
        text = self.text_of(words[0], start)
        if text is None:
            return self.unread(words, start, depth) or program
        interpreter = interpreter_in(text)
        if not text.startswith("#!") and words[0].endswith((".sh", ".bash")):
            interpreter = ["sh"]
        if interpreter and posixpath.basename(interpreter[0]) in SHELLS:
            return self.run_text(text, words[1:], words[0], start, depth)
        if len(interpreter) < 2 or PROGRAM.fullmatch(words[0]):
            return program
        return self.follow([*interpreter, *words], start, depth + 1)

    def unread(self, words: list[str], start: Start, depth: int) -> list[Start]:
        """Follow a script that only the image holds; nothing for what is a program."""
        name = posixpath.basename(words[0])
        by_path = "/" in words[0] or name.startswith(("start", "_"))
        if KNOWN_SCRIPTS.fullmatch(name) and by_path:
            if name.startswith("_entrypoint"):
                start = start.but(active=self.contents.value("${ENV_NAME:-base}"))
            return self.follow(words[1:], start, depth + 1)
        if not words[0].endswith((".sh", ".bash")) and "entrypoint" not in name:
            return []
        gone = self.contents.there(self.where(words[0], start)) is False
        if gone and (self.contents.base.known or not words[0].startswith("/")):
            return []
        start = start.but(unsure=words[0])
        return self.follow(words[1:], start, depth + 1) if words[1:] != ["train"] else [start]

    def where(self, word: str, start: Start, on_path: bool = True) -> str:
        """Return the path of a file: a bare name is looked for on the PATH, or else here."""
        if "/" in word or not on_path:
            return self.contents.stage.path(word, start.folder.strip("?"))
        found = [f"{each}/{word}" for each in self.contents.folders]
        return next((each for each in found if each in self.contents.stage.files), "")

    def text_of(self, word: str, start: Start, on_path: bool = True) -> str | None:
        """Return the text of a file in the image, if it is known."""
        return self.contents.text_at(self.where(word, start, on_path))
