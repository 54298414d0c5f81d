import pytest
from conftest import ToyModel, write_config

from job import TrainingFailure, UsageError
from job.hyperparameters import Hyperparameter, read_arguments, read_hyperparameters, usage


def read(root, given, overrides=None):
    write_config(root, "hyperparameters.json", given)
    return read_hyperparameters(ToyModel.HYPERPARAMETERS, overrides or {})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "10", 10),
        ("count", '"10"', 10),
        ("count", "10.0", 10),
        ("count", "1e2", 100),
        ("count", "", 3),
        ("count", "null", 3),
        ("label", "None", "x"),
        ("rate", "0.25", 0.25),
        ("rate", "1e-3", 0.001),
        ("rate", "1", 1.0),
        ("fast", "True", True),
        ("fast", "true", True),
        ("fast", '"yes"', True),
        ("fast", "1", True),
        ("fast", "False", False),
        ("fast", "0", False),
        ("kind", "sgd", "sgd"),
        ("kind", '"sgd"', "sgd"),
        ("label", "00123", "00123"),
        ("label", '"true"', "true"),
        ("label", '"', '"'),
        ("label", "é ☃", "é ☃"),
        ("label", "a" * 2500, "a" * 2500),
    ],
)
def test_a_value_is_read_by_its_declared_type_c30(root, name, text, value):
    result = read(root, {name: text})[name]
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("count", "abc", 'Hyperparameter "count" is "abc": it must be an integer from 1 to 1000.'),
        (
            "count",
            "10.5",
            'Hyperparameter "count" is "10.5": it must be an integer from 1 to 1000.',
        ),
        ("count", "0", 'Hyperparameter "count" is "0": it must be an integer from 1 to 1000.'),
        ("rate", "nan", 'Hyperparameter "rate" is "nan": it must be a number from 0 to 1.'),
        ("rate", "1e999", 'Hyperparameter "rate" is "1e999": it must be a number from 0 to 1.'),
        ("rate", "0_1", 'Hyperparameter "rate" is "0_1": it must be a number from 0 to 1.'),
        ("fast", "maybe", 'Hyperparameter "fast" is "maybe": it must be true or false.'),
        ("kind", "rmsprop", 'Hyperparameter "kind" is "rmsprop": it must be one of adam, sgd.'),
        (
            "cuont",
            "1",
            'Unknown hyperparameter "cuont": did you mean "count"? '
            "Known are count, fast, kind, label, rate.",
        ),
        ("zzz", "1", 'Unknown hyperparameter "zzz". Known are count, fast, kind, label, rate.'),
    ],
)
def test_a_bad_hyperparameter_is_one_sentence(root, name, text, sentence):
    with pytest.raises(TrainingFailure) as failure:
        read(root, {name: text})
    assert str(failure.value) == sentence


def test_defaults_hold_without_the_file_c28(root):
    values = read_hyperparameters(ToyModel.HYPERPARAMETERS, {})
    assert values == {"count": 3, "rate": 0.5, "fast": False, "kind": "adam", "label": "x"}


def test_names_of_the_platform_and_the_sdks_are_skipped_c31(root):
    given = {"sagemaker_program": '"a.py"', "_tuning_objective_metric": "m", "count": "5"}
    assert read(root, given)["count"] == 5


def test_the_command_line_overrides_the_file_c9(root):
    assert read(root, {"count": "5"}, {"count": "7"})["count"] == 7


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_a_broken_configuration_file_is_one_sentence(root, text):
    (root / "input/config/hyperparameters.json").write_text(text)
    with pytest.raises(TrainingFailure, match=r"hyperparameters\.json (is not valid JSON|must be)"):
        read_hyperparameters(ToyModel.HYPERPARAMETERS, {})


def test_arguments_are_train_or_nothing_and_pairs_c1_c9():
    read = read_arguments
    assert read([], ToyModel.HYPERPARAMETERS) == {}
    assert read(["train"], ToyModel.HYPERPARAMETERS) == {}
    assert read(["train", "--count", "2"], ToyModel.HYPERPARAMETERS) == {"count": "2"}
    assert read(["--rate", "-1"], ToyModel.HYPERPARAMETERS) == {"rate": "-1"}
    both = read(["--rate=-1", "--count", "2", "--label=a=b"], ToyModel.HYPERPARAMETERS)
    assert both == {"rate": "-1", "count": "2", "label": "a=b"}
    assert read(["train", "--label="], ToyModel.HYPERPARAMETERS) == {"label": ""}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["serve"], 'This image only trains: start it with "train" or nothing, not "serve".'),
        (["train", "x"], 'This image only trains: start it with "train" or nothing, not "x".'),
        (["--count"], "--count needs a value after it."),
        (["--zzz", "1"], 'Unknown hyperparameter "zzz". Known are count, fast, kind, label, rate.'),
        (["--zzz=1"], 'Unknown hyperparameter "zzz". Known are count, fast, kind, label, rate.'),
    ],
)
def test_other_arguments_are_refused_c22(words, sentence):
    with pytest.raises(UsageError) as failure:
        read_arguments(words, ToyModel.HYPERPARAMETERS)
    assert str(failure.value) == sentence


@pytest.mark.parametrize(
    ("type_", "default", "bounds", "problem"),
    [
        (int, 0, {"minimum": 1}, 'has the default "0": it must be an integer of at least 1.'),
        (int, "many", {}, 'has the default "many": it must be an integer.'),
        (float, 2.5, {"maximum": 2}, 'has the default "2.5": it must be a number of at most 2.'),
        (str, "z", {"choices": ("b", "c")}, 'has the default "z": it must be one of b, c.'),
        (list, [1], {}, "must have the type int, float, bool or str."),
        ("int", 1, {}, "must have the type int, float, bool or str."),
    ],
)
def test_a_declaration_that_makes_no_sense_is_one_sentence(type_, default, bounds, problem):
    with pytest.raises(TrainingFailure) as failure:
        Hyperparameter("a", type_, default, "nothing", **bounds)
    assert str(failure.value) == f'Hyperparameter "a" in model.py {problem}'


@pytest.mark.parametrize("name", ["sagemaker_x", "_tuning_objective_metric", "help"])
def test_a_name_that_no_job_could_give_is_refused(name):
    with pytest.raises(TrainingFailure, match="has a name that is reserved"):
        Hyperparameter(name, int, 1, "nothing")


OPTIONAL = (
    Hyperparameter("depth", int, None, "or none", 1),
    Hyperparameter("penalty", str, "l2", "which", choices=("None", "l2")),
)


def test_an_optional_one_may_be_null_and_a_choice_may_be_called_so(root):
    def read(**given):
        return read_hyperparameters(OPTIONAL, given)

    assert read() == {"depth": None, "penalty": "l2"}
    assert read(depth="3", penalty="None") == {"depth": 3, "penalty": "None"}
    assert read(depth="null")["depth"] is None
    with pytest.raises(TrainingFailure, match="it must be an integer of at least 1 or null"):
        read(depth="none")
    assert "      an integer of at least 1 or null; default null" in usage(OPTIONAL)
