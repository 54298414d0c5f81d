"""What the image does in a job, from the start to the result. Clauses stand in the names."""

import json
import os
import re
import shutil

import pytest
from jobs import LONG, STEPS, Job
from support import unavailable


@pytest.fixture
def job(engine, image, tmp_path):
    job = Job(engine, image, tmp_path / "job")
    yield job
    job.close()


# R leaves out the rows that miss a value, as glm() does.
ROWS = {
    "python": {"training": 266, "validation": 67},
    "r": {"training": 258, "validation": 66},
    "java": {"training": 266, "validation": 67},
}


@pytest.fixture
def definitions(repository):
    request = json.loads((repository / "training-job.json").read_text(encoding="utf-8"))
    return request["AlgorithmSpecification"]["MetricDefinitions"]


def test_a_job_leaves_a_model_metrics_and_no_failure_c1_c56_c59(job, language, definitions):
    done = job.run("train")
    assert (done.returncode, done.stderr) == (0, "")
    metadata = job.metadata()
    assert metadata["rows"] == ROWS[language]
    assert metadata["metrics"]["validation:accuracy"] > 0.9
    assert metadata["stopped"] is False
    assert len(job.model_bytes()) >= 2
    assert not job.failure_file.exists()
    for definition in definitions:  # C94
        assert re.search(definition["Regex"], done.stdout), definition["Name"]


def test_the_same_data_and_seed_give_the_same_model_without_any_argument_too(job):
    assert job.run("train").returncode == 0
    first = job.model_bytes()
    shutil.rmtree(job.model)
    job.model.mkdir()
    # The SDK's local mode starts the image with no word at all (C112).
    command = job.command()
    assert command[-1] == job.image
    assert job.run(options=("--network", "none")).returncode == 0
    assert job.model_bytes() == first


def test_it_trains_isolated_read_only_with_little_memory_c45_c72_c100(job):
    options = ("--network", "none", "--read-only", "--tmpfs", "/tmp:exec", "-m", "2g")
    done = job.run("train", options=options)
    assert done.returncode == 0, done.stderr
    assert (job.model / "metadata.json").exists()


@pytest.mark.parametrize("language", ["java"], indirect=True)
@pytest.mark.parametrize("tmp", [(), ("--tmpfs", "/tmp:noexec")], ids=["read-only", "noexec"])
def test_a_tmp_from_which_no_library_can_be_loaded_is_named(job, tmp):
    done = job.run("train", options=("--read-only", *tmp))
    assert done.returncode == 1
    assert done.stderr.startswith(
        "XGBoost can't load its library: /tmp must be writable and executable, as with --tmpfs"
    )


def test_threads_follow_the_cpus_of_the_container_not_of_the_machine(job, language):
    job.threads = ()
    job.configure("hyperparameters", {STEPS[language]: "2"})
    show = ("-e", "OMP_DISPLAY_AFFINITY=TRUE", "-e", "OMP_AFFINITY_FORMAT=team of %N")

    def teams(cpus):
        done = job.run("train", options=("--cpus", cpus, *show))
        assert done.returncode == 0, done.stderr
        return set(re.findall(r"^team of (\d+)$", done.stdout + done.stderr, re.MULTILINE))

    assert teams("1") <= {"1"}
    if language != "r" and os.cpu_count() > 1:  # R's reader takes half of the CPUs
        assert "2" in teams("2"), "threads are not shown: this test says nothing"


@pytest.mark.parametrize("encode", [str, json.dumps, " {} ".format])
def test_hyperparameters_arrive_in_each_encoding_c30_c31(job, language, encode):
    given = {STEPS[language]: encode("2"), "sagemaker_program": '"x.py"'}
    job.configure("hyperparameters", given | {"_tuning_objective_metric": "m"})
    assert job.run("train").returncode == 0
    assert job.metadata()["hyperparameters"][STEPS[language]] == 2


def test_container_arguments_override_hyperparameters_c9(job, language):
    assert job.run(f"--{STEPS[language]}", "2").returncode == 0
    assert job.metadata()["steps"] == 2


def test_missing_configuration_files_are_filled_by_the_folders_c28(job):
    shutil.rmtree(job.folder / "input/config")
    done = job.run("train")
    assert done.returncode == 0, done.stderr
    assert "inputdataconfig.json is missing: taking the folders under" in done.stdout


def test_help_lists_the_hyperparameters_and_serve_is_refused_c22(job, language):
    shown = job.run("--help")
    assert (shown.returncode, f"--{STEPS[language]}" in shown.stdout) == (0, True)
    for word in ("serve", "nonsense"):
        refused = job.run(word)
        assert refused.returncode == 2
        sentence = f'This image only trains: start it with "train" or nothing, not "{word}".\n'
        assert refused.stderr == sentence
    assert not list(job.model.iterdir())


@pytest.fixture(scope="module")
def ranges(repository):
    """Hyperparameter → the ends of the range that tuning-job.json gives it, as texts."""
    tuning = json.loads((repository / "tuning-job.json").read_text(encoding="utf-8"))
    kinds = tuning["HyperParameterTuningJobConfig"]["ParameterRanges"].values()
    found = [each for kind in kinds for each in kind]
    return {each["Name"]: (each["MinValue"], each["MaxValue"]) for each in found}


def test_what_is_tuned_lies_within_what_is_declared_c95(job, ranges):
    declared = re.findall(
        r"^  --(\w+) .*\n      (an integer|a number) from (\S+) to (\S+);",
        job.run("--help").stdout,
        re.MULTILINE,
    )
    bounds = {name: (kind, float(least), float(most)) for name, kind, least, most in declared}
    assert len(ranges) >= 2
    for name, ends in ranges.items():
        kind, least, most = bounds[name]
        number = int if kind == "an integer" else float
        assert least <= number(ends[0]) < number(ends[1]) <= most, name


@pytest.mark.parametrize("end", [0, 1], ids=["least", "most"])
def test_a_tuning_jobs_training_prints_its_objective_c94_c95(job, repository, ranges, end):
    tuning = json.loads((repository / "tuning-job.json").read_text(encoding="utf-8"))
    request = json.loads((repository / "training-job.json").read_text(encoding="utf-8"))
    objective = tuning["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    (regex,) = [
        each["Regex"]
        for each in request["AlgorithmSpecification"]["MetricDefinitions"]
        if each["Name"] == objective["MetricName"]
    ]
    tuned = {name: ends[end] for name, ends in ranges.items()}
    asked = {"_tuning_objective_metric": objective["MetricName"]}
    job.configure("hyperparameters", request["HyperParameters"] | tuned | asked)
    done = job.run("train")
    assert done.returncode == 0, done.stderr
    steps = re.findall("^step=.*$", done.stdout, re.MULTILINE)
    assert steps and all(float(re.search(regex, step)[1]) > 0 for step in steps)


def test_a_stop_in_mid_training_saves_checkpoint_and_model_c5_c6(job, language):
    job.configure("hyperparameters", LONG[language])
    running = job.start()
    running.wait_for("step=5 ")
    assert running.stop() == 0, "\n".join(running.lines[-10:])
    stopped = job.metadata()
    assert stopped["stopped"] is True
    assert any("SIGTERM received: finishing this step" in line for line in running.lines)
    # Both are whole: the checkpoint resumes, and ends where the model ended.
    again = job.start()
    assert again.wait_for("Resuming from").endswith(f"after step {stopped['steps']}.")
    assert again.stop() == 0


def test_a_stop_in_a_blocking_call_of_the_start_is_not_lost_c6(job, language):
    job.configure("hyperparameters", LONG[language])
    running = job.start()
    running.wait_for("Hyperparameters:")
    assert running.stop() in (0, 1)
    assert "SIGTERM received: finishing this step" in "\n".join(running.lines)


def test_a_killed_run_resumes_from_its_checkpoint_c64_c67(job, language):
    job.configure("hyperparameters", LONG[language])
    running = job.start()
    running.wait_for("step=5 ")
    assert running.kill() == 137
    # The uploader's markers, a half-written file and a stranger are no checkpoints (C65).
    (newest,) = sorted(job.checkpoints.glob("checkpoint-*"))[-1:]
    for suffix in (".sagemaker-uploading", ".sagemaker-uploaded", ".sagemaker-ignore"):
        newest.with_name(newest.name + suffix).write_bytes(b"half")
    (job.checkpoints / "stranger").write_bytes(b"\0")
    again = job.start()
    assert newest.name in again.wait_for("Resuming from")
    again.wait_for("step=")
    assert again.stop() == 0


def test_a_broken_checkpoint_gives_way_to_the_one_before_c65(job, language):
    job.configure("hyperparameters", {STEPS[language]: "2"})
    assert job.run("train").returncode == 0
    (job.checkpoints / "checkpoint-00000009").write_bytes(b"broken")
    done = job.run("train")
    assert done.returncode == 0
    assert "WARNING: checkpoint-00000009 is broken (" in done.stdout
    assert "Resuming from checkpoint-00000002, after step 2." in done.stdout


def test_an_interrupted_training_ends_with_the_model_of_an_uninterrupted_one_c67(job, language):
    steps = "6" if language == "r" else "400"
    job.configure("hyperparameters", {STEPS[language]: steps})
    running = job.start()
    running.wait_for("step=3 ")
    running.kill()
    done = job.run("train")
    assert done.returncode == 0
    assert "Resuming from" in done.stdout
    resumed = job.model_bytes()
    for folder in (job.checkpoints, job.model):
        shutil.rmtree(folder)
        folder.mkdir()
    assert job.run("train").returncode == 0
    assert job.model_bytes() == resumed


def test_without_a_checkpoint_config_it_trains_without_checkpoints_c64(job):
    # Mounted elsewhere, so that the folder does not exist.
    done = job.run("train", options=("-v", f"{job.checkpoints}:/opt/ml/checkpoints-of-others"))
    assert done.returncode == 0, done.stderr
    assert "No checkpoints: /opt/ml/checkpoints does not exist" in done.stdout


def remove_channel(job):
    job.configure("inputdataconfig", {"train": {}, "validation": {}})
    shutil.copytree(job.folder / "input/data/training", job.folder / "input/data/train")


def empty_channel(job):
    job.training_file().unlink()


def pipe_mode(job):
    job.configure("inputdataconfig", {"training": {"TrainingInputMode": "Pipe"}})


def unknown_hyperparameter(job):
    job.configure("hyperparameters", {"no_such": "1"})


def bad_hyperparameter(job):
    job.configure("hyperparameters", {"rounds": "x", "max_iterations": "x"})


def broken_json(job):
    (job.folder / "input/config/hyperparameters.json").write_text("{")


def text_in_a_number(job):
    lines = job.training_file().read_text().splitlines()
    lines[6] = lines[6].rpartition(",")[0] + ",abc"
    job.training_file().write_text("\n".join(lines))


def binary_file(job):
    job.training_file().write_bytes(bytes(range(256)))


FAILURES = [
    (remove_channel, 'Channel "training" is missing: the job has only the channels train, val'),
    (empty_channel, 'Channel "training" is empty: there is no file under /opt/ml/input/data/tra'),
    (pipe_mode, 'Channel "training" comes in Pipe mode, which this program can\'t read: use FastF'),
    (unknown_hyperparameter, 'Unknown hyperparameter "no_such". Known are '),
    (broken_json, "/opt/ml/input/config/hyperparameters.json is not valid JSON: "),
    (
        text_in_a_number,
        'data/training/penguins.csv, line 7, column "delta_13_c": "abc" is not a num',
    ),
    (binary_file, "data/training/penguins.csv is not a text file in UTF-8: only CSV"),
]


@pytest.mark.parametrize(
    ("breaks", "sentence"), FAILURES, ids=[breaks.__name__ for breaks, _ in FAILURES]
)
def test_a_mistake_is_one_sentence_exit_1_and_no_model_c56_c58(job, breaks, sentence):
    breaks(job)
    done = job.run("train")
    assert done.returncode == 1
    # Not every language names a data file as its user knows it yet.
    assert done.stderr.startswith((sentence, f"/opt/ml/input/{sentence}"))
    assert done.stderr.count("\n") == 1, "a mistake of the user must not show a stack trace"
    assert job.failure_file.read_text(encoding="utf-8") == done.stderr
    assert len(done.stderr) <= 1024
    assert not list(job.model.iterdir())


@pytest.mark.parametrize("size", ["4k", "8k"])
def test_a_full_disk_is_a_failure_that_leaves_no_model_c59_c72(job, size):
    done = job.run(
        "train", options=("--mount", f"type=tmpfs,target=/opt/ml/model,tmpfs-size={size}")
    )
    assert done.returncode == 1
    assert done.stderr.startswith("No space is left on the disk (/opt/ml/model")
    assert job.failure_file.read_text(encoding="utf-8") == done.stderr


def test_a_full_disk_for_checkpoints_is_said_and_costs_no_finished_model_c64(job):
    mount = ("--mount", "type=tmpfs,target=/opt/ml/checkpoints,tmpfs-size=4k")
    done = job.run("train", options=mount)
    full = "No space is left on the disk (/opt/ml/checkpoints"
    if done.returncode == 0:  # where only the last one did not fit
        assert f"WARNING: the last checkpoint can't be had ({full}" in done.stdout
        assert job.model_bytes()
    else:
        assert done.stderr.startswith(full)


def test_a_read_only_model_folder_is_a_failure_c56(job):
    done = job.run("train", options=("-v", f"{job.model}:/opt/ml/model:ro"))
    assert done.returncode == 1
    assert done.stderr.startswith("Can't write /opt/ml/model")
    assert done.stderr.count("\n") == 1


def test_a_log_line_is_there_before_the_program_ends_c93(job, language):
    job.configure("hyperparameters", LONG[language])
    running = job.start()
    running.wait_for("step=1 ")
    assert running.process.poll() is None
    running.kill()
    assert not re.search(r"[\r\x1b]", "\n".join(running.lines))


def test_python_trains_on_a_processor_without_avx2(engine, bake, make, tmp_path):
    """As emulated on an Apple laptop: polars's default runtime dies of SIGILL there."""
    # The second where it is static itself: Debian since 2025.
    names = ("qemu-x86_64-static", "qemu-x86_64")
    qemu = next(filter(None, map(shutil.which, names)), None)
    if not qemu:
        unavailable(f"There is no {names[0]}.")
    repository = bake("python")
    make(repository, "build")
    job = Job(engine, f"{repository.name}:local", tmp_path / "job")
    emulated = ("-v", f"{qemu}:/qemu:ro", "--entrypoint", "/qemu")
    words = ("-cpu", "Nehalem", "/usr/local/bin/python", "train.py", "train", "--rounds", "2")
    done = job.run(*words, options=emulated)
    assert done.returncode == 0, done.stderr
    assert job.metadata()["steps"] == 2
