"""The job by which an image is tested that no repository of the template has built."""

from __future__ import annotations

import json
import random
from pathlib import Path

from job import read_request
from settings import read_settings
from terminal import UserError

REQUEST = "training-job.json"
ROWS = 200


def place_of_job(file: Path, folder: Path) -> Path:
    """Return the folder with the job that the settings name; make it in `folder` where need be.

    Raises UserError where the request or the data of a channel are missing.
    """
    settings = read_settings(file)
    job = settings["job"] if settings.has_section("job") else {}
    if not job and (file.parent / REQUEST).is_file():
        return file.parent
    unknown = sorted(set(job) - {"request", "data"})
    if unknown:
        raise UserError(f"{file.name}: [job] has {unknown[0]}: it may have request and data.")
    request = read_request(file.parent / job["request"]) if "request" in job else plain_request()
    (folder / REQUEST).write_text(json.dumps(request), encoding="utf-8")
    names = [channel.get("ChannelName", "") for channel in request.get("InputDataConfig", [])]
    data = folder / "data"
    if "data" in job:
        source = (file.parent / job["data"]).resolve()
        for name in names:
            if not (source / name).is_dir():
                raise UserError(
                    f"{file.name}: the channel {name} needs its files in {source / name}."
                )
        data.symlink_to(source, target_is_directory=True)
    else:
        for name in names:
            (data / name).mkdir(parents=True)
            (data / name / "generated.csv").write_text(table(), encoding="utf-8")
    return folder


def plain_request() -> dict:
    """Return a job with one channel and checkpoints, and nothing that an algorithm must know."""
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/training/"}
    source["S3DataDistributionType"] = "FullyReplicated"
    return {
        "TrainingJobName": "contract",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "InputDataConfig": [{"ChannelName": "training", "DataSource": {"S3DataSource": source}}],
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints/"},
    }


def table() -> str:
    """Return a CSV with a header: four features, and a target of 0 and 1 that depends on them."""
    chance = random.Random(1)
    lines = ["a,b,c,d,target"]
    for _ in range(ROWS):
        row = [chance.gauss(0, 1) for _ in range(4)]
        lines.append(",".join(f"{value:.4f}" for value in row) + f",{int(sum(row) > 0)}")
    return "\n".join(lines) + "\n"
