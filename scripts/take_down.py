#!/usr/bin/env python3
"""Take a class down in a shared AWS account, and prove that nothing is left of it.

    .venv/bin/python scripts/take_down.py "penguins-*" [--region R] [--profile P] [--team] [--yes]

A name is that of a pupil's stack; one that ends in * stands for all that begin so. Only what
`make deploy` has made is meant, as CloudFormation knows it of the last 90 days. It says what goes,
and asks. Then it stops the jobs that run, removes stacks, roles, images, logs, and each
version of what the pupils have in the bucket, and asks AWS for each thing whether it is gone. What
can't be removed does not keep the rest; a second run goes on with it.

Exit code: 0 where nothing is left.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase

from aws_things import (
    SIDE_BY_SIDE,
    Thing,
    bucket_of,
    confirm,
    holders_of,
    images_of,
    jobs_of,
    log_group_of,
    logs_of,
    look,
    objects_of,
    provider_of,
    stack_of,
    take_down,
)

from cloud.account import account_of, outputs_of
from cloud.aws import Aws, AwsError, require_cli
from cloud.deploy import TEAM, TEMPLATES
from cloud.names import TRAINING, TUNING, job_prefix
from terminal import UserError, note, prepare, say, uninterrupted

BUILDS = "/aws/codebuild/"


class Class:
    """What the pupils have in AWS: their names, stacks and buckets."""

    def __init__(self, aws: Aws, names: list[str]) -> None:
        self.aws = aws
        found = aws.answer("cloudformation", "describe-stacks")["Stacks"]
        there = {each["StackName"]: each for each in found}
        # Those that are gone, too: what outlives them is looked for by their names.
        found = aws.answer("cloudformation", "list-stacks")["StackSummaries"]
        text = TEMPLATES["repository"].read_text(encoding="utf-8")
        ours = {
            each["StackName"]
            for each in found
            if f"\nDescription: {each.get('TemplateDescription')}\n" in text
        }
        self.shared = outputs_of(there.get(TEAM)).get("BucketName")
        for one in names:
            if not any(fnmatchcase(each, one) for each in ours):
                raise UserError(
                    f"`make deploy` has made no stack {one} in {aws.region} in the last 90 days."
                )
        self.names = sorted(each for each in ours if any(fnmatchcase(each, one) for one in names))
        self.stacks = {name: there[name] for name in self.names if name in there}
        self.others = sorted((ours & set(there)) - set(self.names))

    def things(self, name: str) -> Iterator[Thing]:
        """Yield what a pupil may have, in the order in which it is removed."""
        stack = self.stacks.get(name)
        outputs = outputs_of(stack)
        given = {
            each["ParameterKey"]: each["ParameterValue"]
            for each in (stack or {}).get("Parameters", [])
        }
        for each in ("PushPolicyArn", "UserPolicyArn"):
            if each in outputs:
                yield holders_of(outputs[each], name)
        yield stack_of(name)
        yield jobs_of(job_prefix(name, TUNING), "hyper-parameter-tuning")
        prefixes = sorted({job_prefix(name, longest) for longest in (TRAINING, TUNING)})
        yield from (jobs_of(each, "training") for each in prefixes)
        # One that was there before the stack is another's.
        if not given.get("EcrRepository"):
            yield images_of(given.get("ImageName", name))
        yield from map(logs_of, prefixes)
        yield log_group_of(BUILDS + name)
        for bucket in sorted({outputs.get("BucketName"), self.shared} - {None}):
            yield objects_of(name, bucket)

    def team(self) -> Iterator[Thing]:
        """Yield what the team's stack made; the stack last, since it alone knows the others."""
        if not self.shared:
            return
        words = ("cloudformation", "describe-stack-resources", "--stack-name", TEAM)
        made = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in self.aws.answer(*words)["StackResources"]
        }
        if "Bucket" in made:
            yield bucket_of(made["Bucket"])
        if "OidcProvider" in made:
            yield provider_of(made["OidcProvider"])
        yield stack_of(TEAM)


def there(aws: Aws, thing: Thing) -> bool:
    """Return whether there is such a thing; what can't be asked may be."""
    try:
        return look(aws, thing) is not None
    except AwsError:
        return True


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("names", nargs="+", metavar="NAME", help='such as penguins-ada, or "penguins-*"')
    add("--region", default=os.environ.get("AWS_REGION") or "us-east-1")
    add("--profile", help="of the aws CLI (default: AWS_PROFILE)")
    add("--team", action="store_true", help=f"also what all share: the stack {TEAM}, its bucket")
    add("--yes", action="store_true", help="do not ask")
    return parser.parse_args(arguments)


def take_class_down(options: argparse.Namespace) -> list[str]:
    """Say what goes, ask, take it down; return what is left."""
    if any(len(each.rstrip("*")) < 3 for each in options.names):
        raise UserError("A name needs three letters before its *: it would mean too much.")
    require_cli()
    aws = Aws(options.region, options.profile)
    account = account_of(aws)
    pupils = Class(aws, options.names)
    if options.team and pupils.others:
        raise UserError(f"--team takes away what these need too: {', '.join(pupils.others)}.")
    groups = [list(pupils.things(name)) for name in pupils.names]
    shared = list(pupils.team()) if options.team else []
    everything = [thing for group in [*groups, shared] for thing in group]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = list(pool.map(lambda thing: there(aws, thing), everything))
    going = [thing.what for thing, is_there in zip(everything, found) if is_there]
    if not going:
        return []
    note(f"From the account {account}, {aws.region}, of {len(pupils.names)} pupils, these go:")
    for each in going:
        note(f"  {each}")
    confirm(options.yes, "these may go")
    with uninterrupted():
        note("Ctrl-C does not end this: what would stay costs money.")
        return [*take_down(aws, groups), *take_down(aws, [shared])]


def main(arguments: list[str] | None = None) -> int:
    """Take a class down; return the exit code."""
    prepare()
    options = read_options(arguments)
    try:
        left = take_class_down(options)
    except UserError as error:
        note(str(error))
        return 1
    except KeyboardInterrupt:
        note("\nNothing was done.")
        return 130
    for each in left:
        note(f"LEFT: {each}")
    if not left:
        say(f"Nothing is left of {' '.join(options.names)} in {options.region}.")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
