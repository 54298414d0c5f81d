"""What is skipped on a laptop, and said to be, fails in CI."""

import os
import subprocess
import sys

import pytest
from support import TEMPLATE

SKIPS = {
    "in the test": "import pytest\ndef test_a():\n    pytest.skip('there is no x')\n",
    "a mark": "import pytest\n@pytest.mark.skip(reason='there is no x')\ndef test_a(): pass\n",
    "a fixture": "import pytest\n@pytest.fixture\ndef x():\n    pytest.skip('there is no x')\n"
    "def test_a(x): pass\n",
    "the module": "import pytest\npytest.skip('there is no x', allow_module_level=True)\n",
}


@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_fails_in_ci_alone(kind, tmp_path):
    (tmp_path / "test_a.py").write_text(SKIPS[kind], encoding="utf-8")
    environment = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
    environment |= {"PYTHONPATH": str(TEMPLATE / "tests"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "skips", "-p", "no:cacheprovider"]
    for ci, passes in (("false", True), ("true", False)):
        done = subprocess.run(
            [*command, "-rs", str(tmp_path)],
            env=environment | {"CI": ci},
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
        )
        assert (done.returncode in (0, 5)) == passes, done.stdout
        assert "there is no x" in done.stdout
        assert ("which CI does not allow" in done.stdout) != passes
