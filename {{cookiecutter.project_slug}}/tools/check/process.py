"""What process 1 is: the word "train" followed through launchers and scripts to the program."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace

from check.contents import Contents
from check.launchers import (
    INITS,
    INTERPRETER,
    KNOWN_SCRIPTS,
    LAUNCHERS,
    MODULES,
    PROGRAM,
    SHELLS,
    TINI,
    Start,
)
from check.script import Walker
from check.shell import Simple, fields_of, unquoted


def follow(contents: Contents, words: Sequence[str]) -> list[Start]:
    """Return what the words of a command start in the end, on each way."""
    return Follower(contents).argv(list(words), Start(), 0)


class Follower:
    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.walker = Walker(contents, self.argv, self.text_of)

    def argv(self, words: list[str], start: Start, depth: int) -> list[Start]:
        """Follow the words of a command."""
        for _ in range(12):
            if not words or depth > 12:
                break
            name = posixpath.basename(words[0])
            if words[0] == "/init":
                name = "init"
            if name in SHELLS:
                return self.shell(words, start, depth)
            if INTERPRETER.fullmatch(name) and "-m" in words[1:]:
                at = words.index("-m") + 1
                if (
                    words[at : at + 1]
                    and words[at] in MODULES
                    and all(each.startswith("-") for each in words[1 : at - 1])
                ):
                    words = [*MODULES[words[at]].split(), *words[at + 1 :]]
                    continue
            if name in ("su",):
                return self.su(words, start, depth)
            two = f"{name} {words[1]}" if len(words) > 1 else name
            key = two if two in LAUNCHERS else name if name in LAUNCHERS else ""
            if name in (*TINI, *INITS):
                start = replace(start, init=start.init or name)
                key = "tini"
                if len(words) == 1:
                    return [replace(start)]
            if not key:
                script = self.script(words, start, depth)
                return [replace(start, words=tuple(words))] if script is None else script
            kind, valued, count = LAUNCHERS[key]
            rest = self.behind(words, key, valued, count)
            if kind == "waits":
                start = start.but(waits=key)
            elif kind == "unsure":
                start = replace(start, unsure=start.unsure or key)
            if key.startswith(("conda", "mamba", "micromamba")):
                target = self.contents.conda_target(words) or "base"
                start = replace(start, active=target)
            elif key in (
                "poetry run",
                "pipenv run",
                "uv run",
                "pdm run",
                "pixi run",
                "hatch run",
                "rye run",
            ):
                start = replace(start, active=f"{name} environment")
            if not rest or (
                rest == ["train"] and words[-1:] == ["train"] and kind != "execs" and valued == "*"
            ):
                return [replace(start, words=tuple(words))]
            words = rest
        return [replace(start, words=tuple(words))]

    def behind(self, words: list[str], key: str, valued: str, count: int) -> list[str]:
        """Return the words of the program behind a launcher and its options."""
        rest = words[len(key.split()) :]
        if valued == "*":
            for number, word in enumerate(rest):
                if INTERPRETER.fullmatch(posixpath.basename(word)):
                    return rest[number:]
                if " " in word and PROGRAM.fullmatch(word.split()[-1]):
                    return word.split()
                if PROGRAM.fullmatch(word) and not word.startswith("-"):
                    return ["python", *rest[number:]] if word.endswith(".py") else rest[number:]
                if word in ("-m", "--module") and number + 1 < len(rest):
                    return ["python", "-m", *rest[number + 1 :]]
            return []
        options = valued.split()
        while rest:
            word = rest[0]
            if word == "--":
                rest = rest[1:]
                break
            if key == "env" and word in ("-S", "--split-string") and len(rest) > 1:
                return [*fields_of(rest[1]), *rest[2:]]
            if key == "env" and word.startswith(("-S", "--split-string=")):
                return [*fields_of(re.sub(r"^(-S|--split-string=)", "", word)), *rest[1:]]
            if word in ("-m", "--module") and key in ("uv run", "pdm run"):
                return ["python", "-m", *rest[1:]]
            if word.startswith("-"):
                rest = rest[2 if word in options else 1 :]
            elif key in ("env", "exec", "sudo") and re.match(r"\w+=", word):
                rest = rest[1:]
            else:
                break
        for _ in range(count):
            if rest and not (key == "taskset" and not re.fullmatch(r"[\da-fx,-]+", rest[0])):
                rest = rest[1:]
        if key in ("uv run",) and rest and rest[0].endswith(".py"):
            rest = ["python", *rest]
        if rest and rest[0] == "--":
            rest = rest[1:]
        return rest

    def su(self, words: list[str], start: Start, depth: int) -> list[Start]:
        """su USER -c "command" [arguments]"""
        start = start.but(waits="su")
        if "-c" in words[:-1]:
            return self.walker.run_text(words[words.index("-c") + 1], ["train"], "su", start, depth)
        return [replace(start, unsure=start.unsure or "su")]

    def shell(self, words: list[str], start: Start, depth: int) -> list[Start]:
        """A shell: its -c text, or its script, or whatever its first argument is."""
        rest = words[2:] if posixpath.basename(words[0]) == "busybox" else words[1:]
        inline = False
        login = False
        while rest and rest[0].startswith(("-", "+")) and rest[0] not in ("-", "--"):
            option = rest.pop(0)
            if option.startswith("--"):
                login = login or option == "--login"
                if option in ("--rcfile", "--init-file") and rest:
                    rest.pop(0)
                continue
            inline = inline or "c" in option[1:]
            login = login or "l" in option[1:] or "i" in option[1:]
            if option[-1:] == "o" and rest:
                rest.pop(0)
        if rest[:1] in (["-"], ["--"]):
            rest.pop(0)
        if login and not start.active:
            start = replace(start, active="?")
        if not rest:
            return [replace(start.but(waits="a shell"), stops=True)]
        name = words[0] if not inline else (rest[1] if len(rest) > 1 else words[0])
        if inline:
            return self.walker.run_text(rest[0], rest[2:], name, start, depth)
        if rest == ["train"]:
            return [replace(start, words=(words[0], "train"))]
        text = self.text_of(rest[0], start, on_path=False)
        if text is None:
            where = self.where(rest[0], start, on_path=False)
            if KNOWN_SCRIPTS.fullmatch(posixpath.basename(rest[0])) and len(rest) > 1:
                return self.argv(rest[1:], start, depth + 1)
            if self.contents.there(where) is False and "$" not in rest[0]:
                return [replace(start, words=(rest[0], *rest[1:]))]
            return [replace(start, unsure=start.unsure or rest[0], words=())]
        return self.walker.run_text(text, rest[1:], rest[0], start, depth)

    def script(self, words: list[str], start: Start, depth: int) -> list[Start] | None:
        """Follow a file that is started by itself; None for what is a program."""
        base = posixpath.basename(words[0])
        text = self.text_of(words[0], start)
        if text is None:
            if KNOWN_SCRIPTS.fullmatch(base) and (
                "/" in words[0] or base.startswith(("start", "_"))
            ):
                if base.startswith("_entrypoint"):
                    start = replace(
                        start, active=start.active or self.contents.value("${ENV_NAME:-base}")
                    )
                return self.argv(words[1:], start, depth + 1)
            if words[0].endswith((".sh", ".bash")) or "entrypoint" in base:
                if self.contents.there(self.where(words[0], start)) is False and (
                    self.contents.base.known or not words[0].startswith("/")
                ):
                    return None
                behind = [w for w in words[1:] if w != "train"]
                start = replace(start, unsure=start.unsure or words[0])
                return self.argv(words[1:], start, depth + 1) if behind else [start]
            return None
        first = text.partition("\n")[0].rstrip("\r")
        if not first.startswith("#!"):
            return (
                None
                if not words[0].endswith((".sh", ".bash"))
                else self.walker.run_text(text, words[1:], words[0], start, depth)
            )
        interpreter = first[2:].split()
        if interpreter and posixpath.basename(interpreter[0]) == "env":
            interpreter = interpreter[1:]
            if interpreter[:1] == ["-S"]:
                interpreter = interpreter[1:]
        if not interpreter:
            return None
        if posixpath.basename(interpreter[0]) in SHELLS:
            return self.walker.run_text(text, words[1:], words[0], start, depth)
        if words[0].endswith((".py", ".R", ".r")) or len(interpreter) == 1:
            return [replace(start, words=tuple(words))]
        return self.argv([*interpreter, *words], start, depth + 1)

    def where(self, word: str, start: Start, on_path: bool = True) -> str:
        """Return the path of a file: a bare name is looked for on the PATH, or else here."""
        folder = start.folder if start.folder not in ("", "?") else ""
        if "/" in word or not on_path:
            return self.contents.path(word, folder)
        found = [f"{each}/{word}" for each in self.contents.folders]
        return next((each for each in found if each in self.contents.stage.files), "")

    def text_of(self, word: str, start: Start, on_path: bool = True) -> str | None:
        """Return the text of a file in the image, if it is known."""
        path = self.where(word, start, on_path)
        if not path:
            return None
        name = self.contents.stage.files.get(path)
        if name:
            return self.contents.texts.get(name)
        base = posixpath.basename(path)
        for each, target, _ in self.contents.stage.copies:
            for heredoc, text in each.heredocs:
                if target == path or posixpath.join(target, heredoc) == path:
                    return text
        for run in self.contents.runs:
            for each in run.commands:
                for operator, target in each.redirects:
                    written = self.contents.path(self.contents.value(target), run.folder)
                    if operator in (">", ">|", "&>") and written == path:
                        if each.heredocs:
                            return each.heredocs[0]
                        return self.echoed([each for each in run.commands], path, run.folder)
            if base in run.text and "echo" in run.text:
                text = self.echoed(run.commands, path, run.folder)
                if text is not None:
                    return text
        return None

    def echoed(self, commands: list[Simple], path: str, folder: str) -> str | None:
        """Return what echo and printf write to a file."""
        lines = []
        for each in commands:
            written = [
                self.contents.path(self.contents.value(target), folder)
                for operator, target in each.redirects
                if operator.startswith(">") and operator != ">&"
            ]
            if path in written and each.words[:1] in (["echo"], ["printf"]):
                words = [unquoted(word) for word in each.words[1:]]
                escapes = (
                    each.words[0] == "printf"
                    or words[:1] == ["-e"]
                    or any("\\n" in w for w in words)
                )
                words = [word for word in words if word not in ("-e", "-n", "-ne", "-en", "%s\\n")]
                text = "\n".join(words) if each.words[0] == "printf" else " ".join(words)
                lines.append(text.replace("\\n", "\n") if escapes else text)
        return "\n".join(lines) + "\n" if lines else None


def starts_of(image, contents) -> list[Start]:
    """Return what `docker run IMAGE train` starts in the end; nothing for the shell form."""
    entry = image.entrypoint
    if entry:
        words = entry.json
        if words is None:
            return []
    else:
        words = [] if contents.base.start in ("", "exec", None) else contents.base.start.split()
    return list(dict.fromkeys(follow(contents, [*words, "train"])))
