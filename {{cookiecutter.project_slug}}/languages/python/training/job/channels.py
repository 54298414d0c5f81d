"""Which files of each channel a host reads."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from job import TrainingFailure
from job.files import read_config, root
from job.hosts import ONE_HOST, Hosts
from job.log import log

# What systems leave in a folder, hidden or not, and Office while it has a file open.
HIDDEN = re.compile(r"[._].*|~\$.*|desktop\.ini|(eh)?thumbs\.db", re.IGNORECASE | re.DOTALL)
# What editors call a file as it was before: its rows would count twice.
BACKUP = re.compile(r".*(~|\.bak|\.orig)|#.*#", re.IGNORECASE | re.DOTALL)


def read_channels(
    required: Iterable[str],
    hosts: Hosts = ONE_HOST,
    collect: Callable[[Any], dict[str, Any]] = lambda value: {"": value},
) -> dict[str, list[Path]]:
    """Return the files of each channel, sorted, by the channel's name (C32, C43).

    Skips what is no data: hidden files, those that start with "." or "_", and files of no bytes,
    such as folder markers and the empty parts that Spark writes; and, told in the log, the backups
    of editors. Several hosts share out the files of a channel that each has as a whole, so that
    each row counts once (C52); one of them may have none. `collect` returns what each host gives
    it. Raises TrainingFailure for a required channel that is missing, one that is empty on every
    host, and Pipe mode (C50).
    """
    folder = root() / "input"
    if not folder.is_dir():
        raise TrainingFailure(f"{folder} does not exist: start with `make train`, or mount it.")
    data = folder / "data"
    config = read_config("inputdataconfig.json")
    if config is None:
        log(f"inputdataconfig.json is missing: taking the folders under {data} as channels.")
        # Sorting out files matters: the service puts <channel>-manifest beside the folders (C44).
        config = {path.name: {} for path in sorted(data.glob("*")) if path.is_dir()}
    for name in required:
        if name not in config:
            present = f"only the channels {', '.join(sorted(config))}" if config else "no channels"
            raise TrainingFailure(f'Channel "{name}" is missing: the job has {present}.')
    channels = {}
    for name in sorted(config):
        if config[name].get("TrainingInputMode") == "Pipe":
            raise TrainingFailure(
                f'Channel "{name}" comes in Pipe mode, which this program can\'t read: '
                "use FastFile in training-job.json, which streams as well."
            )
        folder = data / name
        files = {path for path in folder.rglob("*") if _is_data(path, folder)}
        backups = {path for path in files if BACKUP.fullmatch(path.name)}
        if backups:
            names = ", ".join(sorted(path.name for path in backups))
            log(f'Channel "{name}": {names} left out, as a backup: rename it if it is data.')
        channels[name] = sorted(files - backups, key=os.fsencode)
    counts = collect({name: len(files) for name, files in channels.items()}).values()
    for name, files in channels.items():
        if not any(count.get(name) for count in counts):
            where = " on any host" if hosts.several else ""
            raise TrainingFailure(
                f'Channel "{name}" is empty: there is no file under {data / name}{where}.'
            )
        if config[name].get("S3DistributionType") == "FullyReplicated":
            channels[name] = files[hosts.rank :: len(hosts.names)]
            if not channels[name]:
                log(
                    f'Channel "{name}": no file is left for this host: it has '
                    f"{_count(len(files), 'file')} and the job {len(hosts.names)} hosts. "
                    "ShardedByS3Key, or more files, give each its share."
                )
    counts = [f"{name} ({_count(len(files), 'file')})" for name, files in channels.items()]
    log(f"Channels: {', '.join(counts) or 'none'}.")
    return channels


def _is_data(path: Path, folder: Path) -> bool:
    hidden = any(map(HIDDEN.fullmatch, path.relative_to(folder).parts))
    return not hidden and path.is_file() and path.stat().st_size > 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
