"""What the Dockerfile makes of a repository: its stages, and what a build sees of the files."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping
from typing import Callable, NamedTuple

from check.dockerfile import LONGEST_VALUE, DockerfileError, Instruction, expand, read_dockerfile
from check.stages import Stage, matches, stages_of


class Build(NamedTuple):
    """What is read of a Dockerfile."""

    instructions: list[Instruction]
    stages: list[Stage]
    context: dict[str, str]  # path in the build → path in the repository

    def settings(self) -> Iterator[tuple[Instruction, str, str]]:
        """Yield names and values of all ARG and ENV that end in the image, and before FROM."""
        image = self.stages[-1]
        first = self.stages[0].start.line
        before = [each for each in self.instructions if each.line < first and each.name == "ARG"]
        for each in [*image.named("ARG", "ENV"), *before]:
            for name, value in each.pairs:
                yield each, name, expand(value or "", image.variables, each.escape)


def read_build(texts: Mapping[str, str], names: Collection[str], dockerfile: str) -> Build:
    """Read the Dockerfile of a repository; raise DockerfileError."""
    if dockerfile not in texts:
        raise DockerfileError(1, "there is no Dockerfile that can be read")
    if len(texts[dockerfile]) > LONGEST_VALUE:
        raise DockerfileError(1, f"it is longer than {LONGEST_VALUE} characters")
    try:
        instructions = read_dockerfile(texts[dockerfile])
        context = docker_context(texts, names, dockerfile, instructions)
        return Build(instructions, stages_of(instructions, context), context)
    except RecursionError as error:
        raise DockerfileError(1, "it is nested too deep") from error


def docker_context(
    texts: Mapping[str, str],
    names: Collection[str],
    dockerfile: str,
    instructions: list[Instruction],
) -> dict[str, str]:
    """Return the files that a build sees: their path there → their path in the repository.

    The build's folder is the repository, or the Dockerfile's own where COPY fits that better.
    """
    copied = [
        posixpath.normpath("/" + word).lstrip("/").split("*")[0].split("$")[0]
        for each in instructions
        if each.name in ("ADD", "COPY") and each.flag("from") is None and not each.heredocs
        for word in each.words[:-1]
    ]
    copied = [each for each in copied if each]

    def fitting(root: str) -> int:
        return sum(any(name.startswith(root + each) for name in names) for each in copied)

    own = posixpath.join(posixpath.dirname(dockerfile), "")
    root = own if not copied or fitting(own) > fitting("") else ""
    ignore = texts.get(f"{dockerfile}.dockerignore", texts.get(f"{root}.dockerignore", ""))
    seen = ignored(ignore)
    inside = {name[len(root) :]: name for name in names if name.startswith(root)}
    return {path: name for path, name in inside.items() if seen(path)}


def ignored(text: str) -> Callable[[str], bool]:
    """Return what says whether a build sees a file, by the text of .dockerignore."""
    lines = [line.strip() for line in text.splitlines()]
    rules = [
        (posixpath.normpath("/" + line.lstrip("!").strip()).lstrip("/"), line.startswith("!"))
        for line in lines
        if line and not line.startswith("#")
    ]

    def is_seen(name: str) -> bool:
        parts = name.split("/")
        paths = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
        kept = [keep for rule, keep in rules if any(matches(rule, path) for path in paths)]
        return not kept or kept[-1]

    return is_seen
