"""Every verb that needs AWS, with an aws CLI that fails as people's do: the right sentence."""

import json
import os
import re
import shutil
import sys

import pytest
from support import load_tools, run_with_cli

IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/penguins-python@sha256:{64 * '0'}"
VERBS = {
    "deploy": [],
    "push": ["--builder=codebuild"],
    "submit": [],
    "tune": [],
    "logs": ["job-1"],
    "stop": ["job-1"],
    "fetch": ["job-1"],
}
CLI = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], os.environ.get("AWS_CLI_ERROR_FORMAT")]) + "\\n")
if "--version" in sys.argv:
    print({version!r})
elif "configure" not in sys.argv:
    print({output!r}, end="")
    print({words!r}, file=sys.stderr)
    sys.exit({code})
"""
NOW = "aws-cli/2.36.7 Python/3.13.7 Linux/6.8 exe/x86_64"


@pytest.fixture(scope="module")
def repository(bake, tmp_path_factory):
    folder = shutil.copytree(bake("python"), tmp_path_factory.mktemp("cli") / "penguins-python")
    (folder / "pushed-image.json").write_text(json.dumps({"image": IMAGE, "tag": "1"}))
    return folder


@pytest.fixture
def run(repository, tmp_path):
    """Function: verb, what the CLI says, its version → what the verb says."""

    def start(verb, words, version=NOW, code=255, output=""):
        log = tmp_path / "log"
        values = {"log": str(log), "version": version, "words": words, "code": code}
        text = CLI.format(python=sys.executable, output=output, **values)
        done = run_with_cli(repository, tmp_path, text, verb, *VERBS[verb])
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        start.calls = [json.loads(line) for line in log.read_text().splitlines()]
        log.unlink()
        return done.stderr.strip().splitlines()[-1]

    return start


V1_USAGE = """usage: aws [options] <command> <subcommand> [<subcommand> ...] [parameters]
aws: error: argument operation: Invalid choice, valid choices are:

assume-role | decode-message"""
UNKNOWN = (
    'Parameter validation failed:\nUnknown parameter in input: "Novelty", must be one of: A, B'
)
DENIED = (
    "An error occurred (AccessDenied) when calling the X operation: User: arn:aws:iam::1:user/me "
    "is not authorized to perform: x:X"
)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("words", "version", "sentence"),
    [
        (
            'Unable to locate credentials. You can configure credentials by running "aws configure"'
            '. You can also use "aws login".',
            NOW,
            "aws configure sso",
        ),
        (
            "Your session has expired or credentials have changed. Please reauthenticate using "
            "'aws login'.",
            NOW,
            "our AWS session has expired: sign in again by `aws login`.",
        ),
        (
            "aws: [ERROR]: Error when retrieving token from sso: Token has expired and refresh "
            "failed",
            NOW,
            "aws sso login",
        ),
        (
            V1_USAGE,
            "aws-cli/1.16.312 Python/3.6.0 Linux/4.14 botocore/1.13.48",
            "CLI 1.16.312 does",
        ),
        (
            UNKNOWN,
            "aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64.debian.12 prompt/off",
            "he aws CLI 2.9.19 does not know Novelty: update it (https://docs.aws.amazon.com/cli/",
        ),
        (DENIED, NOW, "ou may not "),
        (
            'Could not connect to the endpoint URL: "https://sts.us-east-1.amazonaws.com/"',
            NOW,
            'AWS can\'t be reached in the region "us-east-1"',
        ),
        (
            "An error occurred (ThrottlingException) when calling the X operation (reached max "
            "retries: 4): Rate exceeded",
            NOW,
            "AWS is busy: try again in a minute.",
        ),
        (
            "[Errno 13] Permission denied: '/home/me/.aws/cli/cache'",
            NOW,
            "Permission denied: '/home",
        ),
        ("", NOW, "no reason"),
        (
            "An error occurred (SignatureDoesNotMatch) when calling the X operation: Signature not "
            "yet current: 20261128T220000Z is still later than 20261128T210500Z",
            NOW,
            "he clock of this machine is wrong by minutes",
        ),
        (
            "An error occurred (AccessDeniedException) when calling the X operation: User: me is "
            "not authorized to perform: x:X with an explicit deny in an identity-based policy",
            NOW,
            "sign in with MFA, or ask who wrote it",
        ),
        (
            "Invalid header value b'AWS4-HMAC-SHA256 Credential=AKIA\\r/20261128'",
            NOW,
            "he AWS credentials end in a line break or a blank",
        ),
    ],
    ids=[
        "credentials",
        "login",
        "sso",
        "v1",
        "old",
        "denied",
        "network",
        "busy",
        "cache",
        "silent",
        "clock",
        "deny",
        "newline",
    ],
)
def test_a_cli_that_fails_has_one_sentence_with_the_right_lead(run, verb, words, version, sentence):
    said = run(verb, words, version)
    assert sentence in said, said
    # Of two ways of saying it, the one that ends with the cause.
    assert {each for _, each in run.calls if each} == {"legacy"}
    # Its version is asked for once, and only where it matters.
    asked = [words for words, _ in run.calls if "--version" in words]
    assert len(asked) == ("CLI" in sentence)


FAILED = "An error occurred ({}) when calling the {} operation: {}"
MISSING = "Could not find a suitable TLS CA certificate bundle, invalid path: /etc/corp.pem"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            FAILED.format(
                "SignatureDoesNotMatch",
                "GetCallerIdentity",
                "Signature expired: 20230101T000000Z is now earlier than 20230101T001500Z",
            ),
            "The clock of this machine is wrong",
        ),
        (
            FAILED.format("RequestTimeTooSkewed", "ListObjectsV2", "The difference"),
            "The clock of this machine is wrong",
        ),
        (
            FAILED.format(
                "SignatureDoesNotMatch",
                "GetCallerIdentity",
                "The request signature we calculated does not match the signature you provided.",
            ),
            "AWS does not know your credentials in the region eu-west-1",
        ),
        # What the CLI asks by itself is no right that the verb lacks.
        (
            FAILED.format(
                "UnauthorizedException", "GetRoleCredentials", "Session token not found or invalid"
            ),
            "`aws sso login`",
        ),
        (FAILED.format("ForbiddenException", "GetRoleCredentials", "No access"), "as your profile"),
        (
            FAILED.format(
                "AccessDenied",
                "AssumeRole",
                "User: x is not authorized to perform: sts:AssumeRole on resource: y",
            ),
            "You can't be signed in as your profile says, by AssumeRole (User: x is not authorized",
        ),
        (
            FAILED.format(
                "AccessDeniedException",
                "CreateOAuth2Token",
                "Your session has expired or credentials have changed.",
            ),
            "sign in again by `aws login`.",
        ),
        (
            FAILED.format(
                "AccessDenied",
                "AssumeRole",
                "MultiFactorAuthentication failed with invalid MFA one time pass code.",
            ),
            "AWS got no right MFA code",
        ),
        ("EOF when reading a line", "AWS got no right MFA code"),
        (
            FAILED.format(
                "AccessDenied",
                "PutObject",
                "User: x is not authorized to perform: s3:PutObject on resource: y because no "
                "session policy allows the s3:PutObject action",
            ),
            ": your session has fewer rights than its role",
        ),
        (
            FAILED.format(
                "AccessDenied",
                "PutObject",
                "User: x is not authorized to perform: s3:PutObject on resource: y with an "
                "explicit deny in a resource-based policy",
            ),
            ": a policy forbids it outright, most often",
        ),
        (
            FAILED.format(
                "ValidationException",
                "CreateTrainingJob",
                "User: x is not authorized to perform: kms:CreateGrant on resource: y",
            ),
            "lacks the right kms:CreateGrant to the key: `make deploy ARGS=KmsKeyArn=ARN` gives it",
        ),
        (
            FAILED.format(
                "CapacityError",
                "CreateTrainingJob",
                "Unable to provision requested ML compute capacity due to "
                "InsufficientInstanceCapacity error.",
            ),
            "AWS has no such instance free now: try again later",
        ),
        (
            FAILED.format("ExpiredToken", "ListObjectsV2", "The provided token has expired."),
            "Your AWS credentials have expired",
        ),
        (
            FAILED.format("SlowDown", "PutObject", "Please reduce your request rate."),
            "AWS is busy: try again in a minute.",
        ),
        (
            "Failed to resolve 'sts.eu-west-1.amazonaws.com' ([Errno -3] Temporary failure in name "
            "resolution)",
            "AWS can't be reached",
        ),
        (
            "Error loading SSO Token: Token for my-sso does not exist",
            "`aws sso login` where you use SSO",
        ),
        (
            "Error when retrieving credentials from iam-role: Credentials were refreshed, but the "
            "refreshed credentials are still expired.",
            "Your AWS credentials have expired",
        ),
        (
            "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY",
            "not whole (env lacks AWS_SECRET_ACCESS_KEY)",
        ),
        (
            FAILED.format("OptInRequired", "X", "You are not subscribed"),
            "must finish signing it up",
        ),
        (
            FAILED.format(
                "AccessDeniedException",
                "CreateTrainingJob",
                "User: x is not authorized to perform: sagemaker:CreateTrainingJob on resource: y "
                "with an explicit deny in a service control policy",
            ),
            ": a policy of your organization forbids it",
        ),
        (
            FAILED.format(
                "AccessDenied",
                "CreateRole",
                "User: x is not authorized to perform: iam:CreateRole on resource: y because no "
                "permissions boundary allows the iam:CreateRole action",
            ),
            ": the boundary of your permissions forbids it",
        ),
        (
            FAILED.format(
                "AccessDenied",
                "PutObject",
                "User: x is not authorized to perform: s3:PutObject on resource: y because no VPC "
                "endpoint policy allows the s3:PutObject action",
            ),
            ": the VPC endpoint that you go through forbids it",
        ),
        (
            "upload failed: data/a.csv to s3://b/a.csv "
            + FAILED.format(
                "AccessDenied",
                "PutObject",
                "User: x is not authorized to perform: kms:GenerateDataKey on resource: y because "
                "no resource-based policy allows the kms:GenerateDataKey action",
            ),
            ": it takes the right kms:GenerateDataKey to the key: `make deploy ARGS=KmsKeyArn=ARN`",
        ),
        (
            FAILED.format("KMS.DisabledException", "PutObject", "arn:aws:kms:… is disabled."),
            "AWS could not ask who you are (arn:aws:kms:… is disabled.)",
        ),
        *(
            (FAILED.format(code, operation, said), "The bucket does not lie in the region eu-west")
            for code, operation, said in (
                ("PermanentRedirect", "ListObjectsV2", "The bucket you are attempting to access"),
                ("301", "HeadObject", "Moved Permanently"),
                ("IllegalLocationConstraintException", "ListObjectsV2", "The me-south-1 location"),
                ("AuthorizationHeaderMalformed", "ListObjectsV2", "The authorization header is"),
            )
        ),
        *(
            (said, f"You can't be signed in as your profile says ({said}): look at ~/.aws/config")
            for said in (
                "Unable to parse config file: /home/me/.aws/config",
                'The source profile "base" must have credentials.',
                "Infinite loop in credential configuration detected. Attempting to load from a.",
                "Error when retrieving credentials from custom-process: aws-vault: error: exec",
                "Missing the following required SSO configuration values: sso_region.",
            )
        ),
        (
            FAILED.format("InvalidToken", "ListObjectsV2", "The provided token is malformed"),
            "AWS does not know your credentials",
        ),
        (
            FAILED.format("RegionDisabledException", "AssumeRole", "STS is not activated in this"),
            "enable the region eu-west-1.",
        ),
        (
            FAILED.format("503", "PutObject", "Service Unavailable"),
            "AWS is busy: try again in a minute.",
        ),
        (
            "Traceback (most recent call last):\n  File x\nImportError: no b",
            "The aws CLI could not ask who you are (ImportError: no b)",
        ),
        (
            "Warning: Password input may be echoed.\nEnter MFA code for arn:aws:iam::1:mfa/me: ",
            "AWS got no right MFA code",
        ),
        *(
            (said, f"You can't be signed in as your profile says ({said}): look at ~/.aws/config")
            for said in (
                "[Errno 2] No such file or directory: '/usr/local/bin/aws-vault'",
                "[Errno 2] No such file or directory: '/var/run/secrets/eks/token'",
                "Expecting value: line 1 column 1 (char 0)",
                'The specified sso-session does not exist: "corp"',
                'The source_profile "base" referenced in the profile "dev" does not exist.',
                'The credential source "EC2" referenced in profile "dev" is not valid.',
                'The profile "dev" is configured to use SSO but is missing required configuration: '
                "sso_role_name",
            )
        ),
        *(
            (said, "Something else answers in AWS's place, such as a proxy or a network's page to")
            for said in (
                FAILED.format("403", "DescribeTrainingJob", "<html><body>Blocked</body></html>"),
                FAILED.format("407", "CreateTrainingJob", "<!DOCTYPE html><p>Proxy login</p>"),
                FAILED.format("Unknown", "GetCallerIdentity", "Unknown"),
                FAILED.format("", "ListObjectsV2", ""),
                "'GetCallerIdentityResult'",
                "Unable to parse response (no element found: line 1, column 0), invalid XML "
                "received. Further retries may succeed:\nb''",
            )
        ),
        (
            'Could not connect to the endpoint URL: "http://localhost:4566/"',
            "Nothing answers at http://localhost:4566, which AWS_ENDPOINT_URL or endpoint_url",
        ),
        ("'Status'", "ask for the right cloudformation:DescribeChangeSet."),
        (
            "Error parsing parameter '--cli-input-json': Unable to load paramfile file:///tmp/a/"
            "request.json: [Errno 2] No such file or directory: '/tmp/a/request.json'",
            "as if it ran in a container: install the AWS CLI v2 here",
        ),
        (
            "/usr/lib/python3/x.py:9: DeprecationWarning: old\nTraceback (most recent call last):\n"
            '  File "x"\nImportError: no b',
            "The aws CLI could not ask who you are (ImportError: no b)",
        ),
        (MISSING, "There is no file of certificates /etc/corp.pem, which AWS_CA_BUNDLE"),
        (
            "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))",
            'AWS can\'t be reached in the region "eu-west-1"',
        ),
    ],
)
def test_what_people_have_posted_has_the_right_lead(repository, words, sentence):
    (aws,) = load_tools(repository, "cloud.aws")
    with pytest.raises(aws.AwsError) as caught, aws.doing("ask who you are"):
        raise aws.error_of(f"\n{words}\n", "eu-west-1", ("sts", "get-caller-identity"))
    assert sentence in str(caught.value)


def test_a_role_that_was_asked_for_may_be_refused(repository):
    """`--role-arn` is the verb's own question: another one than that of the profile."""
    (aws,) = load_tools(repository, "cloud.aws")
    denied = FAILED.format("AccessDenied", "AssumeRole", "User: x is not authorized")
    with (
        pytest.raises(aws.AwsError, match="You may not assume the role R"),
        aws.doing("assume the role R"),
    ):
        raise aws.error_of(denied, "eu-west-1", ("sts", "assume-role", "--role-arn", "R"))


def test_a_cli_that_breaks_is_not_called_aws(repository):
    (aws,) = load_tools(repository, "cloud.aws")
    words = "aws: /lib/libc.so.6: version `GLIBC_2.34' not found"
    with (
        pytest.raises(aws.AwsError, match=r"^The aws CLI could not ask who"),
        aws.doing("ask who you are"),
    ):
        raise aws.error_of(words, "eu-west-1", ())


@pytest.mark.parametrize("verb", VERBS)
def test_a_cli_that_prints_something_else_than_json_has_one_sentence(run, verb):
    said = run(verb, "", code=0, output="Assuming the role for you ...\n")
    assert "he aws CLI printed what is no JSON: Assuming the role for you" in said


@pytest.mark.parametrize("output", ["", "{}", "null", "[]", '"x"', '{"Stacks": [{"a": 1}]}'])
@pytest.mark.parametrize("verb", VERBS)
def test_an_answer_that_aws_never_gives_has_one_sentence(run, verb, output):
    """Of a wrapper, an alias or a stand-in that is called aws."""
    said = run(verb, "", code=0, output=output)
    assert re.search("he aws CLI printed (an answer without|what is no answer)", said), said


def test_an_answer_that_does_not_come_is_given_up(repository, tmp_path, monkeypatch):
    aws, account = load_tools(repository, "cloud.aws", "cloud.account")
    (tmp_path / "aws").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "aws").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(Exception, match="AWS does not answer within"):
        account.account_of(aws.Aws("us-east-1", patience=0.2))


def test_the_users_settings_of_the_cli_are_not_in_the_way(repository, tmp_path, monkeypatch):
    """cli_auto_prompt = on would end `aws configure get region` before it says anything."""
    aws, account = load_tools(repository, "cloud.aws", "cloud.account")
    (tmp_path / "aws").write_text(
        '#!/bin/sh\n[ "$AWS_CLI_AUTO_PROMPT$AWS_PAGER" = off ] || exit 255\n'
        'printf "As me \\377\\neu-west-1\\n"\n'
    )
    (tmp_path / "aws").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("AWS_PAGER", "less")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert account.choose_region(None, "", None) == "eu-west-1"
    (tmp_path / "aws").write_bytes(b"\x7fELF of another machine")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(aws.AwsError, match="can't be started"):
        account.choose_region(None, "", None)


def test_a_program_called_aws_that_can_not_be_started_is_said(repository, tmp_path, monkeypatch):
    aws, account = load_tools(repository, "cloud.aws", "cloud.account")
    (tmp_path / "aws").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "aws").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(aws.AwsError, match=r"can't be started \(Exec format error\): install"):
        account.account_of(aws.Aws("us-east-1"))
