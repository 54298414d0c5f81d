"""tools/cloud/names.py: each job has a name of its own, by which rights can be told apart."""

import re

import botocore.session
import pytest
from support import load_tools

LENGTHS = {"TrainingJobName": 63, "HyperParameterTuningJobName": 32}
REPOSITORIES = [
    "a1",
    "fraud",
    "fraud-detecti",
    "fraud-detection-cards",
    "fraud-detection-loans",
    "penguins-python",
    "seal",
    "seal-2",
    "seal-20",
    "seal-pup-counter",
    "seal-a",
    "seal_a",
    "seal.a",
    "Seal-a",
    "seal/a",
    "seals",
    40 * "a",
    39 * "a" + "b",
]


@pytest.fixture(scope="module")
def names(bake):
    return load_tools(bake("python"), "cloud.names")[0]


def test_no_repositorys_jobs_are_called_like_another_ones(names):
    """Also where one is called like what stands for the name of another."""
    prefixes = [(each, length) for each in REPOSITORIES for length in LENGTHS.values()]
    stand_ins = {names.job_prefix(*each).removesuffix("--") for each in prefixes}
    owners = {}
    for repository in stand_ins | set(REPOSITORIES):
        for length in LENGTHS.values():
            assert owners.setdefault(names.job_prefix(repository, length), repository) == repository
    assert len(owners) > 30
    for prefix, owner in owners.items():
        for other, another in owners.items():
            assert owner == another or not other.startswith(prefix), (prefix, other)


@pytest.mark.parametrize("repository", [*REPOSITORIES, "team/Big.Model_1"])
@pytest.mark.parametrize("base", ["", "seal", "x", 70 * "b", "b" + 30 * "-" + "c"])
def test_a_job_has_a_name_that_sagemaker_takes(names, repository, base):
    service = botocore.session.get_session().get_service_model("sagemaker")
    for shape, longest in LENGTHS.items():
        name = names.unique_name(repository, base, longest)
        known = service.shape_for(shape).metadata
        assert re.fullmatch(known["pattern"], name)
        assert len(name) <= known["max"] == longest
        assert name.startswith(names.job_prefix(repository, longest))
        # In one second, too.
        assert len({names.unique_name(repository, base, longest) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("base", "begin"),
    [
        ("seal", "seal--2"),
        ("seal-small", "seal--small-2"),
        ("baseline", "seal--baseline-2"),
        ("sealion", "seal--sealion-2"),
        ("", "seal--2"),
    ],
)
def test_a_name_says_what_it_adds_to_the_repositorys(names, base, begin):
    assert names.unique_name("seal", base, 63).startswith(begin)
    assert names.unique_name("seal", base, 32).startswith(begin.removesuffix("-2")[:13])
