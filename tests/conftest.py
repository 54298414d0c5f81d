"""Fixtures that all tests share."""

import os
import shutil
import signal
import subprocess
import sys
from functools import cache

import pytest
from support import LANGUAGES, TEMPLATE

# The fixtures of the tests that need a container engine, and what CI says of a skip.
pytest_plugins = ["engines", "skips"]


# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Keep the tests of one module and language in one worker: each builds its images once."""
    for item in items:
        if item.path.parent.name == "containers" and hasattr(item, "callspec"):
            group = f"{item.path.stem}-{item.callspec.params.get('language', '')}"
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def bake(cookies_session, tmp_path_factory):
    """Function: language, other answers → a repository of the caller's own, as if just generated.

    The same answers are generated once; each call returns a copy.
    """

    @cache
    def generate(**answers):
        result = cookies_session.bake(extra_context=answers, template=str(TEMPLATE))
        assert result.exit_code == 0, result.exception
        return result.project_path

    def copy(language, **answers):
        slug = answers.pop("project_slug", f"penguins-{language}")
        repository = generate(project_slug=slug, language=language, **answers)
        return shutil.copytree(repository, tmp_path_factory.mktemp("baked") / slug)

    return copy


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
