"""What a shell script starts: each way through it, up to the program."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import Callable, Optional

from check.contents import Contents
from check.environments import activated
from check.launchers import INTERPRETER, LAUNCHERS, PROGRAM, SHELLS, Start
from check.shell import (
    Background,
    Case,
    Chain,
    Function,
    Group,
    If,
    Loop,
    Node,
    Not,
    Pipe,
    ShellError,
    Simple,
    fields_of,
    parse,
    unquoted,
)
from check.stages import absolute

MOST = 40  # ways through a script


Follow = Callable[[list[str], Start, int], list[Start]]
TextOf = Callable[..., Optional[str]]


@dataclass(frozen=True)
class Shell:
    """The state of a script on one way through it."""

    arguments: tuple[str, ...] | None  # None: no longer known
    name: str
    start: Start
    variables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, list[Node]] = field(default_factory=dict)
    last: tuple[Start, ...] = ()  # the program that ran last, waited for
    behind: tuple[Start, ...] = ()  # one in the background
    passes: bool = False  # a trap hands SIGTERM on
    ended: tuple[Start, ...] | None = None
    depth: int = 0


class Walker:
    """Goes each way through a script, up to the program that it starts."""

    def __init__(self, contents: Contents, follow: Follow, text_of: TextOf) -> None:
        self.contents = contents
        self.follow = follow
        self.text_of = text_of
        self.budget = 300  # texts and functions to go through

    def run_text(
        self, text: str, arguments: list[str], name: str, start: Start, depth: int
    ) -> list[Start]:
        """Follow a script: each way through it counts."""
        self.budget -= 1
        if depth > 8 or self.budget < 0:
            return [replace(start, unsure=start.unsure or name)]
        try:
            nodes = parse(text.replace("\r\n", "\n"))
        except ShellError:
            return [replace(start, unsure=start.unsure or name)]
        shell = Shell(
            tuple(arguments), name, start, dict(self.contents.stage.variables), depth=depth
        )
        found: list[Start] = []
        for end in self.walk(nodes, shell):
            found += end.ended if end.ended is not None else self.fallen(end)
        found = list(dict.fromkeys(found))
        works = [each for each in found if not each.stops]
        return works or found or [replace(start.but(waits="a shell"), stops=True)]

    def fallen(self, shell: Shell) -> list[Start]:
        """The script is over: what it ran last was waited for."""
        return list(shell.last or shell.behind) or [
            replace(shell.start.but(waits="a shell"), stops=True)
        ]

    def walk(self, nodes: list[Node], shell: Shell) -> list[Shell]:
        states = [shell]
        for node in nodes:
            after: list[Shell] = []
            for state in states:
                after += [state] if state.ended is not None else self.step(node, state)
            states = after[:MOST]
        return states

    def deeper(self, nodes: list[Node], shell: Shell) -> list[Shell]:
        """Go through what another text holds; one that names itself ends somewhere."""
        self.budget -= 1
        if shell.depth > 8 or self.budget < 0:
            return [shell]
        ends = self.walk(nodes, replace(shell, depth=shell.depth + 1))
        return [replace(each, depth=shell.depth) for each in ends]

    def step(self, node: Node, shell: Shell) -> list[Shell]:
        if isinstance(node, Simple):
            return self.simple(node, shell)
        if isinstance(node, Function):
            return [replace(shell, functions={**shell.functions, node.name: node.body})]
        if isinstance(node, Group) and not node.own_process:
            return self.walk(node.body, shell)
        if isinstance(node, Not):
            return self.step(node.node, shell)
        if isinstance(node, If):
            return self.branches(node, shell)
        if isinstance(node, Case):
            return self.case(node, shell)
        if isinstance(node, Loop):
            once = self.walk([*node.head, *node.body], shell)
            vague = [
                replace(each, arguments=None) if each.arguments != shell.arguments else each
                for each in once
            ]
            return [shell, *vague]
        if isinstance(node, Chain):
            return self.chain(node, shell)
        if isinstance(node, Background):
            inner = self.walk([node.node], shell)
            programs = tuple(each for end in inner for each in (end.ended or end.last))
            return [
                replace(
                    shell,
                    behind=tuple(each.but(waits="a shell") for each in programs) or shell.behind,
                )
            ]
        # A pipeline or (…): what it runs is a child of the shell, exec or not.
        parts = node.parts if isinstance(node, Pipe) else [Group(node.body, False)]
        last = shell.last
        for part in parts:
            for end in self.walk([part], replace(shell, last=())):
                programs = end.ended if end.ended is not None else end.last
                last = (
                    tuple(each.but(waits="a shell") for each in programs if not each.stops) or last
                )
        return [replace(shell, last=last)]

    def chain(self, node: Chain, shell: Shell) -> list[Shell]:
        truth = self.truth(node.left, shell)
        left = self.step(node.left, shell)
        runs = truth if node.operator == "&&" else (None if truth is None else not truth)
        result: list[Shell] = []
        for state in left:
            if state.ended is not None or runs is False:
                result.append(state)
            elif runs:
                result += self.step(node.right, state)
            else:
                result += [state, *self.step(node.right, state)]
        return result

    def branches(self, node: If, shell: Shell) -> list[Shell]:
        result: list[Shell] = []
        for condition, body in node.branches:
            truth = self.truth(condition[-1], shell) if condition else None
            runs = [each for each in condition if not only_tests(each)]
            if runs and truth is True:
                truth = None  # a command's own success
            before = self.walk(runs, shell)
            if truth is not False:
                for state in before:
                    result += [state] if state.ended is not None else self.walk(body, state)
            if truth is True:
                return result
        return [*result, *self.walk(node.otherwise, shell)]

    def case(self, node: Case, shell: Shell) -> list[Shell]:
        values = self.fields(node.word, shell)
        value = values[0] if values else ""
        known = "$" not in value and "`" not in value
        result: list[Shell] = []
        for patterns, body in node.arms:
            plain = [unquoted(each) for each in patterns]
            if not known:
                result += self.walk(body, shell)
                if "*" in plain:
                    return result
            elif any(fnmatch.fnmatchcase(value, each) for each in plain):
                return self.walk(body, shell)
        return [*result, shell]

    def truth(self, node: Node, shell: Shell) -> bool | None:
        """Whether a condition holds; None where that is not known."""
        if isinstance(node, Not):
            inner = self.truth(node.node, shell)
            return None if inner is None else not inner
        if isinstance(node, Chain):
            left, right = self.truth(node.left, shell), self.truth(node.right, shell)
            if node.operator == "&&":
                return False if False in (left, right) else None if None in (left, right) else True
            return True if True in (left, right) else None if None in (left, right) else False
        if not isinstance(node, Simple) or not node.words:
            return None
        if not is_test(node):
            return None if node.words[0] in ("grep", "command", "which", "type", "diff") else True
        return self.test(
            [field for word in node.words for field in (self.fields(word, shell) or [""])], shell
        )

    def test(self, words: list[str], shell: Shell) -> bool | None:
        words = [each for each in words[1:] if each not in ("]", "]]")]
        if len(words) > 3 and words[0] == "!":
            inner = self.test(["test", *words[1:]], shell)
            return None if inner is None else not inner
        if any("$" in each or "`" in each for each in words):
            return None
        if len(words) == 2 and words[0] in ("-z", "-n"):
            return (words[1] == "") == (words[0] == "-z")
        if len(words) == 3:
            left, operator, right = words
            if operator in ("=", "=="):
                return fnmatch.fnmatchcase(left, right)
            if operator == "!=":
                return not fnmatch.fnmatchcase(left, right)
            numbers = {"-eq": 0, "-ne": 1, "-gt": 2, "-ge": 3, "-lt": 4, "-le": 5}
            if operator in numbers and left.isdigit() and right.isdigit():
                a, b = int(left), int(right)
                return [a == b, a != b, a > b, a >= b, a < b, a <= b][numbers[operator]]
        if len(words) == 1:
            return words[0] != ""
        return None

    def simple(self, node: Simple, shell: Shell) -> list[Shell]:
        words = [field for word in node.words for field in self.fields(word, shell)]
        variables = dict(shell.variables)
        while words and re.match(r"\w+\+?=", words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name.rstrip("+")] = value
        if not words:
            return [replace(shell, variables=variables)]
        shell = replace(shell, variables=shell.variables)
        name = words[0]
        if name in ("export", "declare", "local", "readonly", "typeset"):
            for each in words[1:]:
                key, equals, value = each.partition("=")
                if equals:
                    variables[key] = value
            active = shell.start.active
            if "PATH" in variables and variables["PATH"] != shell.variables.get("PATH"):
                active = active or "?"
            return [replace(shell, variables=variables, start=replace(shell.start, active=active))]
        if name == "set":
            if "--" in words:
                return [replace(shell, arguments=tuple(words[words.index("--") + 1 :]))]
            return [shell]
        if name == "shift":
            count = int(words[1]) if len(words) > 1 and words[1].isdigit() else 1
            rest = None if shell.arguments is None else shell.arguments[count:]
            return [replace(shell, arguments=rest)]
        if name == "cd":
            return [replace(shell, start=replace(shell.start, folder=self.folder(words, shell)))]
        if name == "trap":
            return [self.trap(words, shell)]
        if name == "wait":
            last = shell.behind or shell.last
            if shell.passes:
                last = tuple(replace(each, waits=shell.start.waits) for each in last)
            return [replace(shell, last=last)]
        if name in ("exit", "return"):
            refuses = name == "exit" and words[1:2] != ["0"] and len(words) > 1
            stopped = replace(shell.start, stops=True, refuses=refuses)
            ended = tuple(shell.last) or (stopped,)
            return [replace(shell, ended=ended) if name == "exit" else replace(shell, ended=None)]
        if name == "eval":
            try:
                inner = parse(" ".join(words[1:]))
            except ShellError:
                return [shell]
            return self.deeper(inner, shell)
        if name in (".", "source", "conda", "micromamba", "mamba") and activated(words):
            return [replace(shell, start=replace(shell.start, active=activated(words)))]
        if name in (".", "source"):
            known = len(words) > 1 and shell.depth < 8
            text = self.text_of(words[1], shell.start, False) if known else None
            try:
                inner = parse(text) if text else []
            except ShellError:
                inner = []
            if inner:
                return self.deeper(inner, shell)
            return [replace(shell, start=replace(shell.start, active=shell.start.active or "?"))]
        if name in shell.functions:
            inner = replace(shell, arguments=tuple(words[1:]))
            ends = self.deeper(shell.functions[name], inner)
            return [replace(each, arguments=shell.arguments) for each in ends]
        if name == "exec":
            if len(words) == 1:
                return [shell]  # only redirections
            ended = tuple(self.follow(words[1:], shell.start, shell.depth + 1))
            return [replace(shell, ended=ended)]
        return [self.waited(words, shell)]

    def waited(self, words: list[str], shell: Shell) -> Shell:
        """A command that the shell waits for: a program, or a step before it."""
        start = replace(shell.start)
        name = posixpath.basename(words[0])
        looks = (
            (INTERPRETER.fullmatch(name) and not {"-c", "-e", "--version"} & {*words[1:]})
            or any(PROGRAM.fullmatch(word) for word in words[:1])
            or name in SHELLS
            or words[0] == "train"
            or any(key in (name, " ".join([name, *words[1:2]])) for key in LAUNCHERS)
            or "train" in words[1:]
            or (self.text_of(words[0], start) or "").startswith("#!")
            or name in self.contents.scripts
        )
        if not looks or (
            re.fullmatch(r"-m", words[1] if len(words) > 1 else "") and words[2:3] == ["pip"]
        ):
            return shell
        ends = self.follow(words, start, shell.depth + 1)
        ends = [each.but(waits="a shell") for each in ends if not each.stops]
        return replace(shell, last=tuple(ends)) if ends else shell

    def trap(self, words: list[str], shell: Shell) -> Shell:
        signals = {each.upper().replace("SIG", "") for each in words[2:]}
        if len(words) < 3 or not signals & {"TERM", "15"}:
            return shell
        body = words[1] + " ".join(
            map(str, shell.functions.get(words[1].split()[0] if words[1].split() else "", ""))
        )
        return replace(shell, passes="kill" in body)

    def folder(self, words: list[str], shell: Shell) -> str:
        target = words[1] if len(words) > 1 else "$HOME"
        if "$" in target or "`" in target or target == "-":
            return "?"
        here = shell.start.folder or self.contents.stage.workdir
        return (
            "?"
            if here == "?" and not target.startswith("/")
            else absolute(posixpath.join(here, target))
        )

    def fields(self, word: str, shell: Shell) -> list[str]:
        """Return the words that a word becomes; what is not known keeps its $."""
        arguments = shell.arguments
        if word in ('"$@"', "$@", '"${@}"', "${@}", "$*", "${*}"):
            return ["$@"] if arguments is None else list(arguments)
        sliced = re.fullmatch(r'"?\$\{@:(\d)\}"?', word)
        if sliced:
            return ["$@"] if arguments is None else list(arguments[int(sliced[1]) - 1 :])
        defaulted = re.fullmatch(r'"?\$\{@:-(.*?)\}"?', word)
        if defaulted:
            return list(arguments or []) or fields_of(defaulted[1])

        def value(match: re.Match) -> str:
            name, operator, operand = match[1] or match[2], match[3] or "", match[4] or ""
            if name in ("@", "*"):
                found = None if arguments is None else " ".join(arguments)
            elif name == "#":
                found = None if arguments is None else str(len(arguments))
            elif name == "0":
                found = shell.name
            elif name.isdigit():
                found = None if arguments is None else "".join(arguments[int(name) - 1 : int(name)])
            else:
                found = shell.variables.get(name)
            if operator in (":-", "-", ":=", "="):
                return found if found else operand
            if operator == "#" and found is not None and not re.search(r"[*?\[]", operand):
                return found[len(operand) :] if found.startswith(operand) else found
            if operator or found is None:
                return match[0]
            return found

        if word.startswith("'"):
            return [unquoted(word)]
        pattern = r"\$(?:(\w+|[@*#])|\{(\w+|[@*#])(:?[-=+?]|#)?([^}]*)\})"
        expanded = re.sub(pattern, value, word)
        if '"' not in word and expanded != word:
            return expanded.split()
        return [unquoted(expanded)]


def only_tests(node: Node) -> bool:
    """Whether a condition runs nothing but [ ] and [[ ]]."""
    if isinstance(node, Chain):
        return only_tests(node.left) and only_tests(node.right)
    return only_tests(node.node) if isinstance(node, Not) else is_test(node)


def is_test(node: Node) -> bool:
    return isinstance(node, Simple) and node.words[:1] in (["["], ["[["], ["test"])
