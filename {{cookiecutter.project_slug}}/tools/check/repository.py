"""A repository as the rules see it: its texts, and what its Dockerfile and request say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from check.contents import Contents
    from check.stages import Stage

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


class Repository:
    """What the rules look at: the files, the Dockerfile's stages, the request, the language."""

    # No dataclass: loading that module would be a tenth of what a generation may cost.
    def __init__(
        self, names: list[str], texts: dict[str, str], modes: Mapping[str, bool] | None = None
    ) -> None:
        self.names = names
        self.texts = texts  # of text files
        self.modes = {} if modes is None else modes  # whether a file has its x bit
        self.language: Language | None = None
        self.stages: list[Stage] = []
        self.request: dict = {}
        self.broken: list[tuple[str, int, str]] = []  # file, line, what
        self.dockerfile = "Dockerfile"
        self.context: dict[str, str] = {}  # path in the build → in the repository
        self.memo: dict = {}  # what several rules ask for

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
            # Here, since no generation of a repository needs it.
            from check.contents import Contents

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


def read_texts(
    texts: Mapping[str, str | None],
    modes: Mapping[str, bool] | None = None,
    dockerfile: str = "",
) -> Repository:
    """Take in all but what the Dockerfile makes; what can't be read becomes a finding.

    `texts` is path → text, None for a file that holds none. `modes` is path → whether the file
    may be executed; a path that is missing there may or may not. `dockerfile` is the path of the
    Dockerfile where it is not to be looked for.
    """
    held = {name: text for name, text in texts.items() if text is not None}
    repository = Repository(list(texts), held, modes)
    repository.dockerfile = dockerfile or find_dockerfile(repository)
    read_request(repository)
    found = [each for each in LANGUAGES if each.marker in texts] if repository.is_own else []
    repository.language = found[0] if found else None
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
