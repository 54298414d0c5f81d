"""Rules about the program and its interpreter, and what to write where they are wrong."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator

from check.launchers import SHELLS
from check.repository import LANGUAGES, Repository
from check.rules import Found, rule
from check.runs import PYTHON_NAME
from check.stages import absolute, is_within
from check.start import PROGRAM, Start, interpreter_in

# What serves and never ends, or takes no argument "train".
SERVERS = {
    *("jupyter", "jupyter-lab", "uvicorn", "gunicorn", "flask", "streamlit", "nginx"),
    *("supervisord", "tritonserver", "torchserve", "mlserver", "serve", "sleep", "tail", "sshd"),
    *("papermill", "cron", "crond", "tensorflow_model_server", "vllm", "text-generation-launcher"),
}
# Interpreters of languages that no repository of this template is in.
OTHERS = {"julia", "node", "perl", "ruby"}
# Tools that take "train" for one of their own words.
BUILD_TOOLS = {"mvn", "gradle", "gradlew", "mvnw", "sbt", "npm", "pip"}


@rule("error", "C1", of_image=True)
def other_program(repository: Repository) -> Found:
    """ENTRYPOINT should start the training program. A server, a build tool that takes "train" for
    a word of its own, an interpreter without a program, or in a repository of this template the
    interpreter of another language is most often left over from the example it was copied from.
    A launcher such as torchrun is accepted where the program's file stands behind it."""
    found = [other(repository, each) for each in repository.starts]
    for what in [*filter(None, found)][:1]:
        yield repository.entry, f"ENTRYPOINT {what}: {advice(repository)}"


def other(repository: Repository, start: Start) -> str:
    """Return why the words are not the training program; "" where they may be."""
    words, found, language = start.words, start.program, repository.language
    if not words or start.is_train or start.unsure:
        return ""
    shown = " ".join(start.own_words)
    if re.search(r"\s", words[0]):
        return f'holds "{words[0]}" in one string, which Docker takes for one file name'
    for each in LANGUAGES if language else ():
        foreign = re.fullmatch(each.interpreter, found.launcher)
        if each is not language and (foreign or found.script.endswith(each.extensions)):
            return f'runs "{shown}", and this is a repository in {language.name}'
    if is_bare(repository, start):
        return f'runs "{shown}" without a program, which then takes "train" for one'
    named = f"the {language.name} program of this repository" if language else "a training program"
    if found.launcher in SERVERS | BUILD_TOOLS:
        return f'runs "{shown}", which is not {named}'
    if found.known or found.script or "/" in words[0] or found.launcher in SHELLS or start.active:
        return ""
    if repository.contents.has_command(words[0]) is False:
        named = f"not {named}" if language else "nothing that the final stage installs or copies"
        return f'runs "{shown}", which is {named}'
    return ""


def is_bare(repository: Repository, start: Start) -> bool:
    """Whether an interpreter gets no program: it takes "train" for one; R takes no plain word."""
    found, contents = start.program, repository.contents
    if found.kind == "batch":
        return True
    if found.launcher == "R" and found.kind == "file":
        return not found.script
    alone = found.known and not start.own_program.script and found.kind == "file"
    if found.launcher in {*OTHERS, *SHELLS}:
        options = start.own_words[1:]
        inline = any(re.match(r"-+(e|E|eval|print|\w*c)\b", each) for each in options)
        alone = not inline and all(each.startswith("-") for each in options)
    if not (alone and start.is_fed):
        return False
    return not contents.there(repository.image.path("train", start.folder))


@rule("error", "C1", "C14", of_image=True)
def program_place(repository: Repository) -> Found:
    """A relative path in ENTRYPOINT is looked for in WORKDIR, a bare first word on the PATH.
    The check follows COPY, ADD and WORKDIR through the stages and says where the program lies
    instead, or that nothing brings it. The exec form expands no $VARIABLE."""
    if any(other_program.find(repository)):
        return
    entry = repository.entry.json or []
    variable = next((each for each in entry if re.search(r"\$(\w+|\{\w+\})", each)), None)
    if variable and not {posixpath.basename(each) for each in entry} & {*SHELLS, "eval"}:
        what = f'ENTRYPOINT names "{variable}", and the exec form puts no value there'
        yield repository.entry, f"{what}: write the value itself"
        return
    for each in repository.starts:
        for what, sure in misplaced(repository, each):
            yield repository.entry, what, sure
            return


def misplaced(repository: Repository, start: Start) -> Iterator[tuple[str, bool]]:
    """Yield what is wrong with the place of a program, and whether it is sure."""
    found, contents = start.program, repository.contents
    if (
        not start.words
        or start.is_train
        or re.search("[$`]", "".join([*start.words[:2], found.script]))
    ):
        return
    if found.kind == "module" and re.search(r"/|\.py$", found.script):
        what = f'python -m takes the name of a module, and "{found.script}" is a file'
        yield f"{what}: write it without -m", True
        return
    if found.kind == "class" and found.script.endswith(".jar"):
        yield f'java takes "{found.script}" for the name of a class: {advice(repository)}', True
        return
    wanted = places_of(repository, start)
    if not wanted:
        return
    if found.script == start.words[0] and "/" not in found.script:
        if any(contents.there(f"{each}/{found.script}") is not False for each in contents.folders):
            return
        what = f'ENTRYPOINT names "{found.script}" alone, which is looked for on the PATH'
        yield f"{what}, not in WORKDIR: {advice(repository)}", True
    elif any(contents.there(path) is not False for path in wanted):
        return
    elif "$" in wanted[0]:
        what = f"the check can't tell where {found.script} is looked for"
        yield f"{what}, since WORKDIR holds {wanted[0]}: write the path itself", True
    else:
        yield nowhere(repository, wanted[0])


def nowhere(repository: Repository, wanted: str) -> tuple[str, bool]:
    """Say that nothing brings a file to where it is looked for, and where it lies instead."""
    image, base = repository.image, repository.contents.base
    folder, name = posixpath.split(wanted)
    elsewhere = sorted(path for path in image.files if posixpath.basename(path) == name)
    what = f"ENTRYPOINT looks for {wanted}, and "
    if elsewhere:
        what += f"the Dockerfile lays it at {elsewhere[0]}"
        return f"{what}: copy it to {folder.rstrip('/')}/, or mend WORKDIR", True
    same = [each for each in repository.names if posixpath.basename(each) == name]
    hidden = [each for each in same if each not in repository.build.context]
    if hidden and any(each.flag("from") is None for each, _, _ in image.copies):
        what += f".dockerignore hides {hidden[0]} from the build: take it out of .dockerignore"
        return what, True
    what += "no COPY of the final stage brings it: copy the program there"
    if " " in name:
        return f"{what}, or put each word of it in quotes of its own", True
    import difflib  # Here, since it takes longer than all the rest to load.

    near = difflib.get_close_matches(name, map(posixpath.basename, image.files), 1)
    what += f" (there is {near[0]})" if near else ""
    return what, bool((base.known and not base.toolkit) or repository.language or near)


def places_of(repository: Repository, start: Start) -> list[str]:
    """Return the paths of which one must be there; none where any may do."""
    image, contents, found = repository.image, repository.contents, start.program

    def path(*names: str) -> str:
        return repository.image.path(posixpath.join(*names), start.folder)

    if not found.known and not found.script:
        # A tool of the image is no matter of places, and the rule "interpreter" asks for others.
        own = "/" in start.words[0] and is_within(path(start.words[0]), image.workdir)
        return [path(start.words[0])] if own else []
    if not found.script or (start.folder == "?" and not found.script.startswith("/")):
        return []
    if found.kind == "module":
        if contents.may_import(found.script):
            return []
        roots = [".", *image.variables.get("PYTHONPATH", "").split(":")]
        module = found.script.replace(".", "/")
        ends = (f"{module}.py", f"{module}/__main__.py")
        return [path(root or ".", end) for root in roots for end in ends]
    if found.kind == "class":
        return class_places(repository, start, path)
    # A folder with a __main__.py is a program too.
    return [path(found.script), path(found.script, "__main__.py")]


def class_places(repository: Repository, start: Start, path) -> list[str]:
    """Return where a class of Java may be: a jar, all jars of a folder (lib/*), or a folder."""
    if any(each.startswith(("@", "--module", "-p")) for each in start.words):
        return []
    image = repository.image
    named = dict(zip(start.words, start.words[1:]))
    given = [named[each] for each in ("-cp", "-classpath", "--class-path") if each in named]
    classes = [*given, image.variables.get("CLASSPATH", ".")][0].split(":")
    file = f"{start.program.script.replace('.', '/')}.class"
    ends = ["" if re.search(r"\.jar$|\*$", each) else file for each in classes]
    wanted = [path(each.rstrip("*"), end) for each, end in zip(classes, ends)]
    return [] if any(is_within(each, place) for each in image.files for place in wanted) else wanted


@rule("error", "C1", of_image=True)
def not_executable(repository: Repository) -> Found:
    """A file that is started itself, without an interpreter before it, needs the x bit
    and a first line `#!…`. A checkout on Windows or a zip loses the bit; COPY --chmod=0755 sets
    it in the image. Where this file system keeps no modes, git's index is asked, and without
    git the rule is skipped."""
    image = repository.image
    first = [(repository.entry.json or [])[:1], *(each.words[:1] for each in repository.starts)]
    paths = [image.path(word) for words in first for word in words if "/" in word]
    there, train = repository.contents.train_program
    paths += [train] if there and train and not image.entrypoint else []
    runs = [each.text for each in repository.build.instructions if each.name == "RUN"]
    is_set = re.search(r"\bchmod\b", " ".join(runs))
    is_set = is_set or any(each.flag("chmod") for each, _, _ in image.copies)
    for path in dict.fromkeys(paths):
        name = image.files.get(path, "")
        text = repository.texts.get(name)
        if text is None:
            continue
        if not text.startswith("#!") and not path.endswith((".jar", ".pyz")):
            what = f'{name} is started by itself and has no "#!" line'
            yield repository.entry, f"{what}: write one, such as #!/bin/sh"
        if not is_set and repository.modes.get(name) is False:
            what = f"{name} is started by itself and is not executable: write COPY --chmod=0755"
            by = json.dumps([*(interpreter_in(text) or ["sh"]), path])
            yield repository.entry, f"{what}, or start it by its interpreter, {by}"


@rule("error", "C1", of_image=True)
def interpreter(repository: Repository) -> Found:
    """A program needs its interpreter in the final image, where PATH finds it: debian, ubuntu and
    nvidia/cuda have none; apt-get's python3 brings no `python`; a JDK of the build stage stays
    there; an environment that RUN or SHELL activates is not active when the container starts.
    Install it in the final stage, name it by its path, or put its folder on the PATH by ENV."""
    if any(other_program.find(repository)):
        return
    contents = repository.contents
    for start in repository.starts:
        name = interpreter_of(repository, start)
        short = posixpath.basename(name)
        is_one = re.fullmatch(r"python[\d.]*|Rscript|R|java", short) and "$" not in name
        if start.active or start.unsure or not is_one:
            continue
        located = contents.locate(name)
        if located is False:
            # What a RUN calls is there, or the build stops; unless the RUN's PATH is another.
            same = not contents.places and "micromamba" not in contents.stage.root.base
            same = same and short not in contents.base.programs
            sure = not (same and contents.is_called(name))
            yield repository.entry, missing(repository, name), sure
            return
        if located is None and contents.may_lack(short):
            what = f"the check can't tell what brings {name} into the image"
            what += f": docker run --rm --entrypoint {name} IMAGE --version shows it"
            yield repository.entry, what, False
            return


def interpreter_of(repository: Repository, start: Start) -> str:
    """Return the program that a start needs: its first word, or that of its #! line."""
    first = start.words[0] if start.words else ""
    if not start.words or start.is_train:
        there, path = repository.contents.train_program
        first = path if there and start.is_train else ""
    path = repository.image.path(first, start.folder) if "/" in first else ""
    text = repository.texts.get(repository.image.files.get(path, ""), "")
    return "".join(interpreter_in(text)[:1]) if text.startswith("#!") else first


def missing(repository: Repository, name: str) -> str:
    """Say that an interpreter is not where it is looked for, and what would bring it."""
    contents, short = repository.contents, posixpath.basename(name)
    base, provided = contents.stage.root.base, contents.base.programs.get(short)
    if "/" in name:
        return f"ENTRYPOINT starts {name}, and nothing lays it there: install it in the final stage"
    if provided and provided not in contents.folders:
        what = f"ENV PATH leaves out {provided}, where the base has {short}"
        return f"{what}: write ENV PATH={contents.stage.variables['PATH']}:$PATH"
    if "micromamba" in base:
        what = f"the base's own ENTRYPOINT, _entrypoint.sh, puts {short} on the PATH, and yours "
        what += "takes its place: write ENTRYPOINT "
        return f'{what}["/usr/local/bin/_entrypoint.sh", "{short}", ...]'
    if contents.places and PYTHON_NAME.fullmatch(short):
        place = next(iter(contents.places))
        what = f"{short} is in the environment {place}, which is not active when the container "
        return f"{what}starts: write ENV PATH={contents.bin_of(place)}:$PATH"
    has_python3 = contents.packages_bring("python3") or "python3" in contents.base.programs
    if short == "python" and has_python3:
        what = 'the image has python3 and no program called "python"'
        return f"{what}: name python3, or install python-is-python3"
    if short == "java" and len(repository.build.stages) > 1:
        what = f"{base} has no {short}, and another stage's stays there"
        return f"{what}: take a JRE as the final base"
    what = f"{base} has no {short}, and nothing installs it in the final stage"
    return f"{what}: install it, or take a base that has it"


# ---- What to write in the place of an ENTRYPOINT that is wrong ------------------------------

RUN_BY = {".py": ["python"], ".R": ["Rscript"], ".r": ["Rscript"], ".jar": ["java", "-jar"]}


def advice(repository: Repository) -> str:
    """Return what to write in the place of ENTRYPOINT: the program, as far as it is known."""
    if repository.language:
        return repository.language.advice
    words = next(filter(None, candidates(repository)), None)
    if not words:
        return "name the training program in ENTRYPOINT"
    return f"write ENTRYPOINT {json.dumps(words)}"


def candidates(repository: Repository) -> Iterator[list[str]]:
    """Yield the words that may be the program: of ENTRYPOINT, of CMD, of a file called train."""
    image = repository.image
    for each in repository.starts:
        if each.own_program.script and " " not in each.words[0]:
            yield own_words(repository, each)
    for each in filter(None, (image.entrypoint, image.cmd)):
        words = re.sub(r"[\[\]\"',“”]", " ", " ".join(each.words)).split()
        found = [word for word in words if re.search(r"\.(py|R|r|jar)$", word)]
        if found and not {"&&", ";", "|"} & {*words}:
            yield interpreted(words[words.index(found[0]) :])
    named = [path for path in image.files if re.search(r"/train\.(py|R)$", path)]
    if named:
        yield interpreted([min(named, key=len)])


def interpreted(words: list[str]) -> list[str]:
    """Put the interpreter before a program's file, and a shell before a name without a path."""
    if words[0].endswith(".sh") and "/" not in words[0]:
        return ["bash", *words]
    return [*RUN_BY.get(posixpath.splitext(words[0])[1], []), *words]


def own_words(repository: Repository, start: Start) -> list[str]:
    """Return the words that start the program alone, in its environment and from any folder."""
    words, place = [*start.own_words], start.active
    if not words or "$" in "".join(words) or place == "?" or " " in place or start.folder == "?":
        return []
    if place and "/" not in words[0]:
        words[0] = f"{repository.contents.bin_of(place)}/{words[0]}"
    for number, word in enumerate(words[1:], 1):
        if start.folder and PROGRAM.fullmatch(word):
            words[number] = absolute(posixpath.join(start.folder, word))
    if words[0] == "java" and words[1:] and words[1].endswith(".jar"):
        words.insert(1, "-jar")
    return interpreted(words)
