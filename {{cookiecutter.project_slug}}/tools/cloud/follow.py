"""The verbs logs, stop and fetch: the training or tuning job that was submitted last from here."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

from cloud.aws import PAUSE, Aws, AwsError, patiently
from cloud.logs import Stream
from image import image_of_job
from job import read_request
from repository import REPOSITORY, RUNS, SUBMITTED_JOB, relative
from terminal import UserError, note, parser_of, say

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
ENDED = ("Completed", "Failed", "Stopped")


# ---- The verbs -----------------------------------------------------------------------------


def logs(arguments: Sequence[str]) -> int:
    """Show status and log to the end of the job; Ctrl-C leaves, and the job goes on.

    Exit code: 0 for a job that completed, 1 for one that did not.
    """
    return follow(*find("logs", logs, arguments))


def stop(arguments: Sequence[str]) -> int:
    """Stop the job; the model is saved."""
    aws, name, tuning = find("stop", stop, arguments)
    job = describe(aws, name, tuning)
    if job["Status"] != "InProgress":
        say(f"{name} is {job['Status']} already.")
        return 0
    kind = "HyperParameterTuningJob" if tuning else "TrainingJob"
    operation = "stop-hyper-parameter-tuning-job" if tuning else "stop-training-job"
    aws.call("sagemaker", operation, {f"{kind}Name": name})
    # C5
    say(f"Stopping {name}: the program has 120 s to save its model. `make logs` follows it.")
    return 0


def fetch(arguments: Sequence[str]) -> int:
    """Download and unpack the model of the job, or of a tuning job's best one.

    It goes into runs/JOB/model.
    """
    aws, name, tuning = find("fetch", fetch, arguments)
    job = describe(aws, name, tuning)
    if tuning:
        best = job.get("BestTrainingJob")
        if not best:
            raise UserError(f"{name} is {job['Status']} and has no best training job yet.")
        job = describe(aws, best["TrainingJobName"], tuning=False)
    uri = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if job["Status"] not in ("Completed", "Stopped") or not uri:
        raise UserError(f"{job['Name']} is {job['Status']} and has no model: see `make logs`.")
    folder = RUNS / job["Name"]
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "model.new"
    shutil.rmtree(new, ignore_errors=True)
    try:
        if uri.endswith(".tar.gz"):
            aws.run("s3", "cp", uri, str(folder / "model.tar.gz"), "--only-show-errors")
            unpack(folder / "model.tar.gz", new)
        else:  # OutputDataConfig has the CompressionType NONE
            aws.run("s3", "cp", uri, str(new), "--recursive", "--only-show-errors")
    except AwsError as error:
        # Whoever may list some objects alone is not told that there is none.
        if error.code in ("404", "403"):
            reason = "or it was removed" if error.code == "404" else "it is gone, or not yours"
            raise UserError(f"{job['Name']} left no model, {reason}: {uri}.") from error
        raise
    shutil.rmtree(folder / "model", ignore_errors=True)
    new.rename(folder / "model")
    say(f"Model: {relative(folder / 'model')}")
    return 0


# ---- Which job -----------------------------------------------------------------------------


def find(verb: str, function: object, arguments: Sequence[str]) -> tuple[Aws, str, bool]:
    """Return the CLI, the name of the job and whether it is a tuning job."""
    parser = parser_of(verb, function.__doc__)
    parser.add_argument("job", nargs="?", help="another job than the one submitted last from here")
    parser.add_argument("--region", help="where it runs (default: where the last one does)")
    parser.add_argument("--profile", help="of the aws CLI (default: AWS_PROFILE)")
    options = parser.parse_args(arguments)
    name, last = options.job, last_job()
    if not (name or last):
        raise UserError(
            "No job was submitted from here (there is no runs/submitted-job.json): name one, as in "
            "make logs ARGS=JOB; `aws sagemaker list-training-jobs` lists them."
        )
    aws = Aws(options.region or last.get("region") or region_of_repository(), options.profile)
    if name in (None, last.get("job")):
        return aws, last["job"], last["tuning"]
    for tuning in (False, True):
        try:
            describe(aws, name, tuning)
        except AwsError as error:
            # The service calls a job that it does not know by either word.
            if error.code not in ("ValidationException", "ResourceNotFound"):
                raise
        else:
            return aws, name, tuning
    raise UserError(
        f"There is no job {name} in {aws.region}: see `aws sagemaker list-training-jobs`."
    )


def last_job() -> dict:
    """Return what `submit` has written of the job that was submitted last; nothing if none was."""
    try:
        return json.loads(SUBMITTED_JOB.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def region_of_repository() -> str:
    """Return where the jobs of this repository run: where its image lies."""
    region = image_of_job(read_request(REPOSITORY / "training-job.json")).region
    if not region:
        raise UserError("training-job.json names no region: give one by --region.")
    return region


def describe(aws: Aws, name: str, tuning: bool) -> dict:
    """Return the description of a job, with its status as "Status" for both kinds."""
    kind = "HyperParameterTuningJob" if tuning else "TrainingJob"
    operation = "describe-hyper-parameter-tuning-job" if tuning else "describe-training-job"
    job = aws.call("sagemaker", operation, {f"{kind}Name": name})
    return {**job, "Name": name, "Status": job[f"{kind}Status"]}


# ---- Following -----------------------------------------------------------------------------


def follow(aws: Aws, name: str, tuning: bool) -> int:
    """Show status and log until the job ends, then the result; return 0 if it completed."""
    try:
        return follow_to_end(aws, name, tuning)
    except KeyboardInterrupt:
        note(f"\n{name} goes on: `make logs` follows it again, `make stop` stops it.")
        return 130
    except AwsError as error:
        raise AwsError(f"{str(error).rstrip('.')}. {name} itself goes on.") from error


def follow_to_end(aws: Aws, name: str, tuning: bool) -> int:
    logs = None if tuning else Logs(aws, name)
    shown = ""

    def look() -> dict:
        job = describe(aws, name, tuning)
        # After the status: what was written before the end is shown then.
        if logs:
            logs.show()
        return job

    while True:
        job = patiently(look)
        line = progress(job)
        if line != shown:
            note(f"{time.strftime('%H:%M:%S')} {line}")
            shown = line
        if job["Status"] in ENDED:
            return report(job)
        time.sleep(PAUSE)


class Logs:
    """The log of a training job: a stream for each host (C93)."""

    def __init__(self, aws: Aws, job: str) -> None:
        self.aws = aws
        self.job = job
        self.known: dict[str, Stream] = {}
        self.refused = False

    def show(self) -> None:
        """Print what is new."""
        if self.refused:
            return
        try:
            for stream in self.streams():
                self.show_stream(stream)
        except AwsError as error:
            if not error.refused:
                raise
            self.refused = True
            note(f"No log, only the status: {error}")

    def streams(self) -> list[str]:
        request = {"logGroupName": LOG_GROUP, "logStreamNamePrefix": f"{self.job}/"}
        try:
            found = self.aws.call("logs", "describe-log-streams", request)["logStreams"]
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                return []  # there is no log yet
            raise
        return sorted(stream["logStreamName"] for stream in found)

    def show_stream(self, name: str) -> None:
        # "JOB/algo-1-1700000000": whose line it is matters with more than one host.
        host = re.sub(r"-\d+$", "", name.rpartition("/")[2])
        stream = self.known.setdefault(name, Stream(self.aws, LOG_GROUP, name))
        for line in stream.new_lines():
            say(line if host == "algo-1" else f"[{host}] {line}")


def progress(job: dict) -> str:
    """Return in one line what a job is doing."""
    counters = job.get("TrainingJobStatusCounters")
    if counters:
        running = ", ".join(f"{count} {name}" for name, count in counters.items() if count)
        return f"{job['Status']}: {running or 'no training job yet'}"
    moments = job.get("SecondaryStatusTransitions") or [{}]
    message = moments[-1].get("StatusMessage", "")
    return f"{job.get('SecondaryStatus', job['Status'])}{message and ': '}{message}"


def report(job: dict) -> int:
    """Print what became of a job that has ended; return the exit code."""
    say("")
    detail = job.get("SecondaryStatus", "")
    say(f"Status: {job['Status']}{f' ({detail})' if detail not in ('', job['Status']) else ''}")
    if job.get("FailureReason"):
        say(f"FailureReason: {job['FailureReason']}")
    best = job.get("BestTrainingJob")
    if best:
        objective = best.get("FinalHyperParameterTuningJobObjectiveMetric", {})
        say(f"Best: {best['TrainingJobName']}")
        say(f"  {objective.get('MetricName')} = {objective.get('Value')}")
        for name, value in best.get("TunedHyperParameters", {}).items():
            say(f"  {name}: {value}")
    for metric in job.get("FinalMetricDataList", []):
        say(f"  {metric['MetricName']} = {metric['Value']:.6g}")
    if "BillableTimeInSeconds" in job:
        say(f"Billed: {job['BillableTimeInSeconds']} s of each instance{spot_saved(job)}")
    model = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if job["Status"] != "Failed" and (model or best):
        say(f"Model: {model or 'that of the best training job'}; `make fetch` fetches it")
    return 0 if job["Status"] == "Completed" else 1


def spot_saved(job: dict) -> str:
    """Return what spot has saved, of the seconds that it ran."""
    ran = job.get("TrainingTimeInSeconds", 0)
    if not job.get("EnableManagedSpotTraining") or not ran:
        return ""
    return f" of {ran} s: spot saved {100 * (1 - job['BillableTimeInSeconds'] / ran):.0f} %"


# ---- The model -----------------------------------------------------------------------------


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder, and nowhere else."""
    with tarfile.open(archive) as tar:
        for member in tar:
            target = (folder / member.name).resolve()
            inside = target == folder or folder in target.parents
            if not (inside and (member.isfile() or member.isdir())):
                raise UserError(f"{relative(archive)} holds {member.name}, which is not unpacked.")
            # Its owner and mode are those of the container.
            member.mode = 0o755 if member.isdir() else 0o644
            tar.extract(member, folder, set_attrs=False)
