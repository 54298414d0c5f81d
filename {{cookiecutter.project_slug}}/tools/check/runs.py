"""What RUN does: its commands, and the packages of the system that it installs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from check.bases import Base, base_of
from check.dockerfile import DockerfileError, Instruction, expand
from check.shell import Node, ShellError, Simple, parse, simple_commands, unquoted
from check.stages import Stage, absolute, is_within

MANAGERS = ("apt-get", "apt", "aptitude", "yum", "dnf", "microdnf", "apk", "zypper", "tdnf")


# Package of a system → the interpreters that it brings.
BRINGS = [
    (r"python-is-python3|python|python2(\.7)?|python-(minimal|dev|pip|all|setuptools)", "python"),
    (r"(lib)?python3.*|python-is-python3|ipython3|.*-python3?-.*|software-properties-common|py3-.*"
     r"|awscli|ansible|cloud-init|meson|mercurial|gdb|.*opencv.*|ubuntu-.*|lsb-release", "python3"),
    (r"r-base.*|r-recommended.*|r-cran-.*|R|R-core.*|R-devel|r|littler", "R"),
    (r".*(jdk|jre|corretto|temurin|zulu|liberica).*|default-j.*|java.*|maven|gradle|scala|sbt|ant"
     r"|libreoffice.*|spark|r-cran-rjava", "java"),
]  # fmt: skip


PYTHON_NAME = re.compile(r"(python|pypy)(\d[\d.]*)?")


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


class Runs:
    """What the RUNs of a stage do, and the system packages that they install."""

    def __init__(self, texts: Mapping[str, str], stages: list[Stage]) -> None:
        self.texts = texts
        self.stages = {each.name or str(number): each for number, each in enumerate(stages)}
        self.stages.update({str(number): each for number, each in enumerate(stages)})
        stage = stages[-1]
        self.stage = stage
        self.base: Base = base_of(stage.root.base)
        self.runs = list(self.read_runs())
        self.text = "\n".join(run.text for run in self.runs)
        self.commands = [(run, each) for run in self.runs for each in self.words_of(run)]

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
                body = "".join(f"{text}\n" for _, text in each.heredocs)
                head = re.sub(r"\d*<<-?\S+", "", each.rest)
                other = re.match(r"\s*(\S*python\S*|perl|Rscript)\b", head) and each.heredocs
                plain = not head.strip() or re.fullmatch(r"\s*(\S*/)?(ba|da|z)?sh( -\w+)*\s*", head)
                whole = "".join(f"{text}{name}\n" for name, text in each.heredocs)
                text = body if each.heredocs and plain else f"{each.rest}\n{whole}"
                try:
                    nodes = None if other else parse(text)
                    if each.json is not None:
                        nodes = [Simple([quoted(word) for word in each.json], [], [])]
                except ShellError:
                    nodes = None
                yield Run(each, text, nodes, folder, shell)

    def words_of(self, run: Run) -> Iterator[list[str]]:
        """Yield the words of a RUN's commands, values put in; scripts of the repository inlined."""
        for each in run.commands:
            words = [self.value(word) for word in each.words]
            while words and re.match(r"\w+=", words[0]):
                words.pop(0)
            while words and words[0] in ("sudo", "env", "exec", "command", "time", "nice", "xargs"):
                words.pop(0)
                while words and (words[0].startswith("-") or "=" in words[0]):
                    words.pop(0)
            if words:
                yield words
            script = [word for word in words[:2] if word.endswith(".sh") or "/" in word]
            name = self.stage.files.get(self.path(script[-1], run.folder), "") if script else ""
            text = self.texts.get(name, "")
            if script and re.match(r"#!.*sh\b", text):
                try:
                    inner = [each.words for each in simple_commands(parse(text)) if each.words]
                except ShellError:
                    inner = []
                yield from ([self.value(word) for word in each] for each in inner)

    def path(self, text: str, folder: str = "") -> str:
        return absolute(posixpath.join(folder or self.stage.workdir, text))

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
                    path = self.path(self.value(target), run.folder)
                    if operator in (">", ">|", "&>", ">>"):
                        found[path] = (found.get(path, "") if operator == ">>" else "") + text
        return found

    @cached_property
    def packages(self) -> list[str]:
        """The system packages that RUN installs, without their versions."""
        found = []
        for _, words in self.commands:
            name = posixpath.basename(words[0])
            if name in MANAGERS and {"install", "add", "in", "localinstall"} & {*words}:
                plain = [re.split(r"[=<>~]|:(?=amd64)", word)[0] for word in words[2:]]
                found += [word for word in plain if word and not word.startswith("-")]
        return found

    @property
    def is_opaque(self) -> bool:
        """Whether something is installed that can't be read here."""
        if any("$" in each or each.endswith((".deb", ".rpm")) for each in self.packages):
            return True
        if any(run.nodes is None for run in self.runs):
            return True
        pattern = (
            r"(curl|wget)[^\n]*\|\s*(sudo )?(-\S+ )?(ba|da|z)?sh\b|\bmake\b[^\n]*install|pyenv|asdf"
            r"|sdk install|mise "
            r"|\bnix\b|rustup|installer|\.run\b|\b(ba)?sh \S+\.sh|python install"
            r"|tar [^\n]*-?x|rig add"
            r"|xargs|jlink|R CMD INSTALL|rocker_scripts|update-alternatives|debootstrap"
        )
        # A conda lies where its installer was told to.
        text = re.sub(r"\b(ba)?sh \S+\.sh (-[bfu]+ )*-\w*p[ =]?\S+", "", self.text)
        if re.search(pattern, text):
            return True
        own = [words[0] for _, words in self.commands if words[0].startswith(("./", "/"))]
        return any(not is_within(each, "/usr") and "bin/" not in each for each in own)

    def packages_bring(self, name: str) -> bool:
        """Whether a system package brings the program."""
        exact = re.fullmatch(r"python(3\.\d+)", name)
        if exact:
            return any(
                re.match(rf"python{exact[1]}(-|$)|python{exact[1].replace('.', '')}(-|$)", each)
                for each in self.packages
            )
        name = "R" if name in ("Rscript", "r") else name
        for pattern, brought in BRINGS:
            if name == brought and any(re.fullmatch(pattern, each) for each in self.packages):
                musl_python = name == "python" and self.base.musl
                return not (musl_python and "python3" not in self.packages)
        if name == "python" and self.base.musl:
            return "python3" in self.packages
        return any(each == name for each in self.packages)

    def is_called(self, name: str) -> bool:
        """Whether a RUN calls the program itself, or python's pip."""
        names = {name}
        if PYTHON_NAME.fullmatch(name) and not self.packages_bring("python3"):
            names |= {"pip", "pip3"}
        return any(words[0] in names for _, words in self.commands)


def echoed(words: list[str]) -> str | None:
    """Return what echo or printf prints; None for another command."""
    if words[:1] not in (["echo"], ["printf"]):
        return None
    plain = [unquoted(word) for word in words[1:]]
    plain = [word for word in plain if word not in ("-e", "-n", "-ne", "-en", "%s\\n")]
    text = "\n".join(plain) if words[0] == "printf" else " ".join(plain)
    return text.replace("\\n", "\n") + "\n"


def quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
