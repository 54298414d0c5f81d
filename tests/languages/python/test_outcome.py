import os
import subprocess
import sys
from pathlib import Path

import pytest

import job
from job import TrainingFailure, outcome
from job.files import scratch


def failure_file(root):
    return (root / "output/failure").read_text()


def test_a_failure_is_a_sentence_in_the_failure_file_c58(root, capsys):
    def fail():
        raise TrainingFailure("It is broken.")

    assert outcome.run(fail) == 1
    assert failure_file(root) == "It is broken.\n"
    assert capsys.readouterr().err == "It is broken.\n"


def test_a_failure_of_our_own_shows_its_trace_after_the_sentence(root, capsys):
    def fail():
        raise KeyError("x" * 2000)

    assert outcome.run(fail) == 1
    assert failure_file(root).startswith("KeyError: 'xxx")
    assert len(failure_file(root)) <= 1024
    assert "Traceback" in capsys.readouterr().err


def test_a_success_leaves_no_failure_file_c58(root):
    (root / "output/failure").write_text("old")
    assert outcome.run(lambda: None) == 0
    assert not (root / "output/failure").exists()


def test_a_full_disk_is_one_sentence(root, capsys):
    def fail():
        raise OSError(28, "No space left on device", "/opt/ml/model/x")

    assert outcome.run(fail) == 1
    sentence = "No space is left on the disk (/opt/ml/model/x): raise VolumeSizeInGB in"
    assert failure_file(root).startswith(sentence)
    assert "Traceback" not in capsys.readouterr().err


def fail_deep():
    try:
        {}["income"]
    except KeyError as error:
        raise ValueError("can't bake\nthe recipe") from error


def fail_in_handling():
    try:
        fail_deep()
    except ValueError as error:
        error.add_note("in step 3")
        raise RuntimeError("the pipeline failed: can't bake the recipe") from None


def fail_in_a_group():
    raise ExceptionGroup("two workers", [ValueError("x"), OSError("y")])


def fail_with_a_note():
    error = ValueError("no such column")
    error.add_note("The columns are a, b.")
    raise error


def fail_in_a_circle():
    error = ValueError("first")
    error.__cause__ = KeyError("second")
    error.__cause__.__cause__ = error
    raise error


@pytest.mark.parametrize(
    ("fail", "sentence"),
    [
        (fail_deep, "ValueError: can't bake the recipe (caused by KeyError: 'income')"),
        (fail_in_handling, "RuntimeError: the pipeline failed: can't bake the recipe"),
        (
            fail_in_a_group,
            "ExceptionGroup: two workers (2 sub-exceptions) (caused by ValueError: x; OSError: y)",
        ),
        (fail_with_a_note, "ValueError: no such column; The columns are a, b."),
        (fail_in_a_circle, "ValueError: first (caused by KeyError: 'second')"),
    ],
)
def test_the_first_line_has_what_the_libraries_said_c58(root, capsys, fail, sentence):
    assert outcome.run(fail) == 1
    assert failure_file(root).splitlines()[0] == sentence
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ImportError("libgomp.so.1: cannot open shared object file: No such file or directory"),
            "libgomp.so.1 is missing in the image: put its Debian package (libgomp1) into "
            "SYSTEM_LIBRARIES of the Dockerfile.",
        ),
        (
            OSError("libXext.so.6: cannot open shared object file: No such file or directory"),
            "libXext.so.6 is missing in the image: put its Debian package (libxext6) into "
            "SYSTEM_LIBRARIES of the Dockerfile.",
        ),
        (
            ImportError("libcuda.so.1: cannot open shared object file: No such file or directory"),
            "libcuda.so.1 is the driver's: choose an InstanceType that has a GPU.",
        ),
        (MemoryError(), "The memory is full: choose a larger InstanceType in training-job.json."),
        (
            RuntimeError("std::bad_alloc"),
            "The memory is full: choose a larger InstanceType in training-job.json.",
        ),
        (SystemExit("There are no rows."), "There are no rows."),
        (
            SystemExit(0),
            "The program was ended by sys.exit() before the model was saved: let train end it.",
        ),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_a_user_can_mend_is_one_sentence(root, capsys, error, sentence, wrapped):
    def fail():
        if wrapped and not isinstance(error, SystemExit):
            raise RuntimeError("the library can't be loaded") from error
        raise error

    assert outcome.run(fail) == 1
    assert failure_file(root) == f"{sentence}\n" == capsys.readouterr().err


def test_a_file_that_can_not_be_read_is_named_as_people_know_it(root):
    def fail():
        raise OSError(5, "Input/output error", str(root / "input/data/training/a.csv"))

    assert outcome.run(fail) == 1
    assert failure_file(root) == "Can't read data/training/a.csv: Input/output error.\n"


@pytest.mark.parametrize("code", [0, 3])
def test_a_model_that_ends_the_process_itself_is_a_failure(root, code):
    program = f"import os\nfrom job import outcome\noutcome.run(lambda: os._exit({code}))"
    run = subprocess.run([sys.executable, "-c", program], cwd=Path(job.__file__).parents[1])
    assert run.returncode == (code or 1)
    assert failure_file(root).startswith("The program was ended by os._exit() before the model was")


def test_a_child_of_the_model_may_end_itself(root):
    def train():
        kept = scratch()
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert kept.exists()

    assert outcome.run(train) == 0
    assert not (root / "output/failure").exists()
