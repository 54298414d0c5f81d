"""The data of data/, sent to places in S3 that are called by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cloud.aws import Aws
from cloud.request import S3_PLACE
from image import digest_of
from repository import REPOSITORY
from terminal import UserError, note


def uploads(request: dict, repository: str) -> dict[str, Path]:
    """Point the channels that have files in data/ to a place of those very files.

    Returns place in S3 → folder. The place's name is made of the content: nothing is ever
    overwritten under a job that reads it, and what is there already needs no upload.
    """
    found = {}
    output = S3_PLACE.fullmatch(request["OutputDataConfig"]["S3OutputPath"])
    if not output:
        raise UserError("--upload needs an S3OutputPath like s3://BUCKET/KEY.")
    for channel in request.get("InputDataConfig", []):
        source = channel.get("DataSource", {}).get("S3DataSource", {})
        name = channel["ChannelName"]
        folder = REPOSITORY / "data" / name
        if source.get("S3DataType") != "S3Prefix" or not folder.is_dir():
            note(f"Not uploaded: {name}, which is no S3Prefix or has no data/{name}.")
            continue
        digest = content_digest(folder)
        source["S3Uri"] = f"s3://{output['bucket']}/{repository}/uploads/{name}-{digest}/"
        found[source["S3Uri"]] = folder
    return found


def content_digest(folder: Path) -> str:
    """Return a short digest of the names and contents of all files of a folder."""
    digest = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise UserError(f"data/{folder.name} is empty: put the files of the channel there.")
    for path in files:
        name = path.relative_to(folder).as_posix()
        digest.update(f"{digest_of(path)} {name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def upload(aws: Aws, places: dict[str, Path]) -> None:
    """Send folders to their places."""
    for place, folder in places.items():
        note(f"Uploading data/{folder.name} to {place}")
        aws.run("s3", "sync", str(folder), place, "--only-show-errors")
