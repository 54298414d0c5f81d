"""What the program reads: hyperparameters, channels, hosts, all of them files."""

import json
import re

import pytest

from contract.trials import SETTINGS, hyperparameters
from job import data_folder, input_data_config, resource_config
from settings import settings_file

ADDED_BY_SDKS = {
    "sagemaker_program": '"train.py"',
    "sagemaker_submit_directory": '"s3://bucket/job/source/sourcedir.tar.gz"',
    "sagemaker_container_log_level": "20",
    "sagemaker_job_name": '"job"',
    "sagemaker_region": '"eu-central-1"',
    "sagemaker_estimator_class_name": '"Estimator"',
    "_tuning_objective_metric": "validation:loss",
}
ENCODINGS = {"quoted": json.dumps}
if {"true", "false"} & set(hyperparameters("short").values()):
    ENCODINGS["capitalized"] = lambda text: {"true": "True", "false": "False"}.get(text, text)


@pytest.fixture
def channel(trial):
    """The first channel of the job."""
    if not trial.job.channels:
        pytest.skip("training-job.json has no channel.")
    return trial.job.channels[0]


# ---- Hyperparameters -----------------------------------------------------------------------


def test_c27_a_wrong_value_is_refused_by_name(trial):
    """C27: every value is text, so the program has to convert it, and may meet a wrong one."""
    trial.configure("hyperparameters", hyperparameters("wrong"))
    run = trial.run()
    for name in SETTINGS["wrong"]:
        run.must(
            f'Unknown hyperparameter "{name}"' not in run.reason,
            f"The image knows no {name}, which is in [wrong] of {settings_file().name}: name there "
            "a hyperparameter of your model, and a value that it must refuse.",
        )
    run.must(
        run.explained and any(name in run.reason for name in SETTINGS["wrong"]),
        f"A wrong value of {', '.join(SETTINGS['wrong'])} is not refused by name: a typing mistake "
        "in a job costs a whole training, or a search for the cause.",
    )


@pytest.mark.parametrize("content", ["{}", None], ids=["empty", "missing"])
def test_c28_without_hyperparameters_it_trains_or_says_what_it_needs(trial, content):
    """C28: the file holds {} where the request has none; outside SageMaker it may be missing."""
    trial.configure("hyperparameters", content or "")
    if content is None:
        (trial.job.folder / "input" / "config" / "hyperparameters.json").unlink()
    run = trial.run()
    run.must(
        run.completed or run.explained,
        "Without hyperparameters the program neither trains by its defaults nor says which it "
        "needs: a job without HyperParameters fails and its FailureReason does not tell why.",
    )


def test_c29_a_hundred_long_hyperparameters_are_no_trouble(trial):
    """C29: there may be 100, of 2,500 characters each."""
    given = hyperparameters("short")
    given.update({f"sagemaker_{number}": "x" * 2500 for number in range(100 - len(given))})
    trial.configure("hyperparameters", given)
    trial.run().must_complete("A job with as many and as long hyperparameters as allowed fails.")


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_c30_each_way_to_encode_a_value_works(trial, encode):
    """C30: one class of the SDK writes `10` and `True`, another `"10"` and `true`."""
    given = {name: encode(text) for name, text in hyperparameters("short").items()}
    trial.configure("hyperparameters", given)
    trial.run().must_complete(
        "Values that a class of AWS's SDK encodes in its own way are not understood: the same job "
        "works from one class and fails from another."
    )


def test_c31_what_sdks_and_tuning_add_is_skipped(trial):
    """C31: names that begin with sagemaker_, and _tuning_objective_metric, come unasked."""
    trial.configure("hyperparameters", {**hyperparameters("short"), **ADDED_BY_SDKS})
    trial.run().must_complete(
        "Hyperparameters that the SDK and tuning jobs add by themselves are refused: no tuning job "
        "and no Estimator with an entry_point can use this image."
    )


# ---- Channels ------------------------------------------------------------------------------


def test_c32_what_stands_beside_the_known_keys_is_ignored(trial, tmp_path):
    """C32: channels may have keys that are new, and a job channels that are not the program's."""
    trial.configure_channels(ContentType="application/x-of-another-kind", NewKey="new")
    more = {"code": {"TrainingInputMode": "File"}}
    path = trial.job.folder / "input" / "config" / "inputdataconfig.json"
    trial.configure("inputdataconfig", {**more, **json.loads(path.read_text(encoding="utf-8"))})
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "run.sh").write_text("exit 1\n")
    trial.mount(tmp_path / "code", "/opt/ml/input/data/code", "readonly")
    trial.run().must_complete(
        "A channel of another name (SDKs add `code` and `sm_drivers`) or a new key of "
        "inputdataconfig.json ends the training: a job that worked yesterday fails."
    )


def test_c33_without_channels_it_trains_or_says_what_it_needs(trial):
    """C33: InputDataConfig is optional."""
    trial.job.request["InputDataConfig"] = []
    trial.configure("inputdataconfig", {})
    run = trial.run()
    run.must(
        run.completed or run.explained,
        "Without any channel it neither trains nor says which it needs: the job fails, and its "
        "FailureReason does not tell why.",
    )


def test_c42_a_missing_channel_is_named(trial, channel):
    """C42: channels have the names that the caller chose, which may be others."""
    name = channel["ChannelName"]
    config = input_data_config(trial.job.request)
    trial.configure("inputdataconfig", {**config, "another": config.pop(name)})
    trial.job.channels.remove(channel)
    trial.mount(data_folder(channel), "/opt/ml/input/data/another", "readonly")
    run = trial.run()
    run.must(
        run.completed or (run.explained and name in run.reason),
        f"Where channel {name} is missing, the FailureReason does not name it: its reader has to "
        "guess which of the names is wrong.",
    )


def test_c43_an_empty_channel_is_named(trial, channel):
    """C43: a prefix in S3 may hold nothing but the marker of a folder."""
    folder = trial.copy_data(channel)
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        file.unlink()
    run = trial.run()
    run.must(
        run.completed or (run.explained and channel["ChannelName"] in run.reason),
        f"Where channel {channel['ChannelName']} is empty, the FailureReason does not name it: a "
        "wrong S3Uri looks like a fault of the program.",
    )


def test_c43_markers_are_no_data(trial, channel):
    """C43: beside the data lie hidden files, _SUCCESS, and empty markers of folders."""
    folder = trial.copy_data(channel)
    for name in ("_SUCCESS", ".hidden.crc", "folder"):
        (folder / name).touch()
    trial.run().must_complete(
        "A marker file that another program left in S3 is read as data: the job fails."
    )


def test_c43_file_names_may_have_blanks_and_any_letters(trial, channel):
    """C43: files have the names that they have in S3."""
    folder = trial.copy_data(channel)
    for number, file in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        file.rename(file.with_name(f"Größe {number} ☃{file.suffix}"))
    trial.run().must_complete(
        "A file whose name has a blank or a letter outside ASCII can't be read: the job fails "
        "though its data is right. (If the names matter to your algorithm, name this test in "
        "[skip] of contract.ini.)"
    )


def test_c44_bookkeeping_files_beside_the_channels_are_no_channels(trial, tmp_path):
    """C44: the service leaves CHANNEL-manifest and checkpoints-manifest beside the folders."""
    (tmp_path / "manifest").write_text("{}")
    for name in ("checkpoints", *(each["ChannelName"] for each in trial.job.channels)):
        trial.mount(tmp_path / "manifest", f"/opt/ml/input/data/{name}-manifest", "readonly")
    trial.run().must_complete(
        "Everything under /opt/ml/input/data is taken for a channel: the service puts files of its "
        "own there, and the job fails. Take the names from inputdataconfig.json."
    )


def test_c45_the_input_is_only_read(ordinary):
    """C45: a channel is read-only in FastFile mode and on most file systems."""
    ordinary.must(
        ordinary.code == 0 and not ordinary.find("(?i)read-only file system"),
        "The program writes into /opt/ml/input, which is read-only here as it may be on SageMaker: "
        "the job fails. A cache belongs into /tmp.",
    )


def test_c46_fast_file_mode_works(trial):
    """C46: FastFile has the same folders, streamed, and asks for no change of the program."""
    trial.configure_channels(TrainingInputMode="FastFile")
    trial.run().must_complete("FastFile mode is refused: large data must be copied before a job.")


def test_c50_pipe_mode_is_refused(trial, channel):
    """C50: in Pipe mode a channel is a FIFO, and there is no folder."""
    trial.configure_channels(TrainingInputMode="Pipe")
    trial.job.request["InputDataConfig"] = []
    run = trial.run()
    run.must(
        run.explained and re.search("(?i)pipe", run.reason),
        "Pipe mode is not refused by a sentence that names it: the program looks for files that "
        "never come, and hangs or fails without a reason.",
    )


def test_c51_files_lie_in_folders_of_their_own(trial, channel):
    """C51: the files of a manifest lie as deep as their keys in S3; the manifest is not there."""
    folder = trial.copy_data(channel)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    deep = folder / "year=2025" / "part 1"
    deep.mkdir(parents=True)
    for file in files:
        file.rename(deep / file.name)
    trial.run().must_complete(
        "Files in sub-folders of a channel are not found: a job on a manifest or on partitioned "
        "data fails. (If the folders matter to your algorithm, name this test in [skip] of "
        "contract.ini.)"
    )


def test_c52_a_share_of_the_files_works(trial):
    """C52: with ShardedByS3Key a host sees its share of the files; one host has them all."""
    trial.configure_channels(S3DistributionType="ShardedByS3Key")
    trial.run().must_complete("ShardedByS3Key is refused: jobs can't divide data among hosts.")


def test_c53_each_channel_has_a_mode_of_its_own(trial, channel):
    """C53: one channel may come as FastFile and the others as File."""
    channel["InputMode"] = "FastFile"
    trial.configure_channels()
    trial.run().must_complete("Channels with different input modes are refused.")


# ---- Hosts ---------------------------------------------------------------------------------


def test_c34_three_keys_of_resourceconfig_are_enough(trial):
    """C34: current_host, hosts and network_interface_name are promised, no more."""
    promised = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth1"}
    trial.configure("resourceconfig", promised)
    trial.run().must_complete(
        "The program needs keys of resourceconfig.json that AWS does not promise: it fails on "
        "the day, or in the region, where they are missing."
    )


def test_c38_a_topology_is_ignored(trial):
    """C38: `topology` is null, missing, or a list of objects on some machines."""
    config = resource_config(trial.job.request, "algo-1", ["algo-1"])
    topology = [{"hostName": "algo-1", "capacityUnitId": "1"}]
    trial.configure("resourceconfig", {**config, "topology": topology})
    trial.run().must_complete("The program can't read a `topology` in resourceconfig.json.")
