"""What a shell script starts: each way through it, up to the program."""

from __future__ import annotations

import fnmatch
import operator
import posixpath
import re
from dataclasses import dataclass, field, replace

from check.contents import Contents
from check.launchers import SHELLS, launcher_of
from check.runs import activated
from check.shell import (
    Block,
    Case,
    Chain,
    If,
    Node,
    Simple,
    fields_of,
    read_nodes,
    simple_commands,
    unquoted,
)
from check.stages import absolute
from check.start import INTERPRETER, Start

MOST = 40  # ways through a script
TESTS = ("[", "[[", "test")
NUMBERS = {f"-{each}": getattr(operator, each) for each in ("eq", "ne", "gt", "ge", "lt", "le")}
# Commands of the shell's own → the method that does them.
BUILTINS = {
    **dict.fromkeys(("export", "declare", "local", "readonly", "typeset"), "export"),
    **dict.fromkeys(("conda", "mamba", "micromamba"), "conda"),
    **dict.fromkeys((".", "source"), "source"),
    **{each: each for each in ("set", "shift", "cd", "trap", "wait", "exit", "eval", "exec")},
}
# $NAME, ${NAME}, ${NAME:-default}, ${NAME#prefix}
VARIABLE = re.compile(r"\$(?:(\w+|[@*#])|\{(\w+|[@*#])(:?[-=+?]|#)?([^}]*)\})")
# All arguments, or those from a number on, or a default where there are none.
ARGUMENTS = re.compile(r'("?)\$(?:@|\{@\}|\{@:(\d)\}|\{@:-(.*?)\})\1|\$\*')


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

    @property
    def ran(self) -> tuple[Start, ...]:
        """What the script became, or ran last."""
        return self.last if self.ended is None else self.ended

    def started(self, **changes) -> list[Shell]:
        """Return the state in which programs start otherwise."""
        return [replace(self, start=replace(self.start, **changes))]


class Walker:
    """Goes each way through a script; `follow` and `text_of` are its heir's, which starts it."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.budget = 300  # texts and functions to go through

    def run_text(
        self, text: str, arguments: list[str], name: str, start: Start, depth: int
    ) -> list[Start]:
        """Follow a script: each way through it counts."""
        self.budget -= 1
        nodes = read_nodes(text.replace("\r\n", "\n"))
        if nodes is None or depth > 8 or self.budget < 0:
            return [start.but(unsure=name)]
        variables = dict(self.contents.stage.variables)
        shell = Shell(tuple(arguments), name, start, variables, depth=depth)
        found: list[Start] = []
        for end in self.walk(nodes, shell):
            # A script that is over has waited for what it ran last.
            over = end.last or end.behind or (end.start.but(waits="a shell", stops=True),)
            found += over if end.ended is None else end.ended
        return [each for each in found if not each.stops] or found

    def walk(self, nodes: list[Node], shell: Shell) -> list[Shell]:
        """Return the states behind some commands."""
        states = [shell]
        for node in nodes:
            after: list[Shell] = []
            for state in states:
                ends = [state] if state.ended is not None else self.step(node, state)
                after += [each for each in ends if each not in after]
            states = after[:MOST]
        return states

    def deeper(self, nodes: list[Node], shell: Shell) -> list[Shell]:
        """Go through what another text holds; one that names itself ends somewhere."""
        self.budget -= 1
        if shell.depth > 8 or self.budget < 0:
            return [shell]
        ends = self.walk(nodes, replace(shell, depth=shell.depth + 1))
        return [replace(each, depth=shell.depth) for each in ends]

    # ---- Commands that hold others ---------------------------------------------------------

    def step(self, node: Node, shell: Shell) -> list[Shell]:
        if isinstance(node, Simple):
            return self.simple(node, shell)
        if isinstance(node, If):
            return self.branches(node, shell)
        if isinstance(node, Case):
            return self.case(node, shell)
        if isinstance(node, Chain):
            return self.chain(node, shell)
        if node.kind in ("{", "!"):
            return self.walk(node.body, shell)
        if node.kind == "function":
            return [replace(shell, functions={**shell.functions, node.name: node.body})]
        if node.kind == "loop":
            # How often it ran, and so which arguments it took away, is not known.
            ends = self.walk(node.body, shell)
            same = [each for each in ends if each.arguments == shell.arguments]
            return [shell, *(e if e in same else replace(e, arguments=None) for e in ends)]
        if node.kind == "&":
            programs = [each for end in self.walk(node.body, shell) for each in end.ran]
            behind = tuple(each.but(waits="a shell") for each in programs)
            return [replace(shell, behind=behind or shell.behind)]
        # A pipeline or (…): what it runs is a child of the shell, exec or not.
        last = shell.last
        for part in node.body:
            for end in self.walk([part], replace(shell, last=())):
                programs = [each for each in end.ran if not each.stops]
                last = tuple(each.but(waits="a shell") for each in programs) or last
        return [replace(shell, last=last)]

    def chain(self, node: Chain, shell: Shell) -> list[Shell]:
        truth = self.truth(node.left, shell)
        if truth is None and not any(map(is_test, simple_commands([node.left]))):
            truth = True  # a command does what it should
        runs = truth if node.operator == "&&" else negated(truth)
        result: list[Shell] = []
        for state in self.step(node.left, shell):
            if runs is not True or state.ended is not None:
                result.append(state)
            if runs is not False and state.ended is None:
                result += self.step(node.right, state)
        return result

    def branches(self, node: If, shell: Shell) -> list[Shell]:
        result: list[Shell] = []
        for condition, body in node.branches:
            truths = {self.truth(each, shell) for each in condition}
            if False in truths:
                continue
            for state in self.walk(condition, shell):
                result += [state] if state.ended is not None else self.walk(body, state)
            if truths <= {True}:
                return result
        return [*result, shell]

    def case(self, node: Case, shell: Shell) -> list[Shell]:
        value = " ".join(self.fields(node.word, shell)[:1])
        known = not re.search("[$`]", value)
        result: list[Shell] = []
        for patterns, body in node.branches:
            plain = [unquoted(each) for each in patterns]
            if known and any(fnmatch.fnmatchcase(value, each) for each in plain):
                return self.walk(body, shell)
            if not known:
                result += self.walk(body, shell)
                if "*" in plain:
                    return result
        return [*result, shell]

    # ---- Conditions ------------------------------------------------------------------------

    def truth(self, node: Node, shell: Shell) -> bool | None:
        """Whether a condition holds; None where that is not known."""
        if isinstance(node, Block) and node.kind == "!":
            return negated(self.truth(node.body[0], shell))
        if isinstance(node, Chain):
            both = (self.truth(node.left, shell), self.truth(node.right, shell))
            decides = node.operator == "||"  # what one of them decides for both
            return decides if decides in both else None if None in both else not decides
        if not isinstance(node, Simple) or not is_test(node):
            return None
        fields = [self.fields(word, shell) or [""] for word in node.words]
        return test([field for each in fields for field in each][1:])

    # ---- One command -----------------------------------------------------------------------

    def simple(self, node: Simple, shell: Shell) -> list[Shell]:
        words = [field for word in node.words for field in self.fields(word, shell)]
        variables = dict(shell.variables)
        while words and re.match(r"\w+\+?=", words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name.rstrip("+")] = value
        if not words:
            return [replace(shell, variables=variables)]
        if words[0] in shell.functions:
            inner = replace(shell, arguments=tuple(words[1:]))
            ends = self.deeper(shell.functions[words[0]], inner)
            return [replace(each, arguments=shell.arguments) for each in ends]
        if words[0] in BUILTINS:
            return getattr(self, BUILTINS[words[0]])(words, shell)
        return [shell if words[0] in TESTS else self.waited(words, shell)]

    def export(self, words: list[str], shell: Shell) -> list[Shell]:
        pairs = [each.partition("=") for each in words[1:] if "=" in each]
        values = {name: value for name, _, value in pairs}
        # Which environment another PATH finds is not known.
        start = shell.start.but(active="?") if "PATH" in values else shell.start
        return [replace(shell, variables={**shell.variables, **values}, start=start)]

    def set(self, words: list[str], shell: Shell) -> list[Shell]:
        if "--" not in words:
            return [shell]
        return [replace(shell, arguments=tuple(words[words.index("--") + 1 :]))]

    def shift(self, words: list[str], shell: Shell) -> list[Shell]:
        count = int(words[1]) if words[1:] and words[1].isdecimal() else 1
        rest = None if shell.arguments is None else shell.arguments[count:]
        return [replace(shell, arguments=rest)]

    def cd(self, words: list[str], shell: Shell) -> list[Shell]:
        target = words[1] if words[1:] else "$HOME"
        here = shell.start.folder or self.contents.stage.workdir
        unknown = re.search("[$`]", target) or target == "-"
        if unknown or (here == "?" and not target.startswith("/")):
            return shell.started(folder="?")
        return shell.started(folder=absolute(posixpath.join(here, target)))

    def trap(self, words: list[str], shell: Shell) -> list[Shell]:
        if not {each.upper().replace("SIG", "") for each in words[2:]} & {"TERM", "15"}:
            return [shell]
        name = " ".join(words[1].split()[:1])
        body = words[1] + str(shell.functions.get(name, ""))
        return [replace(shell, passes="kill" in body)]

    def wait(self, words: list[str], shell: Shell) -> list[Shell]:
        last = shell.behind or shell.last
        if shell.passes:
            last = tuple(replace(each, waits=shell.start.waits) for each in last)
        return [replace(shell, last=last)]

    def exit(self, words: list[str], shell: Shell) -> list[Shell]:
        refuses = bool(words[1:]) and words[1] != "0"
        stopped = replace(shell.start, stops=True, refuses=refuses)
        return [replace(shell, ended=shell.last or (stopped,))]

    def eval(self, words: list[str], shell: Shell) -> list[Shell]:
        return self.deeper(read_nodes(" ".join(words[1:])) or [], shell)

    def conda(self, words: list[str], shell: Shell) -> list[Shell]:
        place = activated(words)
        return shell.started(active=place) if place else [self.waited(words, shell)]

    def source(self, words: list[str], shell: Shell) -> list[Shell]:
        if activated(words):
            return shell.started(active=activated(words))
        text = self.text_of(words[1], shell.start, False) if words[1:] else ""
        nodes = read_nodes(text or "")
        if nodes:
            return self.deeper(nodes, shell)
        return [replace(shell, start=shell.start.but(active="?"))]

    def exec(self, words: list[str], shell: Shell) -> list[Shell]:
        if not words[1:]:
            return [shell]  # only redirections
        return [replace(shell, ended=tuple(self.follow(words[1:], shell.start, shell.depth + 1)))]

    def waited(self, words: list[str], shell: Shell) -> Shell:
        """A command that the shell waits for: a program, or a step before it."""
        name = posixpath.basename(words[0])
        by_hand = {"-c", "-e", "--version"} & {*words[1:]} or words[1:3] == ["-m", "pip"]
        looks = (
            (INTERPRETER.fullmatch(name) and not by_hand)
            or name in (*SHELLS, *self.contents.scripts)
            or launcher_of(words)
            or "train" in words
            or (self.text_of(words[0], shell.start) or "").startswith("#!")
        )
        ends = self.follow(words, shell.start, shell.depth + 1) if looks else []
        last = tuple(each.but(waits="a shell") for each in ends if not each.stops)
        return replace(shell, last=last or shell.last)

    # ---- Words -----------------------------------------------------------------------------

    def fields(self, word: str, shell: Shell) -> list[str]:
        """Return the words that a word becomes; what is not known keeps its $."""
        found = ARGUMENTS.fullmatch(word)
        if found and shell.arguments is None:
            return ["$@"]
        if found:
            return [*shell.arguments[int(found[2] or 1) - 1 :]] or fields_of(found[3] or "")
        if word.startswith("'"):
            return [unquoted(word)]
        expanded = VARIABLE.sub(lambda match: value_of(match, shell), word)
        if '"' not in word and expanded != word:
            return expanded.split()
        return [unquoted(expanded)]


def value_of(match: re.Match, shell: Shell) -> str:
    """Return the value of a variable, or its text where the value is not known."""
    name, sign, operand = match[1] or match[2], match[3] or "", match[4] or ""
    arguments = shell.arguments
    found = shell.variables.get(name)
    if name == "0":
        found = shell.name
    elif name in "@*#" or name.isdecimal():
        found = None
        if arguments is not None:
            found = str(len(arguments)) if name == "#" else " ".join(arguments)
            if name.isdecimal():
                found = "".join(arguments[int(name) - 1 : int(name)])
    if sign in (":-", "-", ":=", "="):
        return found or operand
    if sign == "#" and found is not None and not re.search(r"[*?\[]", operand):
        return found[len(operand) :] if found.startswith(operand) else found
    return match[0] if sign or found is None else found


def is_test(node: Simple) -> bool:
    return bool(node.words) and node.words[0] in TESTS


def negated(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def test(words: list[str]) -> bool | None:
    """Whether the words of a test hold; None where that is not known."""
    words = [each for each in words if each not in ("]", "]]")]
    if words[:1] == ["!"]:
        return negated(test(words[1:]))
    if any(re.search("[$`]", each) for each in words):
        return None
    if len(words) == 1:
        return words[0] != ""
    if len(words) == 2 and words[0] in ("-z", "-n"):
        return (words[1] == "") == (words[0] == "-z")
    if len(words) == 3:
        left, sign, right = words
        if sign in ("=", "==", "!="):
            return fnmatch.fnmatchcase(left, right) == (sign != "!=")
        if sign in NUMBERS and left.isdecimal() and right.isdecimal():
            return NUMBERS[sign](int(left), int(right))
    return None
