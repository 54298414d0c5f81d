"""What is in an image: what its base has, what RUN installs, what COPY brings, what PATH finds."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import cached_property

from check.bases import base_of
from check.dockerfile import Instruction
from check.environments import REQUIREMENTS, Environments, in_environment
from check.runs import PYTHON_NAME
from check.stages import Stage, absolute, find_stage, is_within

# AWS's training toolkit, which brings a program called "train".
TOOLKIT = r"sagemaker[-_](\w+[-_])?(training|containers)\b"
# Folders that hold what was compiled or linked.
COMPILED = re.compile(
    r"site-packages|venv|\.local|conda|jre|jdk|java|/root|/install|/usr/local$|python"
)


class Contents(Environments):
    """What can be said of the files and programs of a stage."""

    def locate(self, name: str) -> bool | None:
        """Whether a program is there: True, False, or None where that can't be known."""
        if "/" in name:
            there = self.there(self.stage.path(name))
            return there if there or self.base.known else None
        found = [self.there(f"{folder}/{name}") for folder in self.folders]
        if True in found or (name in self.scripts and self.installs_project):
            return True
        if not self.base.known or self.is_opaque or None in found or "" in self.conda_prefixes:
            return None
        kind = re.sub(r"python3\.\d+", "python3", name)
        return False if kind in (*self.base.programs, *self.base.missing) else None

    def there(self, path: str) -> bool | None:
        """Whether a file lies there."""
        if path in self.stage.files:
            return True
        folder, name = posixpath.split(path)
        is_python = PYTHON_NAME.fullmatch(name)
        provided = self.base.programs.get(re.sub(r"python3\.\d+", "python3", name))
        if provided == "":
            return None
        # python:3.13-slim has no python3.12.
        version = re.search(r"(?:^|/)(python:?3\.\d+)", self.stage.root.base)
        others = re.fullmatch(r"python3\.\d+", name) and version
        if provided == folder and not (others and version[1].replace(":", "") != name):
            return True
        if is_python and any(is_within(path, each) for each in self.dangling):
            return False
        if any(is_within(path, each) for each in self.stage.unknown):
            return None
        if self.made(path):
            return True if path in self.written else None
        if is_python and any(in_environment(path, each) for each in self.places):
            return True
        places = [*(each.place for each in self.installs), *self.conda_prefixes]
        if any(in_environment(path, each) for each in places if each):
            return None
        return folder in ("/usr/bin", "/bin") and self.packages_bring(name)

    def may_lack(self, name: str) -> bool:
        """Whether an interpreter that the base has not is nowhere to be seen."""
        seen = self.conda_prefixes or self.is_opaque or self.stage.unknown
        seen = seen or any(self.made(f"{each}/{name}") for each in self.folders)
        return self.base.known and name in self.base.missing and not seen

    @cached_property
    def train_program(self) -> tuple[bool | None, str]:
        """Whether "train" is found on the PATH, and a file of that name, wherever it lies."""
        files = [path for path in self.stage.files if posixpath.basename(path) == "train"]
        files += [target for _, target, _, _ in self.copied_from() if target.endswith("/train")]
        for folder in self.folders:
            if f"{folder}/train" in files:
                return True, f"{folder}/train"
        lists = [self.texts[each] for each in self.texts if each.endswith("requirements.txt")]
        listed = any(re.search(rf"^\s*{TOOLKIT}", text, re.MULTILINE) for text in lists)
        by_pip = (listed and self.installs) or re.search(rf"install[^\n]*{TOOLKIT}", self.text)
        if self.base.toolkit or by_pip or ("train" in self.scripts and self.installs_project):
            return True, ""
        made = {self.there(f"{folder}/train"): f"{folder}/train" for folder in self.folders}
        if True in made:
            return True, made[True]
        unknown = not self.base.known or None in made
        return (None if unknown else False), next(iter(files), "")

    def has_command(self, name: str) -> bool | None:
        """Whether PATH may find a command that is no interpreter."""
        if self.locate(name):
            return True
        if name in self.scripts and self.installs and not self.is_opaque:
            return False
        if any(self.there(f"{folder}/{name}") is not False for folder in self.folders):
            return None
        # What pip installs by name may bring commands of other names.
        unread = any("requirements.txt" not in each.instruction.rest for each in self.installs)
        unread = unread or not self.base.known or self.packages or self.is_opaque
        listed = self.is_listed(name, rf"{REQUIREMENTS}|pyproject\.toml$|Pipfile$")
        return None if listed or unread else False

    def may_import(self, module: str) -> bool:
        """Whether `python -m` may find a module outside of the working folder."""
        if self.installs_project or self.stage.unknown or not self.base.known or self.base.toolkit:
            return True
        return self.is_listed(module.partition(".")[0])

    def copied_from(self) -> Iterator[tuple[Instruction, str, list[str], Stage | None]]:
        """Yield each COPY --from, where to, what, and the stage it is of; None for an image."""
        for each, target, sources in self.stage.copies:
            if each.flag("from") is not None:
                yield each, target, sources, find_stage(each.flag("from"), self.all_stages)

    def foreign_libc(self) -> Iterator[Instruction]:
        """Yield each COPY --from of compiled things out of a stage or image that has glibc."""
        for each, _, sources, stage in self.copied_from():
            name = stage.root.base if stage else each.flag("from")
            base = base_of(name)
            glibc = base.known and not base.musl and name != "scratch"
            if glibc and any(map(COMPILED.search, sources)):
                yield each

    @cached_property
    def dangling(self) -> list[str]:
        """Environments of a build stage whose python links to one that the final image lacks."""
        found = []
        if self.packages_bring("python3") or "python" not in self.base.missing or self.is_opaque:
            return []
        for _, target, sources, stage in self.copied_from():
            other = Contents(self.texts, [stage]) if stage else self
            if other.base.programs.get("python") != "/usr/local/bin" or other.is_opaque:
                continue
            places = [*other.places, *(each.place for each in other.installs)]
            for source in map(absolute, sources):
                inside = [p for p in places if p.startswith("/") and is_within(p, source)]
                found += [target + place[len(source) :] for place in inside]
        return found
