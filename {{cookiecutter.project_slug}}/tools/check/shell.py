"""Read a shell script into its commands, as far as a check needs: no value is computed.

`read_nodes` returns what the script does in order: simple commands, and the branches, loops,
functions and pipelines that hold them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple, Union


class Simple(NamedTuple):
    """A command: its words as they are written, its redirections, its heredocs."""

    words: list[str]
    redirects: list[tuple[str, str]]
    heredocs: list[str]


class Chain(NamedTuple):
    """left && right, left || right."""

    left: Node
    operator: str
    right: Node


class If(NamedTuple):
    """Condition and what follows, for each branch; the last condition may be none: else."""

    branches: list[tuple[list[Node], list[Node]]]


class Case(NamedTuple):
    """The patterns and what follows, for each branch."""

    word: str
    branches: list[tuple[list[str], list[Node]]]


class Block(NamedTuple):
    """Commands that something is done with: { ( | & ! loop function."""

    kind: str
    body: list[Node]
    name: str = ""  # a function's


Node = Union[Simple, Chain, If, Case, Block]


def nested(opening: str, closing: str) -> str:
    """Return a pattern for what stands between brackets, three more of them inside."""
    pattern = r"(?!)"
    for _ in range(4):
        inside = rf"[^{opening}{closing}\\']|\\.|'[^']*'|{pattern}"
        pattern = rf"\{opening}(?:{inside})*\{closing}"
    return pattern


COMMAND, VALUE = nested("(", ")"), nested("{", "}")
TOKEN = re.compile(
    r"(?P<blank>\\\n|[ \t\r]+|#[^\n]*)"
    r"|(?P<redirect>(?:\d*|&)(?:<<<|<<-?|>>|>&|<&|>\||<>|&>>?|[<>])(?!\())"
    r"|(?P<op>&&|\|\||;;&?|;&|\|&|[;&|()\n])"
    rf"|(?P<word>(?:\\.|'[^']*'|\"(?:\\.|\${COMMAND}|\$(?!\()|[^\"\\$])*\"|`[^`]*`|[$<>]{COMMAND}"
    rf"|\${VALUE}|\$(?![({{])|[^\s;&|()<>\"'\\`$])+)",
    re.DOTALL,
)


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield ("word" | "op" | "redirect" | "heredoc", text)."""
    position = 0
    opened = ""  # the operator of a heredoc, when the next word is its name
    waiting: list[tuple[str, bool]] = []  # heredocs whose text begins on the next line
    while position < len(text):
        found = TOKEN.match(text, position)
        if not found:
            raise ValueError("a quote or a bracket has no end")
        kind, value, position = found.lastgroup, found[0], found.end()
        if kind == "blank":
            continue
        if kind == "redirect":
            value = value.lstrip("0123456789")
            opened = value if value in ("<<", "<<-") else ""
        elif opened:
            waiting.append((re.sub(r"[\"'\\]", "", value), opened == "<<-"))
            opened = ""
        yield kind, value
        while value == "\n" and waiting:
            name, tabs = waiting.pop(0)
            end = re.compile(rf"^{chr(9) + '*' if tabs else ''}{re.escape(name)}\r?$", re.MULTILINE)
            last = end.search(text, position)
            if not last:
                raise ValueError("a heredoc has no end")
            yield "heredoc", text[position : last.start()]
            position = last.end() + 1
    if waiting:
        raise ValueError("a heredoc has no end")


class Parser:
    """Reads tokens, each method one kind of command."""

    def __init__(self, text: str) -> None:
        self.tokens = list(tokens(text))
        self.at = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def skip_lines(self) -> None:
        while self.peek() in (("op", "\n"), ("op", ";")) or self.peek()[0] == "heredoc":
            self.at += 1

    def upto(self, *ends: str) -> tuple[list[Node], str]:
        """Read up to one of the words, and return which; without any, up to the end."""
        found: list[Node] = []
        while True:
            self.skip_lines()
            kind, text = self.peek()
            if text in ends or kind == "end":
                if ends and kind == "end":
                    raise ValueError(f"{ends[-1]} is missing")
                self.at += 1
                return found, text
            node = self.chain()
            if self.peek() == ("op", "&"):
                self.at += 1
                node = Block("&", [node])
            found.append(node)

    def chain(self) -> Node:
        node = self.pipe()
        for _ in range(200):
            if self.peek() not in (("op", "&&"), ("op", "||")):
                return node
            operator = self.take()[1]
            self.skip_lines()
            node = Chain(node, operator, self.pipe())
        raise ValueError("it is too long")

    def pipe(self) -> Node:
        if self.peek() == ("word", "!"):
            self.at += 1
            return Block("!", [self.pipe()])
        parts = [self.command()]
        while self.peek() in (("op", "|"), ("op", "|&")):
            self.at += 1
            self.skip_lines()
            parts.append(self.command())
        return parts[0] if len(parts) == 1 else Block("|", parts)

    def command(self) -> Node:
        kind, text = self.peek()
        if text not in COMPOUNDS or kind == "heredoc":
            return self.simple()
        self.at += 1
        node = COMPOUNDS[text](self)
        while self.peek()[0] == "redirect":
            self.at += 2
        return node

    def simple(self) -> Node:
        words: list[str] = []
        redirects: list[tuple[str, str]] = []
        while self.peek()[0] in ("word", "redirect"):
            kind, text = self.take()
            if kind == "redirect":
                redirects.append((text, self.take()[1]))
                continue
            words.append(text)
            if self.tokens[self.at : self.at + 2] == [("op", "("), ("op", ")")] and not words[1:]:
                return self.function(text)
            if self.peek() == ("op", "(") and text.endswith("="):  # an array
                while self.peek()[0] != "end" and self.take() != ("op", ")"):
                    pass
        if not words and not redirects:
            raise ValueError(f"{self.peek()[1]!r} stands where a command should")
        wanted = sum(operator in ("<<", "<<-") for operator, _ in redirects)
        behind = self.tokens[self.at :] if wanted else []
        heredocs = [text for kind, text in behind if kind == "heredoc"]
        return Simple(words, redirects, heredocs[:wanted])

    def function(self, name: str = "") -> Node:
        name = name or self.take()[1]
        while self.peek()[1] in ("(", ")"):
            self.at += 1
        self.skip_lines()
        return Block("function", [self.command()], name)

    def branches(self) -> Node:
        found, end = [], "elif"
        while end != "fi":
            condition = self.upto("then")[0] if end == "elif" else []
            body, end = self.upto("elif", "else", "fi")
            found.append((condition, body))
        return If(found)

    def case(self) -> Node:
        word, found, end = self.take()[1], [], ""
        self.skip_lines()
        self.at += 1  # in
        while end != "esac":
            self.skip_lines()
            if self.peek()[1] == "esac":
                self.at += 1
                break
            patterns = []
            while self.peek()[0] != "end" and self.peek() != ("op", ")"):
                kind, text = self.take()
                patterns += [text] if kind == "word" else []
            self.at += 1
            body, end = self.upto(";;", ";&", ";;&", "esac")
            found.append((patterns, body))
        return Case(word, found)

    def loop(self) -> Node:
        return Block("loop", [*self.upto("do")[0], *self.upto("done")[0]])


COMPOUNDS = {
    "if": Parser.branches,
    "case": Parser.case,
    "function": Parser.function,
    **dict.fromkeys(("while", "until", "for", "select"), Parser.loop),
    "{": lambda parser: Block("{", parser.upto("}")[0]),
    "(": lambda parser: Block("(", parser.upto(")")[0]),
}


def read_nodes(text: str) -> list[Node] | None:
    """Return what a script does; None where it can't be read."""
    try:
        return Parser(text).upto()[0]
    except (ValueError, RecursionError):
        return None


def simple_commands(nodes: list[Node]) -> Iterator[Simple]:
    """Yield all simple commands in the order in which they stand."""
    for node in nodes:
        if isinstance(node, Simple):
            yield node
        elif isinstance(node, Chain):
            yield from simple_commands([node.left, node.right])
        elif isinstance(node, Block):
            yield from simple_commands(node.body)
        else:
            for head, body in node.branches:
                yield from simple_commands([*(head if isinstance(node, If) else ()), *body])


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
