"""Rules about training-job.json: what the API would refuse, or take and not mean."""

from __future__ import annotations

import json
import re

from check.files import json_invalid
from check.repository import JOB, Repository
from check.rules import Finding, Found, findings_of, rule


@rule("error", "C27", "C29")
def hyperparameter(repository: Repository) -> Found:
    """The API takes strings only: "rounds": "100", also for numbers, booleans and lists, which
    the program converts. At most 100, names up to 256 characters, values up to 2,500."""
    values = repository.request.get("HyperParameters", {})
    line = repository.line_of("HyperParameters")
    if not isinstance(values, dict):
        yield line, "HyperParameters must be an object of strings: write {}"
        return
    for name, value in values.items():
        what = ""
        if not isinstance(value, str):
            written = json.dumps(value) if not isinstance(value, float) else repr(value)
            what = f'the hyperparameter "{name}" is no string: write {json.dumps(written)}'
        elif len(name) > 256 or len(value) > 2500:
            what = f'the hyperparameter "{name[:40]}" is longer than the API takes: '
            what += "put it into a file of a channel"
        if what:
            yield repository.line_of("HyperParameters", name), what
    if len(values) > 100:
        yield line, "there are more than 100 hyperparameters: put them into a file of a channel"


@rule("error", "C94")
def metric(repository: Repository) -> Found:
    """SageMaker searches the log with each Regex and takes what its one group matches as the
    value: "loss=([-+.0-9e]+)". Without a group there is no value; with two it is unclear which.
    In JSON a backslash is written twice. At most 40, up to 500 characters each."""
    specification = repository.request.get("AlgorithmSpecification")
    listed = specification.get("MetricDefinitions") if isinstance(specification, dict) else None
    for each in listed if isinstance(listed, list) else ():
        name, pattern = map((each if isinstance(each, dict) else {}).get, ("Name", "Regex"))
        if not isinstance(name, str) or not isinstance(pattern, str):
            what = "a metric is no {Name, Regex} of two strings: write both"
            yield repository.line_of("MetricDefinitions"), what
        elif regex_problem(pattern):
            what = f'the Regex of "{name}" {regex_problem(pattern)}'
            yield repository.line_of("MetricDefinitions", name), what


def regex_problem(pattern: str) -> str:
    """Return what is wrong with the Regex of a metric; "" for nothing."""
    if len(pattern) > 500:
        return "is longer than 500 characters: shorten it"
    try:
        groups = re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError) as error:
        return f"does not compile ({error}): mend it"
    if groups == 1:
        return ""
    what = f"has {groups or 'no'} group{'s' if groups else ''}: put one pair of parentheses around "
    return f"{what}the value, (?:…) around what is only grouped"


@rule("error", "C42", "C19")
def channel(repository: Repository) -> Found:
    """A channel's name is a folder under /opt/ml/input/data. The API takes 1 to 64 of letters,
    digits, ".", "-" and "_", at most 20 channels; SDK v3 makes a shell variable of the name,
    which "-" and "." break, and keeps code and sm_drivers for itself."""
    channels = repository.request.get("InputDataConfig", [])
    line = repository.line_of("InputDataConfig")
    if not isinstance(channels, list) or (not channels and "InputDataConfig" in repository.request):
        yield line, "InputDataConfig must be a list of 1 to 20 channels: leave it out for none"
        return
    seen = set()
    for each in channels:
        name = each.get("ChannelName") if isinstance(each, dict) else None
        if not isinstance(name, str):
            yield line, "a channel has no ChannelName: give it one"
            continue
        what = name_problem(name)
        if name in seen:
            what = what or f'two channels are called "{name}": rename one'
        if what:
            yield repository.line_of("InputDataConfig", name), what
        seen.add(name)
    if len(channels) > 20:
        yield line, "there are more than 20 channels: put some together"


def name_problem(name: str) -> str:
    """Return what is wrong with the name of a channel; "" for nothing."""
    simple = re.sub(r"\W", "_", name, flags=re.ASCII)[:64] or "training"
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
        return f'the API refuses the channel name "{name}": write "{simple}"'
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        simple = f"_{simple}" if simple[0].isdigit() else simple
        what = f'SDK v3 fails with the channel name "{name}", which is no name of a variable'
        return f'{what}: write "{simple}"'
    if name in ("code", "sm_drivers") or name.startswith("sagemaker_"):
        return f'the SDKs keep the channel name "{name}" for themselves: choose another'
    return ""


def findings(text: str, request: dict | None = None) -> list[Finding]:
    """Return what the rules say of training-job.json; `request` holds what a flag changed in it."""
    repository = Repository({JOB: text})
    repository.request = repository.request if request is None else request
    return findings_of((json_invalid, hyperparameter, metric, channel), repository)
