"""The aws CLI v2: JSON in, JSON out, errors as sentences.

Whatever signs the CLI in works here too: profiles, SSO, roles, MFA.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cloud.causes import FOREIGN, INSTALL, REFUSERS, SENTENCES, SIGN_IN
from terminal import UserError, note, say

# Seconds between two questions of how something goes on.
PAUSE = 5
REFUSED = re.compile(r"AccessDenied|Unauthorized|not authorized|^403$")
# What a CLI says that does not know a command, an option or a member of a request.
OLD = re.compile(
    r'Unknown parameter in \S+: "(\w+)"|Unknown options: (.+)|[Ii]nvalid choice(?:: \'([\w-]+)\')?'
)


class AwsError(UserError):
    """A sentence with the next step; `code` is AWS's word for what went wrong, or ours."""

    def __init__(
        self, sentence: str, code: str = "", message: str = "", explained: bool = True
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.message = message  # AWS's own words
        self.explained = explained  # whether the sentence says more than they do

    @property
    def refused(self) -> bool:
        """Whether the caller may not do this."""
        return bool(REFUSED.search(self.code))


class Answer(dict):
    """A part of what the CLI printed; raises AwsError where it lacks what AWS always says."""

    def __missing__(self, name: object) -> None:
        raise AwsError(
            f"The aws CLI printed an answer without {name}: see what else is called aws (type -a "
            "aws), and its aliases (~/.aws/cli/alias).",
            "NoJson",
        )


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """Let an error of the block name what failed, where AWS's own words are all that is known."""
    try:
        yield
    except AwsError as error:
        words = shorten(error.message)
        if error.refused:
            lead = "ask for that right, or name another profile (--profile)"
            sentence = f"You may not {what} ({words}): {refuser(words) or lead}."
        elif not error.explained:
            who = "AWS" if error.code else "The aws CLI"
            sentence = f"{who} could not {what} ({words}): mend that, then run this again."
        else:
            raise
        raise AwsError(sentence, error.code, error.message) from error


@dataclass
class Aws:
    """The aws CLI in one region, as one profile or with the credentials of a role."""

    region: str
    profile: str | None = None
    credentials: dict[str, str] = field(default_factory=dict)  # variables of the environment
    dry_run: bool = False  # print the commands, and run none that changes something
    patience: float | None = None  # for one answer, in seconds; None waits as long as the CLI does

    def call(self, service: str, operation: str, request: dict | None = None, *flags: str) -> dict:
        """Return the response of an operation; raise AwsError."""
        # A file, since the CLI reads it twice, and an argument may be too long for the system.
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "request.json")
            file.write_text(json.dumps(request or {}), encoding="utf-8")
            return self.answer(service, operation, "--cli-input-json", f"file://{file}", *flags)

    def answer(self, *words: str) -> dict:
        """Run the CLI with these words and return the JSON that it printed; raise AwsError."""
        output = self.run(*words)
        said = shorten(" ".join(output.split()))
        try:
            found = json.loads(output or "{}", object_hook=Answer)
        except ValueError as error:
            raise AwsError(f"The aws CLI printed what is no JSON: {said}", "NoJson") from error
        if not isinstance(found, dict) and "--query" not in words:
            raise AwsError(f"The aws CLI printed what is no answer of AWS: {said}", "NoJson")
        return found

    def ask(self, what: str, service: str, operation: str, request: dict) -> dict | None:
        """As `call`; where the caller may not ask, say what remains unknown and return None."""
        try:
            return self.call(service, operation, request)
        except AwsError as error:
            if not error.refused:
                raise
            note(f"Not checked: {what}, since you may not call {service} {operation}.")
            return None

    def command(self, *words: str) -> list[str]:
        """Return the CLI's command with these words, as one would type it."""
        profile = ["--profile", self.profile] if self.profile else []
        return ["aws", "--region", self.region, *profile, *words]

    def run(self, *words: str) -> str:
        """Run the CLI with these words and return what it printed; raise AwsError."""
        self.show(*words)
        require_cli()
        done = start([*self.command(*words), "--output", "json"], self.credentials, self.patience)
        if done.returncode != 0:
            unknown = OLD.search(done.stderr)
            raise old_cli(unknown) if unknown else error_of(done.stderr, self.region, words)
        return done.stdout

    def change(self, *words: str) -> None:
        """Run what changes something, unless this is a dry run: then print it."""
        if self.dry_run:
            self.show(*words)
        else:
            self.run(*words)

    def show(self, *words: str) -> None:
        """Print a command in a dry run."""
        if self.dry_run:
            say(f"+ {shlex.join(self.command(*words))}")


def start(
    command: list[str], credentials: dict[str, str] | None = None, patience: float | None = None
) -> subprocess.CompletedProcess:
    """Run a command of the CLI, whatever its settings are; return how it ended; raise AwsError."""
    # A pager or a prompt would wait for someone who is not there; the last line is the cause.
    own = {"AWS_PAGER": "", "AWS_CLI_AUTO_PROMPT": "off", "AWS_CLI_ERROR_FORMAT": "legacy"}
    environment = {**os.environ, **own, **(credentials or {})}
    if credentials:
        environment.pop("AWS_PROFILE", None)
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=patience,
        )
    except OSError as error:
        raise AwsError(
            f"The aws command can't be started ({error.strerror}): install the AWS "
            f"CLI v2 anew ({INSTALL})."
        ) from error
    except subprocess.TimeoutExpired as error:
        sentence = f"AWS does not answer within {patience} s: check network and proxy."
        raise AwsError(sentence, "Unreachable") from error


def patiently(ask: Callable[[], dict]) -> dict:
    """Return what `ask` returns; while AWS can't be reached, say so and ask again."""
    while True:
        try:
            return ask()
        except AwsError as error:
            if error.code != "Unreachable":
                raise
            note(f"{error} Trying again.")
            time.sleep(PAUSE)


def require_cli() -> None:
    """Raise AwsError where the aws command is missing."""
    if not shutil.which("aws"):
        raise AwsError(f"There is no aws command: install the AWS CLI v2 ({INSTALL}).")


def old_cli(unknown: re.Match) -> AwsError:
    """Return the sentence for a CLI that does not know something, with its age."""
    what = next((each for each in unknown.groups() if each), "a command that is needed here")
    done = start(["aws", "--version"])
    found = re.search(r"aws-cli/(\S+)", done.stdout + done.stderr)
    version = found[1] if found else "unknown"
    lead = "update it" if version.startswith("2") else "version 2 is needed"
    typing = ", unless that is a typing error" if unknown[1] else ""
    return AwsError(
        f"The aws CLI {version} does not know {what}: {lead} ({INSTALL}){typing}.", "OldCli"
    )


def error_of(stderr: str, region: str, words: tuple[str, ...] = ()) -> AwsError:
    """Return what the CLI's words on stderr mean to the user, after a command of these words."""
    # The list of all that would be right is longer than a screen.
    text = " ".join(re.sub(", must be one of: .*", "", stderr).split()) or "it gave no reason"
    if "Traceback (most recent call last)" in text:
        text = stderr.strip().splitlines()[-1]
    found = re.search(r"\(([\w.]+)\) when calling the (\w+) operation(?: \([^)]*\))?: ?(.*)", text)
    code, operation, message = found.groups() if found else ("", "", text)
    # What was asked for is no part of signing in.
    signing_in = SIGN_IN.fullmatch(operation) and "assume-role" not in words
    if FOREIGN.search(text):
        page = " ".join(re.sub("<[^>]*>", " ", message).split())
        sentence = (
            "Something else answers in AWS's place, such as a proxy or a network's page to log in "
            f"({page[:100]}): look at HTTPS_PROXY, or ask who runs the network."
        )
        return AwsError(sentence, "Unreachable", message)
    if REFUSED.search(code) and not signing_in:
        lead = refuser(message) or "ask whoever manages the account"
        sentence = f"You may not call {operation}: {lead}. AWS says: {shorten(message)}"
        return AwsError(sentence, code, message)
    for pattern, known in SENTENCES.items():
        match = re.search(pattern, code) or re.search(pattern, message)
        if match:
            word, _, sentence = known.partition(": ")
            text = sentence.format(*[match[0], *match.groups()], region=region)
            return AwsError(text, word, message)
    if signing_in:
        sentence = f"You can't be signed in as your profile says, by {operation} "
        sentence += f"({shorten(message)}): look at ~/.aws/config, or take another profile."
        return AwsError(sentence, "SignIn", message)
    if message.startswith("Parameter validation failed"):
        message = message.partition(": ")[2]
        return AwsError(f"The request is wrong: {shorten(message)}", "ParamValidation", message)
    begin = f"{operation} failed ({code}): " if found else "The aws CLI failed: "
    return AwsError(begin + shorten(message), code, message, explained=False)


def refuser(message: str) -> str:
    """Return what to do where it is not the account's own policies that refuse; else nothing."""
    found = ((re.search(pattern, message), lead) for pattern, lead in REFUSERS.items())
    return next((lead.format(match[0]) for match, lead in found if match), "")


def shorten(text: str) -> str:
    """Return the beginning of what may be very long, such as a list of all instance types."""
    return text if len(text) <= 600 else f"{text[:600]} …"
