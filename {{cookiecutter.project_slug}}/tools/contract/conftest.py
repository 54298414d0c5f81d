"""The options and fixtures of these tests; trials.py has what they do."""

import pytest

from contract.trials import REQUEST, Job, inspect
from job import LocalRunError, default_image
from local import run as train_local


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --image."""
    parser.addoption("--image", default="", help="the image (default: the one of `make build`)")


def pytest_configure(config: pytest.Config) -> None:
    """Say at once where there is no engine or no image."""
    try:
        train_local.require_image(train_local.find_engine(), image_of(config))
    except LocalRunError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Forget which worker ran a test: it would stand above the sentence."""
    report.__dict__.pop("node", None)


def image_of(config: pytest.Config) -> str:
    """Return the name of the image that is tested."""
    return config.getoption("image") or default_image(REQUEST)


@pytest.fixture(scope="session")
def image(request):
    """The name of the image."""
    return image_of(request.config)


@pytest.fixture(scope="session")
def config(image):
    """What the image says of itself: ENTRYPOINT, CMD, USER, ENV, ..."""
    return inspect(image)["Config"]


@pytest.fixture
def job(image, tmp_path):
    """A job of the test's own."""
    job = Job(image, tmp_path)
    yield job
    job.close()


@pytest.fixture(scope="session")
def ordinary(image, tmp_path_factory):
    """An ordinary short run, to look at: nothing was changed about it."""
    job = Job(image, tmp_path_factory.mktemp("ordinary"))
    yield job.run()
    job.close()
