"""Submit the training job of training-job.json to SageMaker, with the image that was pushed last.

    python3 tools submit [--upload] [--spot] [--wait] [--dry-run] [--resume JOB]
                                  [--hyperparameter NAME=VALUE ...] [--instance-type T]
                                  [--instance-count N] [--max-runtime S] [--tune]
                                  [--role ARN] [--bucket NAME] [--region R] [--profile P]

The image is that of pushed-image.json, by digest. Role and bucket: flag, else SAGEMAKER_ROLE and
SAGEMAKER_BUCKET, else those of training-job.json where they are no placeholders (account
111122223333), else the outputs of the CloudFormation stack that is called like the repository. All
else in training-job.json goes through as it stands. What SageMaker would refuse is refused before
anything is sent. --tune submits the tuning job of tuning-job.json, made of the same training job.

Each job has a place of its own for checkpoints, below that of CheckpointConfig, so that no job
resumes from another one's by accident; a spot job that is interrupted finds it again. --resume JOB
takes over the place of an earlier job that has ended, and so goes on where that one was. The
training jobs of a tuning job would all share one place, so they have none.

Prints the job's name, or with --dry-run the request, on stdout; all else on stderr. Clause numbers
(C1, ...) are those of docs/contract.md of the template that made this repository.

Needs Python 3.9 and the aws CLI v2. Exit code: 0; 1 for what fails, with --wait also for a job
that does not complete; 2 for usage; 130 for Ctrl-C, at which a job that is sent goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from check.request import findings
from cloud.aws import Aws, AwsError, note
from cloud.follow import LAST_JOB, describe, follow
from cloud.names import TRAINING, TUNING, unique_name
from job import REPOSITORY, LocalRunError, default_image, read_request
from local.run import call, name_and_value, say

# Of the names and ARNs that training-job.json has before there is an account.
PLACEHOLDER = "111122223333"
BUCKET_PLACEHOLDER = re.compile(rf'(?<="s3://)[a-z0-9.-]+-{PLACEHOLDER}(?=[/"])')
IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+"
    r"/(?P<repository>[^@:]+)@(?P<digest>sha256:[0-9a-f]{64})"
)
ROLE = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):role/(?P<name>[\w+=,.@/-]+)")
S3_PLACE = re.compile(r"s3://(?P<bucket>[^/]+)(/(?P<key>.*))?")
JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
QUOTA = re.compile(r"limit '(.+?)' is .* utilization of (\d+) .* delta of (\d+)")
# What a tuning job takes of a training job's request, beside hyperparameters and tags.
DEFINITION = re.findall(
    r"\w+",
    """
    AlgorithmSpecification EnableInterContainerTrafficEncryption EnableManagedSpotTraining
    EnableNetworkIsolation Environment InputDataConfig OutputDataConfig ResourceConfig
    RetryStrategy RoleArn StoppingCondition VpcConfig
    """,
)


# ---- The request ---------------------------------------------------------------------------


def read_pushed(folder: Path) -> tuple[str, str]:
    """Return the image that was pushed last, by digest, and its tag."""
    try:
        pushed = json.loads((folder / "pushed-image.json").read_text(encoding="utf-8"))
        image, tag = pushed["image"], pushed["tag"]
    except FileNotFoundError as error:
        raise AwsError("No image was pushed from here yet: run `make push` first.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AwsError("pushed-image.json can't be read: run `make push` again.") from error
    if not IMAGE.fullmatch(image):  # C84
        raise AwsError(f"{image} in pushed-image.json is no image of ECR by digest: `make push`.")
    return image, tag


def apply_options(request: dict, options: argparse.Namespace) -> None:
    """Put what the command line says into the request."""
    request.setdefault("HyperParameters", {}).update(options.hyperparameter)
    machines = {"InstanceType": options.instance_type, "InstanceCount": options.instance_count}
    machines = {name: value for name, value in machines.items() if value is not None}
    resource = request.setdefault("ResourceConfig", {})
    if machines and "InstanceGroups" in resource:
        raise AwsError("The InstanceGroups have types and counts of their own: edit them instead.")
    resource.update(machines)
    stopping = request.setdefault("StoppingCondition", {})
    if options.max_runtime is not None:
        stopping["MaxRuntimeInSeconds"] = options.max_runtime
    if options.spot:
        request["EnableManagedSpotTraining"] = True
        # As long again to wait for a free instance.
        stopping.setdefault("MaxWaitTimeInSeconds", 2 * runtime(request))


def runtime(request: dict) -> int:
    """Return the seconds that a job may run; a day where nothing is said (C104)."""
    return request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)


def set_bucket(request: dict, bucket: str) -> dict:
    """Return the request with a bucket in place of the placeholder, wherever that stands."""
    return json.loads(BUCKET_PLACEHOLDER.sub(bucket, json.dumps(request)))


def uploads(request: dict, repository: str) -> dict[str, Path]:
    """Point the channels that have files in data/ to a place of those very files.

    Returns place in S3 → folder. The place's name is made of the content: nothing is ever
    overwritten under a job that reads it, and what is there already needs no upload.
    """
    found = {}
    output = S3_PLACE.fullmatch(request["OutputDataConfig"]["S3OutputPath"])
    if not output:
        raise AwsError("--upload needs an S3OutputPath like s3://BUCKET/KEY.")
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
        raise AwsError(f"data/{folder.name} is empty: put the files of the channel there.")
    for path in files:
        content = hashlib.sha256()
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                content.update(block)
        name = path.relative_to(folder).as_posix()
        digest.update(f"{content.hexdigest()} {name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def tuning_job(request: dict, tuning: dict) -> dict:
    """Return the CreateHyperParameterTuningJob request of a training job (C12, C95)."""
    algorithm = request["AlgorithmSpecification"]
    for member in ("ContainerEntrypoint", "ContainerArguments", "TrainingImageConfig"):
        if member in algorithm:
            raise AwsError(f"A tuning job takes no {member}: take it out (C12).")
    if "TrainingJobDefinition" in tuning:
        raise AwsError(
            "TrainingJobDefinition is made of training-job.json: take it out of tuning-job.json."
        )
    left_out = set(request) - {*DEFINITION, "TrainingJobName", "HyperParameters", "Tags"}
    if left_out:
        note(f"A tuning job goes without {', '.join(sorted(left_out))}.")
    tuned = {each["Name"] for _, each in ranges(tuning)}
    static = request.get("HyperParameters", {})
    definition = {member: request[member] for member in DEFINITION if member in request}
    definition["StaticHyperParameters"] = {
        key: value for key, value in static.items() if key not in tuned
    }
    whole = {**tuning, "TrainingJobDefinition": definition}
    if "Tags" in request:
        whole.setdefault("Tags", request["Tags"])
    return whole


def ranges(tuning: dict) -> Iterator[tuple[str, dict]]:
    """Yield the kind and the content of each range of a tuning job."""
    kinds = tuning.get("HyperParameterTuningJobConfig", {}).get("ParameterRanges", {})
    for kind, content in kinds.items():
        for each in content:
            yield kind, each


# ---- What SageMaker would refuse -----------------------------------------------------------


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


def s3_places(request: dict) -> list[str]:
    """Return all places in S3 that the service itself reads or writes."""
    own = ("Environment", "HyperParameters", "Tags")
    asked = {member: value for member, value in request.items() if member not in own}
    return re.findall(r'"(s3:[^"]*)"', json.dumps(asked, ensure_ascii=False))


def rule_findings(request: dict) -> Iterator[str]:
    """Yield what the rules of `make check` find in hyperparameters, metrics and channels."""
    text = (REPOSITORY / "training-job.json").read_text(encoding="utf-8", errors="replace")
    for each in findings(text, request):
        yield f"{each.file}:{each.line}: {each.message}."


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


# ---- What AWS can be asked -----------------------------------------------------------------


def stack_outputs(aws: Aws, stack: str) -> dict[str, str]:
    """Return the outputs of the repository's CloudFormation stack; none where there is none."""
    what = f"role and bucket of the stack {stack}"
    try:
        found = aws.ask(what, "cloudformation", "describe-stacks", {"StackName": stack})
    except AwsError as error:
        if error.code == "ValidationError":  # there is no such stack
            return {}
        raise
    stacks = found["Stacks"] if found else []
    outputs = [output for each in stacks for output in each.get("Outputs", [])]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def fill_in(request: dict, options: argparse.Namespace, aws: Aws, stack: str) -> dict:
    """Return the request with role and bucket in place of the placeholders."""
    role = options.role or os.environ.get("SAGEMAKER_ROLE")
    if not role and PLACEHOLDER not in str(request.get("RoleArn", PLACEHOLDER)):
        role = request["RoleArn"]
    bucket = options.bucket or os.environ.get("SAGEMAKER_BUCKET")
    wanted = BUCKET_PLACEHOLDER.search(json.dumps(request))
    if not role or (wanted and not bucket):
        outputs = stack_outputs(aws, stack)
        role = role or outputs.get("ExecutionRoleArn")
        bucket = bucket or outputs.get("BucketName")
    for name, value in (("role", role), ("bucket", bucket or not wanted)):
        if not value:
            raise AwsError(
                f"There is no {name} for the job: make one by `make deploy`, or name one by "
                f"--{name} or SAGEMAKER_{name.upper()}."
            )
    return set_bucket({**request, "RoleArn": role}, bucket or "")


def questions(aws: Aws, account: str, request: dict, uploaded: dict[str, Path]) -> Iterator[str]:
    """Yield what is missing or lies elsewhere: role, image, buckets, data (F16, F18)."""
    role = ROLE.fullmatch(request["RoleArn"])
    name = role["name"].rpartition("/")[2]
    if role["account"] != account:
        yield f"The role {name} is of the account {role['account']}, and you are in {account}."
    else:
        try:
            found = aws.ask("the role", "iam", "get-role", {"RoleName": name})
        except AwsError as error:
            if error.code != "NoSuchEntity":
                raise
            yield f"There is no role {name} in the account {account}: `make deploy` makes one."
        else:
            trust = found and json.dumps(found["Role"].get("AssumeRolePolicyDocument"))
            if found and "sagemaker.amazonaws.com" not in trust:
                yield f"SageMaker may not assume the role {name}: its trust policy must name it."
    image = IMAGE.fullmatch(request["AlgorithmSpecification"]["TrainingImage"])
    query = {
        "registryId": image["account"],
        "repositoryName": image["repository"],
        "imageIds": [{"imageDigest": image["digest"]}],
    }
    try:
        aws.ask("the image", "ecr", "describe-images", query)
    except AwsError as error:
        if error.code not in ("ImageNotFoundException", "RepositoryNotFoundException"):
            raise
        yield f"The pushed image is in ECR no more ({image[0]}): run `make push` again."
    yield from place_questions(aws, request, uploaded)


def place_questions(aws: Aws, request: dict, uploaded: dict[str, Path]) -> Iterator[str]:
    """Yield which buckets do not exist or lie in another region, and which channels are empty."""
    places = [S3_PLACE.fullmatch(each) for each in s3_places(request)]
    missing = set()
    # The ARN of an access point stands where else a bucket does.
    for bucket in sorted({place["bucket"] for place in places if ":" not in place["bucket"]}):
        try:
            found = aws.ask(f"bucket {bucket}", "s3api", "get-bucket-location", {"Bucket": bucket})
        except AwsError as error:
            if error.code != "NoSuchBucket":
                raise
            missing.add(bucket)
            yield f"There is no bucket {bucket}: `make deploy` makes one, or name yours."
            continue
        # Of the oldest regions, one has no name here and one another.
        location = found and {None: "us-east-1", "EU": "eu-west-1"}.get(
            found["LocationConstraint"], found["LocationConstraint"]
        )
        if found and location != aws.region:  # C54
            yield f"The bucket {bucket} lies in {location}, and the job runs in {aws.region} (C54)."
    for channel in request.get("InputDataConfig", []):
        uri = channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri", "")
        place = S3_PLACE.fullmatch(uri)
        if not place or uri in uploaded or place["bucket"] in missing:
            continue
        query = {"Bucket": place["bucket"], "Prefix": place["key"] or "", "MaxKeys": 1}
        what = f"channel {channel['ChannelName']}"
        found = aws.ask(what, "s3api", "list-objects-v2", query)
        if found is not None and not found.get("Contents"):
            yield (
                f"Nothing lies under {uri} for the {what}: send data/{channel['ChannelName']} by "
                "--upload, or name another S3Uri in training-job.json."
            )


def explain_quota(aws: Aws, error: AwsError) -> str:
    """Return which quota stands in the way and the command that asks for more."""
    found = QUOTA.search(error.message)
    if not found:
        return str(error)
    name, used, wanted = found[1], int(found[2]), int(found[3])
    lookup = ["service-quotas", "list-aws-default-service-quotas", "--service-code", "sagemaker"]
    query = f"Quotas[?QuotaName=='{name}'].QuotaCode | [0]"
    try:
        code = json.loads(aws.run(*lookup, "--query", query))
    except AwsError:
        code = None
    if not code:
        code = f'"$(aws {" ".join(lookup)} --region {aws.region} --query "{query}" --output text)"'
    return (
        f'Your account has not enough of the quota "{name}". Ask for more by\n'
        f"  aws service-quotas request-service-quota-increase --service-code sagemaker "
        f"--quota-code {code} --desired-value {used + wanted} --region {aws.region}\n"
        "or use another --instance-type; jobs with and without --spot have quotas of their own."
    )


# ---- Submitting ----------------------------------------------------------------------------


def submit(options: argparse.Namespace) -> int:
    """Make the request, look at it, send it, follow it; return the exit code."""
    request = read_request(REPOSITORY / "training-job.json")
    tuning = read_request(REPOSITORY / "tuning-job.json") if options.tune else None
    image, tag = read_pushed(REPOSITORY)
    region = IMAGE.fullmatch(image)["region"]
    compare_regions(region, options.region)
    aws = Aws(region, options.profile)
    account = aws.call("sts", "get-caller-identity")["Account"]
    repository = default_image(request).partition(":")[0]

    apply_options(request, options)
    request.setdefault("AlgorithmSpecification", {})["TrainingImage"] = image
    request = fill_in(request, options, aws, repository)
    base = str(request.get("TrainingJobName", "training"))
    request["TrainingJobName"] = name = unique_name(repository, base, TRAINING)
    operation, whole = "create-training-job", request
    # So the CLI holds a request against the API's model, and sends nothing.
    only_look = ("--generate-cli-skeleton", "output")
    aws.call("sagemaker", operation, request, *only_look)
    set_checkpoints(request, options, aws)
    found = list(problems(request))
    if tuning is not None:
        name = str(tuning.get("HyperParameterTuningJobName", base))
        name = unique_name(repository, name, TUNING)
        operation = "create-hyper-parameter-tuning-job"
        tuning["HyperParameterTuningJobName"] = name
        aws.call("sagemaker", operation, tuning, *only_look)
        whole = tuning_job(request, tuning)
        found += tuning_problems(whole)
    if not found:
        sent = uploads(request, repository) if options.upload else {}
        found = list(questions(aws, account, request, sent))
    if found:
        raise AwsError("\n".join(found))

    compare_trees(tag)
    limits = (tuning or {}).get("HyperParameterTuningJobConfig", {}).get("ResourceLimits", {})
    note(f"Image: {image}")
    note(f"Role: {request['RoleArn']}")
    note(cost(request, limits.get("MaxNumberOfTrainingJobs", 1)))
    if options.dry_run:
        say(json.dumps(whole, indent=2))
        return 0
    for place, folder in sent.items():
        note(f"Uploading data/{folder.name} to {place}")
        aws.run("s3", "sync", str(folder), place, "--only-show-errors")
    options.name = name
    send(aws, operation, whole, {"job": name, "region": region, "tuning": tuning is not None})
    return follow(aws, name, tuning is not None) if options.wait else 0


def compare_regions(region: str, flag: str | None) -> None:
    """Hold the image's region, which the job must have too, against what else names one (C84)."""
    if flag not in (None, region):
        raise AwsError(
            f"The image lies in {region} and the job would run in {flag}: push it there first, by "
            f'make push ARGS="--region {flag}" (C84).'
        )
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if os.environ.get(variable, region) != region:
            note(f"The job runs in {region}, where the image lies, not in {variable}.")


def compare_trees(tag: str) -> None:
    """Say whether the tree has changed since the image was pushed."""
    now = call("bash", str(REPOSITORY / "build_and_push.sh"), "--print-tag")
    if now.returncode != 0:
        note("Not checked: whether the tree has changed since the push.")
    elif now.stdout.strip() != tag:
        note("The tree has changed since the push: the job runs what was pushed (`make push`).")


def set_checkpoints(request: dict, options: argparse.Namespace, aws: Aws) -> None:
    """Give the job a place of its own for checkpoints, or that of the job it resumes (C64)."""
    config = request.get("CheckpointConfig")
    if options.resume:
        earlier = describe(aws, options.resume, tuning=False)
        if earlier["Status"] in ("InProgress", "Stopping"):
            raise AwsError(f"{options.resume} still runs: two jobs can't share its checkpoints.")
        if not config or "CheckpointConfig" not in earlier:
            raise AwsError("Both jobs need a CheckpointConfig for --resume.")
        config["S3Uri"] = earlier["CheckpointConfig"]["S3Uri"]
        note(f"Checkpoints: those of {options.resume}, where this job goes on.")
    elif config:
        # With a last slash: the prefix .../job-1 would also be that of .../job-12.
        config["S3Uri"] = f"{config['S3Uri'].rstrip('/')}/{request['TrainingJobName']}/"


def cost(request: dict, jobs: int) -> str:
    """Return in one line what will run, and how long at most."""
    resource = request["ResourceConfig"]
    groups = resource.get("InstanceGroups") or [resource]
    seconds = runtime(request) + resource.get("KeepAlivePeriodInSeconds", 0)
    hours = jobs * sum(group["InstanceCount"] for group in groups) * seconds / 3600
    machines = " and ".join(
        f"{group['InstanceCount']} x {group['InstanceType']}" for group in groups
    )
    spot = ", at the spot price" if request.get("EnableManagedSpotTraining") else ""
    many = f"{jobs} jobs, each " if jobs > 1 else ""
    return f"At most {hours:g} instance-hours: {many}{machines} for up to {seconds} s{spot}."


def send(aws: Aws, operation: str, request: dict, job: dict) -> None:
    """Send the request, and keep what `make logs`, `stop` and `fetch` need to know of the job."""
    LAST_JOB.parent.mkdir(exist_ok=True)
    before = LAST_JOB.read_bytes() if LAST_JOB.exists() else None
    # Before it is sent: whoever interrupts that can still find and stop the job.
    LAST_JOB.write_text(json.dumps(job), encoding="utf-8")
    try:
        aws.call("sagemaker", operation, request)
    except AwsError as error:
        if before:
            LAST_JOB.write_bytes(before)
        else:
            LAST_JOB.unlink()
        if error.code == "ResourceLimitExceeded":
            raise AwsError(explain_quota(aws, error)) from error
        raise
    say(job["job"])
    note("`make logs` follows it, `make stop` stops it, `make fetch` fetches its model.")


# ---- The command ---------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Submit the job and return the exit code of the command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    options = read_options(arguments)
    try:
        return submit(options)
    except (AwsError, LocalRunError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if options.name:
            note(f"\n{options.name} may be sent already: `make logs` shows, `make stop` stops it.")
        return 130


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description="Submit the training job of training-job.json to SageMaker.", allow_abbrev=False
    )
    add = parser.add_argument
    add("--tune", action="store_true", help="submit the tuning job of tuning-job.json instead")
    add("--dry-run", action="store_true", help="print the request; upload and send nothing")
    add("--wait", action="store_true", help="follow status and log, and exit as the job does")
    add("--upload", action="store_true", help="send data/ to S3 and train on that")
    add("--spot", action="store_true", help="on spot instances; it may wait as long as it may run")
    add("--resume", metavar="JOB", help="go on from the checkpoints of an earlier job")
    add(
        "--hyperparameter",
        action="append",
        default=[],
        type=name_and_value,
        metavar="NAME=VALUE",
        help="set a hyperparameter of this job; may be given again",
    )
    add("--instance-type", metavar="TYPE", help="such as ml.m5.xlarge")
    add("--instance-count", metavar="N", type=int, help="the number of hosts")
    add("--max-runtime", metavar="S", type=int, help="stop the job after S seconds")
    add("--role", metavar="ARN", help="the job's execution role (or SAGEMAKER_ROLE)")
    add("--bucket", metavar="NAME", help="for the placeholder's (or SAGEMAKER_BUCKET)")
    add("--region", help="must be that of the pushed image")
    add("--profile", help="of the aws CLI (or AWS_PROFILE)")
    options = parser.parse_args(arguments)
    options.name = ""  # of the job that is being sent
    if options.tune and options.resume:
        parser.error("--resume is for a training job, not for --tune")
    return options
