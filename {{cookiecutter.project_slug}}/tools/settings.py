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
# What another image's file may leave out, since nothing is known of it.
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
SECTIONS = {
    "short": (),
    "long": (),
    "wrong": (),
    "log": ("training", "resuming"),
    "checkpoints": ("before_kill",),
    "environment": (),
    "limits": ("run", "stop"),
}


def settings_file() -> Path:
    """Return the file that the tests take their settings from."""
    return Path(os.environ.get(VARIABLE) or REPOSITORY / "contract.ini")


def read_settings(path: Path) -> configparser.ConfigParser:
    """Return the settings; raise UserError where one is missing or none that counts.

    A file of another name than contract.ini is another image's, and may leave out what it likes.
    """
    settings = configparser.ConfigParser(interpolation=None, delimiters=["="])
    settings.optionxform = str  # A hyperparameter's name may have capitals.
    if path.name != "contract.ini":
        settings.read_string(DEFAULTS)
    try:
        settings.read_string(path.read_text(encoding="utf-8"), source=path.name)
    except OSError as error:
        raise UserError(f"{path.name} can't be read: {error.strerror}.") from error
    except (configparser.Error, ValueError) as error:
        raise UserError(f"{path.name} can't be read: {' '.join(str(error).split())}.") from error
    for section, names in SECTIONS.items():
        for name in (None, *names):
            if not (settings.has_option(section, name) if name else settings.has_section(section)):
                what = f"{name} = ... below [{section}]" if name else f"the section [{section}]"
                raise UserError(f"{path.name} lacks {what}.")
    for section, name in NUMBERS:
        if not settings[section][name].isdecimal():
            raise UserError(f"{path.name}: {name} of [{section}] must be a whole number.")
    if not settings.has_section("skip"):
        settings.add_section("skip")
    return settings
