"""Say what in this repository is known to break a training job, without building anything.

    python3 tools check [--strict] [--format text|github|json] [FOLDER]
    python3 tools check --explain RULE

A finding is one line, `file:line: rule: what is wrong: what to write instead (clause)`. Clause
numbers (C1, ...) are those of docs/contract.md of the template that made this repository. Errors
are what fails on SageMaker or lies to the reader; warnings, which count with --strict, are what
works but is fragile or against AWS's guide. A comment on the line before excuses one finding:

    # check: allow RULE the reason

Only reads. Needs Python 3.9. Exit code: 0, 1 for findings, 2 for usage.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import posixpath
import re
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from check.dockerfile import (
    LONGEST_VALUE,
    DockerfileError,
    Instruction,
    Stage,
    absolute,
    build,
    expand,
    is_within,
    matches,
    read_dockerfile,
)

# ---- The repository -------------------------------------------------------------------------


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
# Folders that hold nothing of the author's.
NOT_OURS = {".git", ".venv", "venv", "runs", "target", "node_modules", "__pycache__", "renv"}
LONGEST_FILE = 1_000_000


@dataclass
class Repository:
    """What the rules look at: the files, the Dockerfile's stages, the request, the language."""

    folder: Path
    names: list[str]
    texts: dict[str, str]  # of text files
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


def read_repository(folder: Path) -> Repository:
    """Read all that the rules look at; what can't be read becomes a finding."""
    names = []
    texts = {}
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            each
            for each in folders
            if each not in NOT_OURS and (not each.startswith(".") or each == ".github")
        )
        for file in sorted(files):
            path = Path(place, file)
            name = path.relative_to(folder).as_posix()
            names.append(name)
            text = read_text(path)
            if text is not None:
                texts[name] = text
    repository = Repository(folder, names, texts)
    found = [each for each in LANGUAGES if each.marker in names]
    read_request(repository)
    read_image(repository)
    repository.language = found[0] if found else None
    if len(found) > 1 and repository.image and repository.image.entrypoint:
        # Of two, the one that ENTRYPOINT names.
        words = repository.image.entrypoint.rest
        named = [each for each in found if re.search(rf"\b({each.interpreter})\b", words)]
        repository.language = (named or found)[0]
    return repository


def read_text(path: Path) -> str | None:
    """Return the text of a file; None for what is large, binary or no file (a pipe would hang)."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > LONGEST_FILE:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return None if b"\0" in content else content.decode("utf-8", errors="replace")


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
        repository.stages = build(instructions, docker_context(repository))
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


# ---- The rules ------------------------------------------------------------------------------


class Finding(NamedTuple):
    file: str
    line: int
    rule: str
    severity: str
    message: str


class Rule(NamedTuple):
    severity: str
    clauses: str
    find: object  # Repository → (file, line, what is wrong and what to write instead)
    lesson: str


RULES: dict[str, Rule] = {}
Found = Iterator[tuple[str, int, str]]
DOCKERFILE = "Dockerfile"
JOB = "training-job.json"


def rule(severity: str, *clauses: str) -> object:
    """Register a rule: its id is the function's name, its docstring is what --explain prints."""

    def register(function: object) -> object:
        lesson = re.sub(r"\s+", " ", function.__doc__).strip()
        name = function.__name__.replace("_", "-")
        RULES[name] = Rule(severity, ", ".join(clauses), function, lesson)
        return function

    return register


class Command(NamedTuple):
    """What ENTRYPOINT starts, an init and `env` in front taken off."""

    init: str
    launcher: str  # the first word, "" for none
    script: str  # the program's file or class, "" where none was recognized
    arguments: list[str]  # those behind the program
    words: list[str]


TINI = ("tini", "tini-static", "docker-init")
INITS = ("dumb-init", "catatonit", "s6-svscan", "supervisord", "my_init", "runsvdir", "systemd")
SHELLS = ("sh", "bash", "dash", "ash", "zsh", "ksh", "busybox")
WITH_VALUE = ("-cp", "-classpath", "--class-path", "-W", "-X", "--encoding")


def command(words: Sequence[str]) -> Command:
    """Take the words of an ENTRYPOINT apart."""
    rest = list(words)
    init = ""
    while rest:
        name = posixpath.basename(rest[0])
        if name in TINI + INITS or rest[0] == "/init":
            init = init or name
            rest.pop(0)
            while rest and rest[0].startswith("-"):
                if rest.pop(0) == "--":
                    break
        elif name == "env":
            rest.pop(0)
            while rest and (rest[0].startswith("-") or "=" in rest[0]):
                rest.pop(0)
        else:
            break
    if not rest:
        return Command(init, "", "", [], [])
    launcher = posixpath.basename(rest[0])
    extensions = tuple(each for language in LANGUAGES for each in language.extensions)
    position = 1
    if any(re.fullmatch(each.interpreter, launcher) for each in LANGUAGES):
        while position < len(rest) and rest[position].startswith(("-", "@")):
            option = rest[position]
            if option in ("-jar", "-f", "-m") and position + 1 < len(rest):
                position += 1
                break
            if option in ("-c", "-e"):
                return Command(init, launcher, "", [], rest)
            position += 2 if option in WITH_VALUE else 1
    elif not rest[0].endswith(extensions):
        named = [each for each in range(1, len(rest)) if rest[each].endswith(extensions)]
        position = named[0] if named else len(rest)
    else:
        position = 0
    script = rest[position] if position < len(rest) else ""
    if launcher == "R" and script == "CMD":  # R CMD BATCH: its log goes to a file
        script, position = "", len(rest)
    return Command(init, launcher, script, rest[position + 1 :], rest)


def started(repository: Repository) -> Command | None:
    """Return what the image's exec-form ENTRYPOINT starts, if it has one."""
    image = repository.image
    if not image or not image.entrypoint or not image.entrypoint.json:
        return None
    return command(image.entrypoint.json)


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


# Errors of ENTRYPOINT


@rule("error", "C1")
def entrypoint_missing(repository: Repository) -> Found:
    """SageMaker runs `docker run IMAGE train`. Without an ENTRYPOINT, "train" is a program that
    must lie on the PATH with its x bit set, or goes to whatever ENTRYPOINT the base image has;
    most often the job ends with `exec: "train": executable file not found in $PATH`. Name the
    program in the final stage: ENTRYPOINT ["python", "train.py"]. A stage other than the last
    does not count, unless the last is made FROM it."""
    image = repository.image
    if image and not (image.entrypoint and image.entrypoint.words) and not image.cmd:
        what = "the final stage has no ENTRYPOINT, so `docker run IMAGE train` looks for a program "
        what += f'called "train", or runs what the base image names: {repository.advice}'
        if image.entrypoint:
            yield DOCKERFILE, image.entrypoint.line, what.replace("has no", "has an empty")
        else:
            yield DOCKERFILE, image.start.line, what


@rule("error", "C1", "C2")
def cmd_as_entrypoint(repository: Repository) -> Found:
    """SageMaker puts the word "train" behind the image's name, and in Docker that replaces CMD.
    A program named in CMD is therefore never run by a training job, though `docker run IMAGE`
    on a laptop runs it. Write the program as ENTRYPOINT, to which "train" is added."""
    image = repository.image
    if image and image.cmd and not (image.entrypoint and image.entrypoint.words):
        what = (
            'CMD stands in the place of ENTRYPOINT, and SageMaker replaces it by the word "train"'
        )
        yield DOCKERFILE, image.cmd.line, f"{what}: {repository.advice}"


@rule("error", "C4")
def shell_form(repository: Repository) -> Found:
    """ENTRYPOINT without brackets runs `/bin/sh -c "…" train`: the shell is process 1 and takes
    the word "train" for itself; the program neither sees it nor receives SIGTERM when the job
    is stopped. The exec form is a JSON list: double quotes, a comma between words."""
    image = repository.image
    if image and image.entrypoint and image.entrypoint.json is None and image.entrypoint.rest:
        what = 'ENTRYPOINT is in shell form, so neither "train" nor SIGTERM reaches the program'
        if image.entrypoint.rest.startswith("["):
            what = "ENTRYPOINT is no valid JSON list (double quotes, a comma between words), so "
            what += 'Docker takes it for shell form, and neither "train" nor SIGTERM reaches it'
        yield DOCKERFILE, image.entrypoint.line, f"{what}: {repository.advice}"


@rule("error", "C4", "C6")
def shell_wrapper(repository: Repository) -> Found:
    """Stopping a job sends SIGTERM to process 1 alone. Where that is a shell that waits for the
    program, the program learns nothing, is killed after 120 seconds, and the model is lost.
    Name the program itself in ENTRYPOINT; what a script prepared belongs into RUN and ENV. A
    script that must stay ends with `exec program "$@"`, which is accepted."""
    start = started(repository)
    if not start:
        return
    script = start.words[0] if start.words else ""
    inline = ""
    if start.launcher in SHELLS:
        rest = start.words[2 if start.launcher == "busybox" else 1 :]
        flags = [each for each in rest if re.fullmatch(r"-\w*c\w*", each)]
        plain = [each for each in rest if not each.startswith("-")]
        script = "" if flags or not plain else plain[0]
        inline = plain[0] if flags and len(plain) > 1 else ""  # with a word for $0
    elif not script.endswith((".sh", ".bash")):
        name = repository.image.files.get(repository.image.path(script), "")
        first = repository.texts.get(name, "").partition("\n")[0]
        if "/" not in script or not re.match(r"#!.*\b(ba|da|a|z|k)?sh\b", first):
            return
    name = repository.image.files.get(repository.image.path(script), "") if script else ""
    lines = [*filter(None, map(str.strip, (inline or repository.texts.get(name, "")).split("\n")))]
    last = re.split(r"&&|;", lines[-1])[-1].strip() if lines else ""
    if last.startswith("exec ") and "$@" in last:
        return
    what = "ENTRYPOINT starts a shell, and SIGTERM reaches that alone: name the program itself, "
    what += f'{repository.advice}, or end the script with exec program "$@"'
    yield DOCKERFILE, repository.image.entrypoint.line, what


@rule("error", "C7")
def tini(repository: Repository) -> Found:
    """AWS's guide: "You can't use the tini initializer as your entry point script in SageMaker
    containers because it gets confused by the train and serve arguments." Under plain docker
    tini does work where a program follows it; without one it looks for a program called
    "train". Let ENTRYPOINT begin with the program. A base image may bring tini in its own
    ENTRYPOINT; yours replaces it."""
    start = started(repository)
    if start and start.init in TINI:
        what = f"ENTRYPOINT begins with {start.init}, which AWS's guide rules out"
        yield DOCKERFILE, repository.image.entrypoint.line, f"{what}: {repository.advice}"


@rule("error", "C22", "C2")
def serve_argument(repository: Repository) -> Found:
    """Words in ENTRYPOINT come before the "train" that SageMaker adds: ["python", "train.py",
    "serve"] starts `python train.py serve train`. "serve" is the word for hosting; a training
    job must not give it, and the program of this repository refuses it."""
    start = started(repository)
    if start and {"serve", "server"} & {*start.words[1:]}:
        word = next(each for each in start.words[1:] if each in ("serve", "server"))
        what = f'ENTRYPOINT gives the argument "{word}", which comes before SageMaker\'s "train"'
        yield DOCKERFILE, repository.image.entrypoint.line, f"{what}: {repository.advice}"
    specification = repository.request.get("AlgorithmSpecification")
    words = specification.get("ContainerArguments") if isinstance(specification, dict) else None
    if isinstance(words, list) and {"serve", "server"} & {str(each) for each in words}:
        line = repository.line_of(JOB, "ContainerArguments")
        yield JOB, line, 'ContainerArguments hands "serve" to a training job: write ["train"]'


@rule("error", "C1")
def other_program(repository: Repository) -> Found:
    """ENTRYPOINT should start the training program of this repository's language. A first word
    that is neither its interpreter nor a file that the Dockerfile lays into the image, or the
    interpreter of another language, is most often left over from the example it was copied
    from. A launcher such as torchrun is accepted where the program's file stands behind it."""
    start, language = started(repository), repository.language
    if not start or not language or start.launcher in SHELLS:
        return
    image, line = repository.image, repository.image.entrypoint.line
    shown = " ".join(start.words)
    if not start.words:
        yield DOCKERFILE, line, f"ENTRYPOINT names an init and no program: {language.advice}"
        return
    if len(start.words) == 1 and re.search(r"\s", start.words[0]):
        what = f'ENTRYPOINT holds "{shown}" in one string, which Docker takes for one file name'
        yield DOCKERFILE, line, f"{what}: {language.advice}"
        return
    for other in LANGUAGES:
        foreign = re.fullmatch(other.interpreter, start.launcher)
        foreign = foreign or start.script.endswith(other.extensions)
        if other is not language and foreign:
            what = f'ENTRYPOINT runs "{shown}", and this is a repository in {language.name}'
            yield DOCKERFILE, line, f"{what}: {language.advice}"
            return
    known = re.fullmatch(language.interpreter, start.launcher)
    if known and not start.script and not {"-c", "-e"} & {*start.words}:
        what = f'ENTRYPOINT runs "{shown}" without a program, which then takes "train" for one'
        yield DOCKERFILE, line, f"{what}: {language.advice}"
    if known or start.script:
        return
    first = start.words[0]
    folders = image.variables.get("PATH", "").split(":")
    folders = [*folders, "/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin"]
    paths = [image.path(first)] if "/" in first else [f"{each}/{first}" for each in folders]
    if any(path in image.files or may_hold(image, path) for path in paths):
        return
    what = f'ENTRYPOINT runs "{shown}", which is not the {language.name} program of this repository'
    yield DOCKERFILE, line, f"{what}: {language.advice}"


def may_hold(image: Stage, path: str) -> bool:
    """Whether a file may lie there that a RUN made or another image brought."""
    if any(is_within(path, folder) for folder in image.unknown):
        return True
    name = re.escape(posixpath.basename(path))
    verbs = r"\b(cp|mv|ln|install|curl|wget|tee|cat|printf|echo|tar|unzip|rsync)\b|>"
    for each in image.instructions:
        if each.name != "RUN":
            continue
        text = " ".join([each.rest, *(body for _, body in each.heredocs)])
        if re.search(rf"\b{name}\b", text) and re.search(verbs, text):
            return True
        if re.search(r"\bgit clone\b|\b(pip|uv)3? .*install .*\.( |$)", text):
            return True
        if path.endswith(".jar") and re.search(r"\b(mvnw?|gradlew?|jar|ant|sbt)\b", text):
            return True
    return False


@rule("error", "C1", "C14")
def program_place(repository: Repository) -> Found:
    """A relative path in ENTRYPOINT is looked for in WORKDIR, a bare first word on the PATH.
    The check follows COPY, ADD and WORKDIR through the stages and says where the program lies
    instead, or that nothing brings it. The exec form expands no $VARIABLE."""
    start, image, language = started(repository), repository.image, repository.language
    if not start or not language or not start.words or any(other_program(repository)):
        return
    line = image.entrypoint.line
    script = start.script
    variable = next((each for each in start.words if re.search(r"\$\{?\w", each)), None)
    if variable and start.launcher not in SHELLS:
        what = f'ENTRYPOINT names "{variable}", and the exec form puts no value there'
        yield DOCKERFILE, line, f"{what}: write the path itself"
        return
    if start.launcher in SHELLS:
        return
    if not script and "/" in start.words[0]:
        return
    if start.launcher == "java" and script.endswith(".jar") and "-jar" not in start.words:
        what = f'java takes "{script}" for the name of a class'
        yield DOCKERFILE, line, f"{what}: {language.advice}"
        return
    wanted = [image.path(script)] if script else []
    if "-m" in start.words and language.name == "Python":
        module = script.replace(".", "/")
        wanted = [image.path(f"{module}.py"), image.path(f"{module}/__main__.py")]
    elif language.name == "Java" and "-jar" not in start.words:
        options = ("-cp", "-classpath", "--class-path")
        at = [start.words.index(each) + 1 for each in options if each in start.words]
        classes = start.words[at[0]] if at else image.variables.get("CLASSPATH", ".")
        entries = classes.split(":")
        # A jar, all jars of a folder (lib/*), or the folder of the class's own file.
        file = f"{script.replace('.', '/')}.class"
        jar = re.compile(r"\.jar$|\*$")
        wanted = [each.rstrip("*") if jar.search(each) else f"{each}/{file}" for each in entries]
        wanted = [image.path(each) for each in wanted]
        wanted = [] if any(is_within(f, w) for f in image.files for w in wanted) else wanted
    if not script or not wanted:
        return
    if script == start.words[0] and "/" not in script:
        what = f'ENTRYPOINT names "{script}" alone, which is looked for on the PATH, not in WORKDIR'
        yield DOCKERFILE, line, f"{what}: {language.advice}"
        return
    if any(path in image.files or may_hold(image, path) for path in wanted):
        return
    if "$" in wanted[0]:
        what = f"the check can't tell where {script} is looked for, since WORKDIR holds {wanted[0]}"
        yield DOCKERFILE, line, f"{what}: write the path itself"
        return
    name = posixpath.basename(wanted[0])
    elsewhere = sorted(path for path in image.files if posixpath.basename(path) == name)
    what = f"ENTRYPOINT looks for {wanted[0]}, and "
    if elsewhere:
        folder = posixpath.dirname(wanted[0])
        what += f"the Dockerfile lays it at {elsewhere[0]}: copy it to {folder}/, or mend WORKDIR"
    else:
        what += "no COPY of the final stage brings it: copy the program there"
        near = difflib.get_close_matches(name, map(posixpath.basename, image.files), 1)
        what += f" (there is {near[0]})" if near else ""
    yield DOCKERFILE, line, what


@rule("error", "C1")
def not_executable(repository: Repository) -> Found:
    """A file that ENTRYPOINT starts itself, without an interpreter before it, needs the x bit
    and a first line `#!…`. A checkout on Windows or a zip loses the bit; COPY --chmod=0755 sets
    it in the image. Where this file system keeps no modes, git's index is asked, and without
    git the rule is skipped."""
    start, image = started(repository), repository.image
    if not start or not start.words or "/" not in start.words[0]:
        return
    path = image.path(start.words[0])
    name = image.files.get(path, "")
    text = repository.texts.get(name)
    if text is None:
        return
    line = image.entrypoint.line
    if not text.startswith("#!"):
        what = f'{name} is started by itself and has no "#!" line'
        yield DOCKERFILE, line, f"{what}: {repository.advice}"
    runs = " ".join(each.rest for each in own_instructions(repository, "RUN"))
    flags = [each.flag("chmod") for each, _, _ in image.copies]
    if (
        not re.search(r"\bchmod\b", runs)
        and not any(flags)
        and is_executable(repository, name) is False
    ):
        what = f"{name} is started by itself and is not executable"
        yield DOCKERFILE, line, f"{what}: write COPY --chmod=0755, or {repository.advice[6:]}"


def is_executable(repository: Repository, name: str) -> bool | None:
    """Return the x bit; from git's index, or None, where the file system keeps no modes."""
    modes = {}
    for each in repository.names:
        if each in repository.texts:
            modes[each] = bool((repository.folder / each).stat().st_mode & 0o111)
    programs = [each for each in modes if repository.texts[each].startswith("#!")]
    keeps = any(modes[each] for each in programs) and not all(modes.values())
    if keeps and os.name != "nt":
        return modes[name]
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--stage", "--", name],
            cwd=repository.folder,
            capture_output=True,
            encoding="utf-8",
            timeout=10,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return listed.startswith("100755") if listed else None


# Errors of what is in the image

DATA_NAME = re.compile(
    r"SM_CHANNELS?(_\w+)?"
    r"|(\w+_)?CHANNEL(_(DIR|PATH|NAME))?"
    r"|((INPUT|TRAIN|TRAINING|VALID|VALIDATION|TEST|EVAL|RAW)_?)?(DATA|DATASET|INPUT)"
    r"(_?(DIR|PATH|FILE|FOLDER|URI|URL|ROOT|S3|LOCATION|BUCKET|PREFIX))?"
    r"|(TRAIN|TRAINING|VALID|VALIDATION|TEST|EVAL)_?(DIR|PATH|FILE|FOLDER|URI|CSV)"
)


@rule("error", "C32", "C25")
def data_path(repository: Repository) -> Found:
    """The job says which channels there are, the service mounts them at
    /opt/ml/input/data/CHANNEL, and the program finds their names in inputdataconfig.json. A
    path that ARG or ENV bakes into the image, or that ENTRYPOINT hands over, is true for one
    job at most: the next one renames a channel and trains on nothing, or on something else.
    Read the channel in the program."""
    instead = "remove it, and let the program read the channels of inputdataconfig.json"
    for each, name, value in settings(repository):
        if re.search(r"/opt/ml/input|^s3://", value) or DATA_NAME.fullmatch(name.upper()):
            what = f"{each.name} {name} bakes the place of data into the image"
            yield DOCKERFILE, each.line, f"{what}: {instead}"
    start = started(repository)
    for word in start.words if start else ():
        if re.search(r"/opt/ml/input/data|s3://", word):
            what = f'ENTRYPOINT hands over the path "{word}" on every job'
            yield DOCKERFILE, repository.image.entrypoint.line, f"{what}: {instead}"


@rule("error", "C24", "C25")
def data_copied(repository: Repository) -> Found:
    """Data in the image is old the day after, makes each pull slower, and hides that a channel
    is missing. Keep data/ for local runs, which mount it as the service mounts channels, and
    copy the program only: COPY training/ ./"""
    if not repository.image:
        return
    image = repository.image
    for each, target, sources in image.copies:
        if each.flag("from") is not None or each.heredocs:
            continue
        tops = [posixpath.normpath("/" + source).split("/")[1] for source in sources]
        named = any(re.fullmatch(r"data|datasets?", top) for top in tops)
        whole = "" in tops and any(name.startswith("data/") for name in image.files.values())
        if named or whole:
            what = f"{each.name} {' '.join(sources)} brings the data into the image at {target}"
            what += ": leave it out, a job mounts its channels under /opt/ml/input/data"
            yield DOCKERFILE, each.line, what


def mounted(repository: Repository) -> list[str]:
    """The folders that the service mounts."""
    config = repository.request.get("CheckpointConfig")
    local = config.get("LocalPath") if isinstance(config, dict) else None
    folders = ["/opt/ml/input", "/opt/ml/model", "/opt/ml/output", "/opt/ml/checkpoints"]
    return [*folders, *([absolute(local)] if isinstance(local, str) and len(local) > 1 else [])]


@rule("error", "C24")
def opt_ml_covered(repository: Repository) -> Found:
    """/opt/ml belongs to SageMaker, which mounts input, model, output and checkpoints in it:
    what the image has there "may no longer be visible during training" (AWS's guide). A VOLUME
    there lies over the mount's place too. AWS itself copies code to /opt/ml/code, the one
    folder to use."""
    if not repository.image:
        return
    folders = mounted(repository)
    for each, target, _ in repository.image.copies:
        if target == "/opt/ml" or any(is_within(target, folder) for folder in folders):
            what = f"{each.name} writes to {target}, which SageMaker keeps for its own mounts"
            yield DOCKERFILE, each.line, f"{what}: copy the program to /opt/ml/code/"
    for each in own_instructions(repository, "VOLUME"):
        for word in each.words:
            path = absolute(expand(word, repository.image.variables, each.escape))
            if path in ("/opt", "/opt/ml") or any(is_within(path, folder) for folder in folders):
                what = f"VOLUME {path} lies where SageMaker mounts its folders"
                yield DOCKERFILE, each.line, f"{what}: remove it"


@rule("error", "C84")
def base_tag(repository: Repository) -> Found:
    """Without a tag an image's name means :latest, which is another image next month: the same
    commit then builds something else, or nothing. Write a version, FROM python:3.13-slim, or a
    digest, FROM name:tag@sha256:…, which never moves."""
    names = {each.name for each in repository.stages if each.name}
    used = [(stage.start, stage.base) for stage in repository.stages if not stage.parent]
    for stage in repository.stages:
        for each in stage.instructions:
            origin = each.flag("from") if each.name in ("ADD", "COPY") else None
            origin = expand(origin, stage.variables, each.escape) if origin else None
            known = origin is None or origin.isdigit() or origin.lower() in names
            if not known and (each, origin) not in used:
                used.append((each, origin))
    for each, image in used:
        name, _, digest = image.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if image == "scratch" or re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            continue
        if "$" in image or not image:
            what = f'the image "{image}" has a variable without a value: give its ARG a default'
        elif digest:
            what = f"{image} has a digest that is none: write @sha256: and 64 digits"
        elif tag in ("", "latest"):
            missing = "has no tag, which means latest" if not tag else "has the tag latest"
            what = f"{image} {missing}, another image with time: write a version or a digest"
        else:
            continue
        yield DOCKERFILE, each.line, what


@rule("error", "C82")
def architecture(repository: Repository) -> Found:
    """SageMaker's training instances are x86-64, all but ml.p6e-gb200.36xlarge: an image for
    another processor ends with `exec format error`. PLATFORM=linux/arm64 on the command line of
    make is for a laptop's own use; what the repository says must be linux/amd64."""
    resources = repository.request.get("ResourceConfig")
    machine = resources.get("InstanceType") if isinstance(resources, dict) else None
    arm = isinstance(machine, str) and machine.startswith("ml.p6e-gb200")
    right = r"linux/(arm64|aarch64)(/v8)?" if arm else r"(linux/)?(amd64|x86[_-]64)(/v[1-4])?"
    wanted = "linux/arm64" if arm else "linux/amd64"
    foreign = r"(^|[/_-])(amd64|x86_64)" if arm else r"(^|/)(arm(32|64)v\d|aarch64|ppc64le|s390x)/"
    foreign += "" if arm else r"|[:_-](arm64(v8)?|aarch64)\b"
    if repository.image:
        root = repository.image.root
        known = root.platform and "$" not in root.platform
        if known and not re.fullmatch(right, root.platform, re.IGNORECASE):
            what = f"the image is made for {root.platform}, which the job's instance can't run"
            yield DOCKERFILE, root.start.line, f"{what}: write {wanted}"
        if re.search(foreign, root.base):
            what = f"{root.base} is a base for another processor than the job's instance has"
            yield DOCKERFILE, root.start.line, f"{what}: take the one for {wanted}"
    for number, line in enumerate(repository.texts.get("Makefile", "").splitlines(), 1):
        found = re.match(r"(?:export )?PLATFORM\s*[:?]*=\s*(\S+)", line)
        found = found or re.search(r"^\s*[^#\s].*--platform[= ]([\w/]+)", line)
        if found and not re.fullmatch(right, found[1], re.IGNORECASE):
            what = f"the image is built for {found[1]}, which the job's instance can't run"
            yield "Makefile", number, f"{what}: write {wanted}"


SECRET_NAME = re.compile(
    r"(\w+_)?(PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRETS|API_?KEY|ACCESS_KEY(_ID)?|SECRET_KEY|"
    r"PRIVATE_KEY|CREDENTIALS?|AUTH_TOKEN|SESSION_TOKEN|ACCESS_TOKEN|SECRET_ACCESS_KEY|PAT)"
    r"|(?!(PAD|EOS|BOS|UNK|MASK|SEP|CLS|STOP|START)_)(\w+_)?TOKEN"
)
SECRET_VALUE = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}|\bhf_[A-Za-z]{30,}|\bglpat-[\w-]{20}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@$]{1,99}:[^/\s:@$]{1,99}@"
)


@rule("error", "C78")
def secret(repository: Repository) -> Found:
    """Whoever can pull the image reads each ENV, and with `docker history` each ARG. SageMaker
    gives a job its role's credentials at run time, so no AWS key is needed in the image. A
    package index that asks for a password: RUN --mount=type=secret."""
    instead = "remove it; for the build use RUN --mount=type=secret, at run time the job's role"
    for each, name, value in settings(repository):
        if SECRET_NAME.fullmatch(name.upper()) or SECRET_VALUE.search(value):
            what = f"{each.name} {name} can be read by all who have the image"
            yield DOCKERFILE, each.line, f"{what}: {instead}"
    for each in own_instructions(repository, "RUN", "CMD", "ENTRYPOINT", "LABEL"):
        if SECRET_VALUE.search(each.rest):
            what = f"{each.name} holds what looks like a secret"
            yield DOCKERFILE, each.line, f"{what}: {instead}"
    for name, text in repository.texts.items():
        found = SECRET_VALUE.search(text) if name != DOCKERFILE else None
        if found:
            line = text.count("\n", 0, found.start()) + 1
            yield name, line, f"the file holds what looks like a secret: {instead}"
    for each, _, sources in repository.image.copies if repository.image else ():
        for source in sources if each.flag("from") is None else ():
            if re.search(
                r"(^|/)(\.env|\.aws|\.netrc|\.ssh|id_rsa|credentials|[^/]*\.pem)(/|$)", source
            ):
                what = f"{each.name} brings {source} into the image: {instead}"
                yield DOCKERFILE, each.line, what


@rule("error", "C88")
def nvidia_driver(repository: Repository) -> Found:
    """AWS's guide: "Include only the CUDA toolkit on containers; don't bundle NVIDIA drivers
    with the image." The driver is the host's and is mounted into the container. Take an
    nvidia/cuda base, or the packages of the toolkit (cuda-toolkit-12-4, cuda-runtime
    libraries)."""
    packages = (
        r"nvidia-(driver|headless|dkms|kernel|utils|open)[\w.-]*|libnvidia-(?!container)[\w.-]+"
        r"|libcuda1[\w.-]*|cuda-drivers[\w.-]*|NVIDIA-Linux-[\w.-]+\.run"
    )
    for each in own_instructions(repository, "RUN", "COPY", "ADD"):
        text = " ".join([each.rest, *(body for _, body in each.heredocs)])
        found = re.search(rf"(?<![\w.-])({packages})", text)
        if found:
            what = f"{each.name} brings {found[0]}, a part of the NVIDIA driver, into the image"
            yield DOCKERFILE, each.line, f"{what}: leave it out, the driver is the host's"


# Errors of the files


@rule("error", "C3")
def crlf(repository: Repository) -> Found:
    """With line ends of Windows the first line of a script names an interpreter whose name ends
    in a carriage return; the container says `no such file or directory`, though the file is
    there. .gitattributes with `* text=auto eol=lf` keeps them out; `git add --renormalize .`
    mends."""
    ends = re.compile(r"\.(sh|py|[Rrc]|java|xml|json|txt|in|toml|ya?ml)$|^[^.]+$|^\.\w+$")
    for name, text in repository.texts.items():
        top, _, file = name.rpartition("/")
        ours = ends.search(file) or text.startswith("#!")
        content = (repository.folder / name).read_bytes()
        if ours and not is_within(top, "data") and b"\r\n" in content:
            line = content[: content.index(b"\r\n")].count(b"\n") + 1
            what = "line ends are those of Windows (CRLF), which break scripts in a container"
            yield name, line, f"{what}: save it with LF, or run git add --renormalize ."


@rule("error", "C27")
def json_invalid(repository: Repository) -> Found:
    """What can't be read as JSON is not sent. JSON has no comments, no comma behind the last
    item, double quotes only, and a name once: of two equal names all but the last are dropped
    silently."""
    for name, text in repository.texts.items():
        if not name.endswith(".json"):
            continue
        doubled: list[str] = []

        def unique(pairs: list[tuple[str, object]], doubled: list[str] = doubled) -> dict:
            counted = Counter(key for key, _ in pairs)
            doubled.extend(key for key, times in counted.items() if times > 1)
            return dict(pairs)

        try:
            json.loads(text, object_pairs_hook=unique)
        except json.JSONDecodeError as error:
            what = f"it is no valid JSON ({error.msg}, column {error.colno}): mend it"
            yield name, error.lineno, what
        except (ValueError, RecursionError):
            yield name, 1, "it is no JSON that can be read: mend it"
        for key in doubled:
            line = text.count("\n", 0, max(0, text.rfind(json.dumps(key)))) + 1
            yield name, line, f'"{key}" stands there twice, and the last one wins: remove one'


@rule("error", "C27", "C29")
def hyperparameter(repository: Repository) -> Found:
    """The API takes strings only: "rounds": "100", also for numbers, booleans and lists, which
    the program converts. At most 100, names up to 256 characters, values up to 2,500."""
    values = repository.request.get("HyperParameters", {})
    if not isinstance(values, dict):
        line = repository.line_of(JOB, "HyperParameters")
        yield JOB, line, "HyperParameters must be an object of strings: write {}"
        return
    for name, value in values.items():
        line = repository.line_of(JOB, "HyperParameters", name)
        if not isinstance(value, str):
            written = json.dumps(value) if not isinstance(value, float) else repr(value)
            what = f'the hyperparameter "{name}" is no string: write {json.dumps(written)}'
            yield JOB, line, what
        elif len(name) > 256 or len(value) > 2500:
            what = f'the hyperparameter "{name[:40]}" is longer than the API takes'
            yield JOB, line, f"{what}: put it into a file of a channel"
    if len(values) > 100:
        what = "there are more than 100 hyperparameters: put them into a file of a channel"
        yield JOB, repository.line_of(JOB, "HyperParameters"), what


@rule("error", "C94")
def metric(repository: Repository) -> Found:
    """SageMaker searches the log with each Regex and takes what its one group matches as the
    value: "loss=([-+.0-9e]+)". Without a group there is no value; with two it is unclear which.
    In JSON a backslash is written twice. At most 40, up to 500 characters each."""
    specification = repository.request.get("AlgorithmSpecification")
    definitions = (
        specification.get("MetricDefinitions") if isinstance(specification, dict) else None
    )
    if not isinstance(definitions, list):
        return
    for each in definitions:
        name = each.get("Name") if isinstance(each, dict) else None
        pattern = each.get("Regex") if isinstance(each, dict) else None
        if not isinstance(name, str) or not isinstance(pattern, str):
            line = repository.line_of(JOB, "MetricDefinitions")
            yield JOB, line, "a metric is no {Name, Regex} of two strings: write both"
            continue
        line = repository.line_of(JOB, "MetricDefinitions", name)
        if len(pattern) > 500:
            yield JOB, line, f'the Regex of "{name}" is longer than 500 characters: shorten it'
            continue
        try:
            groups = re.compile(pattern).groups
        except (re.error, RecursionError, OverflowError) as error:
            yield JOB, line, f'the Regex of "{name}" does not compile ({error}): mend it'
            continue
        if groups != 1:
            number = "no group" if not groups else f"{groups} groups"
            what = (
                f'the Regex of "{name}" has {number}: put one pair of parentheses around the value'
            )
            yield JOB, line, f"{what}, (?:…) around what is only grouped"


@rule("error", "C42", "C19")
def channel(repository: Repository) -> Found:
    """A channel's name is a folder under /opt/ml/input/data. The API takes 1 to 64 of letters,
    digits, ".", "-" and "_", at most 20 channels; SDK v3 makes a shell variable of the name,
    which "-" and "." break, and keeps code and sm_drivers for itself."""
    channels = repository.request.get("InputDataConfig", [])
    if not isinstance(channels, list) or (not channels and "InputDataConfig" in repository.request):
        line = repository.line_of(JOB, "InputDataConfig")
        yield JOB, line, "InputDataConfig must be a list of 1 to 20 channels: leave it out for none"
        return
    seen = set()
    for each in channels:
        name = each.get("ChannelName") if isinstance(each, dict) else None
        if not isinstance(name, str):
            line = repository.line_of(JOB, "InputDataConfig")
            yield JOB, line, "a channel has no ChannelName: give it one"
            continue
        line = repository.line_of(JOB, "InputDataConfig", name)
        simple = re.sub(r"\W", "_", name, flags=re.ASCII)[:64] or "training"
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
            yield JOB, line, f'the API refuses the channel name "{name}": write "{simple}"'
        elif not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            simple = simple if not simple[0].isdigit() else f"_{simple}"
            what = f'SDK v3 fails with the channel name "{name}", which is no name of a variable'
            yield JOB, line, f'{what}: write "{simple}"'
        elif name in ("code", "sm_drivers") or name.startswith("sagemaker_"):
            what = f'the SDKs keep the channel name "{name}" for themselves'
            yield JOB, line, f"{what}: choose another"
        elif name in seen:
            yield JOB, line, f'two channels are called "{name}": rename one'
        seen.add(name)
    if len(channels) > 20:
        line = repository.line_of(JOB, "InputDataConfig")
        yield JOB, line, "there are more than 20 channels: put some together"


@rule("error")
def template_syntax(repository: Repository) -> Found:
    """This repository was made from a template; braces and the name of the template's tool in a
    file mean that something was copied over unrendered. Write what should stand there."""
    blocks = "if|else|elif|endif|for|endfor|set|raw|endraw|block|include|macro"
    pattern = re.compile(rf"[{{]{{\s*-?\s*cookie[c]utter|[{{][%]-?\s*({blocks})\b|[{{]=[#]")
    for name, text in repository.texts.items():
        found = pattern.search(text)
        if found and not re.search(r"\.(html?|j2|jinja2?|tmpl|mustache)$", name):
            line = text.count("\n", 0, found.start()) + 1
            yield name, line, f'"{found[0]}" is template syntax: write what should stand there'
        if "cookie" + "cutter." in name:
            yield name, 1, "the file's name is template syntax: rename it"


@rule("error")
def merge_marker(repository: Repository) -> Found:
    """A merge, or an update of the template, found two versions and left both. Choose one, and
    remove the lines of seven <, = and >. A file.rej holds what an update could
    not apply."""
    for name, text in repository.texts.items():
        found = re.search(r"^(<{7}|>{7}|\|{7})( .*)?$", text, re.MULTILINE)
        if found:
            line = text.count("\n", 0, found.start()) + 1
            what = f"a merge left its marker {found[1]}: choose a version, remove the rest"
            yield name, line, what
        if name.endswith((".rej", ".orig")):
            yield name, 1, "a merge left this file: apply what it holds, then remove it"


@rule("error")
def other_language(repository: Repository) -> Found:
    """A repository is in one language. Files of another one are left over from a generation
    over an old folder, or from hooks that did not run; whoever reads them believes that they
    count."""
    language = repository.language
    if not language:
        markers = ", ".join(each.marker for each in LANGUAGES)
        what = f"this is no repository in Python, R or Java, since none of {markers} is there"
        yield DOCKERFILE, 1, f"{what}: give the program that name"
        return
    files = {"packages.txt": "R", "pom.xml": "Java", "checkstyle.xml": "Java", ".lintr": "R"}
    for stem in ("train", "model", "opt_ml"):
        files[f"training/{stem}.py"] = "Python"
        files[f"training/{stem}.R"] = "R"
    for name in repository.names:
        theirs = files.get(name, language.name)
        if name.startswith("src/main/java/"):
            theirs = "Java"
        if theirs != language.name or name.startswith("languages/"):
            theirs = "another language's" if name.startswith("languages/") else f"{theirs}'s"
            what = f"the file is {theirs}, and this is a repository in {language.name}"
            yield name, 1, f"{what}: remove it"


@rule("error")
def unreadable(repository: Repository) -> Found:
    """What can't be read can't be checked: an instruction that does not exist, a heredoc
    without its end, a Dockerfile that is missing. The build would stop at most of them too."""
    for name, line, what in repository.broken:
        yield name, line, f"{what}" + ("" if ": " in what else ": mend it")


# Warnings


@rule("warning", "C2")
def cmd_ignored(repository: Repository) -> Found:
    """SageMaker's word "train" replaces CMD, so what stands there never arrives at the program.
    On a laptop it does, and the two runs differ. Defaults belong into the program."""
    image = repository.image
    if image and image.cmd and image.entrypoint and image.entrypoint.words and image.cmd.words:
        what = 'CMD stands beside ENTRYPOINT, and SageMaker replaces it by the word "train"'
        yield DOCKERFILE, image.cmd.line, f"{what}: remove it"


@rule("warning", "C2")
def fixed_argument(repository: Repository) -> Found:
    """Words behind the program in ENTRYPOINT come before SageMaker's "train" on every job, and
    no hyperparameter of the request changes them. The program of this repository takes nothing
    before "train". Write defaults in the program, values in training-job.json."""
    start = started(repository)
    words = start.arguments if start else []
    if words and not {"serve", "server"} & {*words} and start.launcher not in SHELLS:
        what = f'ENTRYPOINT fixes "{" ".join(words)}", which comes before SageMaker\'s "train"'
        what += ": remove it, set hyperparameters in training-job.json"
        yield DOCKERFILE, repository.image.entrypoint.line, what


@rule("warning", "C7", "C6")
def other_init(repository: Repository) -> Found:
    """An init in front passes SIGTERM on and collects orphans. AWS's guide rules out tini and
    is silent on others; a program that handles SIGTERM as process 1, as this one does, needs
    none."""
    start = started(repository)
    if start and start.init and start.init not in TINI:
        what = f"ENTRYPOINT begins with the init {start.init}, of which AWS's guide says nothing"
        yield DOCKERFILE, repository.image.entrypoint.line, f"{what}: {repository.advice}"


@rule("warning", "C5")
def stop_signal(repository: Repository) -> Found:
    """To stop a job the service does as `docker stop` does, which sends the signal of STOPSIGNAL,
    and SIGTERM where the image names none. The program of this repository handles SIGTERM alone:
    at another signal it ends without its checkpoint and model."""
    for each in own_instructions(repository, "STOPSIGNAL"):
        if each.rest.upper() not in ("SIGTERM", "TERM", "15"):
            what = f"STOPSIGNAL {each.rest} takes the place of SIGTERM, which the program handles"
            yield DOCKERFILE, each.line, f"{what}: remove it"


@rule("warning", "C24", "C1")
def code_place(repository: Repository) -> Found:
    """The program may lie anywhere; the template and AWS's own guide use /opt/ml/code.
    /opt/ml/train is a mistake read in tutorials: SageMaker does not look there, "train" is a
    word on the command line, and the rest of /opt/ml is reserved."""
    start, image = started(repository), repository.image
    if not image:
        return
    for each, target, _ in image.copies:
        if is_within(target, "/opt/ml/train") or target in ("/opt/ml/train.py", "/opt/ml/train.R"):
            what = (
                f'{each.name} lays the program at {target}, where SageMaker does not look ("train" '
            )
            what += "is a word on the command line): copy it to /opt/ml/code/"
            yield DOCKERFILE, each.line, what
    if not start or not start.script or "-m" in start.words:
        return
    path = image.path(start.script)
    is_class = start.launcher == "java" and "-jar" not in start.words
    folder = image.workdir if is_class else posixpath.dirname(path)
    right = is_within(folder, "/opt/ml/code") or posixpath.dirname(path) == "/opt/ml"
    if not right and not is_within(path, "/opt/ml/train") and "$" not in folder:
        what = f"the program lies in {folder}, and AWS's guide copies code to /opt/ml/code"
        line = image.entrypoint.line
        yield DOCKERFILE, line, f"{what}: write WORKDIR /opt/ml/code and copy it there"


@rule("warning", "C80", "C81")
def non_root(repository: Repository) -> Found:
    """The service keeps the image's USER, and /opt/ml/model, output and checkpoints belong to
    root with mode 0755: another user's first write ends with `Permission denied`. AWS's guide
    expects root, of hosting in so many words. Where a policy forbids root, start as root, chown
    these folders, and drop the rights in the program."""
    image = repository.image
    if not image or not image.user:
        return
    user = image.value(image.user).partition(":")[0]
    if user not in ("", "root", "0") and "$" not in user:
        what = f"the program runs as {user}, and /opt/ml/model belongs to root"
        yield DOCKERFILE, image.user.line, f"{what}: remove USER, or write USER root"


@rule("warning", "C82")
def open_platform(repository: Repository) -> Found:
    """Without --platform an image is made for the machine that builds it, on an Apple laptop
    for arm64, and SageMaker's training instances are x86-64. Give it in FROM, or in the
    Makefile's build."""
    image = repository.image
    if not image or image.root.base == "scratch":
        return
    given = re.search(r"^[^#\n]*--platform", repository.texts.get("Makefile", ""), re.MULTILINE)
    platform = image.root.platform or "$TARGETPLATFORM"
    wrong = "BUILDPLATFORM" if given else "(BUILD|TARGET)PLATFORM"
    if re.search(rf"\$\{{?{wrong}", platform):
        what = "the image is made for the machine that builds it, an Apple laptop's being arm64"
        line = image.root.start.line
        yield DOCKERFILE, line, f"{what}: write FROM --platform=linux/amd64"


# ---- The check ------------------------------------------------------------------------------

ALLOW = re.compile(r"^\s*(?:#|//|<!--)\s*check:\s*allow\b\s*(\S*)\s*(.*?)\s*(?:-->)?\s*$")


@rule("error")
def allow(repository: Repository) -> Found:
    """A comment `# check: allow RULE reason` on the line before excuses one finding. It names a
    rule that exists and gives a reason, for whoever reads it next year."""
    for name, text in repository.texts.items():
        if name != DOCKERFILE and name != "Makefile":
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found = ALLOW.match(line)
            if found and found[1] not in RULES:
                yield name, number, f'there is no rule "{found[1]}" to allow: --help lists them'
            elif found and not found[2]:
                what = f"{found[1]} is allowed without a reason: write it behind the rule"
                yield name, number, what


def check(folder: Path) -> list[Finding]:
    """Return all findings of a repository, by file and line."""
    repository = read_repository(folder)
    findings = set()
    for name, each in RULES.items():
        for file, line, what in each.find(repository):
            message = what + (f" ({each.clauses})" if each.clauses else "")
            if not is_allowed(repository.texts.get(file, ""), line, name):
                findings.add(Finding(file, line, name, each.severity, message))
    return sorted(findings)


def is_allowed(text: str, line: int, name: str) -> bool:
    """Whether the comments right above the line excuse the rule."""
    lines = text.splitlines()
    for above in reversed(lines[: line - 1]):
        if not above.strip().startswith(("#", "//", "<!--")):
            return False
        found = ALLOW.match(above)
        if found and found[1] == name and found[2]:
            return True
    return False


def show(findings: list[Finding], form: str) -> None:
    """Print the findings in one of the three forms."""
    if form == "json":
        print(json.dumps([each._asdict() for each in findings], indent=2))
        return
    for each in findings:
        if form == "github":
            place = f"file={each.file},line={each.line},title={each.rule}"
            text = each.message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
            print(f"::{each.severity} {place}::{text}")
        else:
            text = f"{each.file}:{each.line}: {each.rule}: {each.message}"
            print("".join(c if c.isprintable() else "?" for c in text))
    errors = sum(each.severity == "error" for each in findings)
    if findings and form == "text":
        warnings = len(findings) - errors
        print(
            f"Errors: {errors}, warnings: {warnings}. --explain RULE teaches a rule.",
            file=sys.stderr,
        )


def main(arguments: list[str] | None = None) -> int:
    """Check the repository and return the exit code of the command."""
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        description="Say what in this repository is known to break a training job.",
        epilog="Rules: " + ", ".join(sorted(RULES)),
        allow_abbrev=False,
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--strict", action="store_true", help="fail on warnings too")
    parser.add_argument("--explain", metavar="RULE", choices=sorted(RULES), help="teach a rule")
    parser.add_argument("--format", choices=("text", "github", "json"), default="text")
    options = parser.parse_args(arguments)
    if options.explain:
        each = RULES[options.explain]
        clauses = f" ({each.clauses})" if each.clauses else ""
        print(f"{options.explain}, {each.severity}{clauses}\n\n{each.lesson}")
        return 0
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is no folder")
    findings = check(options.folder.resolve())
    show(findings, options.format)
    return 1 if any(each.severity == "error" or options.strict for each in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
