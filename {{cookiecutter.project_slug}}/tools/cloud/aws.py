"""The aws CLI, for the scripts beside this file: JSON in, JSON out, errors as sentences.

Whatever signs the CLI in works here too: profiles, SSO, roles, MFA. Needs Python 3.9 and the aws
CLI v2.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass

INSTALL = "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
REFUSED = re.compile(r"AccessDenied|Unauthorized|not authorized|^403$")

# What the CLI or a service says, the word for it where AWS gives none, and what is to be done.
SENTENCES = (
    (
        r"Unable to locate credentials|Partial credentials",
        "NoCredentials",
        "You are not signed in to AWS: run `aws configure sso` or `aws configure` once, or choose "
        "a profile by AWS_PROFILE.",
    ),
    (
        r"config profile \((.*?)\) could not be found",
        "NoProfile",
        "There is no profile {1}: `aws configure list-profiles` shows those that there are.",
    ),
    (
        r"ExpiredToken|RequestExpired|[Tt]oken (.* )?(has|is) expired|SSO (session|[Tt]oken)",
        "ExpiredToken",
        "Your AWS credentials have expired: sign in again, with `aws sso login` where you use SSO.",
    ),
    (
        r"InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|Signature|AuthFailure",
        "InvalidCredentials",
        "AWS does not know your credentials in {region} (`aws sts get-caller-identity`): a wrong "
        "clock and a region that the account has not enabled look the same.",
    ),
    (
        r"SSL validation failed",
        "Unreachable",
        "AWS's certificate is not trusted: behind a company's proxy, set AWS_CA_BUNDLE to the file "
        "of its certificate.",
    ),
    (
        r"Could not connect|[Cc]onnect(ion)? (timeout|was closed)|[Rr]ead timeout|connect to proxy",
        "Unreachable",
        "AWS can't be reached in {region}: is there such a region, and is the network up "
        "(HTTPS_PROXY, behind a proxy)?",
    ),
    (
        r"Throttl|TooManyRequests|SlowDown|RequestLimitExceeded|ServiceUnavailable|InternalError",
        "Unreachable",
        "AWS is busy: try again in a minute.",
    ),
)


class AwsError(Exception):
    """A sentence with the next step; `code` is AWS's word for what went wrong, or ours."""

    def __init__(self, sentence: str, code: str = "", message: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.message = message  # AWS's own words

    @property
    def refused(self) -> bool:
        """Whether the caller may not do this."""
        return bool(REFUSED.search(self.code))


@dataclass
class Aws:
    """The aws CLI in one region, as one profile."""

    region: str
    profile: str | None = None

    def call(self, service: str, operation: str, request: dict | None = None, *flags: str) -> dict:
        """Return the response of an operation; raise AwsError."""
        # A file, since the CLI reads it twice, and an argument may be too long for the system.
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            json.dump(request or {}, file)
            file.flush()
            given = ["--cli-input-json", f"file://{file.name}"]
            output = self.run(service, operation, *given, *flags)
        return json.loads(output) if output.strip() else {}

    def ask(self, what: str, service: str, operation: str, request: dict) -> dict | None:
        """As `call`; where the caller may not ask, say what remains unknown and return None."""
        try:
            return self.call(service, operation, request)
        except AwsError as error:
            if not error.refused:
                raise
            note(f"Not checked: {what}, since you may not call {service} {operation}.")
            return None

    def run(self, *words: str) -> str:
        """Run the CLI with these words and return what it printed; raise AwsError."""
        command = ["aws", *words, "--region", self.region, "--output", "json"]
        if self.profile:
            command += ["--profile", self.profile]
        # A pager or a prompt would wait for someone who is not there.
        environment = {**os.environ, "AWS_PAGER": "", "AWS_CLI_AUTO_PROMPT": "off"}
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=environment,
            )
        except OSError as error:
            raise AwsError(f"There is no aws command: install the AWS CLI v2, {INSTALL}") from error
        if done.returncode != 0:
            raise error_of(done.stderr, self.region)
        return done.stdout


def error_of(stderr: str, region: str) -> AwsError:
    """Return what the CLI's words on stderr mean to the user."""
    # The list of all that would be right is longer than a screen.
    text = " ".join(re.sub(", must be one of: .*", "", stderr).split())
    found = re.search(r"\((\w+)\) when calling the (\w+) operation(?: \([^)]*\))?: ?(.*)", text)
    code, operation, message = found.groups() if found else ("", "", text)
    if REFUSED.search(code):
        sentence = f"You may not call {operation}: ask whoever manages the account. AWS says: "
        return AwsError(sentence + shorten(message), code, message)
    for pattern, word, sentence in SENTENCES:
        match = re.search(pattern, code) or re.search(pattern, message)
        if match:
            text = sentence.format(*[match[0], *match.groups()], region=region)
            return AwsError(text, word, message)
    if message.startswith("Parameter validation failed"):
        message = message.partition(": ")[2]
        return AwsError(f"The request is wrong: {shorten(message)}", "ParamValidation", message)
    begin = f"{operation} failed ({code}): " if found else "The aws CLI failed: "
    return AwsError(begin + shorten(message), code, message)


def shorten(text: str) -> str:
    """Return the beginning of what may be very long, such as a list of all instance types."""
    return text if len(text) <= 600 else f"{text[:600]} …"


def note(line: str) -> None:
    """Tell the user something that is not the command's result."""
    print(line, file=sys.stderr, flush=True)
