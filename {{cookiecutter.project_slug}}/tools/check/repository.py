"""A repository as the rules see it: its texts, and what its Dockerfile and request say."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from check.dockerfile import (
    LONGEST_VALUE,
    DockerfileError,
    Instruction,
    Stage,
    expand,
    matches,
    read_dockerfile,
    stages_of,
)

DOCKERFILE = "Dockerfile"
JOB = "training-job.json"


class Language(NamedTuple):
    name: str
    marker: str  # the file that a repository of this language has
    command: tuple[str, ...]
    extensions: tuple[str, ...]
    interpreter: str

    @property
    def advice(self) -> str:
        return f"write ENTRYPOINT {json.dumps(self.command)}"


LANGUAGES = (
    Language("Python", "training/train.py", ("python", "train.py"), (".py",), r"python[\d.]*"),
    Language("R", "training/train.R", ("Rscript", "train.R"), (".R", ".r"), r"Rscript|R|r"),
    Language("Java", "pom.xml", ("java", "-jar", "training.jar"), (".jar",), r"java"),
)


@dataclass
class Repository:
    """What the rules look at: the files, the Dockerfile's stages, the request, the language."""

    names: list[str]
    texts: dict[str, str]  # of text files
    modes: Mapping[str, bool] = field(default_factory=dict)  # whether a file has its x bit
    language: Language | None = None
    stages: list[Stage] = field(default_factory=list)
    request: dict = field(default_factory=dict)
    broken: list[tuple[str, int, str]] = field(default_factory=list)  # file, line, what

    @property
    def image(self) -> Stage | None:
        return self.stages[-1] if self.stages else None

    @property
    def advice(self) -> str:
        return self.language.advice if self.language else 'write ENTRYPOINT ["PROGRAM"]'

    def line_of(self, name: str, *keys: str) -> int:
        """Return the line of a JSON file on which the last of the nested keys stands."""
        text = self.texts.get(name, "")
        position = 0
        for key in keys:
            written = (json.dumps(key, ensure_ascii=ascii) for ascii in (False, True))
            found = [text.find(each, position) for each in written]
            position = max(position, *found)
        return text.count("\n", 0, position) + 1


def read_repository(
    texts: Mapping[str, str | None], modes: Mapping[str, bool] | None = None
) -> Repository:
    """Take in all that the rules look at; what can't be read becomes a finding.

    `texts` is path → text, None for a file that holds none. `modes` is path → whether the file
    may be executed; a path that is missing there may or may not.
    """
    held = {name: text for name, text in texts.items() if text is not None}
    repository = Repository(list(texts), held, {} if modes is None else modes)
    read_request(repository)
    read_image(repository)
    found = [each for each in LANGUAGES if each.marker in texts]
    repository.language = found[0] if found else None
    if len(found) > 1 and repository.image and repository.image.entrypoint:
        # Of two, the one that ENTRYPOINT names.
        words = repository.image.entrypoint.rest
        named = [each for each in found if re.search(rf"\b({each.interpreter})\b", words)]
        repository.language = (named or found)[0]
    return repository


def read_request(repository: Repository) -> None:
    name = "training-job.json"
    if name not in repository.texts:
        repository.broken.append((name, 1, "there is no training-job.json that can be read"))
        return
    try:
        request = json.loads(repository.texts[name])
    except (ValueError, RecursionError):
        return  # the rule "json" says so
    if isinstance(request, dict):
        repository.request = request
    else:
        repository.broken.append((name, 1, "it must be one JSON object"))


def read_image(repository: Repository) -> None:
    if "Dockerfile" not in repository.texts:
        repository.broken.append(("Dockerfile", 1, "there is no Dockerfile that can be read"))
        return
    if len(repository.texts["Dockerfile"]) > LONGEST_VALUE:
        what = f"it is longer than {LONGEST_VALUE} characters"
        repository.broken.append(("Dockerfile", 1, what))
        return
    try:
        instructions = read_dockerfile(repository.texts["Dockerfile"])
        repository.stages = stages_of(instructions, docker_context(repository))
    except DockerfileError as error:
        repository.broken.append(("Dockerfile", error.line, str(error)))
    except RecursionError:
        repository.broken.append(("Dockerfile", 1, "it is nested too deep"))


def docker_context(repository: Repository) -> list[str]:
    """Return the files that a build sees, which .dockerignore decides."""
    lines = [line.strip() for line in repository.texts.get(".dockerignore", "").splitlines()]
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

    return [name for name in repository.names if is_seen(name)]


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
    texts = repository.texts[DOCKERFILE]
    seen += [each for each in read_dockerfile(texts) if each.name == "ARG" and each.line < first]
    for each in seen:
        for name, value in each.pairs:
            yield each, name, expand(value or "", repository.image.variables, each.escape)
