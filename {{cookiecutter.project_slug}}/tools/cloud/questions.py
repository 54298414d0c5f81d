"""What AWS can be asked before a job is sent: role, image, buckets, data, quotas."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from api_model import member
from cloud.account import find_stack, outputs_of
from cloud.aws import Aws, AwsError
from cloud.request import BUCKET_PLACEHOLDER, PLACEHOLDER, ROLE, S3_PLACE, s3_places, set_bucket
from image import image_of
from terminal import UserError

# Whose right a role has by which parameter of the stack.
GIVEN_BY = {
    "VpcConfig": "VpcId",
    "OutputDataConfig.KmsKeyId": "KmsKeyArn",
    "ResourceConfig.VolumeKmsKeyId": "KmsKeyArn",
    "ModelPackageConfig": "ModelPackageGroupArn",
    "MlflowConfig": "MlflowArn",
}
# What a job may do by a policy of the user's own alone, JobPolicyArn.
RULES = "logs:CreateLogGroup, CreateLogStream and PutLogEvents of /aws/sagemaker/ProcessingJobs"
GIVEN_BY_POLICY = {
    "RemoteDebugConfig.EnableRemoteDebug": "ssmmessages:CreateControlChannel, CreateDataChannel, "
    "OpenControlChannel and OpenDataChannel; whoever connects takes ssm:StartSession",
    "DebugRuleConfigurations": RULES,
    "ProfilerRuleConfigurations": RULES,
}
QUOTA = re.compile(r"limit '(.+?)' is .* utilization of (\d+) .* delta of (\d+)")


def fill_in(request: dict, options: argparse.Namespace, aws: Aws, stack: str) -> tuple[dict, dict]:
    """Return the request with role and bucket in place of the placeholders, and the stack.

    Where the stack need not be asked for them, it is empty.
    """
    found = {}
    role = options.role or os.environ.get("SAGEMAKER_ROLE")
    if not role and PLACEHOLDER not in str(request.get("RoleArn", PLACEHOLDER)):
        role = request["RoleArn"]
    bucket = options.bucket or os.environ.get("SAGEMAKER_BUCKET")
    wanted = BUCKET_PLACEHOLDER.search(json.dumps(request))
    if not role or (wanted and not bucket):
        found = find_stack(aws, stack, f"role and bucket of the stack {stack}") or {}
        outputs = outputs_of(found)
        role = role or outputs.get("ExecutionRoleArn")
        bucket = bucket or outputs.get("BucketName")
    for name, value in (("role", role), ("bucket", bucket or not wanted)):
        if not value:
            raise UserError(
                f"No {name} for the job is known: `make deploy` makes one, or name one by --{name} "
                f"or SAGEMAKER_{name.upper()}."
            )
    return set_bucket({**request, "RoleArn": role}, bucket or ""), found


def beyond(request: dict, stack: dict) -> Iterator[str]:
    """Yield what a job needs, and the role of the repository's stack has no right to."""
    given = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
    outputs = outputs_of(stack)
    if not given or request["RoleArn"] != outputs["ExecutionRoleArn"]:
        return
    for path, name in {**GIVEN_BY, **dict.fromkeys(GIVEN_BY_POLICY, "JobPolicyArn")}.items():
        if member(request, path) and not given.get(name):
            policy = f", a policy with {GIVEN_BY_POLICY[path]}" if path in GIVEN_BY_POLICY else ""
            lead = f"`make deploy ARGS={name}=...` gives it{policy}"
            yield f"The stack's role has no right for {path}: {lead}."
    own = f"s3://{outputs['BucketName']}/{stack['StackName']}/"
    data = [each for each in given.get("DataBucketArns", "").split(",") if each]
    partition = request["RoleArn"].split(":")[1]
    for path, value in s3_places(request):
        arn = f"arn:{partition}:s3:::{S3_PLACE.fullmatch(value)['bucket']}"
        is_input = path.startswith("InputDataConfig")
        if f"{value.rstrip('/')}/".startswith(own) or (is_input and arn in data):
            continue
        lead = "name a place there"
        if is_input:
            lead += f", or `make deploy ARGS=DataBucketArns={','.join([*data, arn])}`"
        yield f"The stack's role reaches {own} alone, and {path} is {value}: {lead}."


def questions(aws: Aws, account: str, request: dict, uploaded: dict[str, Path]) -> Iterator[str]:
    """Yield what is missing or lies elsewhere: role, image, buckets, data."""
    yield from role_questions(aws, account, request["RoleArn"])
    name = request["AlgorithmSpecification"]["TrainingImage"]
    image = image_of(name)
    query = {
        "registryId": image.account,
        "repositoryName": image.repository,
        "imageIds": [{"imageDigest": image.digest}],
    }
    try:
        aws.ask("the image", "ecr", "describe-images", query)
    except AwsError as error:
        if error.code not in ("ImageNotFoundException", "RepositoryNotFoundException"):
            raise
        yield f"The pushed image is in ECR no more ({name}): run `make push` again."
    yield from place_questions(aws, request, uploaded)


def role_questions(aws: Aws, account: str, arn: str) -> Iterator[str]:
    """Yield what is wrong with the execution role of jobs."""
    role = ROLE.fullmatch(arn)
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
            other = found and found["Role"].get("Arn", arn)
            if found and other != arn:
                # IAM finds a role by its last name alone, SageMaker by the whole.
                yield f"The role {name} has another path: write RoleArn {other}."
            trust = found and json.dumps(found["Role"].get("AssumeRolePolicyDocument"))
            if found and "sagemaker.amazonaws.com" not in trust:
                yield f"SageMaker may not assume the role {name}: its trust policy must name it."


def place_questions(aws: Aws, request: dict, uploaded: dict[str, Path]) -> Iterator[str]:
    """Yield which buckets do not exist or lie in another region, and which channels are empty."""
    places = [S3_PLACE.fullmatch(each) for _, each in s3_places(request)]
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
            missing.add(bucket)
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
    # As text, the CLI asks this of each page.
    query = f"Quotas[?QuotaName=='{name}'].QuotaCode"
    try:
        codes = aws.answer(*lookup, "--query", query)
    except AwsError:
        codes = None
    if codes:
        code = codes[0]
    else:
        code = f'"$(aws {" ".join(lookup)} --region {aws.region} --query "{query}" --output text)"'
    return (
        f'Your account has not enough of the quota "{name}". Ask for more by\n'
        f"  {ask_for_more(code, used + wanted, aws.region)}\n"
        "or use another --instance-type; jobs with and without --spot have quotas of their own."
    )


def ask_for_more(code: str, wanted: int, region: str) -> str:
    """Return the command that asks AWS for more of a quota."""
    return (
        "aws service-quotas request-service-quota-increase --service-code sagemaker "
        f"--quota-code {code} --desired-value {wanted} --region {region}"
    )
