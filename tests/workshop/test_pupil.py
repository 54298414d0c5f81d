"""The labs in a real engine: a pupil who does what `lab check` says comes to the end of each."""

import os

import pupil
from labs import LABS
from support import TEMPLATE


def test_whoever_does_what_the_check_says_comes_to_the_end(
    make_environment, own_repository, tmp_path
):
    environment = make_environment | {
        "PATH": f"{TEMPLATE / 'workshop'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }

    def run(command):
        return pupil.shell(command, own_repository, environment)

    for number in LABS:
        pupil.do_lab(number, run)
    # All of it, since the last lab's files are those of the first.
    assert run("lab start 1 && git status --porcelain")[1].count("\n") == 2
