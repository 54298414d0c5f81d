"""Rules about the program and its interpreter: that they are where they are looked for."""

from __future__ import annotations

import posixpath
import re

from check.contents import Contents
from check.launchers import SHELLS, Program, Start, program_of
from check.process import advice, is_train, line_of_entry, starts
from check.repository import LANGUAGES, Repository
from check.rules import WARNING, Found, rule
from check.runs import PYTHON_NAME
from check.stages import is_within

# What serves and never ends, or takes no argument "train".
SERVERS = {
    *(
        "jupyter",
        "jupyter-lab",
        "uvicorn",
        "gunicorn",
        "flask",
        "streamlit",
        "nginx",
        "supervisord",
    ),
    *("tritonserver", "torchserve", "mlserver", "serve", "sleep", "tail", "sshd", "papermill"),
}


# Tools that take "train" for one of their own words.
BUILD_TOOLS = {"mvn", "gradle", "gradlew", "mvnw", "sbt", "npm", "pip"}


@rule("error", "C1")
def other_program(repository: Repository) -> Found:
    """ENTRYPOINT should start the training program. A server, a build tool that takes "train" for
    a word of its own, an interpreter without a program, or in a repository of this template the
    interpreter of another language is most often left over from the example it was copied from.
    A launcher such as torchrun is accepted where the program's file stands behind it."""
    line = line_of_entry(repository) if repository.image else 1
    for each in starts(repository):
        what = other(repository, each)
        if what:
            yield repository.dockerfile, line, f"{what}: {advice(repository)}"
            return


def other(repository: Repository, start: Start) -> str:
    """Return why the words are not the training program; "" where they may be."""
    words = [each for each in start.words]
    if not words or is_train(start) or start.unsure:
        return ""
    shown = " ".join(words[:-1] if words[-1] == "train" else words)
    if re.search(r"\s", words[0]):
        return f'ENTRYPOINT holds "{words[0]}" in one string, which Docker takes for one file name'
    found = program_of(words)
    language = repository.language
    for each in LANGUAGES if language else ():
        foreign = re.fullmatch(each.interpreter, found.launcher) or found.script.endswith(
            each.extensions
        )
        if each is not language and foreign:
            return f'ENTRYPOINT runs "{shown}", and this is a repository in {language.name}'
    bare = found.launcher == "R" and not found.script and not found.inline
    if found.batch or bare or (found.known and found.script == "train" and words[1:] == ["train"]):
        path = repository.contents.path("train", start.folder)
        if found.batch or bare or not repository.contents.there(path):
            return f'ENTRYPOINT runs "{shown}" without a program, which then takes "train" for one'
    named = f"the {language.name} program of this repository" if language else "a training program"
    if found.launcher in SERVERS | BUILD_TOOLS:
        return f'ENTRYPOINT runs "{shown}", which is not {named}'
    if found.known or found.script or "/" in words[0] or found.launcher in SHELLS:
        return ""
    if not start.active and repository.contents.has_command(words[0]) is False:
        named = f"not {named}" if language else "nothing that the final stage installs or copies"
        return f'ENTRYPOINT runs "{shown}", which is {named}'
    return ""


@rule("error", "C1", "C14")
def program_place(repository: Repository) -> Found:
    """A relative path in ENTRYPOINT is looked for in WORKDIR, a bare first word on the PATH.
    The check follows COPY, ADD and WORKDIR through the stages and says where the program lies
    instead, or that nothing brings it. The exec form expands no $VARIABLE."""
    image = repository.image
    if not image or any(other_program.find(repository)):
        return
    line = line_of_entry(repository)
    entry = (image.entrypoint.json or []) if image.entrypoint else []
    variable = next((each for each in entry if re.search(r"\$\{?\w", each)), None)
    if variable and not {posixpath.basename(each) for each in entry} & {*SHELLS, "eval"}:
        what = f'ENTRYPOINT names "{variable}", and the exec form puts no value there'
        yield repository.dockerfile, line, f"{what}: write the path itself"
        return
    for each in starts(repository):
        if each.words and not is_train(each):
            for what, *lower in misplaced(repository, each):
                yield repository.dockerfile, line, what, *lower
                return


def misplaced(repository: Repository, start: Start) -> Found:
    """Yield what is wrong with the place of a program."""
    found = program_of(start.words)
    contents, image = repository.contents, repository.image
    if "$" in "".join(start.words[:2]) or "`" in "".join(start.words[:2]):
        return
    if found.launcher == "java" and found.is_class and found.script.endswith(".jar"):
        yield (f'java takes "{found.script}" for the name of a class: {advice(repository)}',)
        return
    if not found.known and not found.script:
        if "/" not in start.words[0]:
            return
        wanted = [contents.path(start.words[0], start.folder)]
        if not wanted[0].endswith((".sh", ".bash")) and not is_within(wanted[0], image.workdir):
            return  # a tool of the image: the rule "interpreter" asks
    elif start.folder == "?" and not found.script.startswith("/"):
        return
    else:
        wanted = places_of(found, contents, start)
    if not wanted:
        return
    if found.script == start.words[0] and "/" not in found.script:
        folders = [f"{each}/{found.script}" for each in contents.folders]
        if not any(contents.there(each) is not False for each in folders):
            what = f'ENTRYPOINT names "{found.script}" alone, which is looked for on the PATH'
            what += ", not in WORKDIR"
            yield (f"{what}: {advice_for(repository, found)}",)
        return
    if any(contents.there(path) is not False for path in wanted):
        return
    if "$" in wanted[0]:
        what = f"the check can't tell where {found.script} is looked for"
        what += f", since WORKDIR holds {wanted[0]}"
        yield (f"{what}: write the path itself",)
        return
    yield from nowhere(repository, wanted, found)


def advice_for(repository: Repository, found: Program) -> str:
    """What to write where a file is named without its interpreter."""
    if repository.language:
        return repository.language.advice
    interpreter = {".py": "python", ".R": "Rscript", ".r": "Rscript", ".sh": "bash"}
    word = interpreter.get(posixpath.splitext(found.script)[1], "INTERPRETER")
    return f'write ENTRYPOINT ["{word}", "{found.script}"]'


def nowhere(repository: Repository, wanted: list[str], found: Program) -> Found:
    """Yield that nothing brings a file to where it is looked for, and where it lies instead."""
    image = repository.image
    name = posixpath.basename(wanted[0])
    elsewhere = sorted(path for path in image.files if posixpath.basename(path) == name)
    what = f"ENTRYPOINT looks for {wanted[0]}, and "
    if elsewhere:
        folder = posixpath.dirname(wanted[0])
        yield (
            f"{what}the Dockerfile lays it at {elsewhere[0]}"
            f": copy it to {folder}/, or mend WORKDIR",
        )
        return
    hidden = [
        each
        for each in repository.names
        if posixpath.basename(each) == name and each not in repository.context
    ]
    if hidden and any(each.flag("from") is None for each, _, _ in image.copies):
        yield (
            f"{what}.dockerignore hides {hidden[0]} from the build: take it out of .dockerignore",
        )
        return
    what += "no COPY of the final stage brings it: copy the program there"
    import difflib  # Here, since it takes longer than all the rest to load.

    near = difflib.get_close_matches(name, map(posixpath.basename, image.files), 1)
    what += f" (there is {near[0]})" if near else ""
    base = repository.contents.base
    sure = (base.known and not base.toolkit) or repository.language or near
    yield (what,) if sure else (what, WARNING)


def places_of(found: Program, contents: Contents, start: Start) -> list[str]:
    """Return the paths of which one must be there; none where any may do."""
    image, script = contents.stage, found.script

    def path(text: str) -> str:
        return contents.path(text, start.folder)

    if not script:
        return []
    if found.module:
        if contents.may_import(script):
            return []
        module = script.replace(".", "/")
        roots = [".", *image.variables.get("PYTHONPATH", "").split(":")]
        return [
            path(f"{root or '.'}/{module}{end}")
            for root in roots
            for end in (".py", "/__main__.py")
        ]
    if not found.is_class:
        # A folder with a __main__.py is a program too.
        return [path(script), path(f"{script}/__main__.py")]
    options = ("-cp", "-classpath", "--class-path")
    at = [number + 1 for number, each in enumerate(start.words[:-1]) if each in options]
    classes = start.words[at[0]] if at else image.variables.get("CLASSPATH", ".")
    if any(each.startswith(("@", "--module", "-p")) for each in start.words):
        return []
    entries = classes.split(":")
    # A jar, all jars of a folder (lib/*), or the folder of the class's own file.
    file = f"{script.replace('.', '/')}.class"
    jar = re.compile(r"\.jar$|\*$")
    wanted = [each.rstrip("*") if jar.search(each) else f"{each}/{file}" for each in entries]
    wanted = [path(each) for each in wanted]
    return [] if any(is_within(each, place) for each in image.files for place in wanted) else wanted


@rule("error", "C1")
def not_executable(repository: Repository) -> Found:
    """A file that is started itself, without an interpreter before it, needs the x bit
    and a first line `#!…`. A checkout on Windows or a zip loses the bit; COPY --chmod=0755 sets
    it in the image. Where this file system keeps no modes, git's index is asked, and without
    git the rule is skipped."""
    image = repository.image
    if not image:
        return
    paths = (
        [image.path(each) for each in (image.entrypoint.json or [])[:1] if "/" in each]
        if image.entrypoint
        else []
    )
    there, train = repository.contents.train_program
    unnamed = not (image.entrypoint and image.entrypoint.words)
    paths += [train] if there and train and unnamed else []
    paths += [
        image.path(each.words[0])
        for each in starts(repository)
        if each.words and "/" in each.words[0]
    ]
    for path in dict.fromkeys(paths):
        name = image.files.get(path, "")
        text = repository.texts.get(name)
        if text is None:
            continue
        line = line_of_entry(repository)
        if not text.startswith("#!") and not path.endswith((".jar", ".pyz")):
            what = f'{name} is started by itself and has no "#!" line'
            yield repository.dockerfile, line, f"{what}: write one, such as #!/bin/sh"
        every = [each for stage in repository.stages for each in stage.instructions]
        runs = " ".join(each.rest for each in every if each.name == "RUN")
        runs += " ".join(body for each in every for _, body in each.heredocs)
        flags = [each.flag("chmod") for each, _, _ in image.copies]
        if (
            not re.search(r"\bchmod\b", runs)
            and not any(flags)
            and repository.modes.get(name) is False
        ):
            what = f"{name} is started by itself and is not executable"
            yield (
                repository.dockerfile,
                line,
                f"{what}: write COPY --chmod=0755, or {advice(repository).removeprefix('write ')}",
            )


def interpreters(repository: Repository, start: Start) -> list[str]:
    """Return the programs that a start needs: its first word, or that of its #! line."""
    if not start.words or is_train(start):
        there, path = repository.contents.train_program
        first = path if there and path and is_train(start) else ""
    else:
        first = start.words[0]
    path = repository.contents.path(first, start.folder) if "/" in first else ""
    text = repository.texts.get(repository.image.files.get(path, ""), "") if path else ""
    if text.startswith("#!"):
        line = text.partition("\n")[0][2:].split()
        if line and posixpath.basename(line[0]) == "env":
            line = [each for each in line[1:] if not each.startswith("-") and "=" not in each]
        return line[:1]
    return [first] if first else []


@rule("error", "C1")
def interpreter(repository: Repository) -> Found:
    """A program needs its interpreter in the final image, where PATH finds it: debian, ubuntu and
    nvidia/cuda have none; apt-get's python3 brings no `python`; a JDK of the build stage stays
    there; an environment that RUN or SHELL activates is not active when the container starts.
    Install it in the final stage, name it by its path, or put its folder on the PATH by ENV."""
    image = repository.image
    if not image or any(other_program.find(repository)):
        return
    line = line_of_entry(repository)
    for start in starts(repository):
        if start.active or start.unsure:
            continue
        for name in interpreters(repository, start):
            short = posixpath.basename(name)
            contents = repository.contents
            if not re.fullmatch(r"python[\d.]*|Rscript|R|java", short) or "$" in name:
                continue
            located = contents.locate(name)
            if located is False:
                # What a RUN calls is there, or the build stops; unless the RUN's PATH is another.
                same = not contents.places and "micromamba" not in repository.image.root.base
                same = same and short not in contents.base.programs
                lower = [WARNING] if same and contents.is_called(name) else []
                yield repository.dockerfile, line, missing(repository, name, short), *lower
                return
            if (
                located is None
                and contents.base.known
                and not contents.conda_prefixes
                and short in contents.base.missing
                and not (
                    contents.is_opaque
                    or contents.stage.unknown
                    or any(contents.made(f"{each}/{short}") for each in contents.folders)
                )
            ):
                what = f"the check can't tell what brings {name} into the image"
                yield (
                    repository.dockerfile,
                    line,
                    (f"{what}: docker run --rm --entrypoint {name} IMAGE --version shows it"),
                    WARNING,
                )
                return


def missing(repository: Repository, name: str, short: str) -> str:
    """Say that an interpreter is not where it is looked for, and what would bring it."""
    contents = repository.contents
    if "/" in name:
        return f"ENTRYPOINT starts {name}, and nothing lays it there: install it in the final stage"
    provided = contents.base.programs.get(short)
    if provided and provided not in contents.folders:
        what = f"ENV PATH leaves out {provided}, where the base has {short}"
        return f"{what}: write ENV PATH={contents.stage.variables['PATH']}:$PATH"
    if "micromamba" in contents.stage.root.base:
        return (
            f"the base's own ENTRYPOINT, _entrypoint.sh, puts {short} on the PATH, "
            "and yours takes its place: "
            f'write ENTRYPOINT ["/usr/local/bin/_entrypoint.sh", "{short}", ...]'
        )
    places = [each for each in contents.places if PYTHON_NAME.fullmatch(short)]
    if places:
        place = places[0] if places[0].startswith("/") else f"/opt/conda/envs/{places[0]}"
        return (
            f"{short} is in the environment {places[0]}, which is not active when the container "
            "starts: "
            f"write ENV PATH={place}/bin:$PATH"
        )
    if short == "python" and (
        contents.packages_bring("python3") or "python3" in contents.base.programs
    ):
        what = 'the image has python3 and no program called "python"'
        return f"{what}: name python3, or install python-is-python3"
    base = contents.stage.root.base
    if len(repository.stages) > 1 and short == "java":
        return (
            f"{base} has no {short}, and another stage's stays there: take a JRE as the final base"
        )
    what = f"{base} has no {short}, and nothing installs it in the final stage"
    return f"{what}: install it, or take a base that has it"
