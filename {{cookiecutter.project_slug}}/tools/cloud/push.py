"""The verb push: builds the image, pushes it to Amazon ECR, prints it by digest."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import image
from cloud import codebuild
from cloud.account import account_of, assume, choose_region, registry_of
from cloud.aws import Aws, AwsError, doing, require_cli
from faults import explain
from job import read_request
from local.engine import (
    build_arguments,
    build_command,
    build_options,
    call,
    find_engine,
    flags_of,
    require_engine,
)
from repository import PUSHED_IMAGE, REPOSITORY
from terminal import UserError, note, parser_of, say, uninterrupted

# What SageMaker takes (C82, C83): one Docker manifest, for its platform.
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# How a new ECR repository is made, as by repository.yaml, which has its lifecycle policy too.
NEW_REPOSITORY = (
    "--image-tag-mutability",
    "IMMUTABLE",
    "--image-scanning-configuration",
    "scanOnPush=true",
    "--encryption-configuration",
    "encryptionType=AES256",
)
TEMPLATE = Path(__file__).with_name("repository.yaml")

# fmt: off
# What the last lines of an engine mean, whatever it did.
ENGINE_FAULTS = {
    r"[Nn]o space left on |don't have enough free space in":
        "{what} failed, the disk is full: make room ({engine} system prune), then run this again.",
    r"buildx component is missing":
        "docker can't build without buildx: install docker-buildx-plugin (Debian: docker-buildx), "
        "then run this again.",
    r"exec /bin/(?:ba)?sh: exec format error":
        "{what} failed, this machine can't run what is for {platform}: install its emulation "
        "(Debian: qemu-user-binfmt), then run this again.",
    r"cannot allocate memory|exit code: 137":
        "{what} failed, the memory was full: give {engine} more, then run this again.",
}
# What its last line means where it spoke with the registry.
REGISTRY_FAULTS = {
    r"immutable":
        "the tag {tag} was taken meanwhile, and tags are immutable: run this again, it will find "
        "that image.",
    r"token has expired|basic auth credentials|nauthorized":
        "{what} failed, the login to ECR does not hold ({words}): run this again.",
    r"name unknown|RepositoryNotFound":
        "{what} failed, ECR has no repository {repository}: make deploy, or run this again without "
        "--no-create.",
    r"toomanyrequests|\b50[0234]\b|Service Unavailable":
        "{what} failed, ECR is busy ({words}): run this again in a minute.",
    r"denied|not authorized|orbidden|HTTP 403":
        "{what} failed, ECR refuses you ({words}): ask for the right to push to {repository}, by "
        "your own policy and by the repository's.",
    r"no such host|time.*out|connect|EOF|broken pipe|TLS":
        "{what} failed, {registry} can't be reached ({words}): look at network and proxy, then run "
        "this again; what has arrived stays there.",
}
# fmt: on


def push(arguments: Sequence[str]) -> int:
    """Build the image of this tree and push it to Amazon ECR.

    It is tagged by the git commit; that of a tree that is not committed, by a hash of what it is
    built of. Pushing the same again does nothing. The image is printed by digest, and written to
    pushed-image.json.
    """
    options = read_options(arguments)
    if options.print_tag:
        say(image.tag())
        return 0
    try:
        pushed = Push(options).run()
    except UserError as error:
        # Behind a colon no sentence begins; a name has another capital, such as SageMaker.
        text = re.sub(r"^[A-Z](?=[a-z]*\b)", lambda found: found[0].lower(), str(error))
        raise UserError(f"Not pushed: {text}") from error
    except KeyboardInterrupt:
        raise UserError(
            "Not pushed: interrupted; run this again, what has arrived stays there."
        ) from None
    if pushed:
        say(pushed)
    return 0


class Push:
    """A push: what is pushed, to where, by which engine."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.dry_run = options.dry_run
        require_cli()
        self.engine = (
            "" if options.builder else find_engine("or build with make push BUILDER=codebuild")
        )
        if self.engine:
            require_engine(self.engine)
        request = read_request(REPOSITORY / "training-job.json")
        named = image.named_image(request)
        self.stack = named.stack
        self.repository = options.repository or named.repository
        self.image = options.image or image.local_image(request)
        self.tag = image.tag()
        region = choose_region(options.region, named.region, options.profile)
        self.aws = Aws(region, options.profile, dry_run=options.dry_run)
        if options.role_arn:
            self.aws = assume(self.aws, options.role_arn, options.external_id)
        self.registry = registry_of(account_of(self.aws), region)

    def run(self) -> str:
        """Push what is not there yet; return the image by digest, "" where a dry run ends."""
        name = f"{self.registry}/{self.repository}"
        digest = self.look_up()
        if digest:
            note(f"Already pushed: {name}:{self.tag}")
        else:
            if self.options.builder:
                codebuild.build(self.aws, self.stack, self.repository, self.tag)
            else:
                if not self.options.no_build:
                    self.build()
                self.check_image()
                self.log_in()
                self.send()
            if self.dry_run:
                return ""
            digest = self.look_up()
            if not digest:
                raise UserError(
                    f"ECR does not know the tag {self.tag} after the push: run this again."
                )
        if not self.dry_run:
            written = json.dumps({"image": f"{name}@{digest}", "tag": self.tag})
            PUSHED_IMAGE.write_text(f"{written}\n", encoding="utf-8")
        return f"{name}@{digest}"

    def look_up(self) -> str:
        """Return the digest that ECR has under the tag, or nothing; create a missing repository."""
        words = ["--repository-name", self.repository, "--image-ids", f"imageTag={self.tag}"]
        try:
            with doing(f"look into the ECR repository {self.repository}"):
                found = self.aws.answer("ecr", "describe-images", *words)
        except AwsError as error:
            if error.code == "RepositoryNotFoundException":
                self.create_repository()
            elif error.code != "ImageNotFoundException":
                raise
            return ""
        (details,) = found["imageDetails"]
        kind = details.get("imageManifestMediaType")
        if kind != MANIFEST:
            remove = ["aws", "ecr", "batch-delete-image", "--region", self.aws.region]
            raise UserError(
                f"SageMaker does not take what lies in ECR under the tag {self.tag}, a {kind}: "
                f"remove it ({shlex.join([*remove, *words])}), update docker, podman or finch, and "
                "run this again."
            )
        return details["imageDigest"]

    def create_repository(self) -> None:
        """Create the repository with its lifecycle policy, whole or not at all."""
        name = ["--repository-name", self.repository]
        if self.options.no_create:
            raise UserError(
                f"There is no ECR repository {self.repository} in {self.aws.region}: create it "
                "(make deploy), or run this without --no-create."
            )
        note(f"Creating the ECR repository {self.repository} in {self.aws.region}.")
        # A second run takes a repository as it is.
        with uninterrupted():
            try:
                with doing(f"create the ECR repository {self.repository}"):
                    self.aws.change("ecr", "create-repository", *name, *NEW_REPOSITORY)
            except AwsError as error:
                if error.code == "RepositoryAlreadyExistsException":
                    return
                raise
            policy = ["--lifecycle-policy-text", lifecycle_policy()]
            try:
                with doing(f"give the new ECR repository {self.repository} its lifecycle policy"):
                    self.aws.change("ecr", "put-lifecycle-policy", *name, *policy)
            except AwsError:
                self.remove_repository()
                raise

    def remove_repository(self) -> None:
        """Remove a repository that was half made."""
        words = ["ecr", "delete-repository", "--repository-name", self.repository]
        try:
            self.aws.run(*words)
        except AwsError:
            command = shlex.join(self.aws.command(*words))
            note(f"Remove the half-made ECR repository: {command}")

    def build(self) -> None:
        """Build the image for SageMaker's machines."""
        platform, arguments = image.PLATFORM, build_arguments()
        command = build_command(self.engine, self.image, platform, arguments)
        self.do("the build", command, **build_options())

    def check_image(self) -> None:
        """Hold the image against what SageMaker runs, and against this tree."""
        inspect = [self.engine, "image", "inspect", "--format"]
        self.show([*inspect, "{{.Os}}/{{.Architecture}}", self.image])
        if self.dry_run and not self.options.no_build:
            return  # there is none yet
        found = call(*inspect, "{{.Os}}/{{.Architecture}}", self.image)
        if found.returncode != 0:
            raise UserError(
                f"There is no image {self.image}: run make build, or this without --no-build."
            )
        platform = found.stdout.strip()
        if platform != image.PLATFORM:
            raise UserError(
                f"The image {self.image} is for {platform}, SageMaker runs {image.PLATFORM}: make "
                f"build PLATFORM={image.PLATFORM}."
            )
        label = f'{{{{index .Config.Labels "{image.REVISION}"}}}}'
        revision = call(*inspect, label, self.image).stdout.strip()
        if revision != self.tag:
            raise UserError(
                f"The image {self.image} was built of another tree ({revision or 'unknown'}) than "
                f"this one ({self.tag}): run this again, without --no-build."
            )

    def log_in(self) -> None:
        """Log the engine in to ECR: no file, log or process list has the password."""
        command = [self.engine, "login", "--username", "AWS", "--password-stdin", self.registry]
        if self.dry_run:
            self.aws.show("ecr", "get-login-password")
            self.show(command)
            return
        with doing("log in to ECR"):
            password = self.aws.run("ecr", "get-login-password")
        done = subprocess.run(
            command,
            input=password.strip(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        # ECR's credential helper logs in by itself, and refuses to store a password.
        if done.returncode != 0 and "not implemented" not in done.stdout:
            raise self.fault(f"the login to {self.registry}", done.stdout)

    def send(self) -> None:
        """Push the image under its tag."""
        remote = f"{self.registry}/{self.repository}:{self.tag}"
        form = ["--format", "v2s2"] if "--format" in flags_of(self.engine, "push")() else []
        self.do("the tag", [self.engine, "tag", self.image, remote])
        self.do("the push", [self.engine, "push", *form, remote])
        if not self.dry_run:
            # The name alone: the local image keeps its own.
            call(self.engine, "image", "rm", remote)

    def do(self, what: str, command: list[str], **options: object) -> None:
        """Run a command of the engine, its words on the terminal; in a dry run print it."""
        self.show(command)
        if self.dry_run:
            return
        said = b""
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )
        with process:
            try:
                for words in iter(lambda: process.stdout.read1(1 << 16), b""):
                    sys.stderr.buffer.write(words)
                    sys.stderr.buffer.flush()
                    said = (said + words)[-8000:]
            except BaseException:
                process.terminate()
                raise
        if process.returncode != 0:
            raise self.fault(what, said.decode("utf-8", "replace"))

    def fault(self, what: str, said: str) -> UserError:
        """Return what the engine's last lines mean."""
        tail, words = "\n".join(said.splitlines()[-20:]), last_words(said)
        known = {"what": what, "words": words, "platform": image.PLATFORM, **vars(self)}
        sentence = explain(tail) or explain(tail, ENGINE_FAULTS, **known)
        if what != "the build":  # whose words may be of anything
            sentence = sentence or explain(words, REGISTRY_FAULTS, **known)
        return UserError(sentence or f"{what} failed ({words}): mend that, then run this again.")

    def show(self, command: list[str]) -> None:
        """Print a command in a dry run."""
        if self.dry_run:
            say(f"+ {shlex.join(command)}")


def lifecycle_policy() -> str:
    """Return the lifecycle policy of repository.yaml: images of commits stay."""
    text = TEMPLATE.read_text(encoding="utf-8")
    block = re.search(r"^( *)LifecyclePolicyText: \|\n((?:\1 +.*\n)+)", text, re.MULTILINE)
    return json.dumps(json.loads(block[2]))


def last_words(text: str) -> str:
    """Return the last line that says something."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = parser_of("push", push.__doc__)
    add = parser.add_argument
    add("--region", help="else that of training-job.json, AWS_REGION, the profile's")
    add("--profile", help="of the aws CLI (default: AWS_PROFILE)")
    add("--repository", metavar="NAME", help="else that of training-job.json")
    add("--role-arn", metavar="ARN", help="a role to assume")
    add("--external-id", metavar="ID", help="where the role asks for one")
    add("--no-create", action="store_true", help="fail where the ECR repository is missing")
    add("--no-build", action="store_true", help="push the local image as it is")
    add("--image", help="the local image (default: IMAGE, else that of `make build`)")
    add(
        "--builder",
        default=os.environ.get("BUILDER"),
        help="codebuild: in AWS CodeBuild, without a container engine here (default: BUILDER)",
    )
    add("--dry-run", action="store_true", help="ask what must be known; print the other commands")
    add("--print-tag", action="store_true", help="print the tag of this tree, nothing else")
    options = parser.parse_args(arguments)
    if options.builder not in (None, "", "codebuild"):
        parser.error(f"there is no builder {options.builder}: it is codebuild or left out")
    return options
