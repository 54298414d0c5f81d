"""The image's name, its tag, and what of the tree it is built of."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

from faults import explain
from repository import REPOSITORY
from terminal import UserError, note

# What SageMaker's machines run (C82).
PLATFORM = "linux/amd64"
REVISION = "org.opencontainers.image.revision"
ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+")
# As docker has it: lower case.
NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# What no image is built of, whatever .dockerignore says.
NEVER = ("./.git", "./runs", "./pushed-image.json")


class Image(NamedTuple):
    """The parts of an image's name; account and region are those of ECR, else empty."""

    account: str
    region: str
    repository: str
    digest: str

    @property
    def stack(self) -> str:
        """What the CloudFormation stack and all places in S3 are called like.

        That is the image's name. A stack's has no slash: of team-a/x and team-b/x each is its own.
        """
        if "/" not in self.repository:
            return self.repository
        digest = hashlib.sha256(self.repository.encode()).hexdigest()
        return f"{self.repository.replace('/', '-')}-{digest[:6]}"

    @property
    def local(self) -> str:
        """The image that `make build` makes."""
        return f"{self.repository}:local"


def image_of(name: str) -> Image:
    """Take an image's name apart: [REGISTRY/]REPOSITORY[:TAG][@DIGEST]."""
    path, _, digest = name.partition("@")
    host, slash, rest = path.partition("/")
    registry = ECR.fullmatch(host) if slash else None
    # Without a dot or a port, what stands before the first slash is no registry.
    if slash and (registry or re.search("[.:]", host)):
        path = rest
    repository = re.sub(r":[^/]*$", "", path)
    account, region = registry.group("account", "region") if registry else ("", "")
    return Image(account, region, repository, digest if DIGEST.fullmatch(digest) else "")


def image_of_job(request: dict) -> Image:
    """Return the image that training-job.json names."""
    algorithm = request.get("AlgorithmSpecification")
    name = algorithm.get("TrainingImage") if isinstance(algorithm, dict) else None
    return image_of(name if isinstance(name, str) else "")


def named_image(request: dict) -> Image:
    """Return the image that training-job.json names; raise UserError where it names none."""
    image = image_of_job(request)
    if not NAME.fullmatch(image.repository):
        name = "111122223333.dkr.ecr.REGION.amazonaws.com/NAME"
        raise UserError(f"training-job.json must have a TrainingImage like {name}, in lower case.")
    return image


def local_image(request: dict) -> str:
    """Return the local image's name: the variable IMAGE, else as training-job.json calls it."""
    return os.environ.get("IMAGE") or named_image(request).local


def context() -> list[str]:
    """Return what the image may be built of: paths of files and links within the repository.

    Of .dockerignore only the plain lines are followed: a file too many in the hash does no harm,
    one too few would let two trees share a tag.
    """
    paths, names = ignored()
    return sorted(files_below(".", paths, names), key=os.fsencode)


def ignored() -> tuple[set[str], list[str]]:
    """Return the paths that no image is built of, and the patterns of names."""
    paths, names = set(NEVER), []
    lines = [line.strip() for line in text_of(".dockerignore").splitlines()]
    if any(line.startswith("!") for line in lines):
        return paths, names
    for line in lines:
        if not line or line.startswith("#"):
            continue
        if line.startswith("**/"):
            names += [line[3:]] if "/" not in line[3:] else []
        elif not re.search(r"[*?\[]", line):
            paths.add(f"./{line.lstrip('/').rstrip('/')}")
    return paths, names


def files_below(folder: str, paths: set[str], names: list[str]) -> Iterator[str]:
    """Yield the files and links below a folder, those that are ignored left out."""
    with os.scandir(REPOSITORY / folder) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if path in paths or any(fnmatchcase(entry.name, each) for each in names):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from files_below(path, paths, names)
            else:
                yield path[2:]


def text_of(name: str) -> str:
    """Return the text of a file of the repository, empty where there is none."""
    try:
        return (REPOSITORY / name).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def context_hash() -> str:
    """Return a short digest of contents and names, what is a program, where links lead."""
    digest = hashlib.sha256()
    for name in context():
        path = REPOSITORY / name
        if path.is_symlink():
            what = f"-> {path.readlink()}"
        else:
            what = digest_of(path) + (" x" if path.stat().st_mode & 0o100 else "")
        digest.update(os.fsencode(f"{name} {what}\n"))
    return digest.hexdigest()[:16]


def digest_of(path: Path) -> str:
    """Return the digest of a file's content, which may be larger than the memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def git(*arguments: str) -> str | None:
    """Return what a command of git prints; None where it fails, or there is no git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True)
    except OSError:
        return None
    if done.returncode != 0:
        said = os.fsdecode(done.stderr).strip()
        if said and not re.search(r"not a git repository|No such remote", said):
            what = (
                f"git does not read this tree ({said.splitlines()[-1]}): mend that, or its images "
            )
            note_once(explain(said) or f"{what}count as uncommitted.")
        return None
    return os.fsdecode(done.stdout)


@cache
def note_once(line: str) -> None:
    """Say what is not said yet."""
    if line:
        note(line)


def tag() -> str:
    """Return the commit, where the tree is just that, else a hash of what the image is built of."""
    if os.environ.get("IMAGE_REVISION"):
        # CodeBuild has the tree without its git.
        return os.environ["IMAGE_REVISION"]
    commit = git("rev-parse", "--verify", "--quiet", "HEAD")
    # Nothing is changed, and nothing in the image that git does not keep.
    if commit and git("--no-optional-locks", "status", "--porcelain", "--", ".") == "":
        kept = git("ls-files", "-z")
        if kept is not None and set(context()) <= set(kept.split("\0")):
            return commit.strip()
    return f"uncommitted-{context_hash()}"


def source() -> str:
    """Return where the source lies, without the password that a URL may hold; empty if unknown."""
    url = (git("remote", "get-url", "origin") or "").strip()
    return os.environ.get("IMAGE_SOURCE") or re.sub("//[^/]*@", "//", url).replace(" ", "%20")


def labels(revision: str) -> list[str]:
    """Return the labels of an image of this tree."""
    # The version of the template that this repository came from, or was updated to.
    table = text_of("pyproject.toml").partition("\n[tool.template]\n")[2].partition("\n[")[0]
    version = re.search('^version = "(.*)"', table, re.MULTILINE)
    found = {
        REVISION: revision,
        "org.opencontainers.image.source": source(),
        "template.version": version[1] if version else "",
    }
    return [f"{name}={value}" for name, value in found.items() if value]
