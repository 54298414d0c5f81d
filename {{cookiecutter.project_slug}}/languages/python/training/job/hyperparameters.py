"""Hyperparameters: declared once, decoded from every encoding; the command line."""

import contextlib
import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from job import TrainingFailure, UsageError
from job.files import as_text, read_config
from job.log import log

RESERVED_NAMES = re.compile(r"sagemaker_|_tuning_objective_metric$")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Hyperparameter:
    """A setting of the algorithm: `type` is int, float, bool or str, bounds are inclusive.

    The default may be None. Raises TrainingFailure for a declaration that makes no sense.
    """

    name: str
    type: type
    default: Any
    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        declared = f'Hyperparameter "{self.name}" in model.py'
        if RESERVED_NAMES.match(self.name) or self.name == "help":
            raise TrainingFailure(f"{declared} has a name that is reserved: choose another.")
        if self.type not in (int, float, bool, str):
            raise TrainingFailure(f"{declared} must have the type int, float, bool or str.")
        if self.default is not None and self._value(as_text(self.default)) != self.default:
            raise TrainingFailure(
                f'{declared} has the default "{self.default}": it must be {self.expected}.'
            )

    @property
    def expected(self) -> str:
        """Say what a value must be, for messages and for --help."""
        return f"{self._kind} or null" if self.default is None else self._kind

    @property
    def _kind(self) -> str:
        if self.type is bool:
            return "true or false"
        if self.type is str:
            return f"one of {', '.join(self.choices)}" if self.choices else "text"
        kind = "an integer" if self.type is int else "a number"
        if self.minimum is None:
            return kind if self.maximum is None else f"{kind} of at most {self.maximum}"
        if self.maximum is None:
            return f"{kind} of at least {self.minimum}"
        return f"{kind} from {self.minimum} to {self.maximum}"

    def decode(self, text: str) -> Any:
        """Return the typed value of `text`, which callers encode in several ways (C30).

        Raises TrainingFailure where the text is no such value.
        """
        plain = _without_quotes(text)
        # Such as the choice "None".
        if plain.strip() in ("", "null", "None") and plain not in self.choices:
            return self.default
        if self.type is not str:
            plain = plain.strip()
        if (value := self._value(plain)) is None:
            raise TrainingFailure(
                f'Hyperparameter "{self.name}" is "{plain}": it must be {self.expected}.'
            )
        return value

    def _value(self, text: str) -> Any:
        """Return the typed value of a text, or None."""
        if self.type is str:
            return text if not self.choices or text in self.choices else None
        value = _decode_bool(text) if self.type is bool else _decode_number(text, self.type)
        low, high = self.minimum, self.maximum
        if value is None or (low is not None and value < low):
            return None
        return None if high is not None and value > high else value


def _without_quotes(text: str) -> str:
    """Undo the JSON encoding of a string, which some SDK classes add (C30)."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return text


def _decode_bool(text: str) -> bool | None:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return words.get(text.lower())


def _decode_number(text: str, kind: type) -> float | None:
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        return None
    if kind is float:
        return float(text)
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return int(float(text)) if float(text).is_integer() else None  # as 10.0 and 1e3 are


def usage(declared: Iterable[Hyperparameter]) -> str:
    """Return the text of --help."""
    lines = [
        "usage: [train] [--hyperparameter value ...]",
        "",
        "Trains on the files under /opt/ml/input and saves the model in /opt/ml/model.",
        "Hyperparameters come from hyperparameters.json, then from the command line:",
    ]
    for each in sorted(declared, key=lambda each: each.name):
        lines.append(f"  --{each.name}  {each.meaning}")
        lines.append(f"      {each.expected}; default {as_text(each.default)}")
    return "\n".join(lines)


def read_arguments(arguments: list[str], declared: Iterable[Hyperparameter]) -> dict[str, str]:
    """Return `--name value`, or =value, after the word "train", which may be missing (C1, C9).

    Raises UsageError for anything else: an image that only trains must say so when it is started
    with "serve" (C22).
    """
    words = arguments[1:] if arguments[:1] == ["train"] else arguments
    known = [each.name for each in declared]
    pairs = {}
    while words:
        word, *words = words
        if not word.startswith("--"):
            raise UsageError(
                f'This image only trains: start it with "train" or nothing, not "{word}".'
            )
        name, *value = word[2:].split("=", 1)
        if name not in known:
            raise UsageError(unknown_hyperparameter(name, known))
        if not (words := value + words):
            raise UsageError(f"{word} needs a value after it.")
        pairs[name], *words = words
    return pairs


def read_hyperparameters(
    declared: Iterable[Hyperparameter], overrides: Mapping[str, str]
) -> dict[str, Any]:
    """Return the typed value of each declared hyperparameter, by name.

    Values come from hyperparameters.json, strings all (C27), then from `overrides`, those of the
    command line (C9). Names that the platform and the SDKs add are skipped (C31). Raises
    TrainingFailure for an unknown name, a bad value or a file that can't be read.
    """
    given = read_config("hyperparameters.json") or {}
    known: dict[str, Hyperparameter] = {}
    for each in declared:
        if known.setdefault(each.name, each) is not each:
            raise TrainingFailure(f'Hyperparameter "{each.name}" stands twice in model.py.')
    values = {name: each.default for name, each in known.items()}
    for name, text in (*given.items(), *overrides.items()):
        if RESERVED_NAMES.match(name):
            continue
        if name not in known:
            raise TrainingFailure(unknown_hyperparameter(name, known))
        values[name] = known[name].decode(as_text(text))
    pairs = (f"{name}={as_text(value)}" for name, value in sorted(values.items()))
    log(f"Hyperparameters: {' '.join(pairs)}")
    return _Values(values)


class _Values(dict):
    def __missing__(self, name: str) -> None:
        raise TrainingFailure(f"model.py: {unknown_hyperparameter(name, self)}")


def unknown_hyperparameter(name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that is not declared."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f': did you mean "{near[0]}"?' if near else "."
    return f'Unknown hyperparameter "{name}"{hint} Known are {", ".join(sorted(known))}.'
