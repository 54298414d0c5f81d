"""Rules about training-job.json: what the API would refuse, or take and not mean."""

from __future__ import annotations

import json
import re

from check.files import json_invalid
from check.repository import JOB, Repository, read_request
from check.rules import Finding, Found, rule


@rule("error", "C27", "C29")
def hyperparameter(repository: Repository) -> Found:
    """The API takes strings only: "rounds": "100", also for numbers, booleans and lists, which
    the program converts. At most 100, names up to 256 characters, values up to 2,500."""
    values = repository.request.get("HyperParameters", {})
    if not isinstance(values, dict):
        line = repository.line_of(JOB, "HyperParameters")
        yield JOB, line, "HyperParameters must be an object of strings: write {}"
        return
    for name, value in values.items():
        line = repository.line_of(JOB, "HyperParameters", name)
        if not isinstance(value, str):
            written = json.dumps(value) if not isinstance(value, float) else repr(value)
            what = f'the hyperparameter "{name}" is no string: write {json.dumps(written)}'
            yield JOB, line, what
        elif len(name) > 256 or len(value) > 2500:
            what = f'the hyperparameter "{name[:40]}" is longer than the API takes'
            yield JOB, line, f"{what}: put it into a file of a channel"
    if len(values) > 100:
        what = "there are more than 100 hyperparameters: put them into a file of a channel"
        yield JOB, repository.line_of(JOB, "HyperParameters"), what


@rule("error", "C94")
def metric(repository: Repository) -> Found:
    """SageMaker searches the log with each Regex and takes what its one group matches as the
    value: "loss=([-+.0-9e]+)". Without a group there is no value; with two it is unclear which.
    In JSON a backslash is written twice. At most 40, up to 500 characters each."""
    specification = repository.request.get("AlgorithmSpecification")
    definitions = (
        specification.get("MetricDefinitions") if isinstance(specification, dict) else None
    )
    if not isinstance(definitions, list):
        return
    for each in definitions:
        name = each.get("Name") if isinstance(each, dict) else None
        pattern = each.get("Regex") if isinstance(each, dict) else None
        if not isinstance(name, str) or not isinstance(pattern, str):
            line = repository.line_of(JOB, "MetricDefinitions")
            yield JOB, line, "a metric is no {Name, Regex} of two strings: write both"
            continue
        line = repository.line_of(JOB, "MetricDefinitions", name)
        if len(pattern) > 500:
            yield JOB, line, f'the Regex of "{name}" is longer than 500 characters: shorten it'
            continue
        try:
            groups = re.compile(pattern).groups
        except (re.error, RecursionError, OverflowError) as error:
            yield JOB, line, f'the Regex of "{name}" does not compile ({error}): mend it'
            continue
        if groups != 1:
            number = "no group" if not groups else f"{groups} groups"
            what = (
                f'the Regex of "{name}" has {number}: put one pair of parentheses around the value'
            )
            yield JOB, line, f"{what}, (?:…) around what is only grouped"


@rule("error", "C42", "C19")
def channel(repository: Repository) -> Found:
    """A channel's name is a folder under /opt/ml/input/data. The API takes 1 to 64 of letters,
    digits, ".", "-" and "_", at most 20 channels; SDK v3 makes a shell variable of the name,
    which "-" and "." break, and keeps code and sm_drivers for itself."""
    channels = repository.request.get("InputDataConfig", [])
    if not isinstance(channels, list) or (not channels and "InputDataConfig" in repository.request):
        line = repository.line_of(JOB, "InputDataConfig")
        yield JOB, line, "InputDataConfig must be a list of 1 to 20 channels: leave it out for none"
        return
    seen = set()
    for each in channels:
        name = each.get("ChannelName") if isinstance(each, dict) else None
        if not isinstance(name, str):
            line = repository.line_of(JOB, "InputDataConfig")
            yield JOB, line, "a channel has no ChannelName: give it one"
            continue
        line = repository.line_of(JOB, "InputDataConfig", name)
        simple = re.sub(r"\W", "_", name, flags=re.ASCII)[:64] or "training"
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
            yield JOB, line, f'the API refuses the channel name "{name}": write "{simple}"'
        elif not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            simple = simple if not simple[0].isdigit() else f"_{simple}"
            what = f'SDK v3 fails with the channel name "{name}", which is no name of a variable'
            yield JOB, line, f'{what}: write "{simple}"'
        elif name in ("code", "sm_drivers") or name.startswith("sagemaker_"):
            what = f'the SDKs keep the channel name "{name}" for themselves'
            yield JOB, line, f"{what}: choose another"
        elif name in seen:
            yield JOB, line, f'two channels are called "{name}": rename one'
        seen.add(name)
    if len(channels) > 20:
        line = repository.line_of(JOB, "InputDataConfig")
        yield JOB, line, "there are more than 20 channels: put some together"


def findings(text: str, request: dict | None = None) -> list[Finding]:
    """Return what the rules say of training-job.json; `request` holds what a flag changed in it."""
    repository = Repository([JOB], {JOB: text})
    read_request(repository)
    repository.request = repository.request if request is None else request
    return [
        Finding(file, line, each.name, each.severity, f"{what} ({each.clauses})")
        for each in (json_invalid, hyperparameter, metric, channel)
        for file, line, what in each.find(repository)
    ]
