"""A build in AWS CodeBuild: packs the tree, starts the build, follows its log.

There `push` runs again, as buildspec.yml says.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from pathlib import Path

import image
from cloud.account import find_stack, outputs_of
from cloud.aws import PAUSE, Aws, AwsError, doing, patiently
from cloud.logs import Stream
from local.engine import build_arguments, refuse_passwords
from repository import REPOSITORY
from terminal import UserError, note

# The variable of the build project that holds the secret of a build (repository.yaml).
SECRET = "BUILD_SECRET"


def build(aws: Aws, stack: str, repository: str, tag: str) -> None:
    """Build the image in the build project of the stack, and push it from there."""
    check_arguments(build_arguments())
    project, bucket = build_place(aws, stack)
    key = f"{stack}/builds/{tag}.zip"
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "source.zip")
        pack(archive)
        with doing(f"upload the tree to {bucket}"):
            aws.change("s3", "cp", "--only-show-errors", str(archive), f"s3://{bucket}/{key}")
    variables = {
        "IMAGE_REVISION": tag,
        "IMAGE_SOURCE": image.source(),
        "REPOSITORY": repository,
        "BUILD_ARGS": os.environ.get("BUILD_ARGS", ""),
    }
    override = [{"name": name, "value": value} for name, value in variables.items()]
    words = ["codebuild", "start-build", "--project-name", project]
    words += ["--source-type-override", "S3", "--source-location-override", f"{bucket}/{key}"]
    words += ["--environment-variables-override", json.dumps(override)]
    if aws.dry_run:
        aws.change(*words)
        return
    with doing(f"start the build project {project}"):
        build_id = aws.answer(*words)["build"]["id"]
    try:
        status = follow(aws, build_id)
    except KeyboardInterrupt:
        stop = f"aws codebuild stop-build --region {aws.region} --id {build_id}"
        raise UserError(
            f"You stopped watching; the build goes on, and this stops it: {stop}"
        ) from None
    if status != "SUCCEEDED":
        raise UserError(
            f"The build {build_id} ended as {status}: its last lines say why; mend that, then run "
            "this again."
        )


def check_arguments(words: list[str]) -> None:
    """Raise UserError for a password, and for a secret that only this machine has."""
    refuse_passwords(words)
    for flag, word in zip(words, [*words[1:], ""]):
        given = word if flag == "--secret" else flag.partition("--secret=")[2]
        if given and f"env={SECRET}" not in given.split(","):
            raise UserError(
                f"CodeBuild does not have the secret {given}: write env={SECRET} in it, which is "
                "what `make deploy ARGS=BuildSecretArn=ARN` names in Secrets Manager."
            )


def build_place(aws: Aws, stack: str) -> tuple[str, str]:
    """Return the build project and the bucket of the repository's stack."""
    with doing(f"read the stack {stack}, which make deploy creates,"):
        found = find_stack(aws, stack)
    if not found:
        raise UserError(
            f"AWS could not read the stack {stack}, which make deploy creates: there is none in "
            f"{aws.region}."
        )
    outputs = outputs_of(found)
    if not {"BuildProject", "BucketName"} <= set(outputs):
        raise UserError(
            f"The stack {stack} in {aws.region} has no bucket or build project: make deploy, then "
            "run this again."
        )
    return outputs["BuildProject"], outputs["BucketName"]


def pack(archive: Path) -> None:
    """Write what the image is built of into a zip file."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as file:
        for name in image.context():
            # A link that leads nowhere can't be packed.
            if (REPOSITORY / name).exists():
                file.write(REPOSITORY / name, name)


def follow(aws: Aws, build_id: str) -> str:
    """Show the log of a build to its end and return its status."""

    def look() -> dict:
        with doing(f"look at the build {build_id}"):
            return aws.answer("codebuild", "batch-get-builds", "--ids", build_id)

    stream = None
    while True:
        try:
            found = patiently(look)["builds"][0]
        except AwsError as error:
            raise AwsError(f"{error} The build goes on: `make push` finds its image.") from error
        logs = found.get("logs") or {}
        if not stream and logs.get("streamName"):
            stream = Stream(aws, logs["groupName"], logs["streamName"])
        try:
            for line in stream.new_lines() if stream else ():
                note(line.rstrip("\n"))
        except AwsError:
            pass  # the status alone is enough
        if found["buildStatus"] != "IN_PROGRESS":
            return found["buildStatus"]
        time.sleep(PAUSE)
