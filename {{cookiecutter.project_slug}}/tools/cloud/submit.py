"""The verbs submit and tune: the job of training-job.json, with the image that was pushed last."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence

import image
from api_model import check
from check.request import PUT_IN
from cloud.account import account_of
from cloud.aws import Aws, AwsError
from cloud.follow import describe, follow, last_job
from cloud.names import TRAINING, TUNING, unique_name
from cloud.prices import dollars_an_hour
from cloud.problems import doubts, problems
from cloud.questions import beyond, explain_quota, fill_in, questions
from cloud.ranges import declared_by, unfit
from cloud.request import (
    PLACEHOLDER,
    apply_options,
    cost,
    dollars,
    machines,
    read_pushed,
    tuning_job,
)
from cloud.upload import upload, uploads
from job import read_request
from repository import PUSHED_IMAGE, REPOSITORY, SUBMITTED_JOB
from terminal import UserError, add_hyperparameter, note, parser_of, say
from tuning import jobs_of, ranges, tuning_problems


def submit(arguments: Sequence[str]) -> int:
    """Submit the training job of training-job.json to SageMaker.

    The image is that of pushed-image.json, by digest. Role and bucket: flag, else SAGEMAKER_ROLE
    and SAGEMAKER_BUCKET, else those of training-job.json where they are no placeholders (account
    111122223333), else the outputs of the CloudFormation stack that is called like the repository.
    All else in training-job.json goes through as it stands. What SageMaker would refuse is refused
    before anything is sent.

    Each job has a place of its own for checkpoints, below that of CheckpointConfig, so that no job
    resumes from another one's by accident; a spot job that is interrupted finds it again. --resume
    takes over the place of an earlier job that has ended, and so goes on where that one was.

    Prints the job's name, or with --dry-run the request, on stdout; all else on stderr. Before an
    image is pushed, --dry-run needs no AWS.
    """
    return send_job(read_options("submit", submit, arguments), None)


def tune(arguments: Sequence[str]) -> int:
    """Submit the tuning job of tuning-job.json, made of the training job of training-job.json.

    Its flags are those of `submit`, and it does as that does. The training jobs of a tuning job
    would all share one place for checkpoints, so they have none.
    """
    options = read_options("tune", tune, arguments)
    return send_job(options, read_request(REPOSITORY / "tuning-job.json"))


def send_job(options: argparse.Namespace, tuning: dict | None) -> int:
    """Make the request, look at it, send it, follow it; return the exit code."""
    options.name = ""  # of the job, once it is being sent
    try:
        return make_and_send(options, tuning)
    except KeyboardInterrupt:
        if options.name:
            note(f"\n{options.name} may be sent already: `make logs` shows, `make stop` stops it.")
        return 130


def make_and_send(options: argparse.Namespace, tuning: dict | None) -> int:
    """Do the work of `send_job`."""
    request = read_request(REPOSITORY / "training-job.json")
    apply_options(request, options)
    # Before AWS is asked anything, and as it stands in the file.
    refuse("CreateTrainingJob", {**PUT_IN, **request})
    if options.dry_run and not options.resume and not PUSHED_IMAGE.exists():
        return rehearse(request, tuning, options)
    pushed, parts, tag = read_pushed()
    compare_regions(parts.region, options.region)
    aws = Aws(parts.region, options.profile)
    account = account_of(aws)
    named = image.named_image(request)
    stack = named.stack

    request["AlgorithmSpecification"]["TrainingImage"] = pushed
    request, made = fill_in(request, options, aws, stack)
    operation, name, whole, found = assemble(request, tuning, stack, options.resume, aws)
    if tuning is not None and not found:
        found = list(unfit_for_program(whole, image.local_image(request), tag))
    if not found:
        sent = uploads(request, stack) if options.upload else {}
        found = list(questions(aws, account, request, sent))
    if found:
        raise UserError("\n".join(found))

    compare_trees(tag)
    note(f"Image: {pushed}")
    if named.account not in ("", PLACEHOLDER, parts.account):
        note("That is what `make push` sent, and not the TrainingImage of training-job.json.")
    note(f"Role: {request['RoleArn']}")
    for each in [*doubts(request), *beyond(request, made)]:
        note(each)
    jobs = 1 if tuning is None else jobs_of(whole)
    kinds = {kind for choice in machines(request) for kind, _ in choice}
    most = dollars(request, jobs, {kind: dollars_an_hour(aws, kind) for kind in sorted(kinds)})
    note(cost(request, jobs, most))
    hold_cost(most, options.max_cost)
    if options.dry_run:
        say(json.dumps(whole, indent=2))
        return 0
    upload(aws, sent)
    options.name = name
    job = {"job": name, "region": aws.region, "tuning": tuning is not None}
    send(aws, operation, whole, job)
    return follow(aws, name, tuning is not None) if options.wait else 0


def assemble(
    request: dict, tuning: dict | None, stack: str, resume: str | None, aws: Aws | None
) -> tuple[str, str, dict, list[str]]:
    """Return the operation, the job's name, the whole request, and what is wrong with it.

    Without an `aws` nobody is asked.
    """

    def hold(operation: str, service: str, whole: dict) -> None:
        for each in refuse(operation, whole):
            # What is of the training job was said of that.
            if not each.startswith("TrainingJobDefinition."):
                note(each)
        if aws:
            # So the CLI holds a request against the model that it has, and sends nothing.
            aws.call("sagemaker", service, whole, "--generate-cli-skeleton", "output")

    base = str(request.get("TrainingJobName", "training"))
    request["TrainingJobName"] = name = unique_name(stack, base, TRAINING)
    service = "create-training-job"
    hold("CreateTrainingJob", service, request)
    if aws:
        set_checkpoints(request, resume, aws)
    found = list(problems(request))
    if tuning is None:
        return service, name, request, found
    name = unique_name(stack, str(tuning.get("HyperParameterTuningJobName", base)), TUNING)
    service = "create-hyper-parameter-tuning-job"
    whole = tuning_job(request, {**tuning, "HyperParameterTuningJobName": name})
    hold("CreateHyperParameterTuningJob", service, whole)
    return service, name, whole, found + list(tuning_problems(whole, request))


def rehearse(request: dict, tuning: dict | None, options: argparse.Namespace) -> int:
    """Print the request as far as it is known before an image is pushed; return the exit code."""
    note(
        "No image was pushed from here yet. AWS is asked nothing: image, role and bucket are those "
        "of training-job.json."
    )
    stack = image.named_image(request).stack
    *_, whole, found = assemble(request, tuning, stack, None, None)
    if found:
        raise UserError("\n".join(found))
    for each in doubts(request):
        note(each)
    note(cost(request, 1 if tuning is None else jobs_of(whole)))
    if options.max_cost is not None:
        note("Not held: --max-cost, since AWS is not asked for the price.")
    say(json.dumps(whole, indent=2))
    return 0


def refuse(operation: str, request: dict) -> list[str]:
    """Raise UserError for what AWS's own model would refuse; return what it does not know."""
    wrong, doubtful = check(operation, request)
    if wrong:
        # What is not known may stand in the place of what is missing.
        raise UserError("\n".join([*doubtful, *wrong]))
    return doubtful


def unfit_for_program(whole: dict, name: str, tag: str) -> Iterator[str]:
    """Yield what a tuning job would set that the program of the pushed image refuses."""
    try:
        known = declared_by(name, tag)
    except UserError as error:
        note(f"Not checked: whether the program takes these ranges, since {error}.")
        return
    static = whole["TrainingJobDefinition"]["StaticHyperParameters"]
    yield from unfit(static, list(ranges(whole)), known)


def hold_cost(most: float | None, bound: float | None) -> None:
    """Raise UserError where the job may cost more than --max-cost, or what is not known."""
    if bound is not None and most is None:
        raise UserError("The price is not known, so --max-cost can't be held: leave it out.")
    if bound is not None and most > bound:
        raise UserError(f"It may cost {most:.2f} USD, and --max-cost is {bound:.2f}: see above.")


def compare_regions(region: str, flag: str | None) -> None:
    """Hold the image's region, which the job must have too, against what else names one (C84)."""
    if flag not in (None, region):
        raise UserError(
            f"The image lies in {region} and the job would run in {flag}: push it there first, by "
            f'make push ARGS="--region {flag}" (C84).'
        )
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if os.environ.get(variable, region) != region:
            note(f"The job runs in {region}, where the image lies, not in {variable}.")


def compare_trees(tag: str) -> None:
    """Say whether the tree has changed since the image was pushed."""
    if image.tag() != tag:
        note("The tree has changed since the push: the job runs what was pushed (`make push`).")


def set_checkpoints(request: dict, resume: str | None, aws: Aws) -> None:
    """Give the job a place of its own for checkpoints, or that of the job it resumes (C64)."""
    config = request.get("CheckpointConfig")
    if resume:
        earlier = describe(aws, resume, tuning=False)
        if earlier["Status"] in ("InProgress", "Stopping"):
            raise UserError(f"{resume} still runs: two jobs can't share its checkpoints.")
        if not config or "CheckpointConfig" not in earlier:
            raise UserError("Both jobs need a CheckpointConfig for --resume.")
        config["S3Uri"] = earlier["CheckpointConfig"]["S3Uri"]
        note(f"Checkpoints: those of {resume}, where this job goes on.")
    elif config:
        # With a last slash: the prefix .../job-1 would also be that of .../job-12.
        config["S3Uri"] = f"{config['S3Uri'].rstrip('/')}/{request['TrainingJobName']}/"


def send(aws: Aws, operation: str, request: dict, job: dict) -> None:
    """Send the request, and keep what `make logs`, `stop` and `fetch` need to know of the job."""
    SUBMITTED_JOB.parent.mkdir(exist_ok=True)
    before = SUBMITTED_JOB.read_bytes() if SUBMITTED_JOB.exists() else None
    last = last_job()
    # Before it is sent: whoever interrupts that can still find and stop the job.
    SUBMITTED_JOB.write_text(json.dumps(job), encoding="utf-8")
    try:
        aws.call("sagemaker", operation, request)
    except AwsError as error:
        if not arrived(aws, job, error):
            if before:
                SUBMITTED_JOB.write_bytes(before)
            else:
                SUBMITTED_JOB.unlink()
            if error.code == "ResourceLimitExceeded":
                raise AwsError(explain_quota(aws, error)) from error
            raise
    earlier = last.get("job")
    if earlier:
        note(
            f"If {earlier}, sent before from here, still runs: `make stop ARGS={earlier}` stops it."
        )
    say(job["job"])
    note("`make logs` follows it, `make stop` stops it, `make fetch` fetches its model.")


def arrived(aws: Aws, job: dict, error: AwsError) -> bool:
    """Tell whether a job is there, though AWS's answer to it was lost; raise AwsError if unknown.

    No other job has its name: where that is in use, the CLI has sent it twice.
    """
    if error.code not in ("Unreachable", "ResourceInUse"):
        return False
    try:
        describe(aws, job["job"], job["tuning"])
    except AwsError as other:
        if other.code == "Unreachable":
            lead = f"{job['job']} may be sent all the same: `make logs` shows it, `make stop` stops"
            raise AwsError(f"{error} {lead} it.", error.code) from other
        return False
    return True


def read_options(verb: str, function: object, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a verb that submits."""
    parser = parser_of(verb, function.__doc__)
    add = parser.add_argument
    add("--dry-run", action="store_true", help="print the request; upload and send nothing")
    add("--wait", action="store_true", help="follow status and log, and exit as the job does")
    add("--upload", action="store_true", help="send data/ to S3 and train on that")
    add("--spot", action="store_true", help="on spot instances; it may wait as long as it may run")
    if verb == "submit":
        add("--resume", metavar="JOB", help="go on from the checkpoints of an earlier job")
    else:
        parser.set_defaults(resume=None)
    add_hyperparameter(parser, "job")
    add("--instance-type", metavar="TYPE", help="such as ml.m5.xlarge")
    add("--instance-count", metavar="N", type=int, help="the number of hosts")
    add("--max-runtime", metavar="S", type=int, help="stop the job after S seconds")
    add("--max-cost", metavar="USD", type=float, help="refuse a job whose instances may cost more")
    add("--role", metavar="ARN", help="the job's execution role (or SAGEMAKER_ROLE)")
    add("--bucket", metavar="NAME", help="for the placeholder's (or SAGEMAKER_BUCKET)")
    add("--region", help="must be that of the pushed image")
    add("--profile", help="of the aws CLI (or AWS_PROFILE)")
    return parser.parse_args(arguments)
