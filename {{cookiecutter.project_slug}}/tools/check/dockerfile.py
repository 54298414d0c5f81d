"""Read a Dockerfile as BuildKit does.

`read_dockerfile` returns the instructions. Compared with BuildKit's own parser by the tests of the
template that made this repository.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

# fmt: off
INSTRUCTIONS = [
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
    "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
]
# fmt: on
# What Go calls a space.
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
BLANKS = re.compile(r"[\t\v\f\r ]+")
# No value of a real Dockerfile is as long; one that doubles itself on each line would be.
LONGEST_VALUE = 65536


class DockerfileError(Exception):
    """What can't be read, and on which line."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line


@dataclass
class Instruction:
    """One instruction, its continuation lines joined."""

    line: int
    end: int
    name: str  # in capitals
    flags: list[str]
    rest: str  # what stands behind the flags
    json: list[str] | None = None  # the words of the JSON form
    heredocs: list[tuple[str, str]] = field(default_factory=list)  # name, text
    escape: str = "\\"

    @property
    def text(self) -> str:
        """What stands behind the flags, with the heredocs."""
        return " ".join([self.rest, *(text for _, text in self.heredocs)])

    @property
    def words(self) -> list[str]:
        """The words as they are written; quotes and variables are not looked at."""
        return self.json if self.json is not None else BLANKS.split(self.rest) if self.rest else []

    @property
    def pairs(self) -> list[tuple[str, str | None]]:
        """The names and values of ARG, ENV or LABEL; an ARG may have no value."""
        words = split_words(self.rest, self.escape)
        if self.name != "ARG" and words and "=" not in words[0]:
            name, *value = BLANKS.split(self.rest, maxsplit=1)
            if not value:
                raise DockerfileError(self.line, f"{self.name} {name} has no value")
            return [(name, value[0])]
        pairs = []
        for word in words:
            name, equals, value = word.partition("=")
            if self.name != "ARG" and not equals:
                raise DockerfileError(self.line, f'{self.name}: "{word}" must be name=value')
            pairs.append((name, value if equals else None))
        return pairs

    def flag(self, name: str) -> str | None:
        """Return the value of --name=value, the last one."""
        found = [each for each in self.flags if each.partition("=")[0] == f"--{name}"]
        return found[-1].partition("=")[2] if found else None


def read_dockerfile(text: str) -> list[Instruction]:
    """Return the instructions; raise DockerfileError for what BuildKit could not read either."""
    lines = [line.rstrip("\r") for line in text[text.startswith("\ufeff") :].split("\n")]
    if not lines[-1]:
        lines.pop()
    escape = escape_directive(lines)
    continued = re.compile(rf"(?:^|(?<=[^{re.escape(escape)}])){re.escape(escape)}[ \t]*$")
    instructions = []
    number = 0
    while number < len(lines):
        part = lines[number].lstrip(SPACE)
        number += 1
        first = number
        part = "" if part.startswith("#") else part
        joined, more = continued.subn("", part)
        if not joined and not more:
            continue
        parts = [joined]
        while more and number < len(lines):
            part = lines[number]
            number += 1
            # Comments and empty lines do not end it.
            if part.lstrip(SPACE)[:1] in ("", "#"):
                continue
            joined, more = continued.subn("", part)
            parts.append(joined)
        instruction = read_instruction("".join(parts), first, escape)
        names = heredoc_names(instruction)
        for name, tabs in names:
            body = []
            while number < len(lines):
                line = lines[number]
                number += 1
                if (line.lstrip("\t") if tabs else line) == name:
                    break
                body.append(line + "\n")
            else:
                raise DockerfileError(first, f"the heredoc <<{name} has no end")
            instruction.heredocs.append((name, "".join(body)))
        instruction.end = number
        instructions.append(instruction)
    if not instructions:
        raise DockerfileError(1, "there is no instruction in it")
    return instructions


def escape_directive(lines: list[str]) -> str:
    """Return the character of `# escape=`, which only the first lines may set."""
    seen = {}
    for number, line in enumerate(lines, 1):
        directive = re.match(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=(.+)", line.lstrip(SPACE))
        if not directive:
            break
        name = directive[1].lower()
        if name in seen:
            raise DockerfileError(number, f"the directive {name} stands there twice")
        seen[name] = directive[2].strip()
        if name == "escape" and seen[name] not in ("\\", "`"):
            raise DockerfileError(number, "escape must be \\ or `")
    return seen.get("escape", "\\")


def read_instruction(line: str, number: int, escape: str) -> Instruction:
    """Split a joined line into name, flags and the rest, and read the JSON form."""
    name, *rest = BLANKS.split(line.strip(SPACE), maxsplit=1)
    flags, text = split_flags(rest[0] if rest else "")
    instruction = Instruction(number, number, name.upper(), flags, text.strip(SPACE), escape=escape)
    takes_json = ("ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME")
    if instruction.name in takes_json and instruction.rest.startswith("["):
        try:
            # What stands behind the list does not count.
            value, _ = json.JSONDecoder().raw_decode(instruction.rest)
        except (ValueError, RecursionError):
            return instruction  # shell form that begins with a bracket
        if not all(isinstance(word, str) for word in value):
            raise DockerfileError(number, f"{instruction.name} has a list of more than strings")
        instruction.json = value
    return instruction


def split_flags(text: str) -> tuple[list[str], str]:
    """Split the leading --flags off."""
    flags: list[str] = []
    text = text.lstrip(SPACE)
    while text.startswith("--"):
        word, text = first_word(text)
        if word == "--":
            break
        flags.append(word)
        text = text.lstrip(SPACE)
    return flags, text


def first_word(text: str) -> tuple[str, str]:
    """Return the first word without its quotes and escapes, and what stands behind it."""
    word, quote, escaped = "", "", False
    for position, character in enumerate(text):
        if not quote and not escaped and character in SPACE:
            return word, text[position:]
        if escaped or character not in ("\\", quote or "'", quote or '"'):
            word, escaped = word + character, False
        elif character == "\\":
            escaped = True
        else:
            quote = "" if quote else character
    return word, ""


def split_words(text: str, escape: str) -> list[str]:
    """Split at blanks outside quotes; quotes and escapes stay."""
    e = re.escape(escape)
    # An escape at the very end is dropped.
    quoted = rf"'[^']*(?:'|\Z)|\"(?:{e}.|[^\"{e}])*(?:\"|(?={e}?\Z))"
    return re.findall(rf"(?:{e}.|{quoted}|[^{SPACE}'\"{e}])+", text, re.DOTALL)


def heredoc_names(instruction: Instruction) -> list[tuple[str, bool]]:
    """Return the heredocs that a line opens: the name, and whether leading tabs are dropped."""
    words = [instruction.name, *split_words(instruction.rest, "\\")]
    if words[0] == "ONBUILD" and len(words) > 1:
        words[0] = words[1].upper()
    if words[0] not in ("ADD", "COPY", "RUN") or instruction.json is not None:
        return []
    found = [re.fullmatch(r"\d*<<(-?)([^<]+)", word) for word in words]
    return [(expand(match[2], {}, "\\"), bool(match[1])) for match in found if match]


def expand(word: str, variables: dict[str, str], escape: str = "\\") -> str:
    """Take quotes and escapes away and put values in; an unknown variable stays as $NAME."""
    result = []
    quote = ""
    position = 0
    while position < len(word):
        character = word[position]
        position += 1
        if quote == "'" and character != "'":
            result.append(character)
        elif character == escape and position < len(word):
            if quote and word[position] not in ('"', "$", escape):
                result.append(character)
            result.append(word[position])
            position += 1
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif character == "$":
            value, position = expand_variable(word, position, variables, escape)
            result.append(value)
        else:
            result.append(character)
    text = "".join(result)
    if len(text) > LONGEST_VALUE:
        raise DockerfileError(0, f"a value is longer than {LONGEST_VALUE} characters")
    return text


def expand_variable(
    word: str, position: int, variables: dict[str, str], escape: str
) -> tuple[str, int]:
    """Return the value of the variable behind a $, and where it ends."""
    plain = re.compile(r"[A-Za-z_]\w*", re.ASCII).match(word, position)
    if plain:
        return variables.get(plain[0], f"${plain[0]}"), plain.end()
    braced = re.compile(r"\{(\w+)(:?[-+?])?", re.ASCII).match(word, position)
    if not braced:
        return "$", position
    depth = 1
    end = braced.end()
    while end < len(word) and depth:
        depth += {"{": 1, "}": -1}.get(word[end], 0)
        end += 1
    if depth:
        raise DockerfileError(0, f'"{word[:40]}" has a brace that is not closed')
    name, operator = braced[1], braced[2] or ""
    operand = word[braced.end() : end - 1]
    if operand and not operator:
        return f"${name}", end  # ${x#y} and its like: newer than this reader
    value = variables.get(name)
    there = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("-"):
        return value if there else expand(operand, variables, escape), end
    if operator.endswith("+"):
        return expand(operand, variables, escape) if there else "", end
    return f"${name}" if value is None else value, end
