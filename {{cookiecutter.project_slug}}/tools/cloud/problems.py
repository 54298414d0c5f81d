"""What SageMaker would refuse in a request, or take and never do: asked of nobody."""

from __future__ import annotations

from collections.abc import Iterator

import image
from check.request import findings
from cloud.request import machines, plain_place, ranges, runtime, s3_places
from repository import REPOSITORY

CHECKPOINTS = "/opt/ml/checkpoints"


def problems(request: dict) -> Iterator[str]:
    """Yield a sentence for each thing that the API would refuse, or that never works.

    What AWS's own model says of the request is right already.
    """
    yield from rule_findings(request)
    for path, value in s3_places(request):
        meant = plain_place(value)
        if meant != value:
            lead = meant if meant and len(value) < 200 else "s3://BUCKET/KEY"
            yield f'{path} is "{value}": write {lead}.'
    tags = [tag["Key"] for tag in request.get("Tags", [])]
    if len(set(tags)) < len(tags) or any(tag.startswith("aws:") for tag in tags):
        yield 'Tags must have each Key once, none beginning with "aws:".'
    yield from resource_problems(request)


def rule_findings(request: dict) -> Iterator[str]:
    """Yield what the rules of `make check` find in hyperparameters, metrics and channels."""
    text = (REPOSITORY / "training-job.json").read_text(encoding="utf-8", errors="replace")
    for found in findings(text, request):
        yield f"{found.file}:{found.line}: {found.message}."


def resource_problems(request: dict) -> Iterator[str]:
    """Yield what is wrong with instances and times (C104, C106)."""
    resource = request["ResourceConfig"]
    spot = request.get("EnableManagedSpotTraining")
    preferred = resource.get("InstancePreferences")
    if preferred:
        yield from preference_problems(resource, preferred, spot)
    for kind, count in [each for choice in machines(request) for each in choice]:
        if not kind:
            yield "ResourceConfig.InstanceType is missing."
        if count < 1:
            yield f"InstanceCount must be 1 or more{f' for {kind}' if kind else ''}."
    if resource.get("VolumeSizeInGB", 1) < 1:
        yield "VolumeSizeInGB must be 1 or more."
    if resource.get("KeepAlivePeriodInSeconds") and (spot or "InstanceGroups" in resource):
        yield "KeepAlivePeriodInSeconds goes with neither spot nor InstanceGroups (C106)."
    stopping = request["StoppingCondition"]
    if runtime(request) > 28 * 86400:
        yield "MaxRuntimeInSeconds may be 2419200 at most, which is 28 days (C104)."
    wait = stopping.get("MaxWaitTimeInSeconds")
    if not spot:
        if wait is not None:
            yield "MaxWaitTimeInSeconds is for spot jobs only: take it out, or use --spot."
        return
    if wait is None or wait < runtime(request):
        yield (
            f"MaxWaitTimeInSeconds of a spot job ({wait}) must be at least its MaxRuntimeInSeconds "
            f"({runtime(request)}), since it counts the waiting and the running (C104)."
        )
    if "CheckpointConfig" not in request:
        yield "A spot job needs a CheckpointConfig, or each interruption loses its work (C67)."


def preference_problems(resource: dict, preferred: list, spot: bool) -> Iterator[str]:
    """Yield what is wrong with InstancePreferences, as AWS's documentation has it."""
    others = [
        member
        for member in ("InstanceType", "InstanceGroups", "InstancePlacementConfig")
        if member in resource
    ]
    others += ["EnableManagedSpotTraining"] if spot else []
    if others:
        yield f"InstancePreferences goes without {' and '.join(others)}: take one of them out."
    kinds = [each.get("InstanceType") for each in preferred]
    if len(set(kinds)) < len(kinds):
        yield "InstancePreferences must name each InstanceType once."
    counted = ["InstanceCount" in each for each in preferred]
    if any(counted) and ("InstanceCount" in resource or not all(counted)):
        yield "InstanceCount must stand in each of the InstancePreferences, or beside them alone."


def tuning_problems(tuning: dict) -> Iterator[str]:
    """Yield what is wrong with ranges, objective and limits of a tuning job (C95)."""
    config = tuning["HyperParameterTuningJobConfig"]
    names = []
    for kind, each in ranges(tuning):
        names.append(each["Name"])
        number = {"IntegerParameterRanges": int, "ContinuousParameterRanges": float}.get(kind)
        if not number:
            continue
        try:
            least, most = number(each["MinValue"]), number(each["MaxValue"])
        except ValueError:
            yield f'The range of "{each["Name"]}" must be two numbers, as text.'
            continue
        if not least < most:
            yield f'The range of "{each["Name"]}" must have a MinValue below its MaxValue.'
        if each.get("ScalingType") == "Logarithmic" and least <= 0:
            yield f'The range of "{each["Name"]}" must be above 0 to be Logarithmic.'
    if not 1 <= len(names) <= 30 or len(set(names)) < len(names):
        yield "ParameterRanges must be 1 to 30, each hyperparameter once."
    definition = tuning["TrainingJobDefinition"]
    # _tuning_objective_metric comes to it.
    if len(definition["StaticHyperParameters"]) + len(names) > 99:
        yield "A tuning job may have 99 hyperparameters at most (C29, C95)."
    metrics = definition["AlgorithmSpecification"].get("MetricDefinitions", [])
    metrics = [each["Name"] for each in metrics]
    objective = config.get("HyperParameterTuningJobObjective", {}).get("MetricName")
    if objective not in metrics:
        yield (
            f'The objective "{objective}" of tuning-job.json must be one of the metrics of '
            f"training-job.json: {', '.join(metrics)} (C95)."
        )
    limits = config["ResourceLimits"]
    if limits["MaxParallelTrainingJobs"] > limits.get("MaxNumberOfTrainingJobs", 0):
        yield "MaxNumberOfTrainingJobs, the bound, must be MaxParallelTrainingJobs or more."


def doubts(request: dict) -> Iterator[str]:
    """Yield what AWS takes, and what most likely is not meant."""
    place = request.get("CheckpointConfig", {}).get("LocalPath", CHECKPOINTS).rstrip("/")
    if place != CHECKPOINTS and not named(place, request):
        yield (
            f"The checkpoints of CheckpointConfig.LocalPath, {place}, are named nowhere in this "
            f"repository: a program that keeps its own in {CHECKPOINTS} keeps none in S3 (C64)."
        )


def named(place: str, request: dict) -> bool:
    """Tell whether the job's settings or a file of the image name a path."""
    given = [*request.get("Environment", {}).values(), *request.get("HyperParameters", {}).values()]
    return any(place in each for each in given) or any(
        place in image.text_of(name)
        for name in image.context()
        if (REPOSITORY / name).stat().st_size < 1 << 20 and name != "training-job.json"
    )
