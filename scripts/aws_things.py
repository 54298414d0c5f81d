"""What lies in AWS: how it is looked for, removed, and proved to be gone."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

TEMPLATE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}" / "tools"))
sys.dont_write_bytecode = True

from cloud.aws import Aws, AwsError  # noqa: E402
from cloud.follow import ENDED, LOG_GROUP  # noqa: E402
from terminal import note  # noqa: E402

# Between two looks at what is being removed, and for how long one looks, in seconds.
PAUSE, PATIENCE = 5, 900
# So many groups of things are asked about, or removed, side by side.
SIDE_BY_SIDE = 8


class Thing(NamedTuple):
    """Something in AWS: how it is looked for, and removed."""

    what: str
    look: tuple[str, ...]
    gone: str  # the codes with which AWS says that there is none
    is_there: Callable[[dict], bool]  # by the answer of `look`
    remove: Callable[[dict], list[tuple[str, ...]]]


def job_of(name: str) -> Thing:
    return Thing(
        f"the running job {name}",
        ("sagemaker", "describe-training-job", "--training-job-name", name),
        "ValidationException|ResourceNotFound",
        lambda found: found["TrainingJobStatus"] not in ENDED,
        lambda found: (
            [("sagemaker", "stop-training-job", "--training-job-name", name)]
            if found["TrainingJobStatus"] != "Stopping"
            else []
        ),
    )


def log_of(job: str) -> Thing:
    group = ("--log-group-name", LOG_GROUP)
    return Thing(
        f"the log of {job}",
        ("logs", "describe-log-streams", *group, "--log-stream-name-prefix", f"{job}/"),
        "ResourceNotFoundException",
        lambda found: bool(found["logStreams"]),
        lambda found: [
            ("logs", "delete-log-stream", *group, "--log-stream-name", each["logStreamName"])
            for each in found["logStreams"]
        ],
    )


def stack_of(name: str) -> Thing:
    words = ("--stack-name", name)
    return Thing(
        f"the stack {name}",
        ("cloudformation", "describe-stacks", *words),
        "ValidationError",
        lambda found: found["Stacks"][0]["StackStatus"] != "DELETE_COMPLETE",
        lambda _: [("cloudformation", "delete-stack", *words)],
    )


def images_of(name: str) -> Thing:
    return Thing(
        f"the ECR repository {name}",
        ("ecr", "describe-repositories", "--repository-names", name),
        "RepositoryNotFoundException",
        lambda found: bool(found["repositories"]),
        lambda _: [("ecr", "delete-repository", "--force", "--repository-name", name)],
    )


def objects_of(name: str, bucket: str) -> Thing:
    return Thing(
        f"s3://{bucket}/{name}/",
        ("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", f"{name}/", "--max-keys", "1"),
        "NoSuchBucket",
        lambda found: bool(found.get("Contents")),
        lambda _: [("s3", "rm", "--recursive", "--only-show-errors", f"s3://{bucket}/{name}/")],
    )


def bucket_of(bucket: str) -> Thing:
    return Thing(
        f"the bucket {bucket}",
        ("s3api", "head-bucket", "--bucket", bucket),
        "404",
        lambda _: True,
        lambda _: [("s3", "rb", f"s3://{bucket}")],
    )


def provider_of(arn: str) -> Thing:
    words = ("--open-id-connect-provider-arn", arn)
    return Thing(
        f"the OIDC provider {arn}",
        ("iam", "get-open-id-connect-provider", *words),
        "NoSuchEntity",
        lambda _: True,
        lambda _: [("iam", "delete-open-id-connect-provider", *words)],
    )


# ---- Taking down ---------------------------------------------------------------------------


def take_down(aws: Aws, groups: Sequence[Sequence[Thing]]) -> list[str]:
    """Remove all things, those of a group in their order; return what is left.

    What can't be removed is told, and does not keep the others.
    """
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        lists = pool.map(lambda group: take_group_down(aws, group), groups)
        return [each for found in lists for each in found]


def take_group_down(aws: Aws, things: Sequence[Thing]) -> list[str]:
    """Do the work of `take_down` for one group."""
    for thing in things:
        try:
            remove(aws, thing)
        except AwsError as error:
            note(f"Not removed: {thing.what}. {error}")
    return [each for each in (left(aws, thing) for thing in things) if each]


def look(aws: Aws, thing: Thing) -> dict | None:
    """Return what AWS says of a thing, None where it is gone."""
    try:
        found = aws.answer(*thing.look)
    except AwsError as error:
        if re.fullmatch(thing.gone, error.code):
            return None
        raise
    return found if thing.is_there(found) else None


def remove(aws: Aws, thing: Thing) -> None:
    """Remove a thing, and wait until it is gone."""
    found = look(aws, thing)
    if found is None:
        return
    note(f"Removing {thing.what}.")
    for words in thing.remove(found):
        aws.run(*words)
    for _ in range(PATIENCE // PAUSE):
        if look(aws, thing) is None:
            return
        time.sleep(PAUSE)


def left(aws: Aws, thing: Thing) -> str:
    """Return what is left of a thing and how to remove it; empty where it is gone."""
    try:
        found = look(aws, thing)
    except AwsError as error:
        return f"perhaps {thing.what}: {error}"
    if found is None:
        return ""
    commands = "; ".join(" ".join(aws.command(*each)) for each in thing.remove(found))
    return f"{thing.what}: {commands}"
