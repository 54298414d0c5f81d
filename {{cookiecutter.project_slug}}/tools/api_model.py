"""Hold a request against AWS's own model of it: names, types, limits, patterns, values.

The model is that of botocore, in api_model.json: AWS may have added what it lacks. So what is
unknown is doubtful only, unless it is nearly the name of something known.
"""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from itertools import takewhile

MODEL = json.loads(pkgutil.get_data(__name__, "api_model.json"))
SHAPES = MODEL["shapes"]
ANSWERS = MODEL["answers"].split()
KNOWN = f"known to AWS as of {MODEL['day']}"
TYPES = {
    "structure": (dict, "an object, {…}"),
    "map": (dict, "an object, {…}"),
    "list": (list, "a list, […]"),
    "string": (str, 'text, "…"'),
    "boolean": (bool, "true or false, without quotes"),
    "integer": (int, "a whole number, without quotes"),
    "long": (int, "a whole number, without quotes"),
    "float": ((int, float), "a number, without quotes"),
    "double": ((int, float), "a number, without quotes"),
}
SIZES = {"string": "characters", "list": "entries", "map": "entries"}
# Text of which only the program knows the form.
FREE = ("HyperParameterValue", "TrainingEnvironmentValue")
JOB = "letters, digits and inner hyphens"
VARIABLE = "letters, digits and _, the first no digit"
TOP = "the request itself, not below"
ARN = "an ARN, arn:aws:sagemaker:REGION:ACCOUNT"
# What a pattern means, where people meet it.
WORDS = {
    "ChannelName": "letters, digits and . - _",
    "HyperParameterTrainingJobEnvironmentKey": VARIABLE,
    "HyperParameterTuningJobName": JOB,
    "MlFlowResourceArn": f"{ARN}:mlflow-app/ID or …:mlflow-tracking-server/NAME",
    "ModelPackageGroupArn": f"{ARN}:model-package-group/NAME",
    "RoleArn": "an ARN of a role: `aws iam get-role --role-name NAME --query Role.Arn` prints it",
    "S3Uri": "a place in S3: s3://BUCKET/KEY",
    "TagKey": "letters, digits, blanks and _ . : / = + - @",
    "TagValue": "letters, digits, blanks and _ . : / = + - @",
    "TrainingEnvironmentKey": VARIABLE,
    "TrainingJobName": JOB,
    "TrainingPlanArn": f"{ARN}:training-plan/NAME",
}
# What the SageMaker SDK for Python calls otherwise than the API, as a plain name.
SDK = {
    "basejobname": "TrainingJobName",
    "checkpointlocalpath": "CheckpointConfig.LocalPath",
    "checkpoints3uri": "CheckpointConfig.S3Uri",
    "compute": "ResourceConfig",
    "earlystoppingtype": "HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType",
    "encryptintercontainertraffic": "EnableInterContainerTrafficEncryption",
    "hyperparameterranges": "HyperParameterTuningJobConfig.ParameterRanges",
    "imageuri": "AlgorithmSpecification.TrainingImage",
    "inputmode": "AlgorithmSpecification.TrainingInputMode",
    "inputs": "InputDataConfig",
    "maxjobs": "HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs",
    "maxparalleljobs": "HyperParameterTuningJobConfig.ResourceLimits.MaxParallelTrainingJobs",
    "maxretryattempts": "RetryStrategy.MaximumRetryAttempts",
    "maxrun": "StoppingCondition.MaxRuntimeInSeconds",
    "maxwait": "StoppingCondition.MaxWaitTimeInSeconds",
    "networking": "VpcConfig",
    "objectivemetricname": "HyperParameterTuningJobConfig.HyperParameterTuningJobObjective",
    "objectivetype": "HyperParameterTuningJobConfig.HyperParameterTuningJobObjective.Type",
    "outputkmskey": "OutputDataConfig.KmsKeyId",
    "outputpath": "OutputDataConfig.S3OutputPath",
    "role": "RoleArn",
    "usespotinstances": "EnableManagedSpotTraining",
    "volumekmskey": "ResourceConfig.VolumeKmsKeyId",
    "volumesize": "ResourceConfig.VolumeSizeInGB",
}


def member(request: dict, path: str) -> object:
    """Return the member of a request that lies at a path of names; None where there is none."""
    for name in path.split("."):
        request = request.get(name) if request else None
    return request


def check(operation: str, request: object) -> tuple[list[str], list[str]]:
    """Return what AWS would refuse in a request, and what the model does not know: sentences."""
    wrong, doubtful = [], []
    for _, sentence, sure in findings(operation, request):
        (wrong if sure else doubtful).append(sentence)
    return wrong, doubtful


def findings(operation: str, request: object) -> Iterator[tuple[str, str, bool]]:
    """Yield where something is wrong, the sentence that says so, and whether that is sure."""
    for path, name, value in walk(operation, request):
        for sentence, sure in problems(operation, path, name, value):
            yield path, sentence, sure


def walk(operation: str, request: object) -> Iterator[tuple[str, str, object]]:
    """Yield path, name of the shape and value of the request and of each known field below."""
    todo = [("", MODEL[operation], request)]
    while todo:
        path, name, value = todo.pop(0)
        yield path or operation, name, value
        shape = SHAPES[name]
        if not fits(shape["type"], value):
            continue
        if shape["type"] == "structure":
            known = [(each, shape["members"][each]) for each in value if each in shape["members"]]
            todo += [(f"{path}.{each}".lstrip("."), kind, value[each]) for each, kind in known]
        elif shape["type"] == "map":
            todo += [(f"A name in {path}", shape["key"], each) for each in value]
            todo += [(f"{path}.{each}", shape["value"], value[each]) for each in value]
        elif shape["type"] == "list":
            todo += [(f"{path}[{i}]", shape["member"], each) for i, each in enumerate(value)]


def fits(kind: str, value: object) -> bool:
    """Tell whether a value of JSON has a type of the model; true is no number."""
    return isinstance(value, TYPES[kind][0]) and (isinstance(value, bool) == (kind == "boolean"))


def problems(operation: str, path: str, name: str, value: object) -> Iterator[tuple[str, bool]]:
    """Yield what is wrong with one value, and whether that is sure."""
    shape = SHAPES[name]
    kind = shape["type"]
    if not fits(kind, value):
        if kind == "string" and (isinstance(value, (bool, int, float)) or name in FREE):
            yield f"{path} must be text: write {brief(json.dumps(value))}.", True
        else:
            yield f"{path} must be {TYPES[kind][1]}; it is {brief(value)}.", True
        return
    if kind == "structure":
        yield from member_problems(operation, path, shape, value)
        return
    size = len(value) if kind in SIZES else value
    unit = f" {SIZES[kind]}" if kind in SIZES else ""
    low, high = size < shape.get("min", size), size > shape.get("max", size)
    if low and size == 0 and kind in ("list", "map"):
        yield f"{path} must not be empty: fill it, or leave it out.", True
    elif (low and name not in WORDS) or high:
        bound = f"{shape['min']}{unit} or more" if low else f"{shape['max']}{unit} at most"
        yield f"{path} must be {bound}; it is {size}.", True
    elif low or ("pattern" in shape and not re.fullmatch(shape["pattern"], value, re.DOTALL)):
        words = WORDS.get(name, f"of the pattern {shape.get('pattern')}")
        yield f"{path} is {brief(value)}; it must be {words}.", True
    elif name == "TrainingInstanceType" and re.match(r"local(_gpu)?$", value):
        yield f'{path} is "{value}", the SDK\'s word: here `make train` trains locally.', True
    elif value not in shape.get("enum", [value]):
        meant = [known for known in shape["enum"] if near(value, known)]
        meant = meant or get_close_matches(value, shape["enum"], 1, 0.8)
        some = f": {listed(shape['enum'])}" if len(shape["enum"]) < 9 else ""
        lead = f"; do you mean {listed(meant)}?" if meant else f"{some}."
        sure = any(near(value, known) and misspelt(value, known) for known in meant)
        sure = sure or (name == "TrainingInstanceType" and not value.startswith("ml."))
        yield f"{path}: {brief(value)} is not {KNOWN}{lead}", sure


def member_problems(
    operation: str, path: str, shape: dict, value: dict
) -> Iterator[tuple[str, bool]]:
    """Yield which members of an object are missing, misspelt, misplaced or unknown."""
    inside = "" if path == operation else f" in {path}"
    missing = [each for each in shape.get("required", []) if each not in value]
    unknown = [each for each in value if each not in shape["members"]]
    for each in unknown:
        meant = [known for known in shape["members"] if near(each, known)]
        # Of what must be there, a name that is only similar will do.
        meant = meant or get_close_matches(each, missing, 1, 0.7)
        owners = owners_of(operation, plain(each), re.sub(r"\[\d+\]", "[0]", path))
        if not meant and len(missing) == 1 and shape["members"][missing[0]] in owners.values():
            meant = missing  # of the same kind, by the word for it elsewhere
        similar = get_close_matches(each, shape["members"], 1, 0.65)
        if inside and not (meant or owners or similar) and len(unknown) == len(missing) == 1:
            meant = missing
        missing = [known for known in missing if known not in meant]
        within = {*missing} & {*value[each]} if isinstance(value[each], dict) else set()
        if not inside and each in ANSWERS:
            yield f"{each} is what AWS says of a job, not what it is asked for: take it out.", True
        elif within:
            missing = [known for known in missing if known not in within]
            yield f"There is no {each}{inside}; what stands in it belongs one level up.", True
        elif meant:
            yield f"There is no {each}{inside}; do you mean {listed(meant)}?", True
        elif plain(each) in SDK:
            yield f"There is no {each}{inside}; the API calls it {SDK[plain(each)]}.", True
        elif owners:
            yield f"There is no {each}{inside}; it belongs in {listed(owners)}.", True
        elif not each[:1].isupper():
            yield f"There is no {each}{inside}: each name of the API has a capital first.", True
        elif similar:
            yield f"{each}{inside} is not {KNOWN}; do you mean {similar[0]}?", False
        else:
            yield f"{each}{inside} is not {KNOWN}: a typing error, or newer.", False
    for each in missing:
        yield f"{each} is missing{inside}.", True


def owners_of(operation: str, name: str, path: str) -> dict[str, str]:
    """Return the places of a request with a member of that plain name → the shape that it has.

    Those below the path where it stands come first, then the least deep ones: there it is looked
    for first. The entry of another list is no place for it.
    """
    found = places_of(operation, name)
    fit = [each for each in found if each.startswith(f"{path}.")]
    fit = fit or [each for each in found if "[" not in path or path.startswith(list_of(each))]
    depths = {each: each.count(".") + each.count("[") for each in fit}
    return {each: found[each] for each in fit if depths[each] == min(depths.values())}


def list_of(path: str) -> str:
    """Return the path of the innermost list that a path leads through; empty where none is."""
    return path.rpartition("[")[0]


@cache
def places_of(operation: str, name: str) -> dict[str, str]:
    """Return all places of a request with a member of that plain name → its shape."""
    found, known, todo = {}, set(), [("", MODEL[operation])]
    while todo:
        path, each = todo.pop(0)
        if each in known:
            continue
        known.add(each)
        shape = SHAPES[each]
        for member, kind in shape.get("members", {}).items():
            todo.append((f"{path}.{member}".lstrip("."), kind))
            if plain(member) == name:
                found[path or TOP] = kind
        if shape["type"] == "list":
            todo.append((f"{path}[0]", shape["member"]))
    return found


def near(one: str, other: str) -> bool:
    """Tell whether two names differ by case, underscores or one letter."""
    if plain(one) == plain(other):
        return True
    i = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other))))
    swapped = one[i : i + 2] == other[i : i + 2][::-1] and one[i + 2 :] == other[i + 2 :]
    rests = [(one[i + 1 :], other[i + 1 :]), (one[i:], other[i + 1 :]), (one[i + 1 :], other[i:])]
    return swapped or any(a == b for a, b in rests) or part(one, other)


def plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def misspelt(value: str, known: str) -> bool:
    """Tell whether a near value is a slip: ml.m5.xlrge is one, ml.m7g.large may be a new type."""
    words = [set(re.findall(r"[A-Za-z]+", each)) for each in (value, known)]
    slip = any(len(word) > 3 for word in words[1] - words[0])
    return slip or plain(value) == plain(known) or part(value, known)


def part(one: str, other: str) -> bool:
    """Tell whether a name is what lies before or behind a dot of another: m5.large, ml.m5."""
    return other.endswith(f".{one}") or other.startswith(f"{one}.")


def listed(names: list[str]) -> str:
    return " or ".join(sorted(names)[:9])


def brief(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]} …"
