"""Rules about what is in the image."""

from __future__ import annotations

import posixpath
import re

from check.bases import base_of
from check.dockerfile import expand
from check.repository import Repository
from check.rules import Found, line_at, rule
from check.stages import absolute, is_within
from passwords import is_password

DATA_NAME = re.compile(
    r"SM_CHANNELS?(_\w+)?"
    r"|(\w+_)?CHANNEL(_(DIR|PATH|NAME))?"
    r"|((INPUT|TRAIN|TRAINING|VALID|VALIDATION|TEST|EVAL|RAW)_?)?(DATA|DATASET|INPUT)"
    r"(_?(DIR|PATH|FILE|FOLDER|URI|URL|ROOT|S3|LOCATION|BUCKET|PREFIX))?"
    r"|(TRAIN|TRAINING|VALID|VALIDATION|TEST|EVAL)_?(DIR|PATH|FILE|FOLDER|URI|CSV)"
)
CODE = (".py", ".R", ".java")


@rule("error")
def unreadable(repository: Repository) -> Found:
    """What can't be read can't be checked: an instruction that does not exist, a heredoc
    without its end, a Dockerfile that is missing. The build would stop at most of them too."""
    repository.image  # noqa: B018 - what can't be read is known when it was asked for
    for place, what in repository.problems:
        yield place, what if ": " in what else f"{what}: mend it"


@rule("error", "C32", "C25", of_image=True)
def data_path(repository: Repository) -> Found:
    """The job says which channels there are, the service mounts them at
    /opt/ml/input/data/CHANNEL, and the program finds their names in inputdataconfig.json. A
    path that ARG or ENV bakes into the image, or that ENTRYPOINT hands over, is true for one
    job at most: the next one renames a channel and trains on nothing, or on something else.
    Read the channel in the program."""
    instead = "remove it, and let the program read the channels of inputdataconfig.json"
    # Another program may want it, as a default.
    own = repository.is_own
    for each, name, value in repository.build.settings():
        place = re.search(r"/opt/ml/input|^s3://", value)
        named = own and DATA_NAME.fullmatch(name.upper()) and "cache" not in value
        if place or named:
            what = f"{each.name} {name} bakes the place of data into the image: {instead}"
            # An ENV of another place may be of use to the program.
            yield each, what, own and (place or each.name == "ARG")
    for word in repository.entry.json or ():
        if re.search(r"/opt/ml/input/data|s3://", word):
            what = f'ENTRYPOINT hands over the path "{word}" on every job: {instead}'
            yield repository.entry, what, own


@rule("error", "C24", "C25", of_image=True)
def data_copied(repository: Repository) -> Found:
    """Data in the image is old the day after, makes each pull slower, and hides that a channel
    is missing. Keep data/ for local runs, which mount it as the service mounts channels, and
    copy the program only: COPY training/ ./"""
    laid = repository.image.files.values()
    # A package of code may be called so.
    names = [name for name in repository.names if name.endswith(CODE)]
    code = {name.partition("/")[0] for name in names}
    for each, target, sources in repository.image.copies:
        if each.flag("from") is not None or each.heredocs:
            continue
        paths = [posixpath.normpath(f"/{source}") for source in sources]
        tops = {path.split("/")[1] for path in paths if not path.endswith(CODE)}
        folders = [top for top in tops if re.fullmatch(r"data|datasets?", top)]
        if "" in tops and any(name.startswith("data/") for name in laid):
            folders.append("data")
        if {*folders} - code:
            what = f"{each.name} {' '.join(sources)} brings the data into the image at {target}"
            what += ": leave it out, a job mounts its channels under /opt/ml/input/data"
            yield each, what, repository.is_own


@rule("error", "C24", of_image=True)
def opt_ml_covered(repository: Repository) -> Found:
    """/opt/ml belongs to SageMaker, which mounts input, model, output and checkpoints in it:
    what the image has there "may no longer be visible during training" (AWS's guide). A VOLUME
    there lies over the mount's place too. AWS itself copies code to /opt/ml/code, the one
    folder to use."""
    image = repository.image
    folders = mounted(repository)
    for each, target, _ in image.copies:
        if target == "/opt/ml" or any(is_within(target, folder) for folder in folders):
            what = f"{each.name} writes to {target}, which SageMaker keeps for its own mounts"
            what += ": copy the program to /opt/ml/code/"
            yield each, what, repository.is_own or target != "/opt/ml"
    for each in image.named("VOLUME"):
        for path in (absolute(expand(word, image.variables, each.escape)) for word in each.words):
            if path in ("/opt", "/opt/ml") or any(is_within(path, folder) for folder in folders):
                yield each, f"VOLUME {path} lies where SageMaker mounts its folders: remove it"


def mounted(repository: Repository) -> list[str]:
    """Return the folders that the service mounts."""
    local = repository.asked("CheckpointConfig", "LocalPath")
    folders = ["/opt/ml/input", "/opt/ml/model", "/opt/ml/output", "/opt/ml/checkpoints"]
    return [*folders, *([absolute(local)] if isinstance(local, str) and len(local) > 1 else [])]


@rule("error", "C84", of_image=True)
def base_tag(repository: Repository) -> Found:
    """Without a tag an image's name means :latest, which is another image next month: the same
    commit then builds something else, or nothing. Write a version, FROM python:3.13-slim, or a
    digest, FROM name:tag@sha256:…, which never moves."""
    stages = repository.build.stages
    names = {each.name for each in stages if each.name}
    used = [(stage.start, stage.base) for stage in stages if not stage.parent]
    for stage in stages:
        for each in stage.named("ADD", "COPY"):
            origin = expand(each.flag("from") or "", stage.variables, each.escape)
            if origin and not origin.isdecimal() and origin.lower() not in names:
                used.append((each, origin))
    for each, image in used:
        name, _, digest = image.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if image == "scratch" or re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            continue
        if "$" in image or not image:
            what = f'the image "{image}" has a variable without a value: give its ARG a default'
            yield each, what, repository.is_own
        elif digest:
            yield each, f"{image} has a digest that is none: write @sha256: and 64 digits"
        elif tag in ("", "latest"):
            missing = "has no tag, which means latest" if not tag else "has the tag latest"
            what = f"{image} {missing}, another image with time: write a version or a digest"
            yield each, what, False


@rule("error", "C82")
def architecture(repository: Repository) -> Found:
    """SageMaker's training instances are x86-64, all but ml.p6e-gb200.36xlarge: an image for
    another processor ends with `exec format error`. PLATFORM=linux/arm64 on the command line of
    make is for a laptop's own use; what the repository says must be linux/amd64."""
    machine = repository.asked("ResourceConfig", "InstanceType")
    wanted, right = "linux/amd64", r"(linux/)?(amd64|x86[_-]64)(/v[1-4])?"
    foreign = r"(^|/)(arm(32|64)v\d|aarch64|ppc64le|s390x)/|[:_-](arm64(v8)?|aarch64)\b"
    if isinstance(machine, str) and machine.startswith("ml.p6e-gb200"):
        wanted, right = "linux/arm64", r"linux/(arm64|aarch64)(/v8)?"
        foreign = r"(^|[/_-])(amd64|x86_64)"
    root = repository.image.root if repository.image else None
    platform = root.platform if root else ""
    if platform and "$" not in platform and not re.fullmatch(right, platform, re.IGNORECASE):
        what = f"the image is made for {platform}, which the job's instance can't run"
        yield root.start, f"{what}: write {wanted}"
    if root and re.search(foreign, root.base):
        what = f"{root.base} is a base for another processor than the job's instance has"
        yield root.start, f"{what}: take the one for {wanted}"
    for number, line in enumerate(repository.texts.get("Makefile", "").splitlines(), 1):
        found = re.match(r"(?:export )?PLATFORM\s*[:?]*=\s*(\S+)", line)
        found = found or re.search(r"^\s*[^#\s].*--platform[= ]([\w/]+)", line)
        if found and not re.fullmatch(right, found[1], re.IGNORECASE):
            what = f"the image is built for {found[1]}, which the job's instance can't run"
            yield ("Makefile", number), f"{what}: write {wanted}"


SECRET_NAME = re.compile(
    r"(\w+_)?(PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRETS|API_?KEY|ACCESS_KEY(_ID)?|SECRET_KEY|"
    r"PRIVATE_KEY|CREDENTIALS?|AUTH_TOKEN|SESSION_TOKEN|ACCESS_TOKEN|SECRET_ACCESS_KEY|PAT)"
    r"|(?!(PAD|EOS|BOS|UNK|MASK|SEP|CLS|STOP|START)_)(\w+_)?TOKEN"
)
# Each alternative begins with a letter of its own: `re` then finds it ten times faster.
SECRET_VALUE = re.compile(
    r"A(?<=\bA)(KIA|SIA)[0-9A-Z]{16}\b|g(?<=\bg)h[pousr]_\w{30,}|h(?<=\bh)f_[A-Za-z]{30,}"
    r"|g(?<=\bg)lpat-[\w-]{20}|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@$]{1,99}:[^/\s:@$]{1,99}@"
)
# What documents write in the place of a secret.
PLACEHOLDER = re.compile(
    r"AKIA\w*EXAMPLE\b"
    r"|://([A-Z_]+|<[^>\s]*>|\{[^}\s]*\}|user(name)?|me|name|x+|\*+|\.+|foo|login|admin|root|postgres)"
    r":([A-Z_]+|<[^>\s]*>|\{[^}\s]*\}|pass(word)?|pwd|token|secret|key|x+|\*+|\.+|bar|changeme)@"
)
SECRET_FILE = re.compile(r"(^|/)(\.env|\.aws|\.netrc|\.ssh|id_rsa|credentials|[^/]*\.pem)(/|$)")


@rule("error", "C78")
def secret(repository: Repository) -> Found:
    """Whoever can pull the image reads each ENV, and with `docker history` each ARG. SageMaker
    gives a job its role's credentials at run time, so no AWS key is needed in the image. A
    package index that asks for a password: RUN --mount=type=secret."""
    instead = "remove it; for the build use RUN --mount=type=secret, at run time the job's role"
    for name, text in repository.sources():
        found = next((f for f in SECRET_VALUE.finditer(text) if not PLACEHOLDER.match(f[0])), None)
        if found and name != repository.dockerfile:
            what = f"the file holds what looks like a secret: {instead}"
            yield (name, line_at(text, found.start())), what
    if not repository.image:
        return
    for each, name, value in repository.build.settings():
        if SECRET_NAME.fullmatch(name.upper()) or SECRET_VALUE.search(value):
            what = f"{each.name} {name} can be read by all who have the image: {instead}"
            yield each, what, repository.is_own or value
    for each in repository.image.named("RUN", "CMD", "ENTRYPOINT", "LABEL"):
        if SECRET_VALUE.search(each.rest):
            yield each, f"{each.name} holds what looks like a secret: {instead}"
    for each, _, sources in repository.image.copies:
        for source in sources if each.flag("from") is None else ():
            if SECRET_FILE.search(source):
                yield each, f"{each.name} brings {source} into the image: {instead}"


NVIDIA_DRIVER = re.compile(
    r"(?<![\w.-])(nvidia-(driver|headless|dkms|kernel|utils|open)[\w.-]*"
    r"|libnvidia-(?!container)[\w.-]+|libcuda1[\w.-]*|cuda-drivers[\w.-]*"
    r"|NVIDIA-Linux-[\w.-]+\.run)"
)


@rule("error", "C88", of_image=True)
def nvidia_driver(repository: Repository) -> Found:
    """AWS's guide: "Include only the CUDA toolkit on containers; don't bundle NVIDIA drivers
    with the image." The driver is the host's and is mounted into the container. Take an
    nvidia/cuda base, or the packages of the toolkit (cuda-toolkit-12-4, cuda-runtime
    libraries)."""
    for each in repository.image.named("RUN", "COPY", "ADD"):
        found = NVIDIA_DRIVER.search(each.text)
        if found:
            what = f"{each.name} brings {found[0]}, a part of the NVIDIA driver, into the image"
            yield each, f"{what}: leave it out, the driver is the host's"


@rule("warning", "C80", "C81", of_image=True)
def non_root(repository: Repository) -> Found:
    """The service keeps the image's USER, and /opt/ml/model, output and checkpoints belong to
    root with mode 0755: another user's first write ends with `Permission denied`. AWS's guide
    expects root, of hosting in so many words. Where a policy forbids root, start as root, chown
    these folders, and drop the rights in the program."""
    image = repository.image
    inherited = base_of(image.root.base).user
    if not image.user:
        if inherited:
            what = f"{image.root.base} runs as {inherited}, and /opt/ml/model belongs to root"
            yield image.root.start, f"{what}: write USER root behind it"
        return
    user = image.value(image.user).partition(":")[0]
    if user not in ("", "root", "0") and ("$" not in user or inherited):
        what = f"the program runs as {user}, and /opt/ml/model belongs to root"
        yield image.user, f"{what}: remove USER, or write USER root"


@rule("warning", "C82", of_image=True)
def open_platform(repository: Repository) -> Found:
    """Without --platform an image is made for the machine that builds it, on an Apple laptop
    for arm64, and SageMaker's training instances are x86-64. Give it in FROM, or in the
    Makefile's build."""
    root = repository.image.root
    texts = repository.texts
    builds = "\n".join(texts[each] for each in texts if each == "Makefile" or each.endswith(".sh"))
    known = repository.is_own or re.search(r"docker (buildx )?build\b", builds)
    if root.base == "scratch" or not known:
        return  # who builds it, and where, is not said here
    # The verb build gives it.
    given = re.search(r"(?m)^[^#\n]*(--platform|tools build\b)", builds)
    wrong = "BUILDPLATFORM" if given else "(BUILD|TARGET)PLATFORM"
    if re.search(rf"\$\{{?{wrong}", root.platform or "$TARGETPLATFORM"):
        what = "the image is made for the machine that builds it, an Apple laptop's being arm64"
        yield root.start, f"{what}: write FROM --platform=linux/amd64"


# A Makefile, a script, a workflow: what holds a command that builds.
PLACES = re.compile(r"(.*/)?([\w.-]*[Mm]akefile|[\w.-]+\.(mk|sh|ya?ml)|Jenkinsfile)")
# In quotes, and in the braces of a workflow, blanks do not end the value.
ARGUMENT = re.compile(
    r"""--build-arg[ =]+["']?(\w+)(?:=("[^"]*"|'[^']*'|(?:\$\{\{.*?\}\}|[^\s"'])*))?"""
)


@rule("error", "C78")
def password_argument(repository: Repository) -> Found:
    """The value of a --build-arg stays in the image's history, where whoever can pull the image
    reads it. A secret of BuildKit does not: `--secret id=NAME,env=VARIABLE` in the command, and
    `RUN --mount=type=secret,id=NAME` in the Dockerfile."""
    for name, text in repository.sources():
        if not PLACES.fullmatch(name):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for found in ARGUMENT.finditer(line.partition(" #")[0]):
                if not line.lstrip().startswith("#") and is_password(found[1], found[2] or ""):
                    what = f"--build-arg {found[1]} gives a password, which stays in the image"
                    yield (
                        (name, number),
                        f"{what}: write --secret id=…, and RUN --mount=type=secret",
                    )
