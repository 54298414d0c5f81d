#!/usr/bin/env python3
"""Take over what AWS's own model says of the two requests that a repository sends.

    .venv/bin/python scripts/api_model.py

Writes tools/api_model.json of the generated repository, from the installed botocore: the
shapes below CreateTrainingJob and CreateHyperParameterTuningJob, one a line, with types, names,
limits, patterns and values. Run it after each update of botocore; a test tells when it is due.
"""

import datetime
import json
import re
from pathlib import Path

import botocore
import botocore.session

TEMPLATE = Path(__file__).resolve().parent.parent
FILE = TEMPLATE / "{{cookiecutter.project_slug}}" / "tools" / "api_model.json"
OPERATIONS = ("CreateTrainingJob", "CreateHyperParameterTuningJob")
# Python's `re` has no \p{…}.
ANYTHING = r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]"
CLASSES = {
    ANYTHING: r"[^\x00-\x1f\x7f-\x9f]",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": r" \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}


def python_pattern(pattern: str) -> str:
    """Return a pattern as Python reads it; raise ValueError for what it has no word for."""
    for theirs, ours in CLASSES.items():
        pattern = pattern.replace(theirs, ours)
    if r"\p" in pattern:
        raise ValueError(f"{pattern} has a class that CLASSES lacks")
    re.compile(pattern)
    return pattern


def shape_of(shape) -> dict:
    """Return what the file says of one shape of botocore's."""
    found = {"type": shape.type_name}
    if shape.type_name == "structure":
        found["members"] = {name: member.name for name, member in shape.members.items()}
        found["required"] = shape.required_members
    elif shape.type_name == "list":
        found["member"] = shape.member.name
    elif shape.type_name == "map":
        found |= {"key": shape.key.name, "value": shape.value.name}
    found |= {key: shape.metadata[key] for key in ("min", "max", "enum") if key in shape.metadata}
    if "pattern" in shape.metadata:
        found["pattern"] = python_pattern(shape.metadata["pattern"])
    return {key: value for key, value in found.items() if value not in ([], ".*")}


def taken_over() -> tuple[dict[str, str], dict[str, dict]]:
    """Return operation → name of its shape, and name → shape for all that lie below."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    inputs = {name: model.operation_model(name).input_shape for name in OPERATIONS}
    shapes, todo = {}, list(inputs.values())
    while todo:
        shape = todo.pop()
        if shape.name in shapes:
            continue
        shapes[shape.name] = shape_of(shape)
        todo += getattr(shape, "members", {}).values()
        todo += [
            getattr(shape, part) for part in ("member", "key", "value") if hasattr(shape, part)
        ]
    return {name: shape.name for name, shape in inputs.items()}, shapes


def answers() -> list[str]:
    """Return what AWS says of a job, and is no member of a request."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    operations = [model.operation_model(name) for name in OPERATIONS]
    asked = {each for operation in operations for each in operation.input_shape.members}
    told = [model.operation_model(name.replace("Create", "Describe")) for name in OPERATIONS]
    return sorted({each for operation in told for each in operation.output_shape.members} - asked)


def text() -> str:
    """Return the content of the file."""
    operations, shapes = taken_over()
    about = {"botocore": botocore.__version__, "day": f"{datetime.date.today()}"}
    about |= operations | {"answers": " ".join(answers())}
    head = json.dumps(about, indent=1).removesuffix("\n}")
    lines = [f'  "{name}": {json.dumps(shapes[name])}' for name in sorted(shapes)]
    return f'{head},\n "shapes": {{\n' + ",\n".join(lines) + "\n }\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
