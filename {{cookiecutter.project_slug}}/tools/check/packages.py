"""Rules about what the program imports: that the image has it, where it is looked for."""

from __future__ import annotations

import posixpath
import re

from check.environments import in_environment
from check.program import interpreter_of
from check.repository import Repository
from check.rules import Found, rule
from check.runs import PYTHON_NAME, Run
from check.shell import Block, Chain, Node, simple_commands
from check.start import Start


@rule("error", "C1", of_image=True)
def environment_inactive(repository: Repository) -> Found:
    """`conda activate` and `source venv/bin/activate` in RUN end with that RUN, and SHELL counts
    for RUN alone: ENTRYPOINT in exec form starts the python that PATH finds, and the packages
    lie elsewhere. Name the environment's python in ENTRYPOINT, or put its bin on the PATH by
    ENV PATH=/opt/venv/bin:$PATH. With `uv sync`, `poetry install` and `pipenv install` the
    environment is .venv or one in the home folder, unless they are told otherwise."""
    places = [each.place for each in repository.contents.installs if each.own]
    if not places or "" in places:
        return
    place = places[0]
    instead = "tell it to install into the system's python"
    if " " not in place:
        instead = f"write ENV PATH={repository.contents.bin_of(place)}:$PATH"
    if any(uses_another(repository, start, places) for start in repository.starts):
        what = f"packages are installed into {place}, and ENTRYPOINT starts another python"
        yield repository.entry, f"{what}: {instead}"


def uses_another(repository: Repository, start: Start, places: list[str]) -> bool:
    """Whether a start takes a python outside of all these environments."""
    contents, name = repository.contents, interpreter_of(repository, start)
    is_python = PYTHON_NAME.fullmatch(posixpath.basename(name))
    if start.active not in ("", "base") or start.unsure or not is_python:
        return False
    if "/" in name:
        known = name.startswith(("/usr/bin/", "/usr/local/bin/", "/opt/conda/bin/"))
        found = [repository.image.path(name, start.folder)]
    else:
        known, found = contents.locate(name) is not False, contents.folders
    return known and not any(in_environment(path, place) for path in found for place in places)


# Where requirements are looked for that nothing may install.
REQUIREMENTS = ("requirements.txt", "training/requirements.txt", "src/requirements.txt")
# Package → its module, where that is called otherwise.
MODULES = {"scikit-learn": "sklearn", "pyyaml": "yaml", "pillow": "PIL"}


@rule("error", "C1", of_image=True)
def packages_missing(repository: Repository) -> Found:
    """What requirements.txt names is in the image only where a RUN of the final stage installs it,
    or COPY --from brings the folder that a build stage installed it into. Copying the file
    installs nothing, and the program ends with ModuleNotFoundError."""
    contents = repository.contents
    name = next((each for each in REQUIREMENTS if each in repository.texts), "")
    programs = [
        each
        for each in repository.starts
        if PYTHON_NAME.fullmatch(each.program.launcher) or each.is_train
    ]
    other = repository.language and repository.language.name != "Python"
    if other or not name or not programs or any(each.active or each.unsure for each in programs):
        return
    by_script = any("pip install" in text for text in repository.texts.values() if text[:2] == "#!")
    # COPY --from, git, a script or the base may have brought them.
    brought = contents.installs or by_script or contents.stage.unknown or contents.is_opaque
    brought = brought or contents.base.toolkit or not contents.base.known
    if brought or "PYTHONPATH" in contents.stage.variables:
        return
    lines = [line.strip() for line in repository.texts[name].split("\n")]
    packages = [re.split(r"[\s=<>~!;\[@#]", each)[0] for each in lines if each[:1].isalpha()]
    imported = [each for each in packages if is_imported(repository, each)]
    if packages:
        what = (
            f"nothing installs {name} in the final stage ({[*imported, *packages][0]} is missing)"
        )
        bare = "python" in contents.base.missing
        bare = bare or contents.base.programs.get("python") == "/usr/local/bin"
        sure = imported and bare and "tensorflow" not in repository.image.root.base
        yield repository.entry, f"{what}: write RUN pip install --no-cache-dir -r {name}", sure


def is_imported(repository: Repository, package: str) -> bool:
    """Whether a program of Python here imports a package."""
    module = MODULES.get(package.lower(), package.replace("-", "_"))
    pattern = re.compile(rf"^\s*(import|from)\s+{re.escape(module)}\b", re.MULTILINE)
    return any(pattern.search(repository.texts[n]) for n in repository.texts if n.endswith(".py"))


# Packages of Python and Java whose compiled parts exist for glibc alone.
GLIBC = r"(torch|tensorflow|xgboost|lightgbm|catboost|onnxruntime|jaxlib|faiss-cpu|mxnet|h2o)\b"
GLIBC_JAVA = (
    r"xgboost4j|lightgbm4j|onnxruntime|tensorflow-core|deeplearning4j|nd4j-native|ai\.djl|catboost"
)
BUILD_FILES = ("pom.xml", "build.gradle", "build.gradle.kts", "build.sbt")


@rule("error", "C1", of_image=True)
def libc(repository: Repository) -> Found:
    """Alpine's C library is musl: compiled packages that exist for glibc alone (torch, tensorflow,
    xgboost, lightgbm and their like, also their Java libraries) do not load there, nor does what
    a stage of Debian compiled or linked. Take a slim base of Debian, or build on Alpine."""
    contents, texts = repository.contents, repository.texts
    base = repository.image.root.base
    if not contents.base.musl:
        return
    for each in contents.foreign_libc():
        what = f"{each.rest.split()[0]} was built for glibc, and {base} has musl"
        yield each, f"{what}: take bases of one kind, such as Debian's slim"
        return
    listed = texts.get("requirements.txt", "") if contents.installs else ""
    found = re.search(rf"^\s*{GLIBC}", listed, re.MULTILINE)
    found = found or re.search(rf"pip[\d.]* install[^\n;&]*\b{GLIBC}", contents.text)
    if not found and any(each.program.launcher == "java" for each in repository.starts):
        found = re.search(f"({GLIBC_JAVA})", "\n".join(texts.get(each, "") for each in BUILD_FILES))
    if found and not re.search(r"gcompat|libc6-compat|glibc", contents.text):
        what = f"{found[1]} is compiled for glibc, and {base} has musl"
        yield repository.image.root.start, f"{what}: take a slim base of Debian"


# Commands that install, and say by their exit code whether they did.
INSTALLER = re.compile(
    r"(\S*/)?(pip[\d.]*|uv|conda|mamba|micromamba|poetry|pipenv|apt-get|apt|yum|dnf|apk"
    r"|install2\.r|installr)$"
)
VERBS = {"install", "sync", "add", "create"}
# What stops a RUN of R where a package is not there.
STOPS_R = re.compile(
    r"warn\s*=\s*2|library\(|(load|require)Namespace|stopifnot|installed\.packages|quit\("
    r"|--error|%in%"
)


@rule("warning", "C1", of_image=True)
def silent_install(repository: Repository) -> Found:
    """R's install.packages only warns where a package can't be installed, and a shell tells only
    how its last command ended: behind `|| true`, `;` or in a pipe a failure is lost. The image
    is built, and the job ends in the middle of the night with a package that is not there.
    `install2.r --error`, `options(warn = 2)`, `set -e` and && stop the build instead."""
    for run in repository.contents.runs:
        what = silent_r(run.text) or silent_shell(run)
        if what:
            yield run.instruction, what


def silent_r(text: str) -> str:
    """Return what is wrong with an installation of R's packages; "" for nothing."""
    if STOPS_R.search(text):
        return ""
    found = re.search(
        r"(R|Rscript|r)\b[^\n]*(install\.packages|BiocManager::install|biocLite)\(", text
    )
    if found:
        name = "BiocManager::install" if "BiocManager::install(" in text else "install.packages"
        what = f"{name} only warns where a package can't be installed"
        return f"{what}: use install2.r --error, or options(warn = 2)"
    if re.search(r"\binstall2?\.r\b(?![^\n]*\s-\w*e\b)", text):
        return "install2.r goes on where a package can't be installed: write install2.r --error"
    return ""


def silent_shell(run: Run) -> str:
    """Return what hides that an installation failed; "" for nothing."""
    strict = any(re.match(r"-\w*e", word) for word in run.shell[1:])
    strict = strict or re.search(r"^\s*set\s+-\w*e|errexit|^#!.*\s-\w*e", run.text, re.MULTILINE)
    pipefail = "pipefail" in run.text + " ".join(run.shell)
    for number, node in enumerate(run.nodes or []):
        hidden = hides(node, pipefail)
        if hidden:
            return f"{hidden[0]} may fail and the build goes on behind {hidden[1]}: take that away"
        name = installs(node) if not strict and number < len(run.nodes) - 1 else ""
        if name:
            what = f"{name} may fail and the build goes on, since only the last command counts"
            return f"{what}: write && between them, or set -e first"
    return ""


def installs(node: Node) -> str:
    """Return the installer that a node runs, if it does."""
    for each in simple_commands([node]):
        words = [word for word in each.words if "=" not in word]
        while words[:1] in (["sudo"], ["exec"], ["-E"]):
            words.pop(0)
        if words[1:3] == ["-m", "pip"]:
            words = words[2:]
        verbs = VERBS & {*words[1:4]}
        if verbs and INSTALLER.match(words[0]):
            return f"{posixpath.basename(words[0])} {verbs.pop()}"
    return ""


def hides(node: Node, pipefail: bool) -> tuple[str, str] | None:
    """Return the installer whose failure a node hides, and by what."""
    if isinstance(node, Chain):
        if node.operator == "||":
            *_, last = ["", *(each.words[:1] for each in simple_commands([node.right]))]
            if last in (["true"], [":"], ["echo"], ["return"]) and installs(node.left):
                return installs(node.left), f"|| {last[0]}"
        return hides(node.left, pipefail) or hides(node.right, pipefail)
    if isinstance(node, Block) and node.kind == "|" and not pipefail:
        name = next(filter(None, map(installs, node.body[:-1])), "")
        return (name, "the pipe") if name else None
    return None
