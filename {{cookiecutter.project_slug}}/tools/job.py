"""The job of training-job.json, and the trees of /opt/ml that its hosts find at their start.

Clause numbers (C1, ...) are those of docs/contract.md of the template that made this repository.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from image import image_of_job
from repository import REPOSITORY, RUNS, read_json, relative
from terminal import UserError

# Between SIGTERM and SIGKILL the service waits this long, in seconds (C5).
GRACE = 120
# Kinds of those members of the request that are no plain text.
OBJECTS = (
    "AlgorithmSpecification CheckpointConfig Environment HyperParameters OutputDataConfig "
    "ResourceConfig StoppingCondition"
)
KINDS = {"InputDataConfig": list, **dict.fromkeys(OBJECTS.split(), dict)}
# Members of the request that a run on this machine follows, or that change nothing for a program.
IMITATED = {*KINDS, "TrainingJobName", "RoleArn", "EnableManagedSpotTraining", "Tags"}


class Host:
    """A host of the job: its tree of /opt/ml, its log, its end."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.log: list[str] = []
        self.code: int | None = None  # the exit code, once it has ended
        self.killed_by = ""

    @property
    def failure(self) -> Path:
        """The file in which the program says why it failed (C58)."""
        return self.folder / "output" / "failure"


class Job:
    """A run of the training job: its request, its hosts, the folder that holds their trees."""

    def __init__(
        self, request: dict, name: str, folder: Path, size: int = 1, grace: float = GRACE
    ) -> None:
        """`size` is the number of hosts, `grace` how long a stop waits, in seconds."""
        self.request = request
        self.name = name
        self.folder = folder
        self.size = size
        self.grace = grace
        self.stopped = ""  # why the run was stopped on purpose
        # Is told that a host began, ended or wrote a line, and what is done to the run
        # (local/record).
        self.tell: Callable[..., None] = lambda what, host=None, text="": None
        # One host alone needs no folder of its own.
        self.hosts = [
            Host(name, self.folder / name if self.size > 1 else self.folder)
            for name in host_names(self.size)
        ]

    @property
    def channels(self) -> list[dict]:
        """The channels of the request."""
        return self.request.get("InputDataConfig", [])

    @property
    def checkpoint_path(self) -> str | None:
        """The container's checkpoint folder, which exists only with a CheckpointConfig (C64)."""
        if "CheckpointConfig" not in self.request:
            return None
        return self.request["CheckpointConfig"].get("LocalPath", "/opt/ml/checkpoints")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the platform sets (C74), and the request's own (C75)."""
        region = image_of_job(self.request).region
        _, partition, _, _, account, *_ = (self.request.get("RoleArn", "") + ":::::").split(":")
        return {
            "TRAINING_JOB_NAME": self.name,
            # The service writes the name in lower case here.
            "TRAINING_JOB_ARN": f"arn:{partition}:sagemaker:{region}:{account}"
            f":training-job/{self.name.lower()}",
            **self.request.get("Environment", {}),
        }


def read_request(path: Path) -> dict:
    """Return the CreateTrainingJob request that the file holds."""
    request = read_json(path)
    if not isinstance(request, dict):
        raise UserError(f"{path.name} must be one JSON object, a CreateTrainingJob request.")
    for key, kind in KINDS.items():
        if not isinstance(request.get(key, kind()), kind):
            name = "a list" if kind is list else "an object"
            raise UserError(f"{path.name}: {key} must be {name}.")
    for key in ("HyperParameters", "Environment"):
        for name, value in request.get(key, {}).items():
            if not isinstance(value, str):
                text = json.dumps(json.dumps(value))
                raise UserError(f'{path.name}: {key} "{name}" must be text: {text}.')
    return request


def not_imitated(request: dict) -> list[str]:
    """Return what of a request a run on this machine does not imitate, in the request's words."""
    asked = {name for name, value in request.items() if value} - IMITATED
    if "InstanceGroups" in request.get("ResourceConfig", {}):
        asked.add("InstanceGroups")
    default = request.get("AlgorithmSpecification", {}).get("TrainingInputMode", "File")
    for channel in request.get("InputDataConfig", []):
        mode = channel.get("InputMode", default)
        source = channel.get("DataSource", {})
        kind = source.get("S3DataSource", {}).get("S3DataType", "S3Prefix")
        if mode != "File":
            asked.add(f"InputMode {mode}")
        if kind != "S3Prefix":
            asked.add(f"S3DataType {kind}")
        asked |= {each for each in source if each != "S3DataSource"}
    return sorted(asked)


def new_job(
    request: dict, size: int = 1, grace: float = GRACE, checkpoints: Path | None = None
) -> Job:
    """Return a job with a name that no other run has, its trees made under runs/.

    It begins with a copy of the checkpoints of another run, if it is told where they are.
    """
    while True:
        name = job_name(request)
        try:
            (RUNS / name).mkdir(parents=True)
        except FileExistsError:
            time.sleep(0.1)
            continue
        break
    job = Job(request, name, RUNS / name, size, grace)
    try:
        write_tree(job, checkpoints)
    except BaseException:
        shutil.rmtree(job.folder)
        raise
    return job


def job_name(request: dict) -> str:
    """Return the request's job name with the time after it, which makes it unique."""
    return f"{request.get('TrainingJobName', 'training')}-{time.strftime('%Y%m%d-%H%M%S')}"


def host_names(size: int) -> list[str]:
    """Return the hosts' names, sorted as text, as the service does (C35): the first leads."""
    return sorted(f"algo-{number}" for number in range(1, size + 1))


def data_folder(channel: dict) -> Path:
    """Return the folder of the repository that stands for the channel's place in S3."""
    name = channel.get("ChannelName", "")
    folder = REPOSITORY / "data" / name
    if not name or not folder.is_dir():
        raise UserError(
            f'Channel "{name}" of training-job.json needs its files in data/{name}: '
            "make that folder, or take the channel out."
        )
    return folder


def channel_folder(job: Job, host: Host, channel: dict) -> Path:
    """Return what the host sees as the channel: the repository's folder, or a shard (C52)."""
    source = channel.get("DataSource", {}).get("S3DataSource", {})
    if job.size > 1 and source.get("S3DataDistributionType") == "ShardedByS3Key":
        return host.folder / "input" / "data" / channel["ChannelName"]
    return data_folder(channel)


def checkpoints_of(request: dict, run: str) -> Path:
    """Return the folder of the checkpoints that a run left: its name, or its folder, says which."""
    folder = RUNS / Path(run).name / "checkpoints"
    if "CheckpointConfig" not in request:
        raise UserError("training-job.json has no CheckpointConfig: a run can't resume without.")
    if not folder.parent.is_dir():
        raise UserError(f'There is no run "{run}": `make runs` lists them.')
    if not folder.is_dir() or not any(folder.iterdir()):
        raise UserError(f"{relative(folder.parent)} left no checkpoint: nothing can be resumed.")
    return folder


def write_tree(job: Job, checkpoints: Path | None = None) -> None:
    """Make the folders and configuration files that the containers find at start (C25)."""
    for rank, host in enumerate(job.hosts):
        config = host.folder / "input" / "config"
        config.mkdir(parents=True)
        for channel in job.channels:
            data = host.folder / "input" / "data" / channel["ChannelName"]
            data.mkdir(parents=True)
            if channel_folder(job, host, channel) == data:
                fill_shard(data_folder(channel), data, rank, job.size)
        files = {
            "hyperparameters.json": job.request.get("HyperParameters", {}),
            "inputdataconfig.json": input_data_config(job.request),
            "resourceconfig.json": resource_config(
                job.request, host.name, [each.name for each in job.hosts]
            ),
        }
        for name, content in files.items():
            (config / name).write_text(json.dumps(content), encoding="utf-8")
    empty_outputs(job)
    if job.checkpoint_path:
        # One for all hosts, as it is one place in S3 (C66).
        place = job.folder / "checkpoints"
        if checkpoints:
            shutil.copytree(checkpoints, place)
        else:
            place.mkdir()


def fill_shard(source: Path, target: Path, rank: int, size: int) -> None:
    """Give a host its files of a channel: by turns, in the order of their names (C52)."""
    files = (path for path in source.rglob("*") if path.is_file())
    for file in sorted(files, key=Path.as_posix)[rank::size]:
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file.resolve(), place)
        except OSError:  # another file system, or a file of somebody else's
            shutil.copy(file, place)


def empty_outputs(job: Job) -> None:
    """Make model/ and output/data empty, as a new container finds them (C25, C67)."""
    for host in job.hosts:
        for name in ("model", "output"):
            shutil.rmtree(host.folder / name, ignore_errors=True)
        (host.folder / "model").mkdir()
        (host.folder / "output" / "data").mkdir(parents=True)


def input_data_config(request: dict) -> dict:
    """Return inputdataconfig.json as the service writes it (C32, C53)."""
    default_mode = request.get("AlgorithmSpecification", {}).get("TrainingInputMode", "File")
    config = {}
    for channel in request.get("InputDataConfig", []):
        source = channel.get("DataSource", {}).get("S3DataSource", {})
        entry = {
            "TrainingInputMode": channel.get("InputMode", default_mode),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        if "ContentType" in channel:
            entry["ContentType"] = channel["ContentType"]
        config[channel["ChannelName"]] = entry
    return config


def resource_config(request: dict, current_host: str, hosts: list[str]) -> dict:
    """Return resourceconfig.json in the shape of 2025 (C34, C38)."""
    instance_type = request.get("ResourceConfig", {}).get("InstanceType", "local")
    group = {
        "instance_group_name": "homogeneousCluster",
        "instance_type": instance_type,
        "hosts": hosts,
    }
    return {
        "current_group_name": "homogeneousCluster",
        "current_host": current_host,
        "current_instance_type": instance_type,
        "hosts": hosts,
        "instance_groups": [group],
        "network_interface_name": "eth0",
        "topology": None,
    }
