"""The image that a Dockerfile makes: its stages, and which file of the repository lies where."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from check.dockerfile import INSTRUCTIONS, DockerfileError, Instruction, expand

# Folders that a build on the host fills: what lies in them is not in the repository.
BUILT = {"target", "build", "dist", "out", "bin", "lib", "bazel-bin"}


@dataclass
class Stage:
    """A stage after its last instruction, with what it took over from the stage it is made from."""

    start: Instruction
    name: str
    base: str  # the image or the stage in FROM
    platform: str
    parent: Stage | None = None
    variables: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    instructions: list[Instruction] = field(default_factory=list)  # the parents' first
    # Path in the image → the repository's file, or "" for one that is not the repository's.
    files: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)  # folders of unknown content
    copies: list[tuple[Instruction, str, list[str]]] = field(default_factory=list)
    heredocs: dict[str, str] = field(default_factory=dict)  # path of what COPY << lays → text

    @property
    def root(self) -> Stage:
        return self.parent.root if self.parent else self

    def named(self, *names: str) -> list[Instruction]:
        """Return the instructions of these names."""
        return [each for each in self.instructions if each.name in names]

    def last(self, name: str) -> Instruction | None:
        """Return the last instruction of a name; None where it has no words."""
        *_, found = [None, *self.named(name)]
        return found if found and found.words else None

    @property
    def entrypoint(self) -> Instruction | None:
        return self.last("ENTRYPOINT")

    @property
    def cmd(self) -> Instruction | None:
        """The CMD that holds: an ENTRYPOINT takes away that of the stage it is made from."""
        if not self.parent:
            return self.last("CMD")
        own = [each.name for each in self.instructions[len(self.parent.instructions) :]]
        if "CMD" in own:
            return self.last("CMD")
        return None if "ENTRYPOINT" in own else self.parent.cmd

    @property
    def user(self) -> Instruction | None:
        return self.last("USER")

    def value(self, instruction: Instruction) -> str:
        return expand(instruction.rest, self.variables, instruction.escape)

    def path(self, text: str, folder: str = "") -> str:
        return absolute(posixpath.join(folder or self.workdir, text))


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
            check_name(instruction)
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


def check_name(instruction: Instruction) -> None:
    """Raise DockerfileError for an instruction that does not exist."""
    if instruction.name not in INSTRUCTIONS:
        import difflib  # Here, since it takes longer than all the rest to load.

        close = difflib.get_close_matches(instruction.name, INSTRUCTIONS, 1)
        advice = f": write {close[0]}" if close else ""
        raise DockerfileError(0, f'there is no instruction "{instruction.name}"{advice}')


def begin_stage(start: Instruction, stages: list[Stage], arguments: dict[str, str]) -> Stage:
    words = start.words
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
        raise DockerfileError(0, "FROM must be FROM image, or FROM image AS name")
    base = expand(words[0], arguments, start.escape)
    platform = expand(start.flag("platform") or "", arguments, start.escape)
    name = words[2].lower() if len(words) == 3 else ""
    parent = find_stage(base, stages)
    if not parent:
        return Stage(start, name, base, platform)
    own = {each: getattr(parent, each).copy() for each in COPIED}
    return replace(
        parent, start=start, name=name, base=base, platform=platform, parent=parent, **own
    )


# What a stage has of its own once it was made from another.
COPIED = ("variables", "instructions", "files", "unknown", "copies", "heredocs")


def find_stage(name: str, stages: list[Stage]) -> Stage | None:
    """Return the last of the stages that has this name, or this number."""
    if name.isdecimal():
        return stages[int(name)] if int(name) < len(stages) else None
    return next((each for each in reversed(stages) if name and each.name == name.lower()), None)


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
            if value is not None:
                stage.variables[name] = expand(value, before, instruction.escape)
            elif name in arguments:
                stage.variables[name] = arguments[name]
    elif instruction.name == "WORKDIR":
        stage.workdir = stage.path(stage.value(instruction))
    elif instruction.name in ("ADD", "COPY"):
        copy(instruction, stages, context)


def copy(instruction: Instruction, stages: list[Stage], context: Mapping[str, str]) -> None:
    """Note which files a COPY or ADD lays where."""
    stage = stages[-1]
    words = [expand(word, stage.variables, instruction.escape) for word in instruction.words]
    if len(words) < 2:
        raise DockerfileError(0, f"{instruction.name} needs a source and a destination")
    *sources, last = words
    target = stage.path(last)
    stage.copies.append((instruction, target, sources))
    # A folder: it is written so, or something lies in it.
    into = last.endswith(("/", "/.")) or last == "." or len(sources) > 1
    into = into or any(is_within(each, target) for each in (stage.workdir, *stage.files))
    origin = expand(instruction.flag("from") or "", stage.variables, instruction.escape)
    other = find_stage(origin, stages[:-1])
    files = {path[1:]: name for path, name in other.files.items()} if other else {}
    heredocs = dict(instruction.heredocs)
    for source in sources:
        if instruction.flag("parents") is not None:
            if not lay_parents(stage, files if origin else context, source, target):
                stage.unknown.add(target)
            continue
        opened = re.fullmatch(r"\d*<<-?[\"']?(.+?)[\"']?", source)
        source = posixpath.normpath("/" + source).lstrip("/")
        if opened and opened[1] in heredocs:
            path = posixpath.join(target, opened[1]) if into else target
            stage.files[path] = ""
            stage.heredocs[path] = heredocs[opened[1]]
        elif origin:
            if lay(stage, files, source, target, into) != "file":
                lay_unknown(stage, source, target, into)
        elif re.match(r"(https?|git)[:@]|.*\.tar(\.\w+)?$", source):
            stage.unknown.add(target)
            stage.files[posixpath.join(target, posixpath.basename(source))] = ""
        elif not lay(stage, context, source, target, into) and BUILT & {*source.split("/")}:
            lay_unknown(stage, source, target, into)


def lay(stage: Stage, files: Mapping[str, str], source: str, target: str, into: bool) -> str:
    """Lay what a source means of some files into the image; return what it is, "" for nothing."""
    depth = len(source.split("/")) if source else 0
    found = ""
    for path, name in files.items():
        parts = path.split("/")
        if source and not matches(source, "/".join(parts[:depth])):
            continue
        found = "folder" if len(parts) > depth else "file"
        if found == "folder":  # its content is laid
            stage.files[absolute(posixpath.join(target, *parts[depth:]))] = name
        else:
            stage.files[posixpath.join(target, parts[-1]) if into else target] = name
    return found


def lay_parents(stage: Stage, files: Mapping[str, str], source: str, target: str) -> bool:
    """Lay files with the folders they are in, behind a "/./" (--parents); tell whether any is."""
    before, pivot, _ = source.partition("/./")
    left_out = len(absolute(before).strip("/").split("/")) if pivot and before != "." else 0
    pattern, found = absolute(source)[1:], False
    for path, name in files.items():
        parts = path.split("/")
        if any(matches(pattern, "/".join(parts[:depth])) for depth in range(1, len(parts) + 1)):
            stage.files[absolute(posixpath.join(target, *parts[left_out:]))] = name
            found = True
    return found


def lay_unknown(stage: Stage, source: str, target: str, into: bool) -> None:
    """Lay what is not known: a name with an extension is taken for a file, another for a folder."""
    inside = posixpath.join(target, posixpath.basename(source)) if into else target
    names = [each for each in (source, inside) if "*" not in each]
    if any(posixpath.splitext(each)[1] for each in names):
        stage.files[inside] = ""
    else:
        stage.unknown.add(target)


def matches(pattern: str, name: str) -> bool:
    """Match as Docker does: * stops at a slash, ** does not."""
    pattern = re.sub(r"\\(.)", r"[\1]", pattern[:1000]).replace("[^", "[!")
    pattern = re.sub(r"\*\*(?=[^/*])", "**/*", pattern)
    return fits(re.sub(r"(\*\*/)+", "**/", pattern).split("/"), name.split("/"))


def fits(patterns: list[str], names: list[str]) -> bool:
    """Whether folders and file fit, one pattern each, or ** any number of them."""
    if not patterns or not names:
        return not names and patterns in ([], ["**"])
    first, *rest = patterns
    if first == "**":
        return any(fits(rest, names[number:]) for number in range(len(names) + 1))
    return fnmatchcase(names[0], first) and fits(rest, names[1:])
