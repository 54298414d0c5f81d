"""What lies in AWS: how it is looked for, removed, and proved to be gone."""

from __future__ import annotations

import json
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
from terminal import UserError, note  # noqa: E402

# Between two looks at what is being removed, and for how long one looks, in seconds.
PAUSE, PATIENCE = 5, 900
# So many groups of things are asked about, or removed, side by side.
SIDE_BY_SIDE = 8
# Of a list there is always an answer.
NEVER = "(?!)"


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


def jobs_of(prefix: str, kind: str) -> Thing:
    """Return the running jobs of a kind (training, hyper-parameter-tuning) that are called so."""
    member = "".join(each.capitalize() for each in kind.split("-")) + "Job"

    def running(found: dict, *states: str) -> list[str]:
        return [
            each[f"{member}Name"]
            for each in found[f"{member}Summaries"]
            if each[f"{member}Name"].startswith(prefix) and each[f"{member}Status"] in states
        ]

    return Thing(
        f"the running {kind} jobs {prefix}*",
        ("sagemaker", f"list-{kind}-jobs", "--name-contains", prefix),
        NEVER,
        lambda found: bool(running(found, "InProgress", "Stopping")),
        lambda found: [
            ("sagemaker", f"stop-{kind}-job", f"--{kind}-job-name", each)
            for each in running(found, "InProgress")
        ],
    )


def logs_of(begin: str) -> Thing:
    group = ("--log-group-name", LOG_GROUP)
    return Thing(
        f"the logs of jobs {begin}*",
        ("logs", "describe-log-streams", *group, "--log-stream-name-prefix", begin),
        "ResourceNotFoundException",
        lambda found: bool(found["logStreams"]),
        lambda found: [
            ("logs", "delete-log-stream", *group, "--log-stream-name", each["logStreamName"])
            for each in found["logStreams"]
        ],
    )


def log_group_of(name: str) -> Thing:
    return Thing(
        f"the log group {name}",
        ("logs", "describe-log-groups", "--log-group-name-prefix", name),
        NEVER,
        lambda found: name in [each["logGroupName"] for each in found["logGroups"]],
        lambda _: [("logs", "delete-log-group", "--log-group-name", name)],
    )


def holders_of(policy: str, stack: str) -> Thing:
    """Return who beside a stack's roles has a policy of it, which can't be deleted until then."""
    kinds = (("Users", "User", "user"), ("Groups", "Group", "group"), ("Roles", "Role", "role"))

    def holders(found: dict) -> list[tuple[str, str]]:
        named = [
            (word, each[f"{kind}Name"])
            for many, kind, word in kinds
            for each in found[f"Policy{many}"]
        ]
        return [(word, name) for word, name in named if not name.startswith(f"{stack}-")]

    return Thing(
        f"the rights of others by {policy.rpartition('/')[2]}",
        ("iam", "list-entities-for-policy", "--policy-arn", policy),
        "NoSuchEntity",
        lambda found: bool(holders(found)),
        lambda found: [
            ("iam", f"detach-{word}-policy", f"--{word}-name", name, "--policy-arn", policy)
            for word, name in holders(found)
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
    """Return all below a name in a bucket, with the versions that were kept."""
    place = ("--bucket", bucket, "--prefix", f"{name}/")

    def remove(found: dict) -> list[tuple[str, ...]]:
        kept = [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
        kept = [{name: each[name] for name in ("Key", "VersionId")} for each in kept]
        commands = [("s3", "rm", "--recursive", "--only-show-errors", f"s3://{bucket}/{name}/")]
        if any(each["VersionId"] != "null" for each in kept):
            words = ("s3api", "delete-objects", "--bucket", bucket, "--delete")
            commands.append((*words, json.dumps({"Objects": kept, "Quiet": True})))
        return commands

    return Thing(
        f"s3://{bucket}/{name}/",
        # As many as a command's line has room for.
        ("s3api", "list-object-versions", *place, "--max-items", "100"),
        "NoSuchBucket",
        lambda found: bool(found.get("Versions") or found.get("DeleteMarkers")),
        remove,
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
    before = None
    for _ in range(PATIENCE // PAUSE):
        if found == before:
            time.sleep(PAUSE)
        else:
            for words in thing.remove(found):
                aws.run(*words)
        before, found = found, look(aws, thing)
        if found is None:
            return


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


def confirm(yes: bool, meaning: str) -> None:
    """Raise UserError unless the answer is yes; --yes is one."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"Nobody can answer here: --yes says that {meaning}.")
    if input("Type yes to go on: ").strip() != "yes":
        raise UserError("Nothing was done.")
