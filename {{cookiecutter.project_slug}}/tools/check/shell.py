"""Read a shell script into its commands, as far as a check needs: no value is computed.

`parse` returns what the script does in order: simple commands, and the branches, loops,
functions and pipelines that hold them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple, Union


class ShellError(Exception):
    """The script is more than this reader understands."""


class Simple(NamedTuple):
    """A command: its words as they are written, its redirections, its heredocs."""

    words: list[str]
    redirects: list[tuple[str, str]]
    heredocs: list[str]


class Pipe(NamedTuple):
    parts: list[Node]


class Chain(NamedTuple):
    """left && right, left || right."""

    left: Node
    operator: str
    right: Node


class Background(NamedTuple):
    node: Node


class Not(NamedTuple):
    node: Node


class If(NamedTuple):
    branches: list[tuple[list[Node], list[Node]]]  # condition, what follows
    otherwise: list[Node]


class Case(NamedTuple):
    word: str
    arms: list[tuple[list[str], list[Node]]]  # patterns, what follows


class Loop(NamedTuple):
    head: list[Node]
    body: list[Node]


class Function(NamedTuple):
    name: str
    body: list[Node]


class Group(NamedTuple):
    body: list[Node]
    own_process: bool  # (…), not {…}


Node = Union[Simple, Pipe, Chain, Background, Not, If, Case, Loop, Function, Group]

OPERATORS = re.compile(r"&&|\|\||;;&?|;&|\|&|[;&|()\n]")
REDIRECT = re.compile(r"(\d*|&)(<<<|<<-?|>>|>&|<&|>\||<>|&>>?|[<>])(?!\()")
DEEPEST = 60


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield ("word" | "op" | "redirect" | "heredoc", text)."""
    position = 0
    waiting: list[tuple[str, bool]] = []  # heredocs whose text begins on the next line
    opened = False  # the next word is the name of a heredoc
    while position < len(text):
        character = text[position]
        if text.startswith("\\\n", position):
            position += 2
        elif character in " \t\r":
            position += 1
        elif character == "#":
            position = end_of(text, "\n", position)
        elif not opened and (found := REDIRECT.match(text, position)):
            yield "redirect", found[2]
            position = found.end()
            opened = found[2].startswith("<<") and found[2] != "<<<"
            tabs = found[2] == "<<-"
        elif found := OPERATORS.match(text, position):
            yield "op", found[0]
            position = found.end()
            while found[0] == "\n" and waiting:
                name, strip = waiting.pop(0)
                body, position = heredoc(text, position, name, strip)
                yield "heredoc", body
        else:
            end = end_of_word(text, position)
            word = text[position:end]
            position = end
            if opened:
                waiting.append((re.sub(r"[\"'\\]", "", word), tabs))
                opened = False
            yield "word", word
    if waiting:
        raise ShellError("a heredoc has no end")


def end_of(text: str, mark: str, position: int) -> int:
    found = text.find(mark, position)
    return len(text) if found < 0 else found


def heredoc(text: str, position: int, name: str, strip: bool) -> tuple[str, int]:
    lines = []
    while position < len(text):
        end = end_of(text, "\n", position)
        line = text[position:end]
        position = end + 1
        if (line.lstrip("\t") if strip else line).rstrip("\r") == name:
            return "\n".join(lines) + "\n", position
        lines.append(line)
    raise ShellError("a heredoc has no end")


def end_of_word(text: str, position: int) -> int:
    """Return where a word ends; quotes, $(…), `…`, ${…} and <(…) belong to it."""
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 2
        elif character == "'":
            position = end_of(text, "'", position + 1) + 1
        elif character == '"':
            position = end_of_quote(text, position + 1)
        elif character == "`":
            position = end_of(text, "`", position + 1) + 1
        elif text.startswith("${", position):
            position = end_of_bracket(text, position + 2, "{", "}")
        elif text.startswith(("$(", "<(", ">("), position):
            position = end_of_bracket(text, position + 2, "(", ")")
        elif character in " \t\r\n;&|()<>":
            break
        else:
            position += 1
    return min(position, len(text))


def end_of_quote(text: str, position: int) -> int:
    while position < len(text) and text[position] != '"':
        if text.startswith("$(", position):
            position = end_of_bracket(text, position + 2, "(", ")")
        else:
            position += 2 if text[position] == "\\" else 1
    return position + 1


def end_of_bracket(text: str, position: int, opening: str, closing: str) -> int:
    depth = 1
    while position < len(text) and depth:
        character = text[position]
        if character == "'" and opening == "(":
            position = end_of(text, "'", position + 1)
        elif character == "\\":
            position += 1
        depth += (character == opening) - (character == closing)
        position += 1
    return position


class Parser:
    def __init__(self, text: str) -> None:
        self.tokens = list(tokens(text))
        self.at = 0
        self.depth = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def skip_lines(self) -> None:
        while self.peek() in (("op", "\n"), ("op", ";")) or self.peek()[0] == "heredoc":
            self.at += 1

    def expect(self, word: str) -> None:
        self.skip_lines()
        if self.take()[1] != word:
            raise ShellError(f"{word} is missing")

    def nodes(self, *ends: str) -> list[Node]:
        """Read up to one of the words, which is left standing."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise ShellError("it is nested too deep")
        found: list[Node] = []
        while True:
            self.skip_lines()
            kind, text = self.peek()
            if kind == "end" or text in ends:
                self.depth -= 1
                return found
            node = self.chain()
            if self.peek() == ("op", "&"):
                self.at += 1
                node = Background(node)
            found.append(node)

    def chain(self) -> Node:
        node = self.pipe()
        while self.peek() in (("op", "&&"), ("op", "||")):
            operator = self.take()[1]
            self.skip_lines()
            node = Chain(node, operator, self.pipe())
        return node

    def pipe(self) -> Node:
        if self.peek() == ("word", "!"):
            self.at += 1
            return Not(self.pipe())
        parts = [self.command()]
        while self.peek() in (("op", "|"), ("op", "|&")):
            self.at += 1
            self.skip_lines()
            parts.append(self.command())
        return parts[0] if len(parts) == 1 else Pipe(parts)

    def command(self) -> Node:
        kind, text = self.peek()
        compound = {
            "if": self.branches,
            "case": self.case,
            "while": self.loop,
            "until": self.loop,
            "for": self.loop,
            "select": self.loop,
            "function": self.function,
            "{": self.group,
            "(": self.group,
        }
        if text in compound and kind != "heredoc":
            node = compound[text]()
            while self.peek()[0] == "redirect":
                self.at += 2
            return node
        if kind == "op":
            raise ShellError(f"{text!r} stands where a command should")
        return self.simple()

    def simple(self) -> Node:
        words: list[str] = []
        redirects: list[tuple[str, str]] = []
        while self.peek()[0] in ("word", "redirect"):
            kind, text = self.take()
            if kind == "redirect":
                redirects.append((text, self.take()[1]))
                continue
            words.append(text)
            if len(words) == 1 and self.tokens[self.at : self.at + 2] == [("op", "("), ("op", ")")]:
                self.at += 2
                self.skip_lines()
                return Function(text, [self.command()])
            if self.peek() == ("op", "(") and text.endswith("="):  # an array
                while self.peek()[0] != "end" and self.take() != ("op", ")"):
                    pass
        heredocs = []
        wanted = sum(each.startswith("<<") and each != "<<<" for each, _ in redirects)
        for kind, text in self.tokens[self.at :]:
            if len(heredocs) == wanted:
                break
            if kind == "heredoc":
                heredocs.append(text)
        return Simple(words, redirects, heredocs)

    def branches(self) -> Node:
        found = []
        while self.take()[1] in ("if", "elif"):
            condition = self.nodes("then")
            self.expect("then")
            found.append((condition, self.nodes("elif", "else", "fi")))
        self.at -= 1
        otherwise = []
        if self.peek()[1] == "else":
            self.at += 1
            otherwise = self.nodes("fi")
        self.expect("fi")
        return If(found, otherwise)

    def case(self) -> Node:
        self.at += 1
        word = self.take()[1]
        self.expect("in")
        arms = []
        while True:
            self.skip_lines()
            if self.peek()[0] == "end":
                raise ShellError("esac is missing")
            if self.peek()[1] == "esac":
                self.at += 1
                return Case(word, arms)
            patterns = []
            while self.peek()[0] != "end":
                kind, text = self.take()
                if (kind, text) == ("op", ")"):
                    break
                if kind == "word":
                    patterns.append(text)
            arms.append((patterns, self.nodes(";;", ";&", ";;&", "esac")))
            if self.peek()[0] == "op":
                self.at += 1

    def loop(self) -> Node:
        self.at += 1
        head = self.nodes("do")
        self.expect("do")
        body = self.nodes("done")
        self.expect("done")
        return Loop(head, body)

    def function(self) -> Node:
        self.at += 1
        name = self.take()[1]
        while self.peek()[1] in ("(", ")"):
            self.at += 1
        self.skip_lines()
        return Function(name, [self.command()])

    def group(self) -> Node:
        opening = self.take()[1]
        closing = {"{": "}", "(": ")"}[opening]
        body = self.nodes(closing)
        self.expect(closing)
        return Group(body, opening == "(")


def parse(text: str) -> list[Node]:
    """Return what a script does; raise ShellError for what is beyond this reader."""
    parser = Parser(text)
    try:
        found = parser.nodes()
    except (RecursionError, IndexError) as error:
        raise ShellError("it is nested too deep") from error
    return found


def simple_commands(nodes: list[Node]) -> Iterator[Simple]:
    """Yield all simple commands in the order in which they stand."""
    for node in nodes:
        if isinstance(node, Simple):
            yield node
        elif isinstance(node, Pipe):
            yield from simple_commands(node.parts)
        elif isinstance(node, Chain):
            yield from simple_commands([node.left, node.right])
        elif isinstance(node, (Background, Not)):
            yield from simple_commands([node.node])
        elif isinstance(node, If):
            for condition, body in node.branches:
                yield from simple_commands([*condition, *body])
            yield from simple_commands(node.otherwise)
        elif isinstance(node, Case):
            for _, body in node.arms:
                yield from simple_commands(body)
        elif isinstance(node, Loop):
            yield from simple_commands([*node.head, *node.body])
        else:
            yield from simple_commands(node.body)


def fields_of(text: str) -> list[str]:
    """Split as a shell does; at blanks where the quotes do not fit."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def unquoted(word: str) -> str:
    """Take the quotes away."""
    try:
        return "".join(shlex.split(word)) if re.search(r"[\"'\\]", word) else word
    except ValueError:
        return word.strip("\"'")
