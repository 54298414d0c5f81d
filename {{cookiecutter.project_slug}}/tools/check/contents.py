"""What is in an image: what its base has, what RUN installs, what COPY brings, what PATH finds."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property

from check.bases import SYSTEM_PATH, base_of
from check.dockerfile import Instruction
from check.environments import Environments, in_environment
from check.runs import PYTHON_NAME
from check.stages import absolute, is_within


class Contents(Environments):
    """What can be said of the files and programs of a stage."""

    @cached_property
    def foreign_libc(self) -> list[Instruction]:
        """COPY --from of compiled things out of a stage or image that has glibc."""
        return [
            each
            for each, _, sources in self.copied_from
            if self.is_glibc(each.flag("from") or "")
            and any(
                re.search(
                    r"site-packages|venv|\.local|conda|jre|jdk|java|/root|/install|/usr/local$|python",
                    word,
                )
                for word in sources
            )
        ]

    def is_glibc(self, origin: str) -> bool:
        stage = self.stages.get(origin.lower())
        base = base_of(stage.root.base if stage else origin)
        return base.known and not base.musl and (stage.root.base if stage else origin) != "scratch"

    def locate(self, name: str) -> bool | None:
        """Whether a program is there: True, False, or None where that can't be known."""
        if "/" in name:
            there = self.there(self.path(name))
            return there if there or self.base.known else None
        found = [self.there(f"{folder}/{name}") for folder in self.folders]
        provided = self.base.programs.get(name)
        if provided is not None and (provided == "" or provided in self.folders):
            return True
        if True in found:
            return True
        if name in self.scripts and self.installs_project:
            return True
        if self.packages_bring(name) and {*self.folders} & {*SYSTEM_PATH.split(":")}:
            return True
        if PYTHON_NAME.fullmatch(name) and self.active_places():
            return True
        if not self.base.known or self.is_opaque or None in found:
            return None
        if "" in self.conda_prefixes:
            return None
        if name in self.base.missing or (provided is not None and provided not in self.folders):
            return False
        kind = "R" if name in ("R", "Rscript") else name
        if kind in ("R", "java", "python", "python3"):
            return None if name not in self.base.missing else False
        exact = re.fullmatch(r"python(3\.\d+)", name)
        if exact and "python3" in self.base.programs and self.base_version not in ("", exact[1]):
            return False
        if exact and "python3" in self.base.missing:
            return False
        return None

    @property
    def base_version(self) -> str:
        """The 3.13 of python:3.13-slim."""
        found = re.search(r"(?:^|/)python:(3\.\d+)", self.stage.root.base)
        return found[1] if found else ""

    def there(self, path: str) -> bool | None:
        """Whether a file lies there."""
        if path in self.stage.files:
            return True
        folder, name = posixpath.split(path)
        provided = self.base.programs.get(re.sub(r"python3\.\d+", "python3", name))
        exact = re.fullmatch(r"python(3\.\d+)", name)
        if provided == "":
            return None
        if provided == folder and (not exact or self.base_version in ("", exact[1])):
            return True
        if PYTHON_NAME.fullmatch(name) and any(is_within(path, each) for each in self.dangling):
            return False
        if any(is_within(path, each) for each in self.stage.unknown):
            return None
        if self.made(path):
            return True if path in self.written else None
        if PYTHON_NAME.fullmatch(name) and any(in_environment(path, each) for each in self.places):
            return True
        if any(in_environment(path, each.place) for each in self.installs if each.place):
            return None
        if any(is_within(path, prefix) for prefix in self.conda_prefixes if prefix):
            return None
        return folder in ("/usr/bin", "/bin") and self.packages_bring(name)

    def made(self, path: str) -> bool:
        """Whether a RUN may have laid the file there."""
        if any(path == each or is_within(path, each) for each in self.written):
            return True
        tools = r"\b(mvnw?|gradlew?|jar|ant|sbt)\b"
        return path.endswith(".jar") and bool(re.search(tools, self.text))

    @cached_property
    def written(self) -> set[str]:
        """The files that RUN writes, and the folders that it fills."""
        found: set[str] = set()
        for run in self.runs:
            for each in run.commands:
                targets = [target for operator, target in each.redirects if ">" in operator]
                words = [self.value(unquote(word)) for word in each.words]
                found |= {self.path(self.value(unquote(word)), run.folder) for word in targets}
                found |= {self.path(word, run.folder) for word in written_by(words)}
            if run.nodes is None:
                found |= {
                    self.path(word, run.folder) for word in re.findall(r"/[\w./-]+", run.text)
                }
        return found

    @cached_property
    def train_program(self) -> tuple[bool | None, str]:
        """Whether "train" is found on the PATH, and a file of that name, wherever it lies."""
        files = [path for path in self.stage.files if posixpath.basename(path) == "train"]
        for folder in self.folders:
            if f"{folder}/train" in files:
                return True, f"{folder}/train"
        toolkit = r"sagemaker[-_](\w+[-_])?(training|containers)\b"
        if self.base.toolkit or re.search(rf"install[^\n]*{toolkit}", self.text):
            return True, ""
        if (
            any(
                re.search(rf"^\s*{toolkit}", text, re.M)
                for name, text in self.texts.items()
                if name.endswith("requirements.txt")
            )
            and self.installs
        ):
            return True, ""
        if "train" in self.scripts and self.installs_project:
            return True, ""
        made = [self.there(f"{folder}/train") for folder in self.folders]
        unknown = not self.base.known or None in made
        return (None if unknown else False), next(iter(files), "")

    def has_command(self, name: str) -> bool | None:
        """Whether PATH may find a command that is no interpreter."""
        located = self.locate(name)
        if located:
            return True
        if name in self.scripts and self.installs and not self.is_opaque:
            return False
        if any(self.there(f"{folder}/{name}") is not False for folder in self.folders):
            return None
        wanted = name.lower().replace("_", "-")
        listed = [
            text
            for file, text in self.texts.items()
            if re.search(
                r"requirements[\w.-]*\.(txt|in)$|pyproject\.toml$|environment\.ya?ml$|Pipfile$",
                file,
            )
        ]
        if any(
            re.search(rf"\b{re.escape(wanted)}\b", each.lower().replace("_", "-"))
            for each in [self.text, *listed]
        ):
            return None
        if self.base.known and not self.packages and not self.is_opaque:
            return None if self.installs and not self.locked else False
        return None

    @cached_property
    def copied_from(self) -> list[tuple[Instruction, str, list[str]]]:
        return [each for each in self.stage.copies if each[0].flag("from") is not None]

    @cached_property
    def dangling(self) -> list[str]:
        """Environments of a build stage whose python links to one that the final image lacks."""
        found = []
        for each, target, sources in self.copied_from if "python" in self.base.missing else ():
            stage = self.stages.get((each.flag("from") or "").lower())
            if not stage or self.packages_bring("python3") or self.is_opaque:
                continue
            other = Contents(self.texts, [stage])
            if other.base.programs.get("python") != "/usr/local/bin" or other.is_opaque:
                continue
            places = [*other.places, *(each.place for each in other.installs)]
            for source in sources:
                inside = [p for p in places if p.startswith("/") and is_within(p, absolute(source))]
                found += [target + p[len(absolute(source)) :] for p in inside]
        return found

    @property
    def may_have_packages(self) -> bool:
        """Whether COPY --from, git, a script or the base may have brought packages of Python."""
        return bool(
            self.stage.unknown
            or self.is_opaque
            or "PYTHONPATH" in self.stage.variables
            or self.base.toolkit
            or not self.base.known
        )

    def may_lack(self, name: str) -> bool:
        """Whether an interpreter that the base has not is nowhere to be seen."""
        return (
            self.base.known
            and not self.conda_prefixes
            and name in self.base.missing
            and not self.is_opaque
            and not self.stage.unknown
            and not any(self.made(f"{each}/{name}") for each in self.folders)
        )

    def may_import(self, module: str) -> bool:
        """Whether `python -m` may find a module outside of the working folder."""
        if self.installs_project or self.stage.unknown or not self.base.known or self.base.toolkit:
            return True
        top = module.partition(".")[0].lower().replace("_", "-")
        listed = [
            text
            for file, text in self.texts.items()
            if re.search(r"requirements[\w.-]*\.(txt|in)$|environment\.ya?ml$", file)
        ]
        return any(
            re.search(rf"\b{re.escape(top)}\b", each.lower().replace("_", "-"))
            for each in [self.text, *listed]
        )


def written_by(words: list[str]) -> list[str]:
    """Return the files and folders that a command writes."""
    name = posixpath.basename(words[0]) if words else ""
    plain = [each for each in words[1:] if not each.startswith("-")]
    options = dict(zip(words, words[1:]))
    if name in ("cp", "mv", "ln", "install", "rsync") and len(plain) > 1:
        target = plain[-1]
        inside = [posixpath.join(target, posixpath.basename(each)) for each in plain[:-1]]
        return (
            [target, *inside]
            if "." in posixpath.basename(target) or name == "ln"
            else [target if not target.endswith("/bin") else "", *inside]
        )
    if name in ("curl", "wget"):
        return [options[each] for each in ("-o", "-O", "--output") if each in options]
    if name == "tee":
        return plain
    if name == "git" and "clone" in plain:
        url = plain[1] if len(plain) > 1 else ""
        return [plain[2] if len(plain) > 2 else posixpath.basename(url).replace(".git", "")]
    if name in ("tar", "unzip", "aws", "gsutil", "bsdtar"):
        return [options.get("-C") or options.get("-d") or (plain[-1] if name == "aws" else ".")]
    if name == "update-alternatives" and "--install" in words:
        return plain[:1]
    if name == "jlink":
        return [options.get("--output", ""), *(w[9:] for w in words if w.startswith("--output="))]
    return []


def unquote(word: str) -> str:
    return word.strip("\"'")
