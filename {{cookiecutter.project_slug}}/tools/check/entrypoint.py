"""Rules about how the program is started."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import NamedTuple

from check.dockerfile import Stage, is_within
from check.repository import DOCKERFILE, JOB, LANGUAGES, Repository, own_instructions
from check.rules import Found, rule


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
    if not start or not language or not start.words or any(other_program.find(repository)):
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
        import difflib  # Here, since it takes longer than all the rest to load.

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
    if not re.search(r"\bchmod\b", runs) and not any(flags) and repository.modes.get(name) is False:
        what = f"{name} is started by itself and is not executable"
        yield DOCKERFILE, line, f"{what}: write COPY --chmod=0755, or {repository.advice[6:]}"


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
