"""Environments of Python, and what is installed into them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from check.bases import CONDA, SYSTEM_PATH
from check.dockerfile import Instruction
from check.runs import Run, Runs
from check.stages import is_within

# What pip installs for the build's sake; nothing of the program's own.
TOOLS = re.compile(
    r"(pip|pip-tools|setuptools|wheel|virtualenv|poetry|pipenv|pdm|uv|hatch|conda-lock|pipx|awscli"
    r"|build|supervisor|cython|flit|conda|mamba)([-=<>~!\[].*)?|.*poetry.*(?<!\.txt)"
)


class Install(NamedTuple):
    """Packages of Python: where to, "" being what PATH finds, and whether the program's own."""

    place: str
    own: bool
    project: bool  # the repository's own package, with its scripts
    instruction: Instruction


class Environments(Runs):
    """What is installed for Python: the environments, and which of them PATH finds."""

    @cached_property
    def conda_prefixes(self) -> set[str]:
        """Where a conda lies; "" where the place is unknown."""
        found = {"/opt/conda"} if self.base.path == CONDA else set()
        for _, words in self.commands:
            line = " ".join(words)
            # The installer runs in batch mode: bash Miniforge3.sh -b -p /opt/conda
            if re.match(r"(\S*/)?(ba)?sh |\S+\.sh ", line) and re.search(r" -\w*b", line):
                prefix = re.search(r" -\w*p[= ]?(\S+)", line)
                if prefix or re.search(r"conda|forge", line, re.IGNORECASE):
                    found.add(self.path(prefix[1]) if prefix else "")
        if re.search(
            r"\b(micro)?mamba (install|create|env)|\bconda (install|create|env)", self.text
        ):
            found.add("/opt/conda" if not found else next(iter(found)))
        return found

    @cached_property
    def places(self) -> dict[str, Instruction]:
        """The environments that RUN makes: a path, or the name of a conda environment."""
        found = {}
        for run, words in self.commands:
            for place in self.environments_made(run, words):
                found.setdefault(place, run.instruction)
        return found

    def environments_made(self, run: Run, words: list[str]) -> Iterator[str]:
        name = posixpath.basename(words[0])
        line = " ".join(words)
        made = re.search(r"-m (venv|virtualenv)\b(.*)", line)
        if made or name == "virtualenv" or words[:2] == ["uv", "venv"]:
            rest = made[2] if made else " ".join(words[2 if name == "uv" else 1 :])
            rest = re.sub(r"(-p|--python|--prompt|--seed) \S+", "", rest)
            plain = [each for each in rest.split() if not each.startswith("-")]
            yield self.path(plain[-1] if plain else ".venv", run.folder)
        elif name in ("conda", "mamba", "micromamba") and "create" in words:
            yield self.conda_target(words) or self.name_in_file(words, run)
        elif name == "conda-lock" and "install" in words:
            yield self.conda_target(words)

    def conda_target(self, words: list[str]) -> str:
        """The environment that a command of conda names: -n NAME or -p PREFIX."""
        for option, value in zip(words, [*words[1:], ""]):
            if option in ("-n", "--name", "-p", "--prefix"):
                return value
            if option.startswith(("--name=", "--prefix=")):
                return option.partition("=")[2]
        return ""

    def name_in_file(self, words: list[str], run: Run) -> str:
        for word in words:
            if re.search(r"\.ya?ml$", word.partition("=")[2] or word):
                file = self.stage.files.get(
                    self.path(word.partition("=")[2] or word, run.folder), ""
                )
                text = self.texts.get(file, "")
                named = re.search(r"^name:\s*[\"']?([\w.-]+)", text, re.MULTILINE)
                return named[1] if named else "?"
        return "?"

    def active_places(self) -> list[str]:
        """The environments that PATH finds."""
        return [
            place
            for place in self.places
            if any(in_environment(folder, place) for folder in self.folders)
        ]

    @cached_property
    def folders(self) -> list[str]:
        """The folders of PATH, in their order."""
        inherited = ":".join(filter(None, [self.base.path, SYSTEM_PATH]))
        path = self.stage.variables.get("PATH", inherited)
        path = re.sub(r"\$\{?PATH\}?", inherited, path)
        return [each.rstrip("/") for each in path.split(":") if each]

    @cached_property
    def installs(self) -> list[Install]:
        """What pip and its like install."""
        found = []
        for run in self.runs:
            active = ""
            if run.shell[:1] and posixpath.basename(run.shell[0]) in (
                "conda",
                "mamba",
                "micromamba",
            ):
                active = self.conda_target(run.shell)
            for each, words in self.commands:
                if each is not run:
                    continue
                active = activated(words) or active
                found += self.installed(run, words, active)
        return found

    def installed(self, run: Run, words: list[str], active: str) -> Iterator[Install]:
        name = posixpath.basename(words[0])
        if (
            name in ("conda", "mamba", "micromamba", "poetry", "pipenv", "uv", "pdm")
            and "run" in words[:2]
        ):
            inner = words[words.index("run") + 1 :]
            if name in ("conda", "mamba", "micromamba"):
                active = self.conda_target(inner) or active
                if active in inner:
                    inner = inner[inner.index(active) + 1 :]
            elif name != "uv":
                active = f"{name} environment"
            inner = [each for each in inner if not each.startswith("--no-capture")]
            if inner:
                yield from self.installed(run, inner, active)
            return
        line = " ".join(words)
        if re.search(r"(^| )(-m )?(\S*/)?pip[\d.]*( | .* )install\b|^uv pip (install|sync)", line):
            arguments = words[
                next(i for i, w in enumerate(words) if w in ("install", "sync")) + 1 :
            ]
            own = [w for w in arguments if not w.startswith("-") and not TOOLS.fullmatch(w)]
            if "--python" in arguments:
                active = arguments[arguments.index("--python") + 1]
            folder = posixpath.dirname(posixpath.dirname(words[0])) if "/bin/" in words[0] else ""
            folder = "" if folder in ("/usr", "/usr/local", "/opt/conda", "") else folder
            project = any(
                re.fullmatch(r"\.(\[.*\])?|.*\.whl|\./?\S*|/\S+", w)
                and not w.endswith((".txt", ".in"))
                for w in own
            )
            yield Install(folder or active, bool(own), project, run.instruction)
        elif name in ("conda", "mamba", "micromamba") and {"install", "create", "update"} & {
            *words
        }:
            target = self.conda_target(words)
            if not target and {"create", "update"} & {*words} and "env" in words:
                target = self.name_in_file(words, run)
            plain = [w for w in words[1:] if not w.startswith("-")]
            own = [
                w
                for w in plain
                if w not in ("install", "create", "update", "env", "conda", target)
                and not re.match(r"(python|pip)\b", w)
            ]
            target = active if not target else "" if target == "base" else target
            yield Install(target, bool(own), False, run.instruction)
        elif name in ("poetry", "pdm", "pipenv", "uv", "pixi", "rye", "hatch") and {
            "install",
            "sync",
        } & {*words[1:2]}:
            place = self.project_place(name, run, line) or active
            bare = re.search(r"--(no-root|no-install-project|no-self|only-deps|no-project)", line)
            package = re.search(
                r"^\[(build-system|tool\.poetry\.scripts|project\.scripts)\]",
                self.texts.get("pyproject.toml", ""),
                re.MULTILINE,
            )
            yield Install(place, True, bool(package and not bare), run.instruction)

    def project_place(self, tool: str, run: Run, line: str) -> str:
        """Where a tool of projects installs to: "" for what PATH finds."""
        set_to = self.stage.variables.get
        active = {*self.active_places()}
        if tool == "poetry":
            off = re.search(r"virtualenvs\.create\s+false", self.text)
            off = off or set_to("POETRY_VIRTUALENVS_CREATE", "").lower() in ("false", "0")
            inside = re.search(r"virtualenvs\.in-project\s+true", self.text)
            inside = inside or set_to("POETRY_VIRTUALENVS_IN_PROJECT", "").lower() in ("true", "1")
            if off or active or "VIRTUAL_ENV" in self.stage.variables:
                return ""
            return self.path(".venv", run.folder) if inside else "poetry environment"
        if tool == "pipenv":
            if "--system" in line or set_to("PIPENV_SYSTEM") == "1" or active:
                return ""
            inside = set_to("PIPENV_VENV_IN_PROJECT")
            return self.path(".venv", run.folder) if inside else "pipenv environment"
        if tool == "uv":
            place = set_to("UV_PROJECT_ENVIRONMENT", "")
            if place in ("/usr/local", "/usr", "/opt/conda") or "--active" in line:
                return ""
            return self.path(place or ".venv", run.folder)
        if tool == "pixi":
            return self.path(".pixi/envs/default", run.folder)
        if tool == "pdm" and re.search(r"use_venv\s+(false|0)|-g\b|--global", self.text + line):
            return ""
        return self.path(".venv", run.folder) if tool in ("pdm", "rye") else "hatch environment"

    @property
    def installs_project(self) -> bool:
        """Whether the repository's own package, and its scripts, is installed where PATH looks."""
        places = [each.place for each in self.installs if each.project]
        return any(
            not place or any(in_environment(folder, place) for folder in self.folders)
            for place in places
        )

    @cached_property
    def scripts(self) -> set[str]:
        """The commands that the repository's own package declares."""
        names = set()
        texts = self.texts
        for table in ("project.scripts", "tool.poetry.scripts", "project.gui-scripts"):
            body = re.search(
                rf"^\[{re.escape(table)}\]\n((?:(?!\[).*\n?)*)",
                texts.get("pyproject.toml", ""),
                re.MULTILINE,
            )
            names |= (
                {*re.findall(r"^[\"']?([\w.-]+)[\"']?\s*=", body[1], re.MULTILINE)}
                if body
                else set()
            )
        for name in ("setup.py", "setup.cfg"):
            body = texts.get(name, "")
            if "console_scripts" in body:
                names |= {*re.findall(r"([\w.-]+)\s*=\s*[\w.]+:\w+", body)}
        return names

    @property
    def locked(self) -> bool:
        """Whether all that pip installs stands in a file that can be read."""
        return all("requirements.txt" in each.instruction.rest for each in self.installs)


def activated(words: list[str]) -> str:
    """Return the environment that a command activates for those behind it."""
    name = posixpath.basename(words[0])
    if name in (".", "source") and len(words) > 1:
        if posixpath.basename(words[1]) == "activate":
            return (
                words[2]
                if len(words) > 2
                else posixpath.dirname(posixpath.dirname(words[1])) or "?"
            )
        return ""
    if name in ("conda", "mamba", "micromamba") and words[1:2] == ["activate"]:
        return words[2] if len(words) > 2 else "base"
    return ""


def in_environment(path: str, place: str) -> bool:
    """Whether a path lies in an environment, which is a path or a name of conda's."""
    if place.startswith("/"):
        return is_within(path, place)
    return bool(re.search(rf"/envs/{re.escape(place)}(/|$)", path))
