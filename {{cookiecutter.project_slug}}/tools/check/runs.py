"""What RUN does: its commands, the packages of the system that it installs, what it writes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from check.bases import Base, base_of
from check.dockerfile import DockerfileError, Instruction, expand
from check.launchers import SHELLS, behind, conda_target, environment_of, launcher_of
from check.shell import Node, Simple, read_nodes, simple_commands, unquoted
from check.stages import Stage, absolute, is_within

CONDAS = ("conda", "mamba", "micromamba")
MANAGERS = ("apt-get", "apt", "aptitude", "yum", "dnf", "microdnf", "apk", "zypper", "tdnf")
# Interpreter → the packages of a system that bring it.
BRINGS = {
    "python": r"python-is-python3|python|python2(\.7)?|python-(minimal|dev|pip|all|setuptools)",
    "python3": r"(lib)?python3.*|python-is-python3|ipython3|.*-python3?-.*|py3-.*|awscli|ansible"
    r"|software-properties-common|cloud-init|meson|mercurial|gdb|.*opencv.*|ubuntu-.*|lsb-release",
    "R": r"r-base.*|r-recommended.*|r-cran-.*|R|R-core.*|R-devel|r|littler",
    "java": r".*(jdk|jre|corretto|temurin|zulu|liberica).*|default-j.*|java.*|maven|gradle|scala"
    r"|sbt|ant|libreoffice.*|spark|r-cran-rjava",
}
PYTHON_NAME = re.compile(r"(python|pypy)(\d[\d.]*)?")
# What installs that which can't be read here.
OPAQUE = re.compile(
    r"(curl|wget)[^\n]*\|\s*(sudo )?(-\S+ )?(ba|da|z)?sh\b|\bmake\b[^\n]*install|pyenv|asdf"
    r"|sdk install|mise |\bnix\b|rustup|installer|\.run\b|\b(ba)?sh \S+\.sh|python install"
    r"|tar [^\n]*-?x|rig add|xargs|jlink|R CMD INSTALL|rocker_scripts|update-alternatives"
    r"|debootstrap"
)
# A conda lies where its installer was told to.
CONDA_INSTALLER = re.compile(r"\b(ba)?sh \S+\.sh (-[bfu]+ )*-\w*p[ =]?\S+")


class Run(NamedTuple):
    """A RUN, read: its text, its commands, the folder and the words of the shell it runs in."""

    instruction: Instruction
    text: str
    nodes: list[Node] | None  # None where the text is no shell that can be read
    folder: str
    shell: list[str]

    @property
    def commands(self) -> list[Simple]:
        return list(simple_commands(self.nodes or []))


class Command(NamedTuple):
    """A command of a RUN, and the environment that is active for it."""

    run: Run
    words: list[str]
    place: str


class Runs:
    """What the RUNs of a stage do, and the system packages that they install."""

    def __init__(self, texts: Mapping[str, str], stages: list[Stage]) -> None:
        self.texts = texts
        self.all_stages = stages
        self.stage = stages[-1]
        self.base: Base = base_of(self.stage.root.base)
        self.runs = list(self.read_runs())
        self.text = "\n".join(run.text for run in self.runs)
        self.commands = [each for run in self.runs for each in self.commands_of(run)]

    def value(self, text: str, escape: str = "\\") -> str:
        try:
            return expand(text, self.stage.variables, escape)
        except DockerfileError:
            return text

    def read_runs(self) -> Iterator[Run]:
        folder, shell = "/", ["/bin/sh", "-c"]
        for each in self.stage.instructions:
            if each.name == "WORKDIR":
                folder = absolute(posixpath.join(folder, self.value(each.rest, each.escape)))
            elif each.name == "SHELL" and each.json:
                shell = each.json
            elif each.name == "RUN":
                text = text_of(each)
                yield Run(each, text, nodes_of(each, text), folder, shell)

    def commands_of(self, run: Run) -> Iterator[Command]:
        """Yield a RUN's commands, values put in; what bash -c and scripts hold is inlined."""
        by_shell = posixpath.basename("".join(run.shell[:1])) in CONDAS
        place = conda_target(run.shell) if by_shell else ""
        yield from self.inlined(run, run.nodes or [], place)

    def inlined(self, run: Run, nodes: list[Node], place: str, deep: bool = True) -> Iterator:
        for each in simple_commands(nodes):
            words, inner = self.bare([self.value(word) for word in each.words])
            if words[:1] == ["cd"] and words[1:]:
                run = run._replace(folder=self.stage.path(words[1], run.folder))
            if words:
                place = activated(words) or place
                yield Command(run, words, inner or place)
                if deep:
                    inside = read_nodes(self.script_of(words, run))
                    yield from self.inlined(run, inside or [], place, deep=False)

    def script_of(self, words: list[str], run: Run) -> str:
        """Return the text that a command has a shell read, "" for none."""
        if posixpath.basename(words[0]) in SHELLS and re.match(r"-\w*c", "".join(words[1:2])):
            return "".join(words[2:3])
        files = [word for word in words[:2] if word.endswith(".sh") or "/" in word]
        text = self.texts.get(self.file_at(files[-1], run) if files else "", "")
        return text if re.match(r"#!.*sh\b", text) else ""

    def bare(self, words: list[str]) -> tuple[list[str], str]:
        """Return a command without what stands before it, and the environment it runs in."""
        place = ""
        while words and re.match(r"\w+=", words[0]):
            words = words[1:]
        while words and launcher_of(words):
            key = launcher_of(words)
            place = environment_of(words, key) or place
            if not behind(words, key):
                break
            words = behind(words, key)
        return words, place

    def file_at(self, name: str, run: Run) -> str:
        """Return the repository's file that a RUN finds under a name."""
        return self.stage.files.get(self.stage.path(name, run.folder), "")

    def text_at(self, path: str) -> str | None:
        """Return the text of a file in the image, if it is known."""
        name = self.stage.files.get(path)
        return self.texts.get(name) if name else self.written_texts.get(path)

    @cached_property
    def written_texts(self) -> dict[str, str]:
        """The texts that heredocs of COPY, and echo and its like in RUN, write to files."""
        found = dict(self.stage.heredocs)
        for run in self.runs:
            for each in run.commands:
                text = each.heredocs[0] if each.heredocs else echoed(each.words)
                for operator, target in each.redirects if text is not None else ():
                    path = self.stage.path(self.value(target), run.folder)
                    if operator in (">", ">|", "&>", ">>"):
                        found[path] = (found.get(path, "") if operator == ">>" else "") + text
        return found

    @cached_property
    def written(self) -> set[str]:
        """The files that RUN writes, and the folders that it fills."""
        found: set[str] = set()
        for run in self.runs:
            names = re.findall(r"/[\w./-]+", run.text) if run.nodes is None else []
            for each in run.commands:
                names += [target for operator, target in each.redirects if ">" in operator]
                names += written_by([self.value(word.strip("\"'")) for word in each.words])
            found |= {self.stage.path(self.value(name.strip("\"'")), run.folder) for name in names}
        # Where a command has changed the folder.
        for run, words, _ in self.commands:
            found |= {self.stage.path(unquoted(name), run.folder) for name in written_by(words)}
        return found

    def made(self, path: str) -> bool:
        """Whether a RUN may have laid the file there."""
        tools = r"\b(mvnw?|gradlew?|jar|ant|sbt)\b"
        by_tool = path.endswith(".jar") and re.search(tools, self.text)
        return bool(by_tool) or any(is_within(path, each) for each in self.written)

    @cached_property
    def packages(self) -> list[str]:
        """The system packages that RUN installs, without their versions."""
        found = []
        for _, words, _ in self.commands:
            installs = {"install", "add", "in", "localinstall"} & {*words}
            if posixpath.basename(words[0]) in MANAGERS and installs:
                plain = [re.split(r"[=<>~]|:(?=amd64)", word)[0] for word in words[2:]]
                found += [word for word in plain if word and not word.startswith("-")]
        return found

    @property
    def is_opaque(self) -> bool:
        """Whether something is installed that can't be read here."""
        unread = any("$" in each or each.endswith((".deb", ".rpm")) for each in self.packages)
        if unread or any(run.nodes is None for run in self.runs):
            return True
        own = [words[0] for _, words, _ in self.commands if words[0].startswith(("./", "/"))]
        by_own = any(not is_within(each, "/usr") and "bin/" not in each for each in own)
        return by_own or bool(OPAQUE.search(CONDA_INSTALLER.sub("", self.text)))

    def packages_bring(self, name: str) -> bool:
        """Whether a system package brings the program."""
        if name == "python" and self.base.musl:
            return "python3" in self.packages
        name = "R" if name in ("Rscript", "r") else name
        # python3.11 is of python3.11-minimal, or python311.
        own = re.escape(name).replace(r"\.", r"\.?") + "(-.*)?"
        return any(re.fullmatch(BRINGS.get(name, own), each) for each in self.packages)

    def is_called(self, name: str) -> bool:
        """Whether a RUN calls the program itself, or python's pip."""
        is_python = PYTHON_NAME.fullmatch(name) and not self.packages_bring("python3")
        names = {name, "pip", "pip3"} if is_python else {name}
        return any(words[0] in names for _, words, _ in self.commands)


def activated(words: list[str]) -> str:
    """Return the environment that a command activates for those behind it."""
    name = posixpath.basename(words[0])
    if name in (".", "source") and words[1:] and posixpath.basename(words[1]) == "activate":
        return words[2] if words[2:] else posixpath.dirname(posixpath.dirname(words[1])) or "?"
    if name in CONDAS and words[1:2] == ["activate"]:
        return words[2] if words[2:] else "base"
    return ""


def text_of(run: Instruction) -> str:
    """Return what the shell of a RUN reads: a heredoc alone where nothing else reads it."""
    head = re.sub(r"\d*<<-?\S+", "", run.rest).strip()
    if run.heredocs and (not head or re.fullmatch(r"(\S*/)?(ba|da|z)?sh( -\w+)*", head)):
        return "".join(text for _, text in run.heredocs)
    return "".join([f"{run.rest}\n", *(f"{text}{name}\n" for name, text in run.heredocs)])


def nodes_of(run: Instruction, text: str) -> list[Node] | None:
    """Return what a RUN does; None where that is no shell that can be read."""
    if run.json is not None:
        return [Simple(["'" + word.replace("'", "'\\''") + "'" for word in run.json], [], [])]
    if run.heredocs and re.match(r"\s*(\S*python\S*|perl|Rscript)\b", run.rest):
        return None
    return read_nodes(text)


def echoed(words: list[str]) -> str | None:
    """Return what echo or printf prints; None for another command."""
    if words[:1] not in (["echo"], ["printf"]):
        return None
    plain = [unquoted(word) for word in words[1:]]
    plain = [word for word in plain if word not in ("-e", "-n", "-ne", "-en", "%s\\n")]
    text = "\n".join(plain) if words[0] == "printf" else " ".join(plain)
    return text.replace("\\n", "\n") + "\n"


# Commands that write to the last path that they name, and those that write to any of theirs.
MOVERS = {"cp", "mv", "ln", "install", "rsync"}
WRITERS = {
    *("curl", "wget", "tee", "git", "tar", "unzip", "bsdtar", "aws", "gsutil", "jlink"),
    "update-alternatives",
}


def written_by(words: list[str]) -> list[str]:
    """Return the files and folders that a command may write."""
    name = posixpath.basename(words[0]) if words else ""
    named = [re.sub(r"^--?[\w-]+=", "", each) for each in words[1:]]
    named = [each for each in named if each and not each.startswith("-")]
    if name in MOVERS and named[1:]:
        *sources, target = named
        inside = [posixpath.join(target, posixpath.basename(each)) for each in sources]
        # Not all that lies in a folder of programs is of this command.
        return inside if target.rstrip("/").endswith("/bin") else [target, *inside]
    here = name in ("tar", "unzip") and not {"-C", "-d"} & {*words}
    return [*named, *(["."] if here else [])] if name in WRITERS else []
