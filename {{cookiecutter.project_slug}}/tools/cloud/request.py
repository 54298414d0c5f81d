"""The requests that are sent: training-job.json and tuning-job.json, and what is put into them."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator

from image import Image, image_of
from repository import PUSHED_IMAGE
from terminal import UserError, note

# Of the names and ARNs that training-job.json has before there is an account.
PLACEHOLDER = "111122223333"
BUCKET_PLACEHOLDER = re.compile(rf'(?<="s3://)[a-z0-9.-]+-{PLACEHOLDER}(?=[/"])')
ROLE = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):role/(?P<name>[\w+=,.@/-]+)")
S3_PLACE = re.compile(r"s3://(?P<bucket>[^/]+)(/(?P<key>.*))?")
JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
# What a tuning job takes of a training job's request, beside hyperparameters and tags.
DEFINITION = re.findall(
    r"\w+",
    """
    AlgorithmSpecification EnableInterContainerTrafficEncryption EnableManagedSpotTraining
    EnableNetworkIsolation Environment InputDataConfig OutputDataConfig ResourceConfig
    RetryStrategy RoleArn StoppingCondition VpcConfig
    """,
)


def read_pushed() -> tuple[str, Image, str]:
    """Return the image that was pushed last, by digest, its parts, and its tag."""
    try:
        pushed = json.loads(PUSHED_IMAGE.read_text(encoding="utf-8"))
        name, tag = pushed["image"], pushed["tag"]
        image = image_of(name)
    except FileNotFoundError as error:
        raise UserError("No image was pushed from here yet: run `make push` first.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError("pushed-image.json can't be read: run `make push` again.") from error
    if not (image.account and image.digest):  # C84
        raise UserError(f"{name} in pushed-image.json is no image of ECR by digest: `make push`.")
    return name, image, tag


def apply_options(request: dict, options: argparse.Namespace) -> None:
    """Put what the command line says into the request."""
    request.setdefault("HyperParameters", {}).update(options.hyperparameter)
    machines = {"InstanceType": options.instance_type, "InstanceCount": options.instance_count}
    machines = {name: value for name, value in machines.items() if value is not None}
    resource = request.setdefault("ResourceConfig", {})
    if machines and "InstanceGroups" in resource:
        raise UserError("The InstanceGroups have types and counts of their own: edit them instead.")
    resource.update(machines)
    stopping = request.setdefault("StoppingCondition", {})
    if options.max_runtime is not None:
        stopping["MaxRuntimeInSeconds"] = options.max_runtime
    if options.spot:
        request["EnableManagedSpotTraining"] = True
        # As long again to wait for a free instance.
        stopping.setdefault("MaxWaitTimeInSeconds", 2 * runtime(request))


def runtime(request: dict) -> int:
    """Return the seconds that a job may run; a day where nothing is said (C104)."""
    return request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)


def cost(request: dict, jobs: int) -> str:
    """Return in one line what will run, and how long at most."""
    resource = request["ResourceConfig"]
    groups = resource.get("InstanceGroups") or [resource]
    seconds = runtime(request) + resource.get("KeepAlivePeriodInSeconds", 0)
    hours = jobs * sum(group["InstanceCount"] for group in groups) * seconds / 3600
    machines = " and ".join(
        f"{group['InstanceCount']} x {group['InstanceType']}" for group in groups
    )
    spot = ", at the spot price" if request.get("EnableManagedSpotTraining") else ""
    many = f"{jobs} jobs, each " if jobs > 1 else ""
    return f"At most {hours:g} instance-hours: {many}{machines} for up to {seconds} s{spot}."


def set_bucket(request: dict, bucket: str) -> dict:
    """Return the request with a bucket in place of the placeholder, wherever that stands."""
    return json.loads(BUCKET_PLACEHOLDER.sub(bucket, json.dumps(request)))


def s3_places(request: dict) -> list[str]:
    """Return all places in S3 that the service itself reads or writes."""
    own = ("Environment", "HyperParameters", "Tags")
    asked = {member: value for member, value in request.items() if member not in own}
    return re.findall(r'"(s3:[^"]*)"', json.dumps(asked, ensure_ascii=False))


def tuning_job(request: dict, tuning: dict) -> dict:
    """Return the CreateHyperParameterTuningJob request of a training job (C12, C95)."""
    algorithm = request["AlgorithmSpecification"]
    for member in ("ContainerEntrypoint", "ContainerArguments", "TrainingImageConfig"):
        if member in algorithm:
            raise UserError(f"A tuning job takes no {member}: take it out (C12).")
    if "TrainingJobDefinition" in tuning:
        raise UserError(
            "TrainingJobDefinition is made of training-job.json: take it out of tuning-job.json."
        )
    left_out = set(request) - {*DEFINITION, "TrainingJobName", "HyperParameters", "Tags"}
    if left_out:
        note(f"A tuning job goes without {', '.join(sorted(left_out))}.")
    tuned = {each["Name"] for _, each in ranges(tuning)}
    static = request.get("HyperParameters", {})
    definition = {member: request[member] for member in DEFINITION if member in request}
    definition["StaticHyperParameters"] = {
        key: value for key, value in static.items() if key not in tuned
    }
    whole = {**tuning, "TrainingJobDefinition": definition}
    if "Tags" in request:
        whole.setdefault("Tags", request["Tags"])
    return whole


def ranges(tuning: dict) -> Iterator[tuple[str, dict]]:
    """Yield the kind and the content of each range of a tuning job."""
    kinds = tuning.get("HyperParameterTuningJobConfig", {}).get("ParameterRanges", {})
    for kind, content in kinds.items():
        for each in content:
            yield kind, each
