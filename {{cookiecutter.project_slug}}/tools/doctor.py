"""The verb doctor: whether this machine can do it, and on request whether AWS can."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from image import PLATFORM
from local.engine import find_engine, in_studio, no_answer
from repository import REPOSITORY
from terminal import UserError, parser_of, say

# A command that takes longer does not answer, in seconds; all are asked at once.
PATIENCE = 8
GOOD, NOTE, MISSING, UNKNOWN = "ok", "note", "MISSING", "unknown"
GIB = 1 << 30
# What an image, its base and its build take, and what a laptop's engine should have of memory.
DISK, ROOM, MEMORY = 3 * GIB, 10 * GIB, 2 * GIB
ABOUT_ENGINE = (
    ("info", "--format", "{{json .}}"),
    ("version", "--format", "{{.Client.Version}}"),
    ("buildx", "version"),
    ("buildx", "inspect"),
)
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
CERTIFICATES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")


class Answer(NamedTuple):
    """What a command said; without a code it was not there, or did not end."""

    code: int | None
    text: str
    error: str


Line = tuple[str, str, str]


def doctor(arguments: Sequence[str]) -> int:
    """Say whether this machine can do it: a line each, with the remedy.

    It asks no network, changes nothing, and takes ten seconds at most. Exit code: 1 where
    something is missing that `make train` needs. The aws CLI is for the verbs in AWS alone.

    With --aws it asks AWS too, for three minutes at most, and what is missing there counts as well.
    What you may not ask is unknown.
    """
    parser = parser_of("doctor", doctor.__doc__)
    help_of = "ask AWS too: account, stack, role, repository, CodeBuild, bucket, quota (of JOBS)"
    parser.add_argument("--aws", nargs="?", type=int, const=1, metavar="JOBS", help=help_of)
    jobs = parser.parse_args(arguments).aws
    try:
        engine, trouble = find_engine("or train without one by --no-container"), ""
    except UserError as error:
        engine, trouble = "", str(error)
    git, aws, *answers = ask_all(
        ("git", "--version"),
        ("aws", "--version"),
        *[(engine, *words) for words in ABOUT_ENGINE if engine],
    )
    lines = [*of_engine(engine, *answers)] if engine else [(MISSING, "engine", trouble)]
    lines += [*of_machine(git, aws)]
    able = "This machine can do it."
    if jobs:
        from cloud.ready import ready  # only here: it brings all that asks AWS

        able = "This machine and AWS can do it, as far as was asked."
        marks = {True: GOOD, False: MISSING, None: UNKNOWN}
        lines += [(marks[good], what, text) for good, what, text in ready(jobs)]
    for mark, what, text in lines:
        say(f"{mark:8} {what:13} {text}")
    missing = [what for mark, what, _ in lines if mark == MISSING]
    say("")
    say(f"To be mended first: {', '.join(missing)}." if missing else able)
    return 1 if missing else 0


# ---- The engine ----------------------------------------------------------------------------


def of_engine(
    engine: str, info: Answer, version: Answer, buildx: Answer, platforms: Answer
) -> Iterator[Line]:
    """Yield a line for each thing about the container engine."""
    kind = Path(engine).name
    found = read(info.text)
    trouble = "\n".join([*(found.get("ServerErrors") or []), info.error if info.code != 0 else ""])
    if info.code != 0 or trouble.strip() or not found:
        yield MISSING, "engine", why_not(kind, info, trouble)
        return
    # Podman has names of its own; what is called docker may be podman.
    host = found.get("host") or {}
    podman = bool(host)
    yield GOOD, "engine", f"{kind} {version.text.strip()}"
    yield of_rights()
    yield of_builder(version.text, buildx, podman or kind == "finch")
    machine = str(found.get("Architecture") or host.get("arch"))
    desktop = bool(re.search("desktop|finch|lima", str(found.get("OperatingSystem")), re.I))
    yield of_processor(machine, desktop or "linux/amd64" in platforms.text)
    memory = int(found.get("MemTotal") or host.get("memTotal") or 0)
    few = memory < MEMORY
    more = "; give the engine more, or a run may be killed" if few else ""
    yield NOTE if few else GOOD, "memory", f"{memory / GIB:.1f} GiB{more}"
    root = found.get("DockerRootDir") or (found.get("store") or {}).get("graphRoot")
    yield of_disk(kind, Path(str(root)))


def why_not(kind: str, info: Answer, trouble: str) -> str:
    """Return why an engine can't be used, and what to do."""
    if info.code is None:
        return f"{kind} does not answer within {PATIENCE} s: restart it."
    if in_studio():
        return f"{kind} does not answer: have the Studio domain's EnableDockerAccess set."
    return str(no_answer(kind, trouble.strip()))


def of_rights() -> Line:
    """Return whether the engine's own settings can be written: a push keeps its login there."""
    file = Path.home() / ".docker" / "config.json"
    for path in (file, file.parent):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            return NOTE, "login", f"{path} is not yours: sudo chown -R $USER {file.parent}"
    return GOOD, "login", "a push can keep its login"


def of_builder(version: str, buildx: Answer, own: bool) -> Line:
    """Return whether the engine can build: with BuildKit, or a builder of its own."""
    if own:
        return GOOD, "builder", "its own"
    if buildx.code == 0:
        return GOOD, "builder", f"buildx {' '.join(buildx.text.split()[1:2])}".strip()
    numbers = [int(each) for each in re.findall(r"\d+", version)[:2]] or [0]
    if numbers >= [23]:
        return (
            MISSING,
            "builder",
            "docker lacks buildx: install docker-buildx (Debian, Ubuntu) or docker-buildx-plugin "
            "(Docker's own packages).",
        )
    if numbers < [18, 9]:
        return MISSING, "builder", f"docker {version.strip()} has no BuildKit: update docker."
    return GOOD, "builder", "BuildKit, inside docker"


def of_processor(machine: str, emulates: bool) -> Line:
    """Return whether the engine runs images for the service's processor (C82)."""
    wanted = os.environ.get("PLATFORM") or PLATFORM
    same = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    if wanted.endswith(same):
        return GOOD, "processor", f"{same}, which is what {wanted} asks for"
    binfmt = Path("/proc/sys/fs/binfmt_misc")
    with contextlib.suppress(OSError):
        emulates = emulates or any("x86_64" in each.name for each in binfmt.iterdir())
    native = f"PLATFORM=linux/{same} trains natively, here alone"
    if emulates:
        return NOTE, "processor", f"{same}: {wanted} is emulated, and slow; {native}"
    return (
        MISSING,
        "processor",
        f"{same}, and nothing emulates {wanted}: install qemu-user-static, or {native}.",
    )


def of_disk(kind: str, root: Path) -> Line:
    """Return how much room there is for images; a machine within this one has the disk of this."""
    while not root.exists() and root != root.parent:
        root = root.parent
    place = root if root != root.parent else REPOSITORY
    free = shutil.disk_usage(place).free
    text = f"{free / GIB:.1f} GiB free for images"
    if free >= ROOM:
        return GOOD, "disk", text
    return (
        NOTE if free >= DISK else MISSING,
        "disk",
        f"{text}; they need {DISK // GIB}: `{kind} system prune` removes what is unused.",
    )


# ---- The rest of the machine ---------------------------------------------------------------


def of_machine(git: Answer, aws: Answer) -> Iterator[Line]:
    """Yield a line for each thing that is not the engine's."""
    yield GOOD, "python", platform.python_version()
    if git.code == 0:
        yield GOOD, "git", git.text.split()[-1]
    else:
        yield NOTE, "git", "install it: without, an image's tag names no commit."
    yield of_aws(aws)
    yield of_proxy()
    yield of_certificates()


def of_aws(aws: Answer) -> Line:
    """Return whether the aws CLI will do for the verbs in AWS."""
    found = re.search(r"aws-cli/(\d+)(\S*)", aws.text + aws.error)
    if not found:
        return NOTE, "aws", "install the aws CLI v2 for the verbs in AWS; the others need none."
    if int(found[1]) < 2:
        return NOTE, "aws", f"{found[1]}{found[2]} is old: install the aws CLI v2."
    return GOOD, "aws", f"{found[1]}{found[2]}"


def of_proxy() -> Line:
    """Return whether a proxy of this machine reaches the builds too."""
    name = next((each for each in PROXIES if os.environ.get(each)), "")
    if not name:
        return GOOD, "proxy", "none is set"
    with contextlib.suppress(OSError):
        if "proxies" in read((Path.home() / ".docker/config.json").read_text(encoding="utf-8")):
            return GOOD, "proxy", f"{name}, and ~/.docker/config.json has one for builds"
    if "proxy" in os.environ.get("BUILD_ARGS", "").lower():
        return GOOD, "proxy", f"{name}, and BUILD_ARGS hands one to builds"
    return (
        NOTE,
        "proxy",
        f'{name} is set, and builds do not see it: export BUILD_ARGS="--build-arg {name.upper()}"',
    )


def of_certificates() -> Line:
    """Return whether a company's certificates are where the variables say, and reach the builds."""
    named = [each for each in CERTIFICATES if os.environ.get(each)]
    for name in named:
        if not Path(os.environ[name]).exists():
            return NOTE, "certificates", f"{name} names a file that is not there: mend it."
    if not named or "CA_CERTIFICATE" in os.environ.get("BUILD_ARGS", ""):
        return GOOD, "certificates", ", ".join(named) or "none of a company's own"
    return (
        NOTE,
        "certificates",
        f'{named[0]} is set; builds get it by CA_CERTIFICATE="$(cat ${named[0]})" and '
        'BUILD_ARGS="--build-arg CA_CERTIFICATE"',
    )


# ---- Asking --------------------------------------------------------------------------------


def ask_all(*commands: Sequence[str]) -> list[Answer]:
    """Run short commands side by side and return what they said."""
    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(ask, commands))


def ask(command: Sequence[str]) -> Answer:
    """Run a short command to its end, or to that of our patience, with what it started."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Answer(None, "", str(error))
    try:
        text, error = process.communicate(timeout=PATIENCE)
        return Answer(process.returncode, text, error)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL) if os.name == "posix" else process.kill()
        process.communicate()
        return Answer(None, "", "")


def read(text: str) -> dict:
    """Return the object of a JSON text, an empty one where it is none."""
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict):
            return found
    return {}
