"""What the Dockerfile makes of a repository: its stages, and what a build sees of the files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Callable

from check.dockerfile import (
    LONGEST_VALUE,
    DockerfileError,
    Instruction,
    expand,
    read_dockerfile,
)
from check.repository import LANGUAGES, Repository, read_texts
from check.stages import matches, stages_of


def read_repository(
    texts: Mapping[str, str | None],
    modes: Mapping[str, bool] | None = None,
    dockerfile: str = "",
) -> Repository:
    """Take in all that the rules look at; see read_texts."""
    repository = read_texts(texts, modes, dockerfile)
    read_image(repository)
    found = [each for each in LANGUAGES if each.marker in texts] if repository.is_own else []
    if len(found) > 1 and repository.image and repository.image.entrypoint:
        # Of two, the one that ENTRYPOINT names.
        words = repository.image.entrypoint.rest
        named = [each for each in found if re.search(rf"\b({each.interpreter})\b", words)]
        repository.language = (named or found)[0]
    return repository


def read_image(repository: Repository) -> None:
    name = repository.dockerfile
    if name not in repository.texts:
        repository.broken.append((name, 1, "there is no Dockerfile that can be read"))
        return
    text = repository.texts[name]
    if len(text) > LONGEST_VALUE:
        what = f"it is longer than {LONGEST_VALUE} characters"
        repository.broken.append((name, 1, what))
        return
    try:
        instructions = read_dockerfile(text)
        repository.context = docker_context(repository, instructions)
        repository.stages = stages_of(instructions, repository.context)
    except DockerfileError as error:
        repository.broken.append((name, error.line, str(error)))
    except RecursionError:
        repository.broken.append((name, 1, "it is nested too deep"))


def docker_context(repository: Repository, instructions: list[Instruction]) -> dict[str, str]:
    """Return the files that a build sees: their path there → their path in the repository.

    The build's folder is the repository, or the Dockerfile's own where COPY fits that better.
    """
    folder = posixpath.dirname(repository.dockerfile)
    sources = [
        posixpath.normpath("/" + word).lstrip("/").split("*")[0].split("$")[0]
        for each in instructions
        if each.name in ("ADD", "COPY") and each.flag("from") is None and not each.heredocs
        for word in each.words[:-1]
    ]
    sources = [each for each in sources if each]

    def fitting(root: str) -> int:
        names = [f"{root}{each}" for each in sources]
        return sum(any(name.startswith(each) for name in repository.names) for each in names)

    roots = ["", *([folder + "/"] if folder else [])]
    root = max(roots, key=fitting)
    if root == "" and folder and not sources:
        root = folder + "/"
    ignore = repository.texts.get(f"{repository.dockerfile}.dockerignore")
    if ignore is None:
        ignore = repository.texts.get(f"{root}.dockerignore", "")
    seen = ignored(ignore)
    return {
        name[len(root) :]: name
        for name in repository.names
        if name.startswith(root) and seen(name[len(root) :])
    }


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


def own_instructions(repository: Repository, *names: str) -> Iterator[Instruction]:
    """The instructions that make the final image, of this stage and those below it."""
    for each in repository.image.instructions if repository.image else ():
        if each.name in names:
            yield each


def settings(repository: Repository) -> Iterator[tuple[Instruction, str, str]]:
    """Names and values of all ARG and ENV that end in the image, and of those before FROM."""
    if not repository.image:
        return
    seen = [*own_instructions(repository, "ARG", "ENV")]
    first = repository.stages[0].start.line
    texts = repository.texts[repository.dockerfile]
    seen += [each for each in read_dockerfile(texts) if each.name == "ARG" and each.line < first]
    for each in seen:
        for name, value in each.pairs:
            yield each, name, expand(value or "", repository.image.variables, each.escape)
