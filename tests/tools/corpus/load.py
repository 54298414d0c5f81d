"""The tools under test, imported from where they lie."""

import importlib
import sys

from support import TEMPLATE


def load(name):
    """Import a module of the tools, without a cache beside it, which would be generated too."""
    sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}" / "tools"))
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module(name)
    finally:
        sys.dont_write_bytecode = before
        sys.path.pop(0)


dockerfile = load("check.dockerfile")
command = load("check.command")
stages = load("check.stages")
build = load("check.build")
repository = load("check.repository")
shell = load("check.shell")
