"""The script under test, imported from where it lies, and the oldest Python that it promises."""

import importlib.util
import shutil
import subprocess
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


def oldest_python():
    """Return Python 3.9 if it works here (a shim of pyenv may not), else this Python."""
    found = shutil.which("python3.9")
    works = found and subprocess.run([found, "-V"], capture_output=True).returncode == 0
    return found if works else sys.executable


check_repository = load()
