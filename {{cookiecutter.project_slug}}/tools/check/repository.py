"""A repository as the rules see it: its texts, and what its Dockerfile and request say."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Callable, NamedTuple

from check.contents import Contents
from check.dockerfile import (
    LONGEST_VALUE,
    DockerfileError,
    Instruction,
    expand,
    read_dockerfile,
)
from check.stages import Stage, matches, stages_of

JOB = "training-job.json"
# What only a repository of this template has.
OWN = "tools/__main__.py"
# Where a Dockerfile lies, the likelier places first.
DOCKERFILES = (
    r"Dockerfile",
    r"(docker/|container/|sagemaker/)?(Dockerfile|Containerfile)\.(sagemaker|train(ing)?)",
    r"(docker/|container/|sagemaker/)?(sagemaker|train(ing)?)\.(Dockerfile|dockerfile)",
    r"Containerfile",
    r"(docker|container|sagemaker|train|training|build)/(Dockerfile|Containerfile)",
    r"[Dd]ockerfile[\w.-]*|[\w-]+\.[Dd]ockerfile",
    r"([\w.-]+/){1,2}([Dd]ockerfile[\w.-]*|Containerfile)",
)


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
    dockerfile: str = "Dockerfile"
    context: dict[str, str] = field(default_factory=dict)  # path in the build → in the repository
    memo: dict = field(default_factory=dict)  # what several rules ask for

    @property
    def is_own(self) -> bool:
        """Whether this template made the repository: rules about its layout hold."""
        return OWN in self.names or "[tool.template]" in self.texts.get("pyproject.toml", "")

    @property
    def image(self) -> Stage | None:
        return self.stages[-1] if self.stages else None

    @property
    def contents(self) -> Contents:
        """What the final image holds."""
        if "contents" not in self.memo:
            self.memo["contents"] = Contents(self.texts, self.stages)
        return self.memo["contents"]

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield path and text of what people write; data, runs and the updater's note are none."""
        for name, text in self.texts.items():
            top = name.partition("/")[0]
            if top not in ("data", "runs") and name != ".cruft.json":
                yield name, text

    def imports(self, package: str) -> bool:
        """Whether a program of Python here imports a package."""
        module = {"scikit-learn": "sklearn", "pyyaml": "yaml", "pillow": "PIL"}.get(package.lower())
        module = module or package.replace("-", "_")
        pattern = re.compile(rf"^\s*(import|from)\s+{re.escape(module)}\b", re.MULTILINE)
        return any(
            pattern.search(text) for name, text in self.texts.items() if name.endswith(".py")
        )

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
    texts: Mapping[str, str | None],
    modes: Mapping[str, bool] | None = None,
    dockerfile: str = "",
) -> Repository:
    """Take in all that the rules look at; what can't be read becomes a finding.

    `texts` is path → text, None for a file that holds none. `modes` is path → whether the file
    may be executed; a path that is missing there may or may not. `dockerfile` is the path of the
    Dockerfile where it is not to be looked for.
    """
    held = {name: text for name, text in texts.items() if text is not None}
    repository = Repository(list(texts), held, {} if modes is None else modes)
    repository.dockerfile = dockerfile or find_dockerfile(repository)
    read_request(repository)
    read_image(repository)
    found = [each for each in LANGUAGES if each.marker in texts] if repository.is_own else []
    repository.language = found[0] if found else None
    if len(found) > 1 and repository.image and repository.image.entrypoint:
        # Of two, the one that ENTRYPOINT names.
        words = repository.image.entrypoint.rest
        named = [each for each in found if re.search(rf"\b({each.interpreter})\b", words)]
        repository.language = (named or found)[0]
    return repository


def find_dockerfile(repository: Repository) -> str:
    """Return the path of the Dockerfile that trains, as far as its name says so."""
    for pattern in DOCKERFILES if not repository.is_own else DOCKERFILES[:1]:
        found = [each for each in repository.texts if re.fullmatch(pattern, each)]
        found = [each for each in found if not each.endswith(("ignore", ".md"))]
        if found:
            return min(found, key=lambda each: (each.count("/"), each))
    return "Dockerfile"


def read_request(repository: Repository) -> None:
    if JOB not in repository.texts:
        if repository.is_own:
            repository.broken.append((JOB, 1, f"there is no {JOB} that can be read"))
        return
    try:
        request = json.loads(repository.texts[JOB])
    except (ValueError, RecursionError):
        return  # the rule "json" says so
    if isinstance(request, dict):
        repository.request = request
    else:
        repository.broken.append((JOB, 1, "it must be one JSON object"))


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
