import pytest
from conftest import write_config

from job import TrainingFailure
from job.channels import read_channels
from job.hosts import ONE_HOST, Hosts

HOSTS = Hosts(["a", "b"], "b")


def test_hosts_share_out_the_files_that_each_of_them_has_c52(root):
    for name in ("b.txt", "c.txt"):
        (root / "input/data/training" / name).write_text("1\n")
    channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
    write_config(root, "inputdataconfig.json", {"training": channel})
    read = [
        [path.name for path in read_channels([], hosts)["training"]]
        for hosts in (ONE_HOST, Hosts(["a", "b"], "a"), HOSTS)
    ]
    assert read == [["a.txt", "b.txt", "c.txt"], ["a.txt", "c.txt"], ["b.txt"]]
    channel["S3DistributionType"] = "ShardedByS3Key"
    write_config(root, "inputdataconfig.json", {"training": channel})
    assert len(read_channels([], HOSTS)["training"]) == 3


def test_a_host_may_have_no_file_if_another_has_c52(root):
    (root / "input/data/training/a.txt").unlink()
    found = {"a": {"training": 1}, "b": {"training": 0}}
    assert read_channels([], HOSTS, lambda _: found) == {"training": []}
    found["a"]["training"] = 0
    sentence = 'Channel "training" is empty: there is no file under .* on any host'
    with pytest.raises(TrainingFailure, match=sentence):
        read_channels([], HOSTS, lambda _: found)


def test_channels_are_those_of_the_configuration_c32_c44(root):
    data = root / "input/data"
    (data / "training-manifest").write_text("{}")
    (data / "other").mkdir()
    for name in ("sub/b é.txt", ".hidden", "_SUCCESS", "folder_marker", "sub/_x/c.txt"):
        (data / "training" / name).parent.mkdir(parents=True, exist_ok=True)
        (data / "training" / name).write_text("" if name == "folder_marker" else "1\n")
    files = read_channels(["training"])
    assert list(files) == ["training"]
    names = [str(path.relative_to(data / "training")) for path in files["training"]]
    assert names == ["a.txt", "sub/b é.txt"]


def test_what_systems_and_editors_leave_is_no_data(root, capsys):
    folder = root / "input/data/training"
    for name in ("desktop.ini", "Thumbs.db", "~$a.xlsx", "._a.txt", "a.txt~", "#a.txt#", "A.BAK"):
        (folder / name).write_text("1\n")
    assert read_channels(["training"]) == {"training": [folder / "a.txt"]}
    assert capsys.readouterr().out == (
        'Channel "training": #a.txt#, A.BAK, a.txt~ left out, as a backup: '
        "rename it if it is data.\nChannels: training (1 file).\n"
    )


def test_folders_are_channels_without_the_configuration(root, capsys):
    (root / "input/config/inputdataconfig.json").unlink()
    (root / "input/data/training-manifest").write_text("{}")
    assert list(read_channels(["training"])) == ["training"]
    assert "inputdataconfig.json is missing: taking the folders" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"train": {}, "val": {}}, "is missing: the job has only the channels train, val."),
        ({}, 'Channel "training" is missing: the job has no channels.'),
        ({"training": {}, "val": {}}, 'Channel "val" is empty: there is no file under '),
        ({"training": {"TrainingInputMode": "Pipe"}}, "comes in Pipe mode"),
    ],
)
def test_channels_that_can_not_be_read_are_one_sentence_c33_c50(root, config, sentence):
    (root / "input/data/train").mkdir()
    (root / "input/data/val").mkdir()
    write_config(root, "inputdataconfig.json", config)
    with pytest.raises(TrainingFailure) as failure:
        read_channels(["training"])
    assert sentence in str(failure.value)


def test_a_host_without_a_file_of_a_whole_channel_says_so_c52(root, capsys):
    channel = {"S3DistributionType": "FullyReplicated"}
    write_config(root, "inputdataconfig.json", {"training": channel})
    three = Hosts(["a", "b", "c"], "c")
    assert read_channels([], three, lambda value: {"c": value}) == {"training": []}
    assert (
        'Channel "training": no file is left for this host: it has 1 file and the job 3 hosts. '
        "ShardedByS3Key, or more files, give each its share.\n"
    ) in capsys.readouterr().out
    assert len(read_channels([])["training"]) == 1
    assert "no file is left" not in capsys.readouterr().out


def test_a_file_of_no_bytes_is_none(root):
    for name in ("part-0.csv", "part-1.csv.gz", "part-2"):
        (root / "input/data/training" / name).touch()
    assert [path.name for path in read_channels([])["training"]] == ["a.txt"]
