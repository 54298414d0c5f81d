"""The hyperparameters of a tuning job, held against what the image says that it takes."""

from __future__ import annotations

import difflib
import re
import secrets
import subprocess
from collections.abc import Iterator

import image
from local.engine import call, find_engine
from terminal import UserError

# As `train --help` lists them: a line of name and meaning, one of what a value must be.
DECLARED = re.compile(r"^  --(\S+)  .*\n {6}(.+); default", re.MULTILINE)
NUMBER = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?"
# What the platform and the SDKs add (C31).
RESERVED = re.compile(r"sagemaker_|_tuning_objective_metric$")
# How long a program may take to list them, in seconds.
PATIENCE = 60
KINDS = {"IntegerParameterRanges": "an integer", "ContinuousParameterRanges": "a number"}


def declared(text: str) -> dict[str, str]:
    """Return name → what a value must be, of each hyperparameter that --help lists."""
    return dict(DECLARED.findall(text))


def declared_by(name: str, tag: str) -> dict[str, str]:
    """Return what the local image of the pushed tree declares; raise UserError with the reason."""
    engine = find_engine()
    label = f'{{{{index .Config.Labels "{image.REVISION}"}}}}'
    found = call(engine, "image", "inspect", "--format", label, name)
    if found.returncode != 0:
        raise UserError(f"there is no image {name} here to ask (make build)")
    if found.stdout.strip() != tag:
        raise UserError(f"the image {name} here is of another tree than the pushed one")
    container = f"{name.partition(':')[0]}-help-{secrets.token_hex(4)}"
    command = [engine, "run", "--rm", "--name", container, "--network", "none"]
    try:
        known = declared(call(*command, name, "train", "--help", patience=PATIENCE).stdout)
    except subprocess.TimeoutExpired:
        known = {}
    finally:
        call(engine, "rm", "--force", container)
    if not known:
        raise UserError("its program lists no hyperparameters by train --help")
    return known


def unfit(static: dict, ranges: list[tuple[str, dict]], known: dict[str, str]) -> Iterator[str]:
    """Yield what a tuning job would set that the program refuses: each training job would fail.

    The ranges are pairs of their kind and their content, as tuning-job.json has them.
    """
    for name, value in static.items():
        if RESERVED.match(name):
            continue
        if name not in known:
            yield unknown(name, known)
        elif not takes(known[name], value):
            yield f'The hyperparameter "{name}" is "{value}": it must be {known[name]}.'
    for kind, each in ranges:
        name = each["Name"]
        expected = known.get(name, "")
        if name not in known:
            yield unknown(name, known)
        elif kind in KINDS and not expected.startswith(("an integer", "a number")):
            yield f'The range of "{name}" has numbers: it must be {expected}.'
        elif kind == "ContinuousParameterRanges" and expected.startswith("an integer"):
            yield f'The range of "{name}" belongs in IntegerParameterRanges: it must be {expected}.'
        else:
            given = [each[name] for name in ("MinValue", "MaxValue", "ValueHint") if name in each]
            outside = [end for end in [*given, *each.get("Values", [])] if not takes(expected, end)]
            if outside:
                yield f'The range of "{name}" holds {", ".join(outside)}: it must be {expected}.'


def unknown(name: str, known: dict[str, str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    lead = f'do you mean "{near[0]}"?' if near else f"it has {', '.join(sorted(known))}."
    return f'The program has no hyperparameter "{name}"; {lead}'


def takes(expected: str, text: str) -> bool:
    """Tell whether a value fits what the program says of it; what is not understood fits."""
    # Some SDK classes quote, and what is empty is the default (C30).
    text = text.strip().strip('"')
    if text in ("", "null", "None"):
        return True
    if expected == "true or false":
        return text.lower() in ("true", "false", "1", "0", "yes", "no")
    if expected.startswith("one of "):
        return text in expected[len("one of ") :].split(", ")
    if not expected.startswith(("an integer", "a number")):
        return True
    try:
        value = float(text)
    except ValueError:
        return False
    if expected.startswith("an integer") and not value.is_integer():
        return False
    least = re.search(rf"(?:from|at least) ({NUMBER})", expected)
    most = re.search(rf"(?:\bto|at most) ({NUMBER})$", expected)
    return not (least and value < float(least[1])) and not (most and value > float(most[1]))
