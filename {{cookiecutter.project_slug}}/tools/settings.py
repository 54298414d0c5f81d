"""contract.ini: what the contract tests can't know of an algorithm."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from repository import REPOSITORY
from terminal import UserError

# The variable by which the verb tells pytest and its workers of another file.
VARIABLE = "CONTRACT_SETTINGS"
NUMBERS = (("checkpoints", "before_kill"), ("limits", "run"), ("limits", "stop"))
# What contract.ini must have, and another image's file, of which nothing is known, may leave out.
DEFAULTS = """
[short]
[long]
[wrong]
[log]
training = .
resuming = (?i)resum|checkpoint
[checkpoints]
before_kill = 0
[environment]
[limits]
run = 120
stop = 120
[skip]
"""


def settings_file() -> Path:
    """Return the file that the tests take their settings from."""
    return Path(os.environ.get(VARIABLE) or REPOSITORY / "contract.ini")


def parser_of_settings() -> configparser.ConfigParser:
    """Return a parser that takes what stands there by the letter."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=["="])
    parser.optionxform = str  # A hyperparameter's name may have capitals.
    return parser


def read_settings(path: Path) -> configparser.ConfigParser:
    """Return the settings; raise UserError where one is missing or none that counts.

    A file of another name than contract.ini is another image's, and may leave out what it likes.
    """
    settings, defaults = parser_of_settings(), parser_of_settings()
    defaults.read_string(DEFAULTS)
    if path.name != "contract.ini":
        settings.read_string(DEFAULTS)
    try:
        settings.read_string(path.read_text(encoding="utf-8"), source=path.name)
    except OSError as error:
        raise UserError(f"{path.name} can't be read: {error.strerror}.") from error
    except (configparser.Error, ValueError) as error:
        raise UserError(f"{path.name} can't be read: {' '.join(str(error).split())}.") from error
    settings.read_dict({"skip": {}})
    for section, names in defaults.items():
        if section not in settings:
            raise UserError(f"{path.name} lacks the section [{section}].")
        for name in names:
            if name not in settings[section]:
                raise UserError(f"{path.name} lacks {name} = ... below [{section}].")
    for section, name in NUMBERS:
        if not settings[section][name].isdecimal():
            raise UserError(f"{path.name}: {name} of [{section}] must be a whole number.")
    return settings
