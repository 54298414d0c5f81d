"""The labs in a real engine: a pupil who does what `lab check` says comes to the end of each."""

import os
import re
import signal
import subprocess

import pytest
from support import TEMPLATE

# What a lab asks to be edited is what `lab solve` puts in.
EDITED = (3, 5)


@pytest.fixture
def shell(make_environment, own_repository, tmp_path):
    """Function: a command → its exit code and what it said; who started again gets Ctrl-C."""
    environment = make_environment | {
        "PATH": f"{TEMPLATE / 'workshop'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }

    def run(command):
        said, again = [], False
        with subprocess.Popen(
            ["bash", "-c", command],
            cwd=own_repository,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        ) as process:
            for line in process.stdout:
                said.append(line)
                again = again or "starting again" in line
                if again and line.startswith("step="):
                    os.killpg(process.pid, signal.SIGINT)
                    again = False
        return process.returncode, "".join(said)

    return run


def test_whoever_does_what_the_check_says_comes_to_the_end(shell):
    for number in range(1, 6):
        assert shell(f"lab start {number}")[0] == 0
        if number in EDITED:
            assert shell(f"lab solve {number}")[0] == 0
        told = []
        while True:
            code, said = shell("lab check")
            if code == 0:
                break
            assert said not in told, f"the same step again:\n{said}"
            told.append(said)
            (command,) = re.findall(r"^Next: `(.*)`[:,]", said)
            _, output = shell(command)
            print(command, output, sep="\n")
        assert said.startswith(f"Lab {number} is done.")
    # All of it, since the last lab's files are those of the first.
    assert shell("lab start 1 && git status --porcelain")[1].count("\n") == 2
