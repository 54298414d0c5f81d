"""tools/cloud/ranges.py: a tuning job is held against what `train --help` lists."""

import subprocess
import sys

import pytest
from support import load_tools

SCRIPT = """
from job.hyperparameters import Hyperparameter as H, usage
print(usage([
    H("learning_rate", float, 0.1, "how far a step goes", 1e-06, 1),
    H("max_depth", int, 4, "levels of a tree", 1, 30),
    H("rounds", int, 100, "trees", 1),
    H("target", str, "is_male", "the column to predict"),
    H("tree", str, "hist", "how trees are made; the usual", choices=("hist", "exact")),
    H("shuffle", bool, True, "whether rows are mixed"),
]))
"""


@pytest.fixture(scope="module")
def ranges(bake):
    return load_tools(bake("python"), "cloud.ranges")[0]


@pytest.fixture(scope="module")
def known(bake, ranges):
    """What a program of ours says."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", SCRIPT],
        cwd=bake("python") / "training",
        capture_output=True,
        text=True,
        check=True,
    )
    return ranges.declared(done.stdout)


def test_what_help_lists_is_read(known):
    assert known == {
        "learning_rate": "a number from 1e-06 to 1",
        "max_depth": "an integer from 1 to 30",
        "rounds": "an integer of at least 1",
        "shuffle": "true or false",
        "target": "text",
        "tree": "one of hist, exact",
    }


def test_what_is_no_such_list_has_nothing(ranges):
    assert (
        ranges.declared("usage: train [-h] [--epochs EPOCHS]\n\n  --epochs EPOCHS  passes\n") == {}
    )


def between(name, least, most, kind="Integer"):
    return f"{kind}ParameterRanges", {"Name": name, "MinValue": least, "MaxValue": most}


def among(name, *values):
    return "CategoricalParameterRanges", {"Name": name, "Values": list(values)}


@pytest.mark.parametrize(
    "each",
    [
        between("max_depth", "2", "8"),
        between("rounds", "20", "300"),
        between("learning_rate", "0.01", "0.5", "Continuous"),
        between("learning_rate", "1e-6", "1", "Continuous"),
        between("learning_rate", "1", "1"),
        among("tree", "hist", "exact"),
        among("shuffle", "true", "False"),
        among("max_depth", "2", "4"),
        among("target", "anything"),
        ("AutoParameters", {"Name": "rounds", "ValueHint": "100"}),
    ],
)
def test_what_the_program_takes_passes(ranges, known, each):
    static = {"rounds": "1e3", "target": '"is_male"', "sagemaker_job_name": "x", "tree": ""}
    assert list(ranges.unfit(static, [each], known)) == []


@pytest.mark.parametrize(
    ("each", "sentence"),
    [
        (
            between("eta", "0", "1", "Continuous"),
            'The program has no hyperparameter "eta"; it has ',
        ),
        (between("max-depth", "2", "8"), 'hyperparameter "max-depth"; do you mean "max_depth"?'),
        (
            between("max_depth", "2", "80"),
            'The range of "max_depth" holds 80: it must be an intege',
        ),
        (
            between("max_depth", "0", "80"),
            'The range of "max_depth" holds 0, 80: it must be an int',
        ),
        (between("rounds", "0", "9"), "holds 0: it must be an integer of at least 1."),
        (
            between("learning_rate", "0", "0.5", "Continuous"),
            "holds 0: it must be a number from 1e-06 to 1.",
        ),
        (
            between("max_depth", "2", "8", "Continuous"),
            'The range of "max_depth" belongs in IntegerParameterRanges: it must be an integer',
        ),
        (
            between("tree", "1", "2"),
            'The range of "tree" has numbers: it must be one of hist, exact.',
        ),
        (("AutoParameters", {"Name": "rounds", "ValueHint": "0"}), 'of "rounds" holds 0: it must'),
        (among("tree", "hist", "approx"), "holds approx: it must be one of hist, exact."),
        (among("max_depth", "2", "deep"), "holds deep: it must be an integer from 1 to 30."),
        (among("shuffle", "maybe"), "holds maybe: it must be true or false."),
    ],
)
def test_what_each_training_job_would_refuse_is_a_sentence(ranges, known, each, sentence):
    (found,) = ranges.unfit({}, [each], known)
    assert sentence in found


def test_hyperparameters_that_are_not_tuned_are_looked_at_too(ranges, known):
    assert list(ranges.unfit({"epochs": "3", "max_depth": "31"}, [], known)) == [
        'The program has no hyperparameter "epochs"; it has learning_rate, max_depth, rounds, '
        "shuffle, target, tree.",
        'The hyperparameter "max_depth" is "31": it must be an integer from 1 to 30.',
    ]
