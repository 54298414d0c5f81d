"""What the service would show of a job that has ended: status, reason, metrics, archives."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

from faults import START_FAULTS, explain
from job import Host, Job
from local.record import Record
from repository import relative
from terminal import say


def report(job: Job, record: Record) -> bool:
    """Print and record what the service would show of the ended job; return whether all is well."""
    failed = sorted((host for host in job.hosts if host.code != 0), key=failed_at)
    code = failed[0].code if failed else 0
    status, reason = "Completed", ""
    if job.stopped:
        status, reason = "Stopped", job.stopped
    elif failed:
        status, reason = "Failed", failure_reason(failed[0])
    record.end(status, reason, code)
    say("")
    if job.stopped:
        say(f"Status: Stopped ({job.stopped}), exit code {code}")
        if not job.stopped.startswith("killed") and any(host.code == 137 for host in failed):
            say(f"The program took more than {job.grace:g} s after SIGTERM and was killed (C5).")
    else:
        say(f"Status: {status}")
    if status == "Failed":
        say(f"FailureReason: {reason}")
    for host in job.hosts if job.size > 1 else ():
        say(f"  {host.name}: {failure_reason(host) if host.code else 'exit code: 0'}")
    for name, error in record.wrong.items():
        say(f"  {name}: its Regex in training-job.json is wrong: {error}.")
    for name, value in record.last.items() if code == 0 else ():
        say(f"  {name} = {value if record.metrics[name] else none_of(job, name, value)}")
    # Of the host that leads: what others write beside it may clash in the service (C61).
    model = pack(job, "model", "model.tar.gz")
    if model:
        say(f"Model: {relative(model)}")
    elif code == 0:
        say("Model: none, since /opt/ml/model is empty; the service calls that Completed (C60).")
    output = pack(job, "output/data", "output.tar.gz")
    if output:
        say(f"Output: {relative(output)}")
    say(f"Files of this run: {relative(job.folder)}")
    return code == 0


def none_of(job: Job, name: str, value: str) -> str:
    """Return why a metric has no value: the log may have one that is no number (C94)."""
    pattern = re.compile(rf"{re.escape(name)}=[-+]?(nan|inf|na)\b", re.IGNORECASE)
    for line in (line for host in job.hosts for line in host.log):
        if found := pattern.search(line):
            return f'none: "{found[0]}" in the log is no number, and SageMaker keeps none of it'
    return value or "none: no line of the log matches its Regex"


def failed_at(host: Host) -> float:
    """Return when a host failed, to order hosts by: the first is most likely the cause.

    The service does not say whose reason it shows (C58). One that was killed left no file.
    """
    return host.failure.stat().st_mtime if host.failure.exists() else 0.0


def failure_reason(host: Host) -> str:
    """Return the FailureReason that the service would give for this host (C57, C58)."""
    code = host.code
    try:
        text = host.failure.read_text(encoding="utf-8", errors="replace")[:1024].strip()
    except OSError:
        text = ""
    if text:
        return f"AlgorithmError: {text}, exit code: {code}"
    tail = "\n".join(host.log[-5:])
    # A program with a wrong first line may end as if it had been started, with code 1.
    unstarted = re.search(r"exec format error|^exec \S+: |exec user process", tail, re.MULTILINE)
    if code in (125, 126, 127) or unstarted:
        cause = explain(tail, START_FAULTS)
        if cause:
            return f"ClientError: {cause}, exit code: {code}"
        # What the engine itself says comes before its hints.
        said = [line for line in host.log if re.match(r"docker: |Error: ", line)] or host.log[-1:]
        if said:
            return f"ClientError: {said[0]}, exit code: {code}"
    if code == 137:
        cause = host.killed_by or "killed, perhaps since the memory was full"
        return f"AlgorithmError: {cause}, exit code: {code}"
    return f"AlgorithmError: the program wrote no /opt/ml/output/failure, exit code: {code}"


def pack(job: Job, folder: str, archive: str) -> Path | None:
    """Pack a folder as the service does, members relative to it; None where it is empty (C59)."""
    source = job.hosts[0].folder / folder
    if not source.is_dir() or not any(source.iterdir()):
        return None
    if job.request.get("OutputDataConfig", {}).get("CompressionType") == "NONE":
        return source
    # As gzip does it by itself: Python's level takes six times as long for a twentieth less.
    with tarfile.open(job.folder / archive, "w:gz", compresslevel=6) as tar:
        for path in sorted(source.iterdir()):
            tar.add(path, arcname=path.name)
    return job.folder / archive
