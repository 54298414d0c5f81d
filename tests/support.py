"""What the tests of both folders share and no fixture can be."""

import os
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[1]
LANGUAGES = ("python", "r", "java")


def unavailable(reason: str) -> None:
    """Skip the test; fail it in CI, where nothing may be left out unnoticed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
