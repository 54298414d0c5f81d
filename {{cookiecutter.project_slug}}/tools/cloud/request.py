"""The requests that are sent: training-job.json and tuning-job.json, and what is put into them."""

from __future__ import annotations

import argparse
import json
import re

from api_model import SHAPES, walk
from image import Image, image_of
from repository import PUSHED_IMAGE
from terminal import UserError, note
from tuning import DEFINITIONS, ranges

# Of the names and ARNs that training-job.json has before there is an account.
PLACEHOLDER = "111122223333"
BUCKET_PLACEHOLDER = re.compile(rf'(?<="s3://)[a-z0-9.-]+-{PLACEHOLDER}(?=[/"])')
ROLE = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):role/(?P<name>[\w+=,.@/-]+)")
S3_PLACE = re.compile(r"s3://(?P<bucket>[^/]+)(/(?P<key>.*))?")
# The address of an object on the web: of the bucket's own host, or of a host for all buckets.
HOST = r"s3[.-][\w.-]*amazonaws\.com[\w.]*"
WEB_PLACE = re.compile(rf"(?:https?|s3)://(?:([\w.-]+)\.{HOST}|{HOST}/([^/]+))(?:/(.*))?")
# What a tuning job takes of a training job's request, beside hyperparameters and tags. Its training
# jobs would share one place for checkpoints.
DEFINITION = [
    name
    for name in SHAPES["HyperParameterTrainingJobDefinition"]["members"]
    if name in SHAPES["CreateTrainingJobRequest"]["members"] and name != "CheckpointConfig"
]


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
    for member in ("InstanceGroups", "InstancePreferences"):
        if machines and member in resource:
            raise UserError(f"The {member} have types and counts of their own: edit them instead.")
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


def machines(request: dict) -> list[list[tuple[str, int]]]:
    """Return the types and counts of instances: for each choice that AWS has, those it takes."""
    resource = request["ResourceConfig"]
    count = resource.get("InstanceCount", 0)
    preferred = resource.get("InstancePreferences", [])
    groups = resource.get("InstanceGroups") or [resource]
    choices = [[each] for each in preferred] or [groups]
    return [
        [(each.get("InstanceType", ""), each.get("InstanceCount", count)) for each in choice]
        for choice in choices
    ]


def channels(request: dict) -> list[dict]:
    """Return the channels of a request."""
    return request.get("InputDataConfig", [])


def seconds(request: dict) -> int:
    """Return how long its instances are paid for at most."""
    return runtime(request) + request["ResourceConfig"].get("KeepAlivePeriodInSeconds", 0)


def dollars(request: dict, jobs: int, prices: dict[str, float | None]) -> float | None:
    """Return what so many jobs cost at most, on demand, by the prices of an hour; None: unknown."""
    choices = machines(request)
    if any(prices.get(kind) is None for choice in choices for kind, _ in choice):
        return None
    hour = max(sum(prices[kind] * count for kind, count in choice) for choice in choices)
    return jobs * hour * seconds(request) / 3600


def cost(request: dict, jobs: int, most: float | None = None) -> str:
    """Return in one line what will run, how long at most, and what that costs."""
    choices = machines(request)
    time = seconds(request)
    hours = jobs * max(sum(count for _, count in choice) for choice in choices) * time / 3600
    bound = f"{hours:g} instance-hours"
    if most is not None:
        bound = f"{most:.2f} USD without storage ({bound})"
    kinds = " or ".join(
        " and ".join(f"{count} x {kind}" for kind, count in choice) for choice in choices
    )
    spot = ", at the spot price" if request.get("EnableManagedSpotTraining") else ""
    many = f"{jobs} jobs, each " if jobs > 1 else ""
    return f"At most {bound}: {many}{kinds} for up to {time} s{spot}."


def set_bucket(request: dict, bucket: str) -> dict:
    """Return the request with a bucket in place of the placeholder, wherever that stands."""
    return json.loads(BUCKET_PLACEHOLDER.sub(bucket, json.dumps(request)))


def s3_places(request: dict) -> list[tuple[str, str]]:
    """Return the fields that name a place in S3, which the service reads or writes, and the place.

    Those are the ones that AWS's model calls so.
    """
    known = walk("CreateTrainingJob", request)
    return [(path, value) for path, shape, value in known if shape == "S3Uri"]


def plain_place(value: str) -> str:
    """Return the s3://BUCKET/KEY that a place is, or that is most likely meant; empty if neither.

    Where a bucket stands, the ARN of an access point may.
    """
    web = WEB_PLACE.fullmatch(value.strip())
    rest = (
        f"{web[1] or web[2]}/{web[3] or ''}"
        if web
        else re.sub("^((s3:/+)|(arn:[^:/]*:s3:::))+", "", value.strip())
    )
    bucket, _, key = rest.partition("/")
    if not re.fullmatch(r"[\w.-]{3,63}|arn:aws[\w-]*:s3:.+", bucket, re.ASCII):
        return ""
    key = re.sub("/{2,}", "/", key.lstrip("/"))
    return f"s3://{bucket}/{key}" if "/" in rest else f"s3://{bucket}"


def tuning_job(request: dict, tuning: dict) -> dict:
    """Return the CreateHyperParameterTuningJob request of a training job (C12, C95)."""
    algorithm = request["AlgorithmSpecification"]
    for name in ("ContainerEntrypoint", "ContainerArguments", "TrainingImageConfig"):
        if name in algorithm:
            raise UserError(f"A tuning job takes no {name}: take it out (C12).")
    for name in DEFINITIONS:
        if name in tuning:
            raise UserError(f"{name} is made of training-job.json: take it out of tuning-job.json.")
    left_out = set(request) - {*DEFINITION, "TrainingJobName", "HyperParameters", "Tags"}
    if left_out:
        note(f"A tuning job goes without {', '.join(sorted(left_out))}.")
    tuned = {each["Name"] for _, each in ranges(tuning)}
    static = request.get("HyperParameters", {})
    definition = {name: request[name] for name in DEFINITION if name in request}
    definition["StaticHyperParameters"] = {
        name: value for name, value in static.items() if name not in tuned
    }
    whole = {**tuning, "TrainingJobDefinition": definition}
    if "Tags" in request:
        whole.setdefault("Tags", request["Tags"])
    return whole
