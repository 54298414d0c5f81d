"""Each right that a verb uses taken away, one after the other: what it says, and what goes on."""

import json
import re
import shutil
import sys

import pytest
from support import load_tools, run_with_cli

NAME = "penguins-python"
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{NAME}@sha256:{64 * '0'}"
ROLE = f"arn:aws:iam::123456789012:role/{NAME}"
OUTPUTS = {"ExecutionRoleArn": ROLE, "BucketName": "our-bucket", "BuildProject": "builds"}
STACK = {
    "StackName": NAME,
    "StackStatus": "CREATE_COMPLETE",
    "Parameters": [{"ParameterKey": "JobPrefix", "ParameterValue": f"{NAME}--"}],
    "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()],
}
TRUST = {"Principal": {"Service": "sagemaker.amazonaws.com"}}
JOB = {
    "TrainingJobStatus": "Completed",
    "ModelArtifacts": {"S3ModelArtifacts": "s3://our-bucket/jobs/1/output/model"},
}
DETAILS = {
    "imageDigest": f"sha256:{64 * '0'}",
    "imageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
}
STREAM = {"logStreamName": "job-1/algo-1-1"}
# What AWS answers to each operation where all is well.
ANSWERS = {
    "get-caller-identity": {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me"},
    "describe-stacks": {"Stacks": [STACK]},
    "get-role": {"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": TRUST}},
    "describe-images": {"imageDetails": [DETAILS]},
    "get-bucket-location": {"LocationConstraint": None},
    "list-objects-v2": {"Contents": [{}]},
    "get-products": {"PriceList": []},
    "describe-training-job": JOB,
    "describe-log-streams": {"logStreams": [STREAM]},
    "get-log-events": {"events": [], "nextForwardToken": "f/1"},
    "start-build": {"build": {"id": "builds:1"}},
    "batch-get-builds": {
        "builds": [
            {"buildStatus": "SUCCEEDED", "logs": {"groupName": "builds", "streamName": "1"}},
        ]
    },
}
# What it answers to a verb, in the place of that.
OTHERWISE = {"stop": {"describe-training-job": {"TrainingJobStatus": "InProgress"}}}
CLI = """#!{python}
import json, sys
words = [each for each in sys.argv[1:] if not each.startswith("-")]
answers = {answers!r}
# Behind the region.
service, operation = words[1:3]
with open({log!r}, "a") as log:
    log.write(f"{{service}} {{operation}}\\n")
if f"{{service}} {{operation}}" == {denied!r} and "--generate-cli-skeleton" not in sys.argv:
    print("An error occurred (AccessDeniedException) when calling the Denied operation: User: "
        "arn:aws:iam::123456789012:user/me is not authorized to perform: " + operation,
        file=sys.stderr)
    sys.exit(254)
with open({log!r}) as log:
    first = log.read().count("ecr describe-images") == 1
if operation == "describe-images" and first and {verb!r} == "push":
    print("An error occurred (ImageNotFoundException) when calling the Denied operation: none",
        file=sys.stderr)
    sys.exit(254)
if service == "s3":
    import os, pathlib
    if "--recursive" in sys.argv:
        pathlib.Path(words[4]).mkdir(parents=True, exist_ok=True)
else:
    print(json.dumps(answers.get(operation, {{}})))
"""
# What is asked before a request is sent, and whether that goes on without the answer.
BEFORE = {
    "sts get-caller-identity": False,
    "cloudformation describe-stacks": False,
    "iam get-role": True,
    "ecr describe-images": True,
    "s3api get-bucket-location": True,
    "s3api list-objects-v2": True,
    "pricing get-products": True,
}
# Each verb with the operations that it calls, and whether it goes on without the answer.
VERBS = {
    "submit": {**BEFORE, "sagemaker create-training-job": False},
    "tune": {
        **BEFORE,
        "sagemaker create-training-job": True,  # held against the CLI's model alone
        "sagemaker create-hyper-parameter-tuning-job": False,
    },
    "logs": {
        "sagemaker describe-training-job": False,
        "logs describe-log-streams": True,
        "logs get-log-events": True,
    },
    "stop": {"sagemaker describe-training-job": False, "sagemaker stop-training-job": False},
    "fetch": {"sagemaker describe-training-job": False, "s3 cp": False},
    "deploy": {"cloudformation describe-stacks": False, "cloudformation deploy": False},
    "push": {
        "sts get-caller-identity": False,
        "ecr describe-images": False,
        "cloudformation describe-stacks": False,
        "s3 cp": False,
        "codebuild start-build": False,
        "codebuild batch-get-builds": False,
        "logs get-log-events": True,
    },
}
# What a verb does not need, and says nothing of.
SILENT = {"tune": ["sagemaker create-training-job"], "push": ["logs get-log-events"]}
ARGUMENTS = {
    "logs": ["job-1"],
    "stop": ["job-1"],
    "fetch": ["job-1"],
    "push": ["--builder=codebuild"],
}


@pytest.fixture(scope="module")
def repository(bake, tmp_path_factory):
    folder = shutil.copytree(bake("python"), tmp_path_factory.mktemp("rights") / NAME)
    (folder / "pushed-image.json").write_text(json.dumps({"image": IMAGE, "tag": "1"}))
    return folder


@pytest.fixture
def run(repository, tmp_path):
    """Function: verb, the operation that is denied → how the verb ended, and what it called."""

    def start(verb, denied):
        log = tmp_path / "log"
        answers = {**ANSWERS, **OTHERWISE.get(verb, {})}
        values = {"log": str(log), "verb": verb, "denied": denied, "answers": answers}
        text = CLI.format(python=sys.executable, **values)
        done = run_with_cli(repository, tmp_path, text, verb, *ARGUMENTS.get(verb, []))
        assert "Traceback" not in done.stderr, done.stderr
        return done, {*log.read_text().splitlines()} - {"get region"}

    return start


@pytest.mark.parametrize("verb", VERBS)
def test_with_all_rights_a_verb_does_what_it_does(run, verb):
    done, called = run(verb, "")
    assert done.returncode == 0, done.stderr
    assert called == set(VERBS[verb])


@pytest.mark.parametrize(
    ("verb", "denied"), [(verb, each) for verb, operations in VERBS.items() for each in operations]
)
def test_a_right_that_is_taken_away_is_named(run, verb, denied):
    done, _ = run(verb, denied)
    goes_on = VERBS[verb][denied]
    assert (done.returncode == 0) == goes_on, done.stderr
    if denied in SILENT.get(verb, ()):
        return
    operation = denied.rpartition(" ")[2]
    said = [line for line in done.stderr.splitlines() if operation in line]
    assert said, done.stderr
    for each in said:
        assert re.search(r"^Not checked: |^No log, only the status: |ou may not ", each), each


def test_a_build_is_followed_through_a_moment_in_which_aws_is_busy(repository, monkeypatch, capsys):
    aws, codebuild = load_tools(repository, "cloud.aws", "cloud.codebuild")
    said = [aws.AwsError("AWS is busy.", "Unreachable"), {"builds": [{"buildStatus": "SUCCEEDED"}]}]
    said += [aws.AwsError("Your AWS credentials have expired.", "ExpiredToken")]

    def answer(*_):
        (first, *said[:]) = said
        if isinstance(first, Exception):
            raise first
        return first

    monkeypatch.setattr(aws, "PAUSE", 0)
    caller = aws.Aws("us-east-1")
    monkeypatch.setattr(caller, "answer", answer)
    assert codebuild.follow(caller, "builds:1") == "SUCCEEDED"
    assert capsys.readouterr().err == "AWS is busy. Trying again.\n"
    with pytest.raises(aws.AwsError, match=r"have expired. The build goes on: `make push` finds"):
        codebuild.follow(caller, "builds:1")


def test_a_session_that_ends_while_a_stack_is_deployed_does_not_say_that_it_was_not(
    repository, monkeypatch
):
    aws, deploy = load_tools(repository, "cloud.aws", "cloud.deploy")

    def run(*_):
        raise aws.AwsError("Your AWS credentials have expired.", "ExpiredToken")

    caller = aws.Aws("us-east-1")
    monkeypatch.setattr(caller, "run", run)
    with pytest.raises(aws.AwsError) as caught:
        deploy.deploy_stack(caller, "seals", deploy.TEMPLATES["repository"], {})
    assert str(caught.value) == (
        "The stack seals: if it has begun, it goes on, and `make deploy` again shows how it ended. "
        "Your AWS credentials have expired."
    )
