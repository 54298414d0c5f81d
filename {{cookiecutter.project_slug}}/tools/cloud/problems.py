"""What SageMaker would refuse in a request, or take and never do: asked of nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator

import image
from api_model import member, walk
from check.request import findings
from cloud.request import channels, machines, plain_place, runtime, s3_places
from repository import REPOSITORY

CHECKPOINTS = "/opt/ml/checkpoints"
TYPE, GROUPS = "ResourceConfig.InstanceType", "ResourceConfig.InstanceGroups"
SPOT = "EnableManagedSpotTraining"
INTERVALS = (100, 200, 500, 1000, 5000, 60000)
# Families of instances with disks of their own: m5d, g5, p4d, trn1, ...
NVME = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|g4dn|g[5-9]\w*|p4de|p[5-9][\w-]*|trn\d\w*)\.")
# As AWS's documentation of each member has it, and C106 for the last: what goes without what.
EXCLUSIVE = {
    "AlgorithmSpecification.AlgorithmName": ["AlgorithmSpecification.TrainingImage"],
    GROUPS: [TYPE, "ResourceConfig.InstanceCount"],
    "ResourceConfig.InstancePreferences": [
        TYPE,
        GROUPS,
        "ResourceConfig.InstancePlacementConfig",
        SPOT,
    ],
    "ResourceConfig.KeepAlivePeriodInSeconds": [SPOT, GROUPS],
}


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
    for one, others in EXCLUSIVE.items():
        found = [each for each in others if member(request, one) and member(request, each)]
        if found:
            names = [each.rpartition(".")[2] for each in [one, *found]]
            yield f"{names[0]} goes without {' and '.join(names[1:])}: take one of them out."
    for name in ("CheckpointConfig", "TensorBoardOutputConfig", "DebugHookConfig"):
        local = member(request, f"{name}.LocalPath") or "/"
        if not local.startswith("/"):
            yield f'{name}.LocalPath is "{local}": write a whole path, such as {CHECKPOINTS}.'
    local = member(request, "CheckpointConfig.LocalPath") or CHECKPOINTS
    if re.fullmatch("/opt/ml(/(code|input|model|output)(/.*)?)?/?", local):
        yield f"CheckpointConfig.LocalPath, {local}, is SageMaker's own: write {CHECKPOINTS} (C24)."
    interval = member(request, "ProfilerConfig.ProfilingIntervalInMilliseconds")
    if interval not in (None, *INTERVALS):
        yield f"ProfilingIntervalInMilliseconds must be one of {', '.join(map(str, INTERVALS))}."
    yield from place_problems(request)
    yield from channel_problems(request)
    if "ServerlessJobConfig" in request:
        yield "ServerlessJobConfig trains a model of AWS without this image: take it out."
    else:
        yield from resource_problems(request)


def place_problems(request: dict) -> Iterator[str]:
    """Yield what lies in another network, or in another region than the image and so the job."""
    for name, begin in (("Subnets", "subnet-"), ("SecurityGroupIds", "sg-")):
        for each in member(request, f"VpcConfig.{name}") or []:
            if not each.startswith(begin):
                yield f'VpcConfig.{name} has "{each}": write an ID, which begins with {begin}.'
    access = member(request, "AlgorithmSpecification.TrainingImageConfig") or {}
    if access.get("TrainingRepositoryAccessMode") == "Vpc":
        yield (
            "TrainingImageConfig is for a registry of your own, and the job runs what `make push` "
            "sent to ECR: take it out."
        )
    region = image.image_of_job(request).region
    for path, _, value in walk("CreateTrainingJob", request):
        found = re.match(r"arn:[\w-]+:[\w-]+:([\w-]+):", value) if isinstance(value, str) else None
        if region and found and found[1] != region:
            yield f"{path} is of {found[1]}, and the job runs in {region}: name one of there."


def rule_findings(request: dict) -> Iterator[str]:
    """Yield what the rules of `make check` find in hyperparameters, metrics and channels."""
    text = (REPOSITORY / "training-job.json").read_text(encoding="utf-8", errors="replace")
    for found in findings(text, request):
        yield f"{found.file}:{found.line}: {found.message}."


def channel_problems(request: dict) -> Iterator[str]:
    """Yield what is wrong with the sources of channels."""
    groups = [each["InstanceGroupName"] for each in member(request, GROUPS) or []]
    if len({*groups}) < len(groups):
        yield "InstanceGroups must have each InstanceGroupName once."
    for channel in channels(request):
        name, source = channel["ChannelName"], channel["DataSource"]
        if len(source) != 1:
            yield f'The DataSource of "{name}" must be one source: it has {len(source)}.'
        files = source.get("FileSystemDataSource")
        if files and "VpcConfig" not in request:
            yield f'The file system of "{name}" is reached from a VPC alone: add a VpcConfig.'
        if files and not files["DirectoryPath"].startswith("/"):
            yield f'The DirectoryPath of "{name}" must be a whole path, such as /fsx/data.'
        if files and (files["FileSystemType"], files["DirectoryPath"]) == ("FSxLustre", "/"):
            yield (
                f'The DirectoryPath of "{name}" must begin with the file system\'s mount name, '
                "such as /fsx (aws fsx describe-file-systems shows it)."
            )
        objects = source.get("S3DataSource", {})
        piped = mode_of(channel, request) == "Pipe" and objects.get("AttributeNames")
        if objects.get("S3DataType") == "AugmentedManifestFile" and not piped:
            yield f'The AugmentedManifestFile of "{name}" needs InputMode Pipe and AttributeNames.'
        kind, place = objects.get("S3DataType", ""), objects.get("S3Uri", "")
        if kind.endswith("ManifestFile") and place.endswith("/"):
            yield f'The S3Uri of "{name}" must be a file, the {kind}, and {place} is a folder.'
        named = objects.get("InstanceGroupNames", [])
        unknown = sorted(set(named) - set(groups))
        if unknown:
            yield f'The InstanceGroupNames of "{name}" has {unknown[0]}: no InstanceGroup is that.'
    sources = [each["DataSource"].get("S3DataSource", {}) for each in channels(request)]
    if len({"InstanceGroupNames" in each for each in sources}) > 1:
        yield "Some channels have no InstanceGroupNames: give them to all or to none."


def resource_problems(request: dict) -> Iterator[str]:
    """Yield what is wrong with instances and times (C104, C106)."""
    resource = request["ResourceConfig"]
    yield from preference_problems(resource, resource.get("InstancePreferences", []))
    for kind, count in [each for choice in machines(request) for each in choice]:
        if not kind:
            yield "ResourceConfig.InstanceType is missing."
        if count < 1:
            yield f"InstanceCount must be 1 or more{f' for {kind}' if kind else ''}."
    if resource.get("VolumeSizeInGB", 1) < 1:
        yield "VolumeSizeInGB must be 1 or more."
    if runtime(request) > 28 * 86400:
        yield "MaxRuntimeInSeconds may be 2419200 at most, which is 28 days (C104)."
    wait = request["StoppingCondition"].get("MaxWaitTimeInSeconds")
    if not request.get(SPOT):
        if wait is not None:
            yield "MaxWaitTimeInSeconds is for spot jobs only: take it out, or use --spot."
    elif wait is None or wait < runtime(request):
        yield (
            f"MaxWaitTimeInSeconds of a spot job must be {runtime(request)} or more, its "
            f"MaxRuntimeInSeconds: it counts the waiting and the running (C104)."
        )


def preference_problems(resource: dict, preferred: list) -> Iterator[str]:
    """Yield what is wrong with InstancePreferences, as AWS's documentation has it."""
    kinds = [each.get("InstanceType") for each in preferred]
    if len(set(kinds)) < len(kinds):
        yield "InstancePreferences must name each InstanceType once."
    counted = ["InstanceCount" in each for each in preferred]
    if any(counted) and ("InstanceCount" in resource or not all(counted)):
        yield "InstanceCount must stand in each of the InstancePreferences, or beside them alone."


def doubts(request: dict) -> Iterator[str]:
    """Yield what AWS takes, and what most likely is not meant."""
    if request.get(SPOT) and "CheckpointConfig" not in request:
        yield "The spot job has no CheckpointConfig: each interruption loses its work (C67)."
    for channel in channels(request):
        mode = mode_of(channel, request)
        if mode != "File" and "FileSystemDataSource" in channel["DataSource"]:
            yield (
                f'InputMode {mode} is for S3 alone: the file system of "{channel["ChannelName"]}" '
                "is mounted as a folder, as in File mode."
            )
        for name in ("CompressionType", "RecordWrapperType"):
            if mode != "Pipe" and channel.get(name, "None") != "None":
                yield (
                    f"AWS heeds {name} in Pipe mode alone: the files of "
                    f'"{channel["ChannelName"]}" arrive as they are.'
                )
    for path, value in s3_places(request):
        if re.search("[*?]", value):
            yield f"S3 takes the * and ? of {path} by the letter: name what all keys begin with."
    kinds = {kind for choice in machines(request) for kind, _ in choice}
    disks = {kind for kind in kinds if NVME.match(kind)}
    if "VolumeSizeInGB" not in request["ResourceConfig"] and kinds - disks:
        yield f"{' and '.join(sorted(kinds - disks))} has no disk of its own: add a VolumeSizeInGB."
    if member(request, "ResourceConfig.VolumeKmsKeyId") and disks:
        yield (
            f"{' and '.join(sorted(disks))} has disks of its own, which are encrypted already: AWS "
            "refuses VolumeKmsKeyId there."
        )
    for path in ("MlflowConfig", "RemoteDebugConfig.EnableRemoteDebug"):
        if request.get("EnableNetworkIsolation") and member(request, path):
            yield f"{path} takes the network, which EnableNetworkIsolation closes: take one out."
    for name in ("DebugHookConfig", "DebugRuleConfigurations"):
        if name in request and not named("smdebug", request):
            yield (
                f"{name} is for programs that use the library smdebug, which is named nowhere in "
                "this repository: nothing will come of it."
            )
    place = request.get("CheckpointConfig", {}).get("LocalPath", CHECKPOINTS).rstrip("/")
    if place != CHECKPOINTS and not named(place, request):
        yield (
            f"The checkpoints of CheckpointConfig.LocalPath, {place}, are named nowhere in this "
            f"repository: a program that keeps its own in {CHECKPOINTS} keeps none in S3 (C64)."
        )


def mode_of(channel: dict, request: dict) -> str:
    """Return how a channel arrives: as it says itself, else as all do."""
    default = member(request, "AlgorithmSpecification.TrainingInputMode")
    return channel.get("InputMode", default or "File")


def named(place: str, request: dict) -> bool:
    """Tell whether the job's settings or a file of the image name a path, or a library."""
    given = [*request.get("Environment", {}).values(), *request.get("HyperParameters", {}).values()]
    return any(place in each for each in given) or any(
        place in image.text_of(name)
        for name in image.context()
        if not re.match("tools/|training-job.json$", name)
        and (REPOSITORY / name).stat().st_size < 1 << 20
    )
