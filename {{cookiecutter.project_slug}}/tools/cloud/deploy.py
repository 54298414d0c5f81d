"""Create or update what this repository needs in AWS: bucket, ECR repository, roles, policies.

    python3 tools deploy [NAME=VALUE ...] [--team] [--region R] [--profile P]

Deploys two CloudFormation stacks: the team's (team.yaml) where there is none yet, or
with --team, and this repository's (repository.yaml). NAME=VALUE sets a parameter of
either; what was set once stays.

Needs Python 3.9 and the aws CLI v2. Exit code: 0; 1 for what fails; 2 for usage.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from cloud.aws import Aws, AwsError, note
from cloud.names import TRAINING, TUNING, job_prefix
from job import REPOSITORY

TEAM = "sagemaker-team"
TEMPLATES = {name: Path(__file__).with_name(f"{name}.yaml") for name in ("team", "repository")}


def read_project() -> tuple[str, str]:
    """Return the name of the repository and its region, both from the image's name."""
    try:
        text = (REPOSITORY / "training-job.json").read_text(encoding="utf-8")
        image = json.loads(text)["AlgorithmSpecification"]["TrainingImage"]
        region, name = re.match(r"\d+\.dkr\.ecr\.([^.]+)\.[^/]+/([^:@]+)", image).groups()
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        image = "111122223333.dkr.ecr.REGION.amazonaws.com/NAME"
        raise AwsError(f"training-job.json must have a TrainingImage like {image}.") from error
    return name, region


def parameters_of(template: Path) -> list[str]:
    """Return the names of a template's parameters."""
    section = template.read_text(encoding="utf-8").partition("\nParameters:\n")[2]
    return re.findall(r"^  (\w+):$", re.split(r"^\S", section, flags=re.MULTILINE)[0], re.MULTILINE)


def find(aws: Aws, stack: str) -> dict | None:
    """Return a stack, or None; one whose creation failed holds nothing, and is removed."""
    try:
        found = aws.call("cloudformation", "describe-stacks", {"StackName": stack})["Stacks"][0]
    except AwsError as error:
        if error.code == "ValidationError":
            return None
        raise
    if found["StackStatus"] == "ROLLBACK_COMPLETE":
        note(f"Removing the stack {stack}, whose creation failed.")
        aws.call("cloudformation", "delete-stack", {"StackName": stack})
        aws.run("cloudformation", "wait", "stack-delete-complete", "--stack-name", stack)
    # The former is a change set that was never carried out.
    never_made = found["StackStatus"] in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")
    return None if never_made else found


def outputs(stack: dict) -> dict[str, str]:
    """Return the outputs of a stack."""
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def deploy(aws: Aws, stack: str, template: Path, given: dict[str, str]) -> dict[str, str]:
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
        # The CLI itself names no reason, only the command that lists what happened.
        reasons = failures(aws, stack) if "Failed to create/update the stack" in str(error) else ""
        raise AwsError(f"The stack {stack} was not deployed. {reasons or error}") from error
    return outputs(find(aws, stack))


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


def run(options: argparse.Namespace) -> None:
    """Deploy both stacks and print the outputs."""
    name, region = read_project()
    given = dict(options.parameters)
    known = {each for template in TEMPLATES.values() for each in parameters_of(template)}
    unknown = sorted(set(given) - known)
    if unknown:
        names = ", ".join(sorted(known))
        raise AwsError(f"There is no parameter {unknown[0]}; there are {names}.")
    aws = Aws(options.region or region, options.profile)
    prefixes = {
        "JobPrefix": job_prefix(name, TRAINING),
        "TuningPrefix": job_prefix(name, TUNING),
    }
    values = {**prefixes, **given}
    there = find(aws, name)
    if options.team or not (there or {"BucketName", "OidcProviderArn"} <= set(given)):
        team = None if options.team else find(aws, TEAM)
        shared = outputs(team) if team else deploy(aws, TEAM, TEMPLATES["team"], given)
        if not there:
            values = {**shared, **values}
    for output, value in deploy(aws, name, TEMPLATES["repository"], values).items():
        print(f"{output}: {value}")


def name_and_value(text: str) -> tuple[str, str]:
    """Split NAME=VALUE; the value may be empty."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f'"{text}" must be NAME=VALUE')
    return name, value


def main(arguments: list[str] | None = None) -> int:
    """Deploy and return the exit code of the command."""
    parser = argparse.ArgumentParser(
        description="Create or update what this repository needs in AWS.", allow_abbrev=False
    )
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
    try:
        run(parser.parse_args(arguments))
    except (AwsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        note("\nCloudFormation goes on: `make deploy` again shows how it ended.")
        return 130
    return 0
