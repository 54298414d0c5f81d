"""Environments of Python, and what is installed into them."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import NamedTuple

from check.bases import CONDA, SYSTEM_PATH
from check.dockerfile import Instruction
from check.launchers import conda_target
from check.runs import CONDAS, Run, Runs
from check.stages import is_within

# A tool of projects → what has it install where PATH looks, what has it install into .venv, and
# where it installs else.
NEVER, FALSE, TRUE = "(?!)", "[ =]+(false|0)", "[ =]+(true|1)"
SYSTEM = "/usr/local|/usr|/opt/conda"
PROJECT_TOOLS = {
    "poetry": (
        f"(?i)virtualenvs.create{FALSE}",
        f"(?i)virtualenvs.in.project{TRUE}",
        "poetry environment",
    ),
    "pipenv": ("pipenv .*--system|PIPENV_SYSTEM=1", "PIPENV_VENV_IN_PROJECT", "pipenv environment"),
    "uv": (f"uv .*--active|UV_PROJECT_ENVIRONMENT=({SYSTEM})\n", "", ""),
    "pdm": (rf"use_venv{FALSE}|pdm .* (-g|--global)\b", "", ""),
    "pixi": (NEVER, NEVER, ".pixi/envs/default"),
    "rye": (NEVER, "", ""),
    "hatch": (NEVER, NEVER, "hatch environment"),
}
# What pip installs for the build's sake; nothing of the program's own.
TOOLS = re.compile(
    r"(pip|pip-tools|setuptools|wheel|virtualenv|poetry|pipenv|pdm|uv|hatch|conda-lock|pipx|awscli"
    r"|build|supervisor|cython|flit|conda|mamba)([-=<>~!\[].*)?|.*poetry.*(?<!\.txt)"
)
PIP_INSTALL = re.compile(r"(^| )(-m )?(\S*/)?pip[\d.]*( | .* )install\b|^uv pip (install|sync)")
# The repository itself, a wheel or a folder.
PROJECT = re.compile(r"(\.(\[.*\])?|.*\.whl|\./?\S*|/\S+)(?<!\.txt)(?<!\.in)")
# Files that list packages.
REQUIREMENTS = r"requirements[\w.-]*\.(txt|in)$|environment\.ya?ml$"


class Install(NamedTuple):
    """Packages of Python: where to, "" being what PATH finds, and whether the program's own."""

    place: str
    own: bool
    project: bool  # the repository's own package, with its scripts
    instruction: Instruction


class Environments(Runs):
    """What is installed for Python: the environments, and which of them PATH finds."""

    @cached_property
    def folders(self) -> list[str]:
        """The folders of PATH, in their order."""
        inherited = ":".join(filter(None, [self.base.path, SYSTEM_PATH]))
        path = self.stage.variables.get("PATH", inherited)
        path = re.sub(r"\$\{?PATH\}?", inherited, path)
        return [each.rstrip("/") for each in path.split(":") if each]

    def on_path(self, place: str) -> bool:
        """Whether PATH finds what lies in an environment."""
        return any(in_environment(folder, place) for folder in self.folders)

    @cached_property
    def conda_prefixes(self) -> set[str]:
        """Where a conda lies; "" where the place is unknown."""
        found = {"/opt/conda"} if self.base.path == CONDA else set()
        for _, words, _ in self.commands:
            line = " ".join(words)
            # The installer runs in batch mode: bash Miniforge3.sh -b -p /opt/conda
            if re.match(r"(\S*/)?(ba)?sh |\S+\.sh ", line) and re.search(r" -\w*b", line):
                prefix = re.search(r" -\w*p[= ]?(\S+)", line)
                if prefix or re.search(r"conda|forge", line, re.IGNORECASE):
                    found.add(self.stage.path(prefix[1]) if prefix else "")
        if not found and re.search(r"\b((micro)?mamba|conda) (install|create|env)", self.text):
            found.add("/opt/conda")
        return found

    def bin_of(self, place: str) -> str:
        """Return the folder of the programs of an environment: a path, or a name of conda's."""
        conda = next(filter(None, self.conda_prefixes), "/opt/conda")
        return f"{conda}/bin" if place == "base" else posixpath.join(conda, "envs", place, "bin")

    @cached_property
    def places(self) -> dict[str, None]:
        """The environments that RUN makes, in order: a path, or the name of one of conda's."""
        made = (self.environment_made(run, words) for run, words, _ in self.commands)
        return dict.fromkeys(place for place in made if place is not None)

    def environment_made(self, run: Run, words: list[str]) -> str | None:
        name, line = posixpath.basename(words[0]), " ".join(words)
        made = re.search(r"(?:-m (?:venv|virtualenv)|^(?:\S*/)?virtualenv|^uv venv)\b(.*)", line)
        if made:
            rest = re.sub(r"(-p|--python|--prompt|--seed) \S+", "", made[1]).split()
            plain = [each for each in rest if not each.startswith("-")]
            return self.stage.path(plain[-1] if plain else ".venv", run.folder)
        if name in CONDAS and "create" in words:
            return conda_target(words) or self.name_in_file(words, run)
        return conda_target(words) if name == "conda-lock" and "install" in words else None

    def name_in_file(self, words: list[str], run: Run) -> str:
        """Return the name of an environment by the environment.yml of a command; "?" for none."""
        for word in words:
            file = word.partition("=")[2] or word
            if re.search(r"\.ya?ml$", file):
                text = self.texts.get(self.file_at(file, run), "")
                named = re.search(r"^name:\s*[\"']?([\w.-]+)", text, re.MULTILINE)
                return named[1] if named else "?"
        return "?"

    @cached_property
    def installs(self) -> list[Install]:
        """What pip and its like install."""
        found = (self.installed(*each) for each in self.commands)
        return [each for each in found if each]

    def installed(self, run: Run, words: list[str], active: str) -> Install | None:
        name, line = posixpath.basename(words[0]), " ".join(words)
        if PIP_INSTALL.search(line) and {"install", "sync"} & {*words}:
            return pip_install(run, words, active)
        if name in CONDAS and {"install", "create", "update"} & {*words}:
            target = conda_target(words)
            if not target and "env" in words:
                target = self.name_in_file(words, run)
            verbs = {"install", "create", "update", "env", "conda", target}
            plain = [each for each in words[1:] if not each.startswith("-") and each not in verbs]
            own = any(not re.match(r"(python|pip)\b", each) for each in plain)
            place = {"": active, "base": ""}.get(target, target)
            return Install(place, own, False, run.instruction)
        if name in PROJECT_TOOLS and words[1:2] in (["install"], ["sync"]):
            bare = re.search(r"--(no-root|no-install-project|no-self|only-deps|no-project)", line)
            table = r"^\[(build-system|tool\.poetry\.scripts|project\.scripts)\]"
            package = re.search(table, self.texts.get("pyproject.toml", ""), re.MULTILINE)
            place = self.project_place(name, run, line) or active
            return Install(place, True, bool(package and not bare), run.instruction)
        return None

    def project_place(self, tool: str, run: Run, line: str) -> str:
        """Return where a tool of projects installs to: "" for what PATH finds."""
        system, inside, other = PROJECT_TOOLS[tool]
        variables = self.stage.variables
        settings = "".join(f"{name}={value}\n" for name, value in variables.items())
        said = f"{self.text}\n{line}\n{settings}"
        active = "VIRTUAL_ENV" in variables or any(map(self.on_path, self.places))
        if re.search(system, said) or (active and tool in ("poetry", "pipenv")):
            return ""
        if not re.search(inside, said):
            return other if " " in other else self.stage.path(other, run.folder)
        own = variables.get("UV_PROJECT_ENVIRONMENT", "") if tool == "uv" else ""
        return self.stage.path(own or ".venv", run.folder)

    @property
    def installs_project(self) -> bool:
        """Whether the repository's own package, and its scripts, is installed where PATH looks."""
        places = [each.place for each in self.installs if each.project]
        return any(not place or self.on_path(place) for place in places)

    @cached_property
    def scripts(self) -> set[str]:
        """The commands that the repository's own package declares."""
        tables = r"^\[(?:project\.(?:gui-)?scripts|tool\.poetry\.scripts)\]\n((?:(?!\[).*\n?)*)"
        names = set()
        for body in re.findall(tables, self.texts.get("pyproject.toml", ""), re.MULTILINE):
            names |= {*re.findall(r"^[\"']?([\w.-]+)[\"']?\s*=", body, re.MULTILINE)}
        for body in (self.texts.get(name, "") for name in ("setup.py", "setup.cfg")):
            if "console_scripts" in body:
                names |= {*re.findall(r"([\w.-]+)\s*=\s*[\w.]+:\w+", body)}
        return names

    def is_listed(self, name: str, files: str = REQUIREMENTS) -> bool:
        """Whether a RUN or a list of packages names one, however its hyphens are written."""
        listed = [self.texts[each] for each in self.texts if re.search(files, each)]
        text = "\n".join([self.text, *listed]).lower().replace("_", "-")
        return bool(re.search(rf"\b{re.escape(name.lower().replace('_', '-'))}\b", text))


def pip_install(run: Run, words: list[str], active: str) -> Install:
    """Return what `pip install` and `uv pip install` install, and where to."""
    verb = next(number for number, each in enumerate(words) if each in ("install", "sync"))
    arguments = words[verb + 1 :]
    own = [w for w in arguments if not w.startswith("-") and not TOOLS.fullmatch(w)]
    if "--python" in arguments[:-1]:
        active = arguments[arguments.index("--python") + 1]
    folder = posixpath.dirname(posixpath.dirname(words[0])) if "/bin/" in words[0] else ""
    folder = "" if folder in ("/usr", "/usr/local", "/opt/conda") else folder
    project = any(PROJECT.fullmatch(each) for each in own)
    return Install(folder or active, bool(own), project, run.instruction)


def in_environment(path: str, place: str) -> bool:
    """Whether a path lies in an environment, which is a path or a name of conda's."""
    if place.startswith("/"):
        return is_within(path, place)
    return bool(re.search(rf"/envs/{re.escape(place)}(/|$)", path))
