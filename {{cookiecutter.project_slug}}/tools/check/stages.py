"""The image that a Dockerfile makes: its stages, and which file of the repository lies where."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from check.dockerfile import INSTRUCTIONS, DockerfileError, Instruction, expand


@dataclass
class Stage:
    """A stage after its last instruction, with what it took over from the stage it is made from."""

    start: Instruction
    name: str
    base: str  # the image or the stage in FROM
    platform: str
    parent: Stage | None
    variables: dict[str, str] = field(default_factory=dict)
    entrypoint: Instruction | None = None
    cmd: Instruction | None = None
    user: Instruction | None = None
    workdir: str = "/"
    instructions: list[Instruction] = field(default_factory=list)  # the parents' first
    # Path in the image → the repository's file, or "" for one that is not the repository's.
    files: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {"/"})
    unknown: set[str] = field(default_factory=set)  # folders of unknown content
    copies: list[tuple[Instruction, str, list[str]]] = field(default_factory=list)

    @property
    def root(self) -> Stage:
        return self.parent.root if self.parent else self

    def value(self, instruction: Instruction) -> str:
        return expand(instruction.rest, self.variables, instruction.escape)

    def path(self, text: str) -> str:
        return absolute(posixpath.join(self.workdir, text))


def absolute(path: str) -> str:
    return "/" + posixpath.normpath("/" + path).lstrip("/")


def is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def stages_of(instructions: list[Instruction], context: Mapping[str, str]) -> list[Stage]:
    """Return the stages; raise DockerfileError for what is no Dockerfile."""
    stages: list[Stage] = []
    arguments: dict[str, str] = {}  # those before the first FROM
    for instruction in instructions:
        try:
            if instruction.name not in INSTRUCTIONS:
                import difflib  # Here, since it takes longer than all the rest to load.

                close = difflib.get_close_matches(instruction.name, INSTRUCTIONS, 1)
                advice = f": write {close[0]}" if close else ""
                raise DockerfileError(0, f'there is no instruction "{instruction.name}"{advice}')
            if instruction.name == "FROM":
                stages.append(begin_stage(instruction, stages, arguments))
            elif stages:
                apply(instruction, stages, arguments, context)
            elif instruction.name != "ARG":
                raise DockerfileError(0, f"{instruction.name} comes before the first FROM")
            for name, value in instruction.pairs if not stages else ():
                if value is not None:
                    arguments[name] = expand(value, arguments, instruction.escape)
        except DockerfileError as error:
            raise DockerfileError(instruction.line, str(error)) from error
        except RecursionError as error:
            raise DockerfileError(instruction.line, "it is nested too deep") from error
    if not stages:
        raise DockerfileError(1, "there is no FROM")
    return stages


def begin_stage(start: Instruction, stages: list[Stage], arguments: dict[str, str]) -> Stage:
    words = start.words
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
        raise DockerfileError(0, "FROM must be FROM image, or FROM image AS name")
    base = expand(words[0], arguments, start.escape)
    platform = expand(start.flag("platform") or "", arguments, start.escape)
    name = words[2].lower() if len(words) == 3 else ""
    parent = find_stage(base, stages)
    if not parent:
        return Stage(start, name, base, platform, None)
    return replace(
        parent,
        start=start,
        name=name,
        base=base,
        platform=platform,
        parent=parent,
        variables=dict(parent.variables),
        instructions=list(parent.instructions),
        files=dict(parent.files),
        folders=set(parent.folders),
        unknown=set(parent.unknown),
        copies=list(parent.copies),
    )


def find_stage(name: str, stages: list[Stage]) -> Stage | None:
    return next((each for each in reversed(stages) if each.name == name.lower() != ""), None)


def apply(
    instruction: Instruction,
    stages: list[Stage],
    arguments: dict[str, str],
    context: Mapping[str, str],
) -> None:
    """Change the last stage as the instruction does."""
    stage = stages[-1]
    stage.instructions.append(instruction)
    if instruction.name in ("ARG", "ENV"):
        before = dict(stage.variables)  # all values of one ENV see those of before
        for name, value in instruction.pairs:
            if value is None:
                value = arguments.get(name, stage.variables.get(name))
            else:
                value = expand(value, before, instruction.escape)
            if value is not None:
                stage.variables[name] = value
    elif instruction.name == "WORKDIR":
        stage.workdir = stage.path(stage.value(instruction))
        stage.folders.add(stage.workdir)
    elif instruction.name == "USER":
        stage.user = instruction
    elif instruction.name == "CMD":
        stage.cmd = instruction
    elif instruction.name == "ENTRYPOINT":
        stage.entrypoint = instruction
        # A CMD of the stage it is made from does not hold any more.
        if stage.parent and stage.cmd is stage.parent.cmd:
            stage.cmd = None
    elif instruction.name in ("ADD", "COPY"):
        copy(instruction, stages, context)


def copy(instruction: Instruction, stages: list[Stage], context: Mapping[str, str]) -> None:
    """Note which files a COPY or ADD lays where."""
    stage = stages[-1]
    words = [expand(word, stage.variables, instruction.escape) for word in instruction.words]
    if len(words) < 2:
        raise DockerfileError(0, f"{instruction.name} needs a source and a destination")
    *sources, target = words
    stage.copies.append((instruction, stage.path(target), sources))
    origin = instruction.flag("from")
    origin = expand(origin, stage.variables, instruction.escape) if origin else origin
    heredocs = {name for name, _ in instruction.heredocs}
    into = target.endswith(("/", "/.")) or target == "." or len(sources) > 1
    into = into or stage.path(target) in stage.folders
    target = stage.path(target)
    for source in sources:
        opened = re.fullmatch(r"\d*<<-?(.+)", source)
        if opened and opened[1].strip("'\"") in heredocs:
            name = opened[1].strip("'\"")
            stage.files[posixpath.join(target, name) if into else target] = ""
        elif origin is not None:
            copy_from(origin, source, target, into, stages)
        elif re.match(r"(https?|git)[:@]|.*\.tar(\.\w+)?$", source):
            stage.unknown.add(target)
            stage.files[posixpath.join(target, posixpath.basename(source))] = ""
        else:
            copy_context(stage, source, target, into, context)
    for path in list(stage.files):
        stage.folders.add(posixpath.dirname(path))


BUILT = {"target", "build", "dist", "out", "bin", "lib", "bazel-bin"}


def copy_context(
    stage: Stage, source: str, target: str, into: bool, context: Mapping[str, str]
) -> None:
    """Lay files of the repository into the image."""
    source = posixpath.normpath("/" + source).lstrip("/")
    depth = len(source.split("/")) if source else 0
    if source.partition("/")[0] in BUILT and not any(
        matches(source, "/".join(seen.split("/")[:depth])) for seen in context
    ):
        # What a build on the host leaves is not in the repository.
        stage.unknown.add(target)
        if "." in posixpath.basename(source) and "*" not in source:
            stage.files[posixpath.join(target, posixpath.basename(source)) if into else target] = ""
    for seen, name in context.items():
        parts = seen.split("/")
        if source and not matches(source, "/".join(parts[:depth])):
            continue
        if len(parts) > depth:  # a folder: its content is laid
            stage.files[absolute(posixpath.join(target, *parts[depth:]))] = name
        else:
            stage.files[posixpath.join(target, parts[-1]) if into else target] = name


def copy_from(origin: str, source: str, target: str, into: bool, stages: list[Stage]) -> None:
    """Lay files of another stage or image into this one, as far as they are known."""
    stage = stages[-1]
    other = find_stage(origin, stages[:-1])
    if origin.isdigit() and int(origin) < len(stages) - 1:
        other = stages[int(origin)]
    source = absolute(source)
    inside = posixpath.join(target, posixpath.basename(source)) if into else target
    known = other.files if other else {}
    for path, name in known.items():
        if path == source:
            stage.files[inside] = name
        elif is_within(path, source):
            stage.files[posixpath.join(target, posixpath.relpath(path, source))] = name
    if source in known:
        return
    # A name with an extension is taken for a file, another for a folder.
    if posixpath.splitext(source)[1]:
        stage.files[inside] = ""
    if not posixpath.splitext(source)[1] or "*" in source:
        stage.unknown.add(target)


def matches(pattern: str, name: str) -> bool:
    """Match as Docker does: * stops at a slash, ** does not. Not by `re`, which may take ages."""
    ends = {0}  # where in the name the pattern so far may end
    for part in re.findall(r"\*\*/?|\[[^]]{,99}\]|\\.|.", pattern[:1000], re.DOTALL):
        if part.startswith("**"):
            ends = set(range(min(ends), len(name) + 1))
        elif part == "*":
            for end in sorted(ends):
                while end < len(name) and name[end] != "/" and end + 1 not in ends:
                    end += 1
                    ends.add(end)
        elif part.startswith("[") and len(part) > 1:
            listed = re.sub(r"(.)-(.)", lambda m: "".join(map(chr, span(m))), part[1:-1])
            listed, no = (listed[1:], True) if listed[:1] in ("^", "!") else (listed, False)
            ends = {end + 1 for end in ends if end < len(name) and (name[end] in listed) != no}
        elif part == "?":
            ends = {end + 1 for end in ends if name[end : end + 1] not in ("", "/")}
        else:
            ends = {end + 1 for end in ends if name[end : end + 1] == part[-1]}
        if not ends:
            return False
    return len(name) in ends


def span(match: re.Match) -> range:
    return range(ord(match[1]), min(ord(match[2]), ord(match[1]) + 255) + 1)
