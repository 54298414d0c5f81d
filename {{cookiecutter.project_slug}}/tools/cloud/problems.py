"""What SageMaker would refuse in a request, or take and never do: asked of nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from check.request import findings
from cloud.request import JOB_NAME, ROLE, S3_PLACE, ranges, runtime, s3_places
from repository import REPOSITORY


def problems(request: dict) -> Iterator[str]:
    """Yield a sentence for each thing that the API would refuse, or that never works.

    The types are right already: the aws CLI itself has looked at them.
    """
    yield from rule_findings(request)
    if not JOB_NAME.fullmatch(request["TrainingJobName"]):
        yield "TrainingJobName may hold letters, digits and inner hyphens only."
    if not ROLE.fullmatch(request["RoleArn"]):
        role = "`aws iam get-role --role-name NAME --query Role.Arn` prints it"
        yield f'RoleArn: "{request["RoleArn"]}" is no ARN of a role: {role}.'
    algorithm = request["AlgorithmSpecification"]
    for member in ("ContainerEntrypoint", "ContainerArguments"):
        words = algorithm.get(member, ["train"])
        if not (1 <= len(words) <= 100 and all(len(word) <= 256 for word in words)):
            yield f"{member} must have 1 to 100 words of at most 256 characters (C11)."
    if len(algorithm.get("MetricDefinitions", [])) > 40:
        yield "MetricDefinitions may be 40 at most (C94)."
    environment = request.get("Environment", {})
    if len(environment) > 100:
        yield "Environment may have 100 variables at most (C75)."
    for variable, value in environment.items():
        if not re.fullmatch(r"[a-zA-Z_]\w{0,511}", variable, re.ASCII) or len(value) > 512:
            yield (
                f'Environment: "{variable[:40]}" must be a name of letters, digits and _, and its '
                "value at most 512 characters (C75)."
            )
    for place in s3_places(request):
        if not S3_PLACE.fullmatch(place) or len(place) > 1024:
            yield f'"{place}" is no place in S3: write s3://BUCKET/KEY.'
    vpc = request.get("VpcConfig")
    if vpc and not (1 <= len(vpc["Subnets"]) <= 16 and 1 <= len(vpc["SecurityGroupIds"]) <= 5):
        yield "VpcConfig must have 1 to 16 Subnets and 1 to 5 SecurityGroupIds."
    tags = [tag["Key"] for tag in request.get("Tags", [])]
    if len(tags) > 50 or len(set(tags)) < len(tags) or any(tag.startswith("aws:") for tag in tags):
        yield 'Tags must be 50 at most, each Key once, none beginning with "aws:".'
    yield from resource_problems(request)


def rule_findings(request: dict) -> Iterator[str]:
    """Yield what the rules of `make check` find in hyperparameters, metrics and channels."""
    text = (REPOSITORY / "training-job.json").read_text(encoding="utf-8", errors="replace")
    for found in findings(text, request):
        yield f"{found.file}:{found.line}: {found.message}."


def resource_problems(request: dict) -> Iterator[str]:
    """Yield what is wrong with instances and times (C104, C106)."""
    resource = request["ResourceConfig"]
    for group in resource.get("InstanceGroups") or [resource]:
        kind = group.get("InstanceType", "")
        if not re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9]+", kind):
            yield f'InstanceType: "{kind}" is none; they are called like ml.m5.large.'
        if group.get("InstanceCount", 0) < 1:
            yield "InstanceCount must be 1 or more."
    if resource.get("VolumeSizeInGB", 1) < 1:
        yield "VolumeSizeInGB must be 1 or more."
    spot = request.get("EnableManagedSpotTraining")
    if resource.get("KeepAlivePeriodInSeconds") and (spot or "InstanceGroups" in resource):
        yield "KeepAlivePeriodInSeconds goes with neither spot nor InstanceGroups (C106)."
    stopping = request["StoppingCondition"]
    if not 1 <= runtime(request) <= 28 * 86400:
        yield "MaxRuntimeInSeconds must be 1 to 2419200, which is 28 days (C104)."
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


def tuning_problems(tuning: dict) -> Iterator[str]:
    """Yield what is wrong with ranges, objective and limits of a tuning job (C95)."""
    config = tuning["HyperParameterTuningJobConfig"]
    if not JOB_NAME.fullmatch(tuning["HyperParameterTuningJobName"]):
        yield "HyperParameterTuningJobName may hold letters, digits and inner hyphens only."
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
    if len(definition.get("Environment", {})) > 48:
        yield "Environment of a tuning job may have 48 variables at most (C75)."
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
