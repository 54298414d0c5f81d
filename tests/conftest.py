"""Fixtures that all tests share."""

import os
import signal
import subprocess
import sys

import pytest
from support import LANGUAGES, TEMPLATE

# Those that need a container engine.
pytest_plugins = ["engines"]


# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def bake(cookies_session):
    """Function: language, other answers → a freshly generated repository."""

    def generate(language, **answers):
        answers = {"project_slug": f"penguins-{language}", "language": language, **answers}
        result = cookies_session.bake(extra_context=answers, template=str(TEMPLATE))
        assert result.exit_code == 0, result.exception
        return result.project_path

    return generate


@pytest.fixture(scope="session", params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture(scope="session")
def repository(bake, language):
    """A generated repository to read and build, not to change: other tests share it."""
    return bake(language)


@pytest.fixture
def cookiecutter(tmp_path_factory):
    """Function: arguments → the finished cookiecutter command, its home empty."""
    home = tmp_path_factory.mktemp("home")

    def run(*arguments, template=TEMPLATE, typed="", **environment):
        environment = {"HOME": str(home), "PYTHONUTF8": "1", **environment}
        return subprocess.run(
            [sys.executable, "-m", "cookiecutter", str(template), *map(str, arguments)],
            env=os.environ | environment,
            input=typed,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )

    return run
