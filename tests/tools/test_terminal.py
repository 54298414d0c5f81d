"""What Ctrl-C does to a verb."""

import subprocess

import pytest
from support import oldest_python

PRESSED = """
import os, terminal
terminal.prepare()
try:
    os.kill(os.getpid(), terminal.signal.{first})
except KeyboardInterrupt:
    print("ends")
finally:
    for each in terminal.INTERRUPTS:
        os.kill(os.getpid(), each)
    with terminal.uninterrupted():
        print("tidies up")
    os.kill(os.getpid(), terminal.signal.SIGINT)
    print("is done")
"""


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM"])
def test_a_second_ctrl_c_does_not_break_off_what_the_first_has_tidied_up(bake, first):
    command = [oldest_python(), "-B", "-c", PRESSED.format(first=first)]
    done = subprocess.run(
        command, cwd=bake("python") / "tools", capture_output=True, encoding="utf-8"
    )
    assert (done.stdout.split("\n"), done.stderr) == (["ends", "tidies up", "is done", ""], "")
