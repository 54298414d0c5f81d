"""A repository as the rules see it: its texts, and what its Dockerfile and request say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from check.build import Build
    from check.contents import Contents
    from check.dockerfile import Instruction
    from check.stages import Stage
    from check.start import Start

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
    """A language of this template's repositories."""

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


class Repository:
    """What the rules look at: the files, the Dockerfile's stages, the request, the language.

    `texts` is path → text, None for a file that holds none. `modes` is path → whether the file may
    be executed; a path that is missing there may or may not. `dockerfile` is the path of the
    Dockerfile where it is not to be looked for. What only the rules about the image ask for is
    made when it is asked for, and its modules are imported then: a generation does without.
    """

    def __init__(
        self,
        texts: Mapping[str, str | None],
        modes: Mapping[str, bool] | None = None,
        dockerfile: str = "",
    ) -> None:
        self.names = list(texts)
        self.texts = {name: text for name, text in texts.items() if text is not None}
        self.modes = {} if modes is None else modes
        self.dockerfile = dockerfile or find_dockerfile(self)
        self.problems: list[tuple[tuple[str, int], str]] = []  # where, what can't be read
        self.request = self.read_request()

    def read_request(self) -> dict:
        text = self.texts.get(JOB, "{}")
        if self.is_own and JOB not in self.texts:
            self.problems.append(((JOB, 1), f"there is no {JOB} that can be read"))
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            return {}  # the rule "json-invalid" says so
        if isinstance(request, dict):
            return request
        self.problems.append(((JOB, 1), "it must be one JSON object"))
        return {}

    def asked(self, part: str, name: str) -> object:
        """Return a value of a part of the request; None where that has none."""
        found = self.request.get(part)
        return found.get(name) if isinstance(found, dict) else None

    @property
    def is_own(self) -> bool:
        """Whether this template made the repository: rules about its layout hold."""
        return OWN in self.names or "[tool.template]" in self.texts.get("pyproject.toml", "")

    @cached_property
    def language(self) -> Language | None:
        """Return the language of a repository of this template."""
        found = [each for each in LANGUAGES if each.marker in self.names] if self.is_own else []
        if len(found) > 1 and self.image and self.image.entrypoint:
            # Of two, the one that ENTRYPOINT names.
            words = self.image.entrypoint.rest
            named = [each for each in found if re.search(rf"\b({each.interpreter})\b", words)]
            found = named or found
        return found[0] if found else None

    @cached_property
    def build(self) -> Build | None:
        """What is read of the Dockerfile; None where it can't be: `problems` say why."""
        from check.build import read_build
        from check.dockerfile import DockerfileError

        try:
            return read_build(self.texts, self.names, self.dockerfile)
        except DockerfileError as error:
            self.problems.append(((self.dockerfile, error.line), str(error)))
            return None

    @property
    def image(self) -> Stage | None:
        """The final stage."""
        return self.build.stages[-1] if self.build else None

    @property
    def entry(self) -> Instruction:
        """The ENTRYPOINT of the image, or the FROM that has none."""
        return [self.image.start, *self.image.named("ENTRYPOINT")][-1]

    @cached_property
    def contents(self) -> Contents:
        """What the final image holds."""
        from check.contents import Contents

        return Contents(self.texts, self.build.stages)

    @cached_property
    def starts(self) -> list[Start]:
        """What `docker run IMAGE train` starts in the end; nothing for the shell form."""
        from check.process import starts_of

        return starts_of(self.image, self.contents) if self.image else []

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield path and text of what people write; data, runs and the updater's note are none."""
        for name, text in self.texts.items():
            top = name.partition("/")[0]
            if top not in ("data", "runs") and name != ".cruft.json":
                yield name, text

    def line_of(self, *keys: str, file: str = JOB) -> tuple[str, int]:
        """Return where in a file of JSON the last of the nested keys stands."""
        text = self.texts.get(file, "")
        position = 0
        for key in keys:
            written = (json.dumps(key, ensure_ascii=ascii) for ascii in (False, True))
            position = max(position, *(text.find(each, position) for each in written))
        return file, text.count("\n", 0, position) + 1


def find_dockerfile(repository: Repository) -> str:
    """Return the path of the Dockerfile that trains, as far as its name says so."""
    for pattern in DOCKERFILES if not repository.is_own else DOCKERFILES[:1]:
        found = [each for each in repository.texts if re.fullmatch(pattern, each)]
        found = [each for each in found if not each.endswith(("ignore", ".md"))]
        if found:
            return min(found, key=lambda each: (each.count("/"), each))
    return "Dockerfile"
