"""The script under test, imported from where it lies."""

import importlib.util
import sys

from support import TEMPLATE

SCRIPT = TEMPLATE / "{{cookiecutter.project_slug}}" / "scripts" / "check_repository.py"


def load():
    spec = importlib.util.spec_from_file_location("check_repository", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up. No cache beside the script: it would be generated too.
    sys.modules["check_repository"] = module
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


check_repository = load()
