"""Which account and region: what says so, its registry, its stacks, its role."""

from __future__ import annotations

import os
import re

from cloud.aws import Aws, AwsError, doing, start
from terminal import UserError, note

# How the regions of a partition begin, where its domain is not amazonaws.com.
DNS_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
}


def choose_region(flag: str | None, job: str, profile: str | None) -> str:
    """Return the first region that is set; the others may say otherwise, but not unnoticed."""
    variable = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    ask = ["aws", *(["--profile", profile] if profile else []), "configure", "get", "region"]
    # A wrapper that is called aws may say more.
    found = re.findall(r"^[a-z0-9-]+$", start(ask).stdout, re.MULTILINE)
    places = {
        "--region": flag,
        "training-job.json": job,
        "AWS_REGION": variable,
        "profile": found[-1] if found else "",
    }
    named = {place: region for place, region in places.items() if region}
    if not named:
        raise UserError("There is no region: name one by --region.")
    chosen = next(iter(named.values()))
    others = [f"{place} says {region}" for place, region in named.items() if region != chosen]
    if others:
        note(f"The region is {chosen}, {', '.join(others)}.")
    return chosen


def account_of(aws: Aws) -> str:
    """Return the account that the credentials are of."""
    with doing("ask who you are"):
        return aws.answer("sts", "get-caller-identity")["Account"]


def registry_of(account: str, region: str) -> str:
    """Return the host of an account's ECR registry in a region."""
    found = [each for begin, each in DNS_SUFFIXES.items() if region.startswith(begin)]
    return f"{account}.dkr.ecr.{region}.{(found or ['amazonaws.com'])[0]}"


def assume(aws: Aws, role: str, external_id: str | None) -> Aws:
    """Return the CLI with the credentials of a role."""
    words = ["--role-arn", role, "--role-session-name", "build-and-push"]
    words += ["--external-id", external_id] if external_id else []
    with doing(f"assume the role {role}"):
        given = aws.answer("sts", "assume-role", *words)["Credentials"]
    credentials = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    return Aws(aws.region, None, credentials, aws.dry_run)


def find_stack(aws: Aws, stack: str, unasked: str = "") -> dict | None:
    """Return what CloudFormation says of a stack; None where there is none.

    `unasked` is what remains unknown where the caller may not ask: said, it is no error.
    """
    query = ("cloudformation", "describe-stacks", {"StackName": stack})
    try:
        found = aws.ask(unasked, *query) if unasked else aws.call(*query)
    except AwsError as error:
        if error.code == "ValidationError":
            return None
        raise
    return None if found is None else next(iter(found["Stacks"]), None)


def outputs_of(stack: dict | None) -> dict[str, str]:
    """Return the outputs of a stack."""
    outputs = stack.get("Outputs", []) if stack else []
    return {each["OutputKey"]: each["OutputValue"] for each in outputs}
