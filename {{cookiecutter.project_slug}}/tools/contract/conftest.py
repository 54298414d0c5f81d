"""The options and fixtures of these tests; trials.py has what they do."""

import pytest

from contract.trials import REQUEST, SETTINGS, Trial
from image import local_image
from local.engine import find_engine, inspect, require_image
from terminal import UserError


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --image."""
    parser.addoption("--image", default="", help="the image (default: the one of `make build`)")


def pytest_configure(config: pytest.Config) -> None:
    """Say at once where there is no engine or no image."""
    try:
        require_image(find_engine(), image_of(config))
    except UserError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(items: list) -> None:
    """Skip what [skip] of contract.ini names."""
    for item in items:
        reason = SETTINGS["skip"].get(item.originalname)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: object) -> None:
    """Name each test that was skipped, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("skipped")
    for report in skipped:
        reason = report.longrepr[2].replace("Skipped: ", "")
        terminalreporter.line(f"{report.nodeid.rpartition('::')[2]}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Forget which worker ran a test: it would stand above the sentence."""
    report.__dict__.pop("node", None)


def image_of(config: pytest.Config) -> str:
    """Return the name of the image that is tested."""
    return config.getoption("image") or local_image(REQUEST)


@pytest.fixture(scope="session")
def image(request):
    """The name of the image."""
    return image_of(request.config)


@pytest.fixture(scope="session")
def about(image):
    """What the engine knows of the image."""
    return inspect(find_engine(), image)


@pytest.fixture(scope="session")
def config(about):
    """What the image says of itself: ENTRYPOINT, CMD, USER, ENV, ..."""
    return about["Config"]


@pytest.fixture
def trial(image, tmp_path):
    """A job of the test's own."""
    trial = Trial(image, tmp_path)
    yield trial
    trial.close()


@pytest.fixture(scope="session")
def ordinary(image, tmp_path_factory):
    """An ordinary short run, to look at: nothing was changed about it."""
    trial = Trial(image, tmp_path_factory.mktemp("ordinary"))
    yield trial.run()
    trial.close()
