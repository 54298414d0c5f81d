import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import opt_ml
import pytest
from conftest import ToyModel, write_config
from opt_ml import TrainingFailure

CODE = Path(opt_ml.__file__).parent


def read(root, given, overrides=None):
    write_config(root, "hyperparameters.json", given)
    return opt_ml.read_hyperparameters(ToyModel.HYPERPARAMETERS, overrides or {})


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
    values = opt_ml.read_hyperparameters(ToyModel.HYPERPARAMETERS, {})
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
        opt_ml.read_hyperparameters(ToyModel.HYPERPARAMETERS, {})


def test_arguments_are_train_or_nothing_and_pairs_c1_c9():
    read = opt_ml.read_arguments
    assert read([], ToyModel.HYPERPARAMETERS) == {}
    assert read(["train"], ToyModel.HYPERPARAMETERS) == {}
    assert read(["train", "--count", "2"], ToyModel.HYPERPARAMETERS) == {"count": "2"}
    assert read(["--rate", "-1"], ToyModel.HYPERPARAMETERS) == {"rate": "-1"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["serve"], 'This image only trains: start it with "train" or nothing, not "serve".'),
        (["train", "x"], 'This image only trains: start it with "train" or nothing, not "x".'),
        (["--count"], "--count needs a value after it."),
        (["--zzz", "1"], 'Unknown hyperparameter "zzz". Known are count, fast, kind, label, rate.'),
    ],
)
def test_other_arguments_are_refused_c22(words, sentence):
    with pytest.raises(opt_ml.UsageError) as failure:
        opt_ml.read_arguments(words, ToyModel.HYPERPARAMETERS)
    assert str(failure.value) == sentence


def test_the_rank_is_the_place_among_the_sorted_hosts_c35():
    hosts = opt_ml.Hosts(sorted(["algo-2", "algo-10", "algo-1"]), "algo-2")
    assert hosts.rank == 2


def test_one_host_is_read_from_three_keys_or_none_c34(root):
    assert opt_ml.read_hosts() == opt_ml.Hosts(["algo-1"], "algo-1")
    write_config(
        root, "resourceconfig.json", {"current_host": "a", "hosts": ["a"], "topology": None}
    )
    assert opt_ml.read_hosts() == opt_ml.Hosts(["a"], "a")


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
    hosts = opt_ml.read_hosts()
    assert hosts == opt_ml.Hosts(["algo-1", "algo-10", "algo-2"], "algo-2")
    assert (hosts.rank, hosts.leads, hosts.several) == (2, False, True)
    assert hosts.others == ["algo-1", "algo-10"]


HOSTS = opt_ml.Hosts(["a", "b"], "b")


def test_hosts_share_out_the_files_that_each_of_them_has_c52(root):
    for name in ("b.txt", "c.txt"):
        (root / "input/data/training" / name).write_text("1\n")
    channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
    write_config(root, "inputdataconfig.json", {"training": channel})
    read = [
        [path.name for path in opt_ml.read_channels([], hosts)["training"]]
        for hosts in (opt_ml.ONE_HOST, opt_ml.Hosts(["a", "b"], "a"), HOSTS)
    ]
    assert read == [["a.txt", "b.txt", "c.txt"], ["a.txt", "c.txt"], ["b.txt"]]
    channel["S3DistributionType"] = "ShardedByS3Key"
    write_config(root, "inputdataconfig.json", {"training": channel})
    assert len(opt_ml.read_channels([], HOSTS)["training"]) == 3


def test_a_host_may_have_no_file_if_another_has_c52(root):
    (root / "input/data/training/a.txt").unlink()
    found = {"a": {"training": 1}, "b": {"training": 0}}
    assert opt_ml.read_channels([], HOSTS, lambda _: found) == {"training": []}
    found["a"]["training"] = 0
    sentence = 'Channel "training" is empty: there is no file under .* on any host'
    with pytest.raises(TrainingFailure, match=sentence):
        opt_ml.read_channels([], HOSTS, lambda _: found)


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "150000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, 4),
        ({"cpu.max": "900000 100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({}, 4),
    ],
)
def test_the_cpus_are_those_of_the_container(tmp_path, monkeypatch, files, cpus):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert opt_ml.cpus(tmp_path) == cpus


def test_threads_follow_the_cpus_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.setattr(opt_ml, "cpus", lambda: 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        # So that it is taken away again.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    opt_ml.limit_threads()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["POLARS_MAX_THREADS"]) == ("1", "3")


def test_channels_are_those_of_the_configuration_c32_c44(root):
    data = root / "input/data"
    (data / "training-manifest").write_text("{}")
    (data / "other").mkdir()
    for name in ("sub/b é.txt", ".hidden", "_SUCCESS", "folder_marker", "sub/_x/c.txt"):
        (data / "training" / name).parent.mkdir(parents=True, exist_ok=True)
        (data / "training" / name).write_text("" if name == "folder_marker" else "1\n")
    files = opt_ml.read_channels(["training"])
    assert list(files) == ["training"]
    names = [str(path.relative_to(data / "training")) for path in files["training"]]
    assert names == ["a.txt", "sub/b é.txt"]


def test_folders_are_channels_without_the_configuration(root, capsys):
    (root / "input/config/inputdataconfig.json").unlink()
    (root / "input/data/training-manifest").write_text("{}")
    assert list(opt_ml.read_channels(["training"])) == ["training"]
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
        opt_ml.read_channels(["training"])
    assert sentence in str(failure.value)


def save_steps(checkpoints, *steps):
    for step in steps:
        checkpoints.save(step, lambda path, step=step: path.write_text(str(step)))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_without_the_folder_no_checkpoints_are_kept_c64(root):
    checkpoints = opt_ml.Checkpoints()
    save_steps(checkpoints, 1)
    assert not checkpoints.due()
    assert not checkpoints.resume(pytest.fail)
    assert not (root / "checkpoints").exists()


def test_the_last_three_checkpoints_are_kept_c65(root):
    folder = root / "checkpoints"
    folder.mkdir()
    (folder / "checkpoint-00000001.sagemaker-uploading").touch()
    save_steps(opt_ml.Checkpoints(), 1, 2, 3, 4, 5)
    kept = [f"checkpoint-0000000{step}" for step in (1, 3, 4, 5)]
    assert names(folder) == [kept[0], "checkpoint-00000001.sagemaker-uploading", *kept[1:]]


def test_broken_checkpoints_of_later_steps_do_not_push_out_new_ones(root):
    folder = root / "checkpoints"
    folder.mkdir()
    for step in (7, 8, 9):
        (folder / f"checkpoint-0000000{step}").write_text("broken")
    save_steps(opt_ml.Checkpoints(), 1, 2, 3, 4)
    assert [int(name[-1]) for name in names(folder)] == [2, 3, 4, 7, 8, 9]


def test_a_checkpoint_has_another_name_until_it_is_whole_c65(root):
    folder = root / "checkpoints"
    folder.mkdir()
    seen = []
    opt_ml.Checkpoints().save(7, lambda path: (path.write_text("7"), seen.extend(names(folder))))
    assert seen == ["checkpoint-00000007.sagemaker-ignore"]
    assert names(folder) == ["checkpoint-00000007"]


def test_a_broken_checkpoint_gives_way_to_the_one_before_c65(root, capsys):
    folder = root / "checkpoints"
    folder.mkdir()
    checkpoints = opt_ml.Checkpoints()
    save_steps(checkpoints, 1, 2)
    (folder / "checkpoint-00000002").write_text("no number")
    (folder / "checkpoint-00000003.sagemaker-uploaded").write_text("9")
    (folder / "checkpoint-00000009.sagemaker-ignore").write_text("9")
    loaded = []
    assert checkpoints.resume(lambda path: loaded.append(int(path.read_text())))
    assert loaded == [1]
    log = capsys.readouterr().out
    assert "WARNING: checkpoint-00000002 is broken (invalid literal" in log
    assert "Resuming from checkpoint-00000001, after step 1." in log


def test_checkpoints_that_are_all_broken_start_from_the_beginning(root, capsys):
    (root / "checkpoints").mkdir()
    (root / "checkpoints/checkpoint-00000002").touch()
    assert not opt_ml.Checkpoints().resume(lambda path: int(path.read_text()))
    assert "no checkpoint could be read: training starts" in capsys.readouterr().out


def test_the_first_step_is_due_and_the_next_is_not_at_once(root):
    (root / "checkpoints").mkdir()
    checkpoints = opt_ml.Checkpoints()
    assert checkpoints.due()
    save_steps(checkpoints, 1)
    assert not checkpoints.due()


def write_number(folder):
    (folder / "number.txt").write_text("7")


def test_a_model_is_saved_with_its_metadata_c59(root):
    opt_ml.save_model(
        write_number, lambda folder: (folder / "number.txt").read_text(), {"steps": 1}
    )
    assert names(root / "model") == ["metadata.json", "number.txt"]
    assert json.loads((root / "model/metadata.json").read_text()) == {"steps": 1}


def test_a_model_that_can_not_be_read_back_is_none(root):
    with pytest.raises(KeyError):
        opt_ml.save_model(write_number, lambda folder: {}["number"], {})
    assert names(root / "model") == []


def test_an_empty_model_is_a_failure_c60(root):
    with pytest.raises(TrainingFailure, match="would be empty"):
        opt_ml.save_model(lambda folder: None, lambda folder: None, {})
    assert names(root / "model") == []


def failure_file(root):
    return (root / "output/failure").read_text()


def test_a_failure_is_a_sentence_in_the_failure_file_c58(root, capsys):
    def fail():
        raise TrainingFailure("It is broken.")

    assert opt_ml.run(fail) == 1
    assert failure_file(root) == "It is broken.\n"
    assert capsys.readouterr().err == "It is broken.\n"


def test_a_failure_of_our_own_shows_its_trace_after_the_sentence(root, capsys):
    def fail():
        raise KeyError("x" * 2000)

    assert opt_ml.run(fail) == 1
    assert failure_file(root).startswith("KeyError: 'xxx")
    assert len(failure_file(root)) <= 1024
    assert "Traceback" in capsys.readouterr().err


def test_a_success_leaves_no_failure_file_c58(root):
    (root / "output/failure").write_text("old")
    assert opt_ml.run(lambda: None) == 0
    assert not (root / "output/failure").exists()


def test_a_full_disk_is_one_sentence(root, capsys):
    def fail():
        raise OSError(28, "No space left on device", "/opt/ml/model/x")

    assert opt_ml.run(fail) == 1
    sentence = "No space is left on the disk (/opt/ml/model/x): raise VolumeSizeInGB in"
    assert failure_file(root).startswith(sentence)
    assert "Traceback" not in capsys.readouterr().err


def test_a_helper_process_dies_of_sigterm_and_does_not_stop_the_training():
    program = """
import os, signal, opt_ml
stop = opt_ml.StopRequest()
child = os.fork()
if child == 0:
    signal.pause()
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), stop.received)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=CODE, capture_output=True, encoding="utf-8"
    )
    assert run.stdout == f"{-signal.SIGTERM} False\n"


def test_sigterm_is_logged_at_once_during_a_long_call_c5(root):
    program = """
import opt_ml, time
stop = opt_ml.StopRequest()
opt_ml.log("ready")
time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=CODE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    assert process.stdout.readline().startswith("SIGTERM received: finishing this step")
    assert process.poll() is None, "the call must go on"
    process.kill()
    process.communicate()
