"""The verb deploy: bucket, ECR repository, roles and policies, by two CloudFormation stacks."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from cloud.account import find_stack, outputs_of
from cloud.aws import Aws, AwsError
from cloud.names import TRAINING, TUNING, job_prefix
from image import named_image
from job import read_request
from repository import REPOSITORY
from terminal import UserError, name_and_value, note, parser_of, say

TEAM = "sagemaker-team"
TEMPLATES = {name: Path(__file__).with_name(f"{name}.yaml") for name in ("team", "repository")}


def deploy(arguments: Sequence[str]) -> int:
    """Create or update what this repository needs in AWS: bucket, ECR repository, roles, policies.

    Deploys two CloudFormation stacks: the team's (tools/cloud/team.yaml) where there is none yet,
    or with --team, and this repository's (tools/cloud/repository.yaml). NAME=VALUE sets a
    parameter of either; what was set once stays.
    """
    parser = parser_of("deploy", deploy.__doc__)
    add = parser.add_argument
    add(
        "parameters",
        nargs="*",
        type=name_and_value,
        metavar="NAME=VALUE",
        help="a parameter of tools/cloud/*.yaml",
    )
    add("--team", action="store_true", help="update the team's stack too")
    add("--region", help="another one than that of training-job.json")
    add("--profile", help="of the aws CLI (default: AWS_PROFILE)")
    options = parser.parse_args(arguments)
    try:
        return deploy_both(options)
    except KeyboardInterrupt:
        note("\nCloudFormation goes on: `make deploy` again shows how it ended.")
        return 130


def deploy_both(options: argparse.Namespace) -> int:
    """Deploy both stacks and print the outputs."""
    image = named_image(read_request(REPOSITORY / "training-job.json"))
    region = options.region or image.region
    if not region:
        raise UserError("The TrainingImage of training-job.json says no region: use --region.")
    name = image.stack
    given = dict(options.parameters)
    known = {each for template in TEMPLATES.values() for each in parameters_of(template)}
    unknown = sorted(set(given) - known)
    if unknown:
        names = ", ".join(sorted(known))
        raise UserError(f"There is no parameter {unknown[0]}; there are {names}.")
    aws = Aws(region, options.profile)
    names = {
        "ImageName": image.repository,
        "JobPrefix": job_prefix(name, TRAINING),
        "TuningPrefix": job_prefix(name, TUNING),
    }
    values = {**names, **given}
    there = find(aws, name)
    if options.team or not (there or {"BucketName", "OidcProviderArn"} <= set(given)):
        team = None if options.team else find(aws, TEAM)
        shared = outputs_of(team) if team else deploy_stack(aws, TEAM, TEMPLATES["team"], given)
        if not there:
            values = {**shared, **values}
    for output, value in deploy_stack(aws, name, TEMPLATES["repository"], values).items():
        say(f"{output}: {value}")
    return 0


def parameters_of(template: Path) -> list[str]:
    """Return the names of a template's parameters."""
    section = template.read_text(encoding="utf-8").partition("\nParameters:\n")[2]
    return re.findall(r"^  (\w+):$", re.split(r"^\S", section, flags=re.MULTILINE)[0], re.MULTILINE)


def find(aws: Aws, stack: str) -> dict | None:
    """Return a stack, or None; one whose creation failed holds nothing, and is removed."""
    found = find_stack(aws, stack)
    if not found:
        return None
    if found["StackStatus"] == "ROLLBACK_COMPLETE":
        note(f"Removing the stack {stack}, whose creation failed.")
        aws.call("cloudformation", "delete-stack", {"StackName": stack})
        aws.run("cloudformation", "wait", "stack-delete-complete", "--stack-name", stack)
    # The former is a change set that was never carried out.
    never_made = found["StackStatus"] in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")
    return None if never_made else found


def deploy_stack(aws: Aws, stack: str, template: Path, given: dict[str, str]) -> dict[str, str]:
    """Create or update a stack with what its template takes of `given`; return its outputs."""
    note(f"Deploying the stack {stack} in {aws.region}.")
    words = ["--stack-name", stack, "--template-file", str(template)]
    words += ["--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset"]
    values = [f"{name}={given[name]}" for name in parameters_of(template) if name in given]
    if values:
        words += ["--parameter-overrides", *values]
    try:
        aws.run("cloudformation", "deploy", *words)
    except AwsError as error:
        if error.code in ("ExpiredToken", "Unreachable"):
            lead = "if it has begun, it goes on, and `make deploy` again shows how it ended"
            raise AwsError(f"The stack {stack}: {lead}. {error}") from error
        # The CLI itself names no reason, only the command that lists what happened.
        reasons = failures(aws, stack) if "Failed to create/update the stack" in str(error) else ""
        raise AwsError(f"The stack {stack} was not deployed. {reasons or error}") from error
    return outputs_of(find(aws, stack))


def failures(aws: Aws, stack: str) -> str:
    """Return what CloudFormation says of the resources that failed last."""
    try:
        events = aws.call("cloudformation", "describe-stack-events", {"StackName": stack})
    except AwsError:
        return ""
    reasons = []
    for event in events["StackEvents"]:  # the latest first
        if event["PhysicalResourceId"] == event["StackId"] and reasons:
            break
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
            reasons.append(f"{event['LogicalResourceId']}: {reason}")
    return " ".join(reversed(reasons))
