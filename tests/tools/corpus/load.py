"""The scripts under test, imported from where they lie."""

import importlib
import sys

from support import TEMPLATE


def load(name):
    """Import a generated script, without a cache beside it, which would be generated too."""
    sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}" / "scripts"))
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module(name)
    finally:
        sys.dont_write_bytecode = before
        sys.path.pop(0)


dockerfile_reader = load("dockerfile_reader")
check_repository = load("check_repository")
