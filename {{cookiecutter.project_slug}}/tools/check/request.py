"""Rules about training-job.json: what the API would refuse, or take and not mean."""

from __future__ import annotations

import json
import re

import api_model
from check.files import json_invalid
from check.repository import JOB, Repository
from check.rules import Finding, Found, findings_of, rule
from tuning import DEFINITIONS, tuning_problems

TUNING = "tuning-job.json"
# What `make submit` puts in where it is missing.
PUT_IN = {
    "TrainingJobName": "training",
    "RoleArn": "arn:aws:iam::111122223333:role/training",
    "ResourceConfig": {},
    "StoppingCondition": {},
}


@rule("error", "C27", "C29")
def api(repository: Repository) -> Found:
    """What AWS's own model of CreateTrainingJob refuses: a member that is missing or misspelt, a
    value of another type, length, size or pattern. A hyperparameter is text, "rounds": "100", also
    a number, a boolean and a list, which the program converts."""
    if repository.request:
        request = {**PUT_IN, **repository.request}
        yield from refused(repository, JOB, "CreateTrainingJob", request)


def refused(repository: Repository, file: str, operation: str, request: object) -> Found:
    """Yield what AWS's own model of an operation refuses in a file that holds a request."""
    for path, sentence, sure in api_model.findings(operation, request):
        # What the model does not know may be newer: `make submit` says it.
        if sure:
            what = sentence.rstrip(".").replace("; ", ": ", 1)
            yield repository.line_of(*re.split(r"\W+", path), file=file), what


@rule("warning", "C95")
def tuning(repository: Repository) -> Found:
    """What AWS refuses in the tuning job of tuning-job.json: names, types and limits, a range that
    is none, a strategy that does not go with the ranges, an objective that is no metric of
    training-job.json. The ends of a range are text, "MinValue": "2"."""
    try:
        asked = json.loads(repository.texts.get(TUNING, "") if repository.is_own else "")
    except (ValueError, RecursionError):
        return  # there is none, or the rule "json-invalid" says so
    if isinstance(asked, dict):
        for name in DEFINITIONS:
            if asked.pop(name, None) is not None:
                what = f"{name} is made of training-job.json: take it out"
                yield repository.line_of(name, file=TUNING), what
        asked["HyperParameterTuningJobName"] = "tuning"  # `make tune` makes a short one
    wrong = list(refused(repository, TUNING, "CreateHyperParameterTuningJob", asked))
    yield from wrong
    request = {**PUT_IN, **repository.request}
    if not wrong and not api_model.check("CreateTrainingJob", request)[0]:
        for sentence in tuning_problems(asked, request):
            yield (TUNING, 1), sentence.replace(" (C95).", "").rstrip(".")


@rule("error", "C94")
def metric(repository: Repository) -> Found:
    """SageMaker searches the log with each Regex and takes what its one group matches as the
    value: "loss=([-+.0-9e]+)". Without a group there is no value; with two it is unclear which.
    In JSON a backslash is written twice."""
    listed = repository.asked("AlgorithmSpecification", "MetricDefinitions")
    for each in listed if isinstance(listed, list) else ():
        name, pattern = map((each if isinstance(each, dict) else {}).get, ("Name", "Regex"))
        if isinstance(name, str) and isinstance(pattern, str) and regex_problem(pattern):
            what = f'the Regex of "{name}" {regex_problem(pattern)}'
            yield repository.line_of("MetricDefinitions", name), what


def regex_problem(pattern: str) -> str:
    """Return what is wrong with the Regex of a metric; "" for nothing."""
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
    """A channel's name is a folder under /opt/ml/input/data, and each has its own. SDK v3 makes a
    shell variable of it, which "-" and "." break, and keeps code and sm_drivers for itself."""
    channels = repository.request.get("InputDataConfig")
    seen = set()
    for each in channels if isinstance(channels, list) else ():
        name = each.get("ChannelName") if isinstance(each, dict) else None
        if not isinstance(name, str):
            continue
        what = name_problem(name)
        if name in seen:
            what = what or f'two channels are called "{name}": rename one'
        if what:
            yield repository.line_of("InputDataConfig", name), what
        seen.add(name)


def name_problem(name: str) -> str:
    """Return what is wrong with a channel's name that the API takes; "" for nothing."""
    if not re.fullmatch(api_model.SHAPES["ChannelName"]["pattern"], name):
        return ""  # the rule "api" says so
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        simple = re.sub(r"\W", "_", name)
        simple = f"_{simple}" if simple[0].isdecimal() else simple
        what = f'SDK v3 fails with the channel name "{name}", which is no name of a variable'
        return f'{what}: write "{simple}"'
    if name in ("code", "sm_drivers") or name.startswith("sagemaker_"):
        return f'the SDKs keep the channel name "{name}" for themselves: choose another'
    return ""


def findings(text: str, request: dict | None = None) -> list[Finding]:
    """Return what the rules say of training-job.json, but what AWS's model does.

    `request` holds what a flag changed in it.
    """
    repository = Repository({JOB: text})
    repository.request = repository.request if request is None else request
    return findings_of((json_invalid, metric, channel), repository)
