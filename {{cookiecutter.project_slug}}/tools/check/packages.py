"""Rules about what the program imports: that the image has it, where it is looked for."""

from __future__ import annotations

import posixpath
import re

from check.environments import in_environment
from check.launchers import program_of
from check.process import is_train, line_of_entry, starts
from check.program import interpreters
from check.repository import Repository
from check.rules import WARNING, Found, rule
from check.runs import PYTHON_NAME, Run
from check.shell import Chain, Node, Pipe, simple_commands


@rule("error", "C1")
def environment_inactive(repository: Repository) -> Found:
    """`conda activate` and `source venv/bin/activate` in RUN end with that RUN, and SHELL counts
    for RUN alone: ENTRYPOINT in exec form starts the python that PATH finds, and the packages
    lie elsewhere. Name the environment's python in ENTRYPOINT, or put its bin on the PATH by
    ENV PATH=/opt/venv/bin:$PATH. With `uv sync`, `poetry install` and `pipenv install` the
    environment is .venv or one in the home folder, unless they are told otherwise."""
    if not repository.image:
        return
    contents = repository.contents
    own = [each for each in contents.installs if each.own]
    inside = [each for each in own if each.place]
    if not inside or len(inside) < len(own):
        return
    for start in starts(repository):
        name = next(iter(interpreters(repository, start)), "")
        if (
            (start.active and start.active != "base")
            or start.unsure
            or not PYTHON_NAME.fullmatch(posixpath.basename(name))
        ):
            continue
        if "/" in name:
            outside = not any(
                in_environment(contents.path(name, start.folder), each.place) for each in inside
            )
            known = name.startswith(("/usr/bin/", "/usr/local/bin/", "/opt/conda/bin/"))
            if not outside or not known:
                continue
        elif any(
            in_environment(folder, each.place) for folder in contents.folders for each in inside
        ):
            continue
        if contents.locate(name) is False:
            continue  # the rule "interpreter" says so
        place = inside[0].place
        path = (
            place
            if place.startswith("/")
            else f"/opt/conda/envs/{place}"
            if " " not in place
            else ""
        )
        what = f"packages are installed into {place}, and ENTRYPOINT starts another python"
        instead = (
            f"write ENV PATH={path}/bin:$PATH"
            if path
            else "tell it to install into the system's python"
        )
        yield repository.dockerfile, line_of_entry(repository), f"{what}: {instead}"
        return


@rule("error", "C1")
def packages_missing(repository: Repository) -> Found:
    """What requirements.txt names is in the image only where a RUN of the final stage installs it,
    or COPY --from brings the folder that a build stage installed it into. Copying the file
    installs nothing, and the program ends with ModuleNotFoundError."""
    image = repository.image
    if not image or (repository.language and repository.language.name != "Python"):
        return
    contents = repository.contents
    names = [
        each
        for each in ("requirements.txt", "training/requirements.txt", "src/requirements.txt")
        if each in repository.texts
    ]
    programs = [
        each
        for each in starts(repository)
        if PYTHON_NAME.fullmatch(program_of(each.words).launcher) or is_train(each)
    ]
    if not names or not programs or any(each.active or each.unsure for each in programs):
        return
    if (
        contents.installs
        or contents.base.toolkit
        or not contents.base.known
        or contents.brought_packages
        or any("pip install" in text for text in repository.texts.values() if text[:2] == "#!")
    ):
        return
    lines = re.sub(r"#.*", "", repository.texts[names[0]]).split("\n")
    packages = [
        re.split(r"[\s=<>~!;\[@]", each.strip())[0]
        for each in lines
        if re.match(r"\s*[A-Za-z]", each)
    ]
    imported = [each for each in packages if repository.imports(each)]
    if packages:
        first = (imported or packages)[0]
        what = f"nothing installs {names[0]} in the final stage ({first} is missing)"
        bare = (
            "python" in contents.base.missing
            or contents.base.programs.get("python") == "/usr/local/bin"
        )
        sure = imported and bare and "tensorflow" not in image.root.base
        yield (
            repository.dockerfile,
            line_of_entry(repository),
            (f"{what}: write RUN pip install --no-cache-dir -r {names[0]}"),
            *([] if sure else [WARNING]),
        )


# Packages of Python and Java whose compiled parts exist for glibc alone.
GLIBC = re.compile(
    r"^\s*(torch|tensorflow|xgboost|lightgbm|catboost|onnxruntime|jaxlib|faiss-cpu|mxnet|h2o)\b",
    re.MULTILINE,
)


GLIBC_JAVA = re.compile(
    r"xgboost4j|lightgbm4j|onnxruntime|tensorflow-core|deeplearning4j|nd4j-native|ai\.djl|catboost"
)


@rule("error", "C1")
def libc(repository: Repository) -> Found:
    """Alpine's C library is musl: compiled packages that exist for glibc alone (torch, tensorflow,
    xgboost, lightgbm and their like, also their Java libraries) do not load there, nor does what
    a stage of Debian compiled or linked. Take a slim base of Debian, or build on Alpine."""
    image = repository.image
    if not image or not repository.contents.base.musl:
        return
    contents = repository.contents
    line = image.root.start.line
    for each in contents.foreign_libc:
        what = f"{each.rest.split()[0]} was built for glibc, and {image.root.base} has musl"
        yield (
            repository.dockerfile,
            each.line,
            f"{what}: take bases of one kind, such as Debian's slim",
        )
        return
    texts = {
        name: repository.texts.get(name, "")
        for name in ("requirements.txt", "pom.xml", "build.gradle", "build.gradle.kts", "build.sbt")
    }
    installed = contents.text
    found = GLIBC.search(texts["requirements.txt"]) if contents.installs else None
    found = found or re.search(
        r"pip[\d.]* install[^\n;&]*\b(torch|tensorflow|xgboost|lightgbm|catboost|onnxruntime)\b",
        installed,
    )
    if not found and any(program_of(each.words).launcher == "java" for each in starts(repository)):
        found = GLIBC_JAVA.search(
            "\n".join(
                texts[name] for name in ("pom.xml", "build.gradle", "build.gradle.kts", "build.sbt")
            )
        )
    if found and not re.search(r"gcompat|libc6-compat|glibc", installed):
        name = found[found.lastindex] if found.lastindex else found[0]
        what = f"{name} is compiled for glibc, and {image.root.base} has musl"
        yield repository.dockerfile, line, f"{what}: take a slim base of Debian"


# Commands that install, and say by their exit code whether they did.
INSTALLER = re.compile(
    r"(\S*/)?(pip[\d.]*|uv|conda|mamba|micromamba|poetry|pipenv|apt-get|apt|yum|dnf|apk"
    r"|install2\.r|installr)$"
)
VERBS = {"install", "sync", "add", "create"}


@rule("warning", "C1")
def silent_install(repository: Repository) -> Found:
    """R's install.packages only warns where a package can't be installed, and a shell tells only
    how its last command ended: behind `|| true`, `;` or in a pipe a failure is lost. The image
    is built, and the job ends in the middle of the night with a package that is not there.
    `install2.r --error`, `options(warn = 2)`, `set -e` and && stop the build instead."""
    for run in repository.contents.runs if repository.image else ():
        what = silent_r(run.text) or silent_shell(run)
        if what:
            yield repository.dockerfile, run.instruction.line, what


def silent_r(text: str) -> str:
    """What is wrong with an installation of R's packages; "" for nothing."""
    if re.search(
        r"warn\s*=\s*2|library\(|(load|require)Namespace|stopifnot|installed\.packages|quit\("
        r"|--error|%in%",
        text,
    ):
        return ""
    if re.search(r"(R|Rscript|r)\b[^\n]*(install\.packages|BiocManager::install|biocLite)\(", text):
        name = "BiocManager::install" if "BiocManager::install(" in text else "install.packages"
        what = f"{name} only warns where a package can't be installed"
        return f"{what}: use install2.r --error, or options(warn = 2)"
    if re.search(r"\binstall2?\.r\b(?![^\n]*(--error|\s-\w*e\b))", text):
        return "install2.r goes on where a package can't be installed: write install2.r --error"
    return ""


def silent_shell(run: Run) -> str:
    """What hides that an installation failed; "" for nothing."""
    strict = any(re.match(r"-\w*e", word) for word in run.shell[1:])
    strict = strict or bool(
        re.search(r"^\s*set\s+-\w*e|errexit|^#!.*\s-\w*e", run.text, re.MULTILINE)
    )
    pipefail = "pipefail" in run.text + " ".join(run.shell)
    nodes = run.nodes or []
    for number, node in enumerate(nodes):
        hidden = hides(node, pipefail)
        if hidden:
            return f"{hidden[0]} may fail and the build goes on behind {hidden[1]}: take that away"
        if not strict and number < len(nodes) - 1:
            name = installs(node)
            if name:
                what = f"{name} may fail and the build goes on, since only the last command counts"
                return f"{what}: write && between them, or set -e first"
    return ""


def installs(node: Node) -> str:
    """The installer that a node runs, if it does."""
    for each in simple_commands([node]):
        words = [word for word in each.words if "=" not in word]
        while words[:1] in (["sudo"], ["exec"], ["-E"]):
            words.pop(0)
        if words[1:3] == ["-m", "pip"]:
            words = words[2:]
        if words and INSTALLER.match(words[0]) and VERBS & {*words[1:4]}:
            return f"{posixpath.basename(words[0])} {(VERBS & {*words[1:4]}).pop()}"
    return ""


def hides(node: Node, pipefail: bool) -> tuple[str, str] | None:
    """The installer whose failure a node hides, and by what."""
    if isinstance(node, Chain):
        if node.operator == "||":
            last = [each.words[:1] for each in simple_commands([node.right])][-1:]
            if last in ([["true"]], [[":"]], [["echo"]], [["return"]]) and installs(node.left):
                return installs(node.left), f"|| {last[0][0]}"
        return hides(node.left, pipefail) or hides(node.right, pipefail)
    if isinstance(node, Pipe) and not pipefail:
        name = next(filter(None, map(installs, node.parts[:-1])), "")
        return (name, "the pipe") if name else None
    return None
