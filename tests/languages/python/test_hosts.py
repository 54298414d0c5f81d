import pytest
from conftest import write_config

from job import TrainingFailure
from job.hosts import Hosts, read_hosts


def test_the_rank_is_the_place_among_the_sorted_hosts_c35():
    hosts = Hosts(sorted(["algo-2", "algo-10", "algo-1"]), "algo-2")
    assert hosts.rank == 2


def test_one_host_is_read_from_three_keys_or_none_c34(root):
    assert read_hosts() == Hosts(["algo-1"], "algo-1")
    write_config(
        root, "resourceconfig.json", {"current_host": "a", "hosts": ["a"], "topology": None}
    )
    assert read_hosts() == Hosts(["a"], "a")


def test_the_hosts_of_groups_are_ranked_by_the_names_of_all_c36_c37(root):
    groups = [
        {
            "instance_group_name": "a",
            "instance_type": "ml.m5.large",
            "hosts": ["algo-10", "algo-2"],
        },
        {"instance_group_name": "b", "instance_type": "ml.c5.xlarge", "hosts": ["algo-1"]},
    ]
    config = {"current_host": "algo-2", "hosts": ["algo-2", "algo-10", "algo-1"]}
    others = {"instance_groups": groups, "network_interface_name": "ethwe", "topology": None}
    write_config(root, "resourceconfig.json", config | others)
    hosts = read_hosts()
    assert hosts == Hosts(["algo-1", "algo-10", "algo-2"], "algo-2")
    assert (hosts.rank, hosts.leads, hosts.several) == (2, False, True)
    assert hosts.others == ["algo-1", "algo-10"]


@pytest.mark.parametrize(
    ("config", "names", "current"),
    [
        ({}, ["algo-1"], "algo-1"),
        ({"current_host": "a", "hosts": []}, ["a"], "a"),
        ({"current_host": "a", "hosts": None}, ["a"], "a"),
        ({"current_host": "a"}, ["a"], "a"),
        ({"hosts": ["b"]}, ["b"], "b"),
        ({"current_host": "a", "hosts": ["b", "c"]}, ["a", "b", "c"], "a"),
        ({"current_host": "b", "hosts": ["b", "b", "c"]}, ["b", "c"], "b"),
    ],
)
def test_somebody_always_leads_c34(root, config, names, current):
    write_config(root, "resourceconfig.json", config)
    assert read_hosts() == Hosts(names, current)


def test_a_host_that_does_not_know_which_it_is_is_a_failure(root):
    write_config(root, "resourceconfig.json", {"hosts": ["a", "b"]})
    with pytest.raises(TrainingFailure, match=r"has no current_host: which of a, b is this\?"):
        read_hosts()
