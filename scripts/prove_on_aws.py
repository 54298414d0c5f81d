#!/usr/bin/env python3
"""Prove on a real AWS account that what is generated trains there, then take everything down.

    make prove-on-aws
    .venv/bin/python scripts/prove_on_aws.py [--language r] [--region R] [--profile P] [--yes]

Says what it costs and asks. For each language it generates a repository of a name that nothing else
has, deploys its stacks, trains on this machine and on SageMaker, and compares the two models byte
by byte. Then it removes what it made, also after a failure or Ctrl-C, and asks AWS for each thing
whether it is gone. prove-on-aws.json has the evidence, without the account's number.

    .venv/bin/python scripts/prove_on_aws.py --take-down prove-on-aws.json

removes what a proof left that was killed. Exit code: 0 where all is proved and nothing is left.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from aws_things import (
    TEMPLATE,
    Thing,
    bucket_of,
    confirm,
    images_of,
    job_of,
    logs_of,
    objects_of,
    provider_of,
    stack_of,
    take_down,
)

from cloud.account import account_of, find_stack, outputs_of
from cloud.aws import Aws, AwsError, require_cli
from cloud.deploy import TEAM
from cloud.names import TRAINING, job_prefix
from cloud.prices import dollars_an_hour
from local.engine import call as call_engine
from local.engine import find_engine, no_answer
from terminal import UserError, note, prepare, say, uninterrupted

LANGUAGES = ("python", "r", "java")
# The smallest instance that trains, which training-job.json names: its CPUs, and seconds at most.
MACHINE, CPUS, LONGEST = "ml.m5.large", 2, 900
# Variables that would lead a verb elsewhere.
STRANGE = ("IMAGE", "PLATFORM", "BUILDER", "SAGEMAKER_ROLE", "SAGEMAKER_BUCKET")
PROVIDER = "token.actions.githubusercontent.com"


class Proof:
    """A proof: what is known of it is its evidence, which is written after each step."""

    def __init__(self, aws: Aws, evidence: dict, file: Path) -> None:
        self.aws, self.evidence, self.file = aws, evidence, file
        who = aws.answer("sts", "get-caller-identity")
        self.account, self.partition = who["Account"], who["Arn"].split(":")[1]
        self.folder = Path()

    # ---- The proof -------------------------------------------------------------------------

    def prove(self) -> None:
        """Do it all; raise UserError where something is not as it should be."""
        for language, name in self.evidence["repositories"].items():
            note(f"\n==== {language} ====")
            self.generate(language, name)
            job = self.evidence["jobs"][language] = {"repository": name}
            self.deploy(name)
            self.verb(name, "build")
            self.verb(name, "train", "--cpus", str(min(CPUS, os.cpu_count() or 1)))
            (local,) = (self.folder / name / "runs").glob("*/model")
            job["image"] = self.verb(name, "push").splitlines()[-1]
            self.train(name, job)
            self.verb(name, "fetch")
            compare(local, self.folder / name / "runs" / job["name"] / "model", job)
            self.write()
        differ = [each for each, job in self.evidence["jobs"].items() if not job["equal"]]
        if differ:
            raise UserError(
                f"The models differ: {', '.join(differ)} (another processor may round otherwise)."
            )

    def generate(self, language: str, name: str) -> None:
        """Generate a repository."""
        answers = [f"project_slug={name}", f"language={language}", f"aws_region={self.aws.region}"]
        command = ["-m", "cookiecutter", str(TEMPLATE), "--no-input", *answers]
        self.step(f"generate {name}", [*command, "--output-dir", str(self.folder)], self.folder)

    def deploy(self, name: str) -> None:
        """Make the stacks; one's own account may have those of the team already."""
        team = find_stack(self.aws, TEAM)
        words = []
        if not team:
            self.evidence["made"] = ["team"]
            found = self.aws.answer("iam", "list-open-id-connect-providers")
            arns = [each["Arn"] for each in found["OpenIDConnectProviderList"]]
            if self.provider in arns:
                words.append(f"OidcProviderArn={self.provider}")
            else:
                self.evidence["made"].append("provider")
            self.write()
        printed = self.verb(name, "deploy", *words)
        self.evidence["bucket"] = re.search("^BucketName: (.*)", printed, re.MULTILINE)[1]

    def train(self, name: str, job: dict) -> None:
        """Submit the job and follow it to its end."""
        written = self.folder / name / "runs" / "submitted-job.json"
        try:
            self.verb(name, "submit", "--upload", "--wait", "--max-runtime", str(LONGEST))
        finally:
            # A job that was sent is removed and told of, whatever came then.
            if written.exists():
                job["name"] = json.loads(written.read_text(encoding="utf-8"))["job"]
        found = self.aws.answer(*job_of(job["name"]).look)
        job["arn"], job["status"] = found["TrainingJobArn"], found["TrainingJobStatus"]
        job["machine"] = found["ResourceConfig"]["InstanceType"]
        job["seconds"] = found.get("TrainingTimeInSeconds")
        job["billed_seconds"] = found.get("BillableTimeInSeconds")

    def verb(self, name: str, *words: str) -> str:
        """Run a verb in a repository; return what it printed."""
        return self.step(f"{name}: {' '.join(words)}", ["tools", *words], self.folder / name)

    def step(self, what: str, words: list[str], folder: Path) -> str:
        """Run a command of Python, its words on the terminal; return what it printed."""
        note(f"\n== {what}")
        began = time.monotonic()
        step = {"step": what, "exit": None}
        self.evidence["steps"].append(step)
        environment = {name: text for name, text in os.environ.items() if name not in STRANGE}
        environment["AWS_REGION"] = self.aws.region
        if self.aws.profile:
            environment["AWS_PROFILE"] = self.aws.profile
        process = subprocess.Popen(
            [sys.executable, "-B", *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        printed = []
        with process:
            try:
                for line in process.stdout:
                    say(line.rstrip("\n"))
                    printed.append(line)
            except BaseException:
                process.terminate()
                raise
        step["exit"], step["seconds"] = process.returncode, round(time.monotonic() - began, 1)
        self.write()
        if process.returncode:
            raise UserError(f"{what} failed with exit code {process.returncode}: see above.")
        return "".join(printed)

    # ---- Taking down -----------------------------------------------------------------------

    @property
    def provider(self) -> str:
        """The ARN of GitHub's OIDC provider."""
        return f"arn:{self.partition}:iam::{self.account}:oidc-provider/{PROVIDER}"

    def things(self) -> Iterator[Thing]:
        """Yield what there may be, in the order in which it is removed."""
        names = list(self.evidence["repositories"].values())
        jobs = [each["name"] for each in self.evidence["jobs"].values() if "name" in each]
        made, bucket = self.evidence["made"], self.evidence.get("bucket")
        yield from map(job_of, jobs)
        yield from map(stack_of, names)
        yield from map(images_of, names)
        yield from (logs_of(f"{each}/") for each in jobs)
        if bucket:
            yield from (objects_of(name, bucket) for name in names)
        if "team" in made:
            yield stack_of(TEAM)
            if bucket:
                yield bucket_of(bucket)
        if "provider" in made:
            yield provider_of(self.provider)

    def take_down(self) -> None:
        """Remove what was made; what is left then is the evidence's `left`."""
        self.find_jobs()
        if "team" in self.evidence["made"] and not self.evidence.get("bucket"):
            self.find_bucket()
        self.evidence["left"] = take_down(self.aws, [list(self.things())])
        self.write()

    def find_jobs(self) -> None:
        """Ask SageMaker for the jobs: a proof that was killed has not written down their names."""
        for language, name in self.evidence["repositories"].items():
            prefix = job_prefix(name, TRAINING)
            request = {"NameContains": prefix}
            try:
                found = self.aws.call("sagemaker", "list-training-jobs", request)
            except AwsError as error:
                note(f"Not known: the jobs of {name}. {error}")
                continue
            for each in found["TrainingJobSummaries"]:
                if each["TrainingJobName"].startswith(prefix):
                    job = self.evidence["jobs"].setdefault(language, {"repository": name})
                    job.setdefault("name", each["TrainingJobName"])

    def find_bucket(self) -> None:
        """Ask the team's stack for its bucket, which outlives it."""
        try:
            stack = find_stack(self.aws, TEAM)
            self.evidence["bucket"] = outputs_of(stack).get("BucketName") if stack else None
        except AwsError as error:
            note(f"Not known: the bucket of the stack {TEAM}. {error}")

    def clean(self, keep: bool) -> None:
        """Remove the images of this machine, and the repositories unless they are kept."""
        for name in self.evidence["repositories"].values():
            if (self.folder / name).exists():
                command = [sys.executable, "-B", "tools", "clean"]
                subprocess.run(command, cwd=self.folder / name, stdin=subprocess.DEVNULL)
        if keep:
            note(f"The repositories lie in {self.folder}.")
        else:
            shutil.rmtree(self.folder)

    def write(self) -> None:
        """Write the evidence, without the account's number."""
        text = json.dumps(self.evidence, indent=2).replace(self.account, masked(self.account))
        aside = self.file.with_name(f"{self.file.name}.new")
        aside.write_text(f"{text}\n", encoding="utf-8")
        aside.replace(self.file)


def masked(account: str) -> str:
    """Return an account's number without most of it."""
    return "********" + account[-4:]


def compare(local: Path, remote: Path, job: dict) -> None:
    """Write down the digests of both models, and whether they are equal."""
    job["model"] = {"here": digests(local), "sagemaker": digests(remote)}
    job["equal"] = job["model"]["here"] == job["model"]["sagemaker"]
    note(f"The model of SageMaker {'equals' if job['equal'] else 'differs from'} that made here.")


def digests(folder: Path) -> dict[str, str]:
    """Return path within a folder → SHA-256, for all its files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def versions(engine: str) -> dict[str, str]:
    """Return what the proof was made with."""
    commit = ["git", "-C", str(TEMPLATE), "describe", "--always", "--dirty"]
    commands = {"template": commit, "aws": ["aws", "--version"], "engine": [engine, "--version"]}
    found = {name: call_engine(*command).stdout.strip() for name, command in commands.items()}
    return {**found, "python": sys.version.split()[0]}


def ask(aws: Aws, languages: list[str], yes: bool) -> str:
    """Say what the proof costs, and raise UserError unless the answer is yes."""
    price = dollars_an_hour(aws, MACHINE)
    jobs = f"{len(languages)} x {MACHINE} for up to {LONGEST} s"
    known = f"{len(languages) * LONGEST / 3600 * price:.2f} USD" if price else "no known price"
    cost = f"At most {known}: {jobs}, and some cents for storage and requests."
    note(f"In this account and {aws.region}: {', '.join(languages)}. {cost}")
    confirm(yes, "it may cost that")
    return cost


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--language", action="append", choices=LANGUAGES, help="may be given again (default: all)")
    add("--region", default=os.environ.get("AWS_REGION") or "us-east-1")
    add("--profile", help="of the aws CLI (default: AWS_PROFILE)")
    add("--yes", action="store_true", help="do not ask")
    add("--evidence", type=Path, default=Path("prove-on-aws.json"), metavar="FILE")
    add("--take-down", type=Path, metavar="FILE", help="only remove what this proof left")
    return parser.parse_args(arguments)


def begin(options: argparse.Namespace) -> Proof:
    """Look at what is needed, ask, and return the proof."""
    engine = find_engine()
    found = call_engine(engine, "ps")
    if found.returncode:
        raise no_answer(engine, found.stdout + found.stderr)
    aws = Aws(options.region, options.profile)
    account_of(aws)  # before the question: whoever is not signed in need not read on
    languages = options.language or list(LANGUAGES)
    cost = ask(aws, languages, options.yes)
    number = secrets.token_hex(3)
    evidence = {
        "proved": False,
        "began": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "account": account_of(aws),
        "region": options.region,
        "cost": cost,
        "versions": versions(engine),
        "repositories": {each: f"prove-{number}-{each}" for each in languages},
        "made": [],
        "jobs": {},
        "steps": [],
    }
    return Proof(aws, evidence, options.evidence.resolve())


def resume(options: argparse.Namespace) -> Proof:
    """Return a proof that was killed, to take it down."""
    try:
        text = options.take_down.read_text(encoding="utf-8")
        known = json.loads(text)
        aws = Aws(known["region"], options.profile)
        hidden = known["account"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{options.take_down} is no evidence of a proof: {error}.") from error
    account = account_of(aws)
    if masked(account) != hidden:
        raise UserError(f"The proof was made in {hidden}, and you are signed in to {account}.")
    evidence = json.loads(text.replace(hidden, account))
    return Proof(aws, evidence, options.take_down.resolve())


def finish(proof: Proof, failed: str) -> int:
    """Take down, say how it ended, return the exit code."""
    with uninterrupted():
        note("\n==== Taking down. Ctrl-C does not end this: what would stay costs money. ====")
        proof.take_down()
    left = proof.evidence["left"]
    proof.evidence["proved"] = not failed and not left
    proof.evidence["failed"] = failed or None
    proof.write()
    for each in left:
        note(f"LEFT: {each}")
    if not left:
        note(
            "Nothing is left in AWS but the records of the jobs and an empty log group, which cost "
            "nothing."
        )
    if failed:
        note(f"NOT PROVED: {failed}")
    say(f"Evidence: {proof.file}")
    return 0 if proof.evidence["proved"] else 1


def main(arguments: list[str] | None = None) -> int:
    """Prove, or only take down; return the exit code."""
    prepare()
    options = read_options(arguments)
    try:
        require_cli()
        proof = resume(options) if options.take_down else begin(options)
    except UserError as error:
        note(str(error))
        return 1
    except KeyboardInterrupt:
        note("\nNothing was made.")
        return 130
    if options.take_down:
        return finish(proof, "it was killed, and taken down later")
    failed = ""
    proof.folder = Path(tempfile.mkdtemp(prefix="prove-on-aws-"))
    try:
        proof.write()
        proof.prove()
    except UserError as error:
        failed = str(error)
    except KeyboardInterrupt:
        failed = "it was interrupted"
    except Exception as error:
        failed = f"a bug of this script: {error!r}"
    code = finish(proof, failed)
    proof.clean(keep=bool(failed))
    return code


if __name__ == "__main__":
    sys.exit(main())
