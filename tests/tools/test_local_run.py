"""tools/local against an engine that only writes down what it is asked.

It is run by Python 3.9, the oldest that it promises, where that is installed.
"""

import itertools
import json
import re
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from support import oldest_python

PENGUINS = "penguins-python"

# Writes down each call, one argument a line, and does for `run` what $RUN says. $output and $model
# are the folders that the container would write to, $host its name on the job's network.
ENGINE = r"""#!/bin/sh
(IFS='
'; printf '%s\n\n' "$*") >> "$CALLS"
for argument in "$@"; do
  [ "$previous" = --network-alias ] && host=$argument
  previous=$argument
  # type=bind,"source=...",target=...
  source=${argument#*source=}; source=${source%,target=*}; source=${source%\"}
  case "$argument" in
    *,target=/opt/ml/output) output=$source ;;
    *,target=/opt/ml/model) model=$source ;;
  esac
done
case "$1" in
  build) eval "$BUILD" ;;
  image) eval "$INSPECT" ;;
  network) eval "$NETWORK" ;;
  run) if [ -t 0 ] || [ -t 1 ]; then echo "a terminal"; fi; eval "$RUN" ;;
  inspect) case "$*" in *Running*) echo true ;; *) echo "${OOM:-false}" ;; esac ;;
esac
"""


class Laptop:
    """A generated repository and an engine: `train` runs the verb and returns what it did."""

    def __init__(self, repository, folder):
        self.repository = repository
        self.engine = folder / "engine"
        self.calls_file = folder / "calls"
        self.engine.write_text(ENGINE)
        self.engine.chmod(0o755)
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "CONTAINER_ENGINE": str(self.engine),
            "CALLS": str(self.calls_file),
            "BUILD": "",
            "INSPECT": "",
            "NETWORK": "",
            "RUN": "",
        }

    def train(self, *options, **environment):
        return subprocess.run(
            [oldest_python(), "-B", "tools", "train", *options],
            cwd=self.repository,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=30,
        )

    @property
    def calls(self):
        """The engine's calls, each a list of arguments."""
        if not self.calls_file.exists():
            return []
        return [call.split("\n") for call in self.calls_file.read_text().rstrip().split("\n\n")]

    def calls_of(self, word):
        return [call for call in self.calls if call[0] == word]

    @property
    def run_call(self):
        (call,) = self.calls_of("run")
        return call

    @property
    def job(self):
        """The folder of the only run."""
        (folder,) = (path for path in (self.repository / "runs").iterdir() if path.is_dir())
        return folder

    @property
    def report(self):
        """The report of the only run."""
        return json.loads((self.job / "report.json").read_text(encoding="utf-8"))

    def edit_job(self, edit):
        path = self.repository / "training-job.json"
        request = json.loads(path.read_text(encoding="utf-8"))
        edit(request)
        path.write_text(json.dumps(request), encoding="utf-8")


@pytest.fixture
def laptop(bake, tmp_path):
    # A comma and a blank in its path: --mount has commas of its own.
    repository = tmp_path / "a, b" / "repository"
    shutil.copytree(bake("python"), repository)
    return Laptop(repository, tmp_path)


def mounts(call):
    """Target → (source, further flags) of each mount, in order."""
    found = {}
    for option, value in itertools.pairwise(call):
        if option == "--mount":
            parts = re.findall(r'"[^"]*"|[^,]+', value)
            kind, source, target, *flags = [part.strip('"') for part in parts]
            assert kind == "type=bind"
            found[target.removeprefix("target=")] = (source.removeprefix("source="), flags)
    return found


def assert_started_as_a_job(call, laptop, job):
    assert call[:2] == ["run", "--name"]
    assert re.fullmatch(rf"{job.name}-algo-1-[0-9a-f]{{6}}", call[2])
    assert call[-2:] == [f"{PENGUINS}:local", "train"]
    assert re.fullmatch(rf"{PENGUINS}-\d{{8}}-\d{{6}}", job.name)
    assert len(job.name) <= 63
    assert not {"-t", "--tty", "-it", "-i", "--interactive"} & set(call)
    data = laptop.repository / "data"
    assert mounts(call) == {
        "/opt/ml/input/config": (f"{job}/input/config", ["readonly"]),
        "/opt/ml/input/data/training": (f"{data}/training", ["readonly"]),
        "/opt/ml/input/data/validation": (f"{data}/validation", ["readonly"]),
        "/opt/ml/model": (f"{job}/model", []),
        "/opt/ml/output": (f"{job}/output", []),
        "/opt/ml/checkpoints": (f"{job}/checkpoints", []),
    }
    variables = [value for option, value in itertools.pairwise(call) if option == "--env"]
    arn = f"arn:aws:sagemaker:us-east-1:111122223333:training-job/{job.name}"
    assert variables == [f"TRAINING_JOB_NAME={job.name}", f"TRAINING_JOB_ARN={arn}"]


def test_a_run_starts_the_image_as_the_service_does(laptop):  # C1, C14, C24, C25, C74
    done = laptop.train(RUN='echo a line; echo x > "$model/x"')
    assert done.returncode == 0, done.stderr
    assert_started_as_a_job(laptop.run_call, laptop, laptop.job)
    assert "a terminal" not in done.stdout
    assert "a line\n" in done.stdout
    assert [call[0] for call in laptop.calls] == ["image", "run", "rm"]


def test_print_shows_that_command_whose_folders_are_there(laptop):
    done = laptop.train("--print", "--no-network")
    assert (done.returncode, done.stderr) == (0, "")
    assert laptop.calls == []
    unquoted = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {done.stdout}"], capture_output=True, encoding="utf-8"
    )
    engine, *call = unquoted.stdout.rstrip().split("\n")
    assert engine == str(laptop.engine)
    call.remove("--network")
    call.remove("none")
    assert_started_as_a_job(call, laptop, laptop.job)
    assert all(Path(source).is_dir() for source, _ in mounts(call).values())
    # What is printed runs as it stands.
    done = subprocess.run(
        ["sh", "-c", done.stdout],
        env=laptop.environment | {"RUN": "echo trained"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stdout == "trained\n"


def test_no_network_is_passed_on(laptop):
    laptop.train("--no-network")
    assert laptop.run_call[3:5] == ["--network", "none"]


def test_the_configuration_files_are_those_of_a_job(laptop):  # C27-C38
    laptop.train("--hyperparameter", "rounds=7", "--hyperparameter", "target=a=b")
    config = laptop.job / "input" / "config"
    read = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in config.iterdir()}
    channel = {
        "ContentType": "text/csv",
        "RecordWrapperType": "None",
        "S3DistributionType": "FullyReplicated",
        "TrainingInputMode": "File",
    }
    group = {
        "hosts": ["algo-1"],
        "instance_group_name": "homogeneousCluster",
        "instance_type": "ml.m5.large",
    }
    assert read == {
        "hyperparameters.json": {
            "target": "a=b",
            "rounds": "7",
            "learning_rate": "0.1",
            "max_depth": "4",
        },
        "inputdataconfig.json": {"training": channel, "validation": channel},
        "resourceconfig.json": {
            "current_group_name": "homogeneousCluster",
            "current_host": "algo-1",
            "current_instance_type": "ml.m5.large",
            "hosts": ["algo-1"],
            "instance_groups": [group],
            "network_interface_name": "eth0",
            "topology": None,
        },
    }


def test_the_jobs_environment_and_checkpoint_path_reach_the_container(laptop):  # C64, C75
    def edit(request):
        request["Environment"] = {"A": "b c=$d"}
        request["CheckpointConfig"]["LocalPath"] = "/opt/ml/kept"

    laptop.edit_job(edit)
    laptop.train()
    assert "A=b c=$d" in laptop.run_call
    assert "/opt/ml/kept" in mounts(laptop.run_call)


def test_without_a_checkpoint_config_there_is_no_folder_for_checkpoints(laptop):  # C64
    laptop.edit_job(lambda request: request.pop("CheckpointConfig"))
    laptop.train()
    assert "/opt/ml/checkpoints" not in mounts(laptop.run_call)


@pytest.mark.parametrize("words", [("--trees", "5"), ("--trees=5",)])
def test_a_hyperparameter_that_is_given_as_a_flag_is_told_the_way(laptop, words):
    done = laptop.train(*words)
    assert done.returncode == 2
    assert done.stderr.endswith(
        f"error: unrecognized arguments: {' '.join(words)}; a hyperparameter is given as "
        "--hyperparameter NAME=VALUE\n"
    )


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-inf", "NA"])
def test_a_metric_that_is_no_number_is_named(laptop, value):  # C94
    done = laptop.train(RUN=f"echo 'step=1 training:log_loss={value} validation:log_loss=0.4'")
    assert (
        f'training:log_loss = none: "training:log_loss={value}" in the log is no number, and '
        "SageMaker keeps none of it\n"
    ) in done.stdout
    assert "  validation:log_loss = 0.4\n" in done.stdout


@pytest.mark.parametrize(
    "flags",
    [
        ("--stop-after", "20"),
        ("--interrupt-after", "20"),
        ("--hosts", "2", "--kill-host", "algo-2:20"),
    ],
)
def test_a_training_that_ends_too_soon_to_be_stopped_says_so(laptop, flags):
    done = laptop.train(*flags)
    assert f"The training ended before the time of {flags[-2]} was over.\n" in done.stdout


def test_a_completed_job_shows_metrics_and_packs_model_and_output(laptop):  # C59, C94
    done = laptop.train(
        RUN="""
            echo 'step=1 training:log_loss=0.5 validation:log_loss=0.6'
            echo 'step=2 training:log_loss=1.2e-05 validation:log_loss=0.4'
            mkdir "$model/sub"; echo m > "$model/sub/m"; echo d > "$output/data/d"
        """
    )
    assert done.returncode == 0, done.stderr
    place = f"runs/{laptop.job.name}"
    assert done.stdout.partition("\n\n")[2] == (
        "Status: Completed\n"
        "  training:log_loss = 1.2e-05\n"
        "  validation:log_loss = 0.4\n"
        "  validation:accuracy = none: no line of the log matches its Regex\n"
        f"Model: {place}/model.tar.gz\n"
        f"Output: {place}/output.tar.gz\n"
        f"Files of this run: {place}\n"
        f"Page: {place}/report.html\n"
    )
    with tarfile.open(laptop.job / "model.tar.gz") as archive:
        assert archive.getnames() == ["sub", "sub/m"]
    with tarfile.open(laptop.job / "output.tar.gz") as archive:
        assert archive.getnames() == ["d"]


def test_an_empty_model_is_told(laptop):  # C60
    done = laptop.train()
    assert done.returncode == 0
    assert "Model: none, since /opt/ml/model is empty" in done.stdout


FAULTS = {
    "failure file": (
        "echo 'No such target.' > \"$output/failure\"; exit 1",
        "AlgorithmError: No such target., exit code: 1",
    ),
    "no failure file": (
        "echo trace; exit 1",
        "AlgorithmError: the program wrote no /opt/ml/output/failure, exit code: 1",
    ),
    "usage": (
        "exit 2",
        "AlgorithmError: the program wrote no /opt/ml/output/failure, exit code: 2",
    ),
    "killed": ("exit 137", "killed, perhaps since the memory was full, exit code: 137"),
    "not found": (
        "echo 'exec: \"train\": executable file not found in $PATH: unknown.' >&2; exit 127",
        "no ENTRYPOINT",
    ),
    "not executable": ("echo 'exec: ./train: permission denied' >&2; exit 126", "not executable"),
    "no interpreter": ("echo 'exec ./train: no such file or directory' >&2; exit 127", "CRLF"),
    "wrong architecture": ("echo 'exec format error' >&2; exit 1", "another architecture"),
    "wrong first line": ("echo 'exec /p.sh: no such file or directory' >&2; exit 1", "CRLF"),
    "engine": (
        "echo 'docker: Error response from daemon: invalid mount config.' >&2; "
        "echo 'See docker run --help.' >&2; exit 125",
        "ClientError: docker: Error response from daemon: invalid mount config., exit code: 125",
    ),
}


@pytest.mark.parametrize(("run", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_failed_job_has_the_reason_that_the_service_would_give(laptop, run, reason):  # C57, C58
    done = laptop.train(RUN=run)
    assert done.returncode == 1
    status, failure = re.findall(r"^(?:Status|FailureReason): (.*)", done.stdout, re.MULTILINE)
    assert status == "Failed"
    assert reason in failure
    assert ["rm", "--force"] in [call[:2] for call in laptop.calls]


def test_full_memory_is_told_where_the_engine_knows(laptop):
    done = laptop.train(RUN="exit 137", OOM="true")
    assert "FailureReason: AlgorithmError: the memory was full, exit code: 137" in done.stdout


def test_a_failure_file_counts_to_1024_characters(laptop):  # C57
    done = laptop.train(RUN='printf "%02000d" 0 > "$output/failure"; exit 1')
    assert f"AlgorithmError: {'0' * 1024}, exit code: 1" in done.stdout


def test_a_failure_file_need_not_be_utf_8(laptop):
    done = laptop.train(RUN=r'printf "caf\351" > "$output/failure"; exit 1')
    assert "AlgorithmError: caf\ufffd, exit code: 1" in done.stdout


def test_a_stopped_job_is_stopped_as_the_service_does(laptop):  # C5
    until_stopped = 'until grep -q "^stop$" "$CALLS"; do sleep 0.05; done; echo x > "$model/x"'
    done = laptop.train("--stop-after", "0.2", RUN=until_stopped)
    assert done.returncode == 0, done.stdout
    (stop,) = [call for call in laptop.calls if call[0] == "stop"]
    assert stop == ["stop", "-t", "120", laptop.run_call[2]]
    assert "Status: Stopped (stopped after 0.2 s), exit code 0\n" in done.stdout
    assert "model.tar.gz" in done.stdout
    report = laptop.report
    assert (report["status"], report["reason"]) == ("Stopped", "stopped after 0.2 s")
    (event,) = report["events"]
    assert (event["what"], event["text"]) == ("stop", "stopped after 0.2 s")
    (span,) = report["hosts"]["algo-1"]
    assert span["began"] < event["at"] < span["ended"] and span["exit_code"] == 0


def test_an_interrupted_job_starts_again_with_its_checkpoints_alone(laptop):  # C67, C68
    run = """
        case $(grep -c '^run$' "$CALLS") in
          1) echo half > "$model/half"; touch "${model%model}checkpoints/checkpoint-1"
             until grep -q '^kill$' "$CALLS"; do sleep 0.05; done; exit 137 ;;
          2) ls "$model" "${model%model}checkpoints"; echo x > "$model/x" ;;
        esac
    """
    done = laptop.train("--interrupt-after", "0.3", RUN=run)
    assert done.returncode == 0, done.stdout
    assert "Interrupted after 0.3 s" in done.stdout and "checkpoint-1" in done.stdout
    with tarfile.open(laptop.job / "model.tar.gz") as archive:
        assert archive.getnames() == ["x"]
    report = laptop.report
    assert [event["what"] for event in report["events"]] == ["interruption", "resume"]
    assert [span["exit_code"] for span in report["hosts"]["algo-1"]] == [137, 0]


def test_a_run_resumes_from_the_checkpoints_of_an_earlier_one(laptop):  # C64, C66
    run = 'echo 1 > "${model%model}checkpoints/checkpoint-1"; echo x > "$model/x"'
    laptop.train(RUN=run)
    first = laptop.job
    run = 'cd "${model%model}checkpoints"; ls; rm checkpoint-1; echo x > "$model/x"'
    done = laptop.train("--resume", f"runs/{first.name}", RUN=run)
    assert done.returncode == 0 and "\ncheckpoint-1\n" in f"\n{done.stdout}"
    # What the first left stays its own.
    assert (first / "checkpoints/checkpoint-1").read_text() == "1\n"


def test_nothing_to_resume_is_one_sentence_and_leaves_no_run(laptop):
    done = laptop.train("--resume", "runs/none")
    assert_one_sentence(done, 'There is no run "runs/none": `make runs` lists them.')
    laptop.train(RUN='echo x > "$model/x"')
    name = laptop.job.name
    for text in (name, f"runs/{name}/"):
        assert_one_sentence(laptop.train("--resume", text), f"runs/{name} left no checkpoint: ")
    laptop.edit_job(lambda request: request.pop("CheckpointConfig"))
    assert_one_sentence(laptop.train("--resume", name), "training-job.json has no CheckpointConfig")
    assert laptop.job.name == name


def test_what_is_wrong_with_the_words_is_told_before_the_build(laptop):
    def assert_told(sentence, *words):
        assert_one_sentence(laptop.train("--build", *words), sentence)
        assert not laptop.calls_of("build")

    assert_told('There is no run "none": ', "--resume", "none")
    laptop.edit_job(lambda request: request.pop("AlgorithmSpecification"))
    assert_told("training-job.json must have a TrainingImage ")


# ---- What a run may take ---------------------------------------------------------------------


def test_limits_reach_the_engine_in_its_own_form(laptop, tmp_path):
    flags = ["--gpus", "all", "--memory", "2G", "--shm-size", "512m", "--cpus", "1.5"]
    laptop.train(*flags)
    call = laptop.run_call
    place = call.index("--gpus")
    assert call[place : place + 8] == [*flags[:2], "--memory", "2g", *flags[4:]]
    podman = tmp_path / "podman"
    shutil.copy(laptop.engine, podman)
    for value, devices in {"2": "01", "device=3,4": "34", "all": ["all"]}.items():
        printed = laptop.train("--print", "--gpus", value, CONTAINER_ENGINE=str(podman)).stdout
        found = re.findall(r"--device nvidia.com/gpu=(\S+)", printed)
        assert found == list(devices) and "--gpus" not in printed


def test_several_hosts_have_one_cpu_each_unless_told_otherwise(laptop):  # C39
    laptop.train("--hosts", "2", "--cpus", "2")
    assert [value_of(call, "--cpus") for call in laptop.calls_of("run")] == ["2", "2"]
    assert all(call.count("--cpus") == 1 for call in laptop.calls_of("run"))


@pytest.mark.parametrize(
    "flags",
    [
        *(["--gpus", "many"], ["--gpus", "0"], ["--memory", "2"], ["--memory", "lots"]),
        *(["--shm-size", "1 g"], ["--cpus", "0"], ["--cpus", "-1"], ["--grace", "-1"]),
        *(["--no-container", "--gpus", "1"], ["--no-container", "--shm-size", "1g"]),
    ],
    ids=" ".join,
)
def test_a_limit_that_means_nothing_is_a_usage_error(laptop, flags):
    done = laptop.train(*flags)
    assert done.returncode == 2
    assert f"error: {'--' if '--no-container' in flags else 'argument --'}" in done.stderr
    assert laptop.calls == [] and not (laptop.repository / "runs").exists()


NO_GPU = {
    "docker": "docker: Error response from daemon: could not select device driver "
    '"" with capabilities: [[gpu]].',
    "docker 28": "docker: Error response from daemon: failed to discover GPU vendor from CDI: "
    "no known GPU vendor found",
    "podman": "Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all",
    "old podman": "Error: stat nvidia.com/gpu=all: no such file or directory",
}


@pytest.mark.parametrize("said", NO_GPU.values(), ids=NO_GPU)
def test_without_a_gpu_there_is_a_sentence(laptop, said):
    done = laptop.train("--gpus", "all", RUN=f"echo '{said}' >&2; exit 125")
    assert done.returncode == 1
    assert "FailureReason: ClientError: there is no GPU that the engine can use" in done.stdout


def test_another_grace_is_said_aloud_and_counts(laptop):  # C5
    until_stopped = 'until grep -q "^stop$" "$CALLS"; do sleep 0.05; done; exit 137'
    done = laptop.train("--stop-after", "0.2", "--grace", "10", RUN=until_stopped)
    assert "A stop gives the program 10 s, by --grace; SageMaker gives 120 s.\n" in done.stdout
    assert "Stopping: SIGTERM is sent, and SIGKILL 10 s later (C5).\n" in done.stdout
    assert "The program took more than 10 s after SIGTERM" in done.stdout
    (stop,) = laptop.calls_of("stop")
    assert stop[:3] == ["stop", "-t", "10"]
    assert "--grace" not in laptop.train("--print").stdout


def test_long_takes_the_long_settings_and_what_is_given_counts_more(laptop):
    settings = laptop.repository / "contract.ini"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("rounds = 100000", "rounds = 9000\nmax_depth = 9"))
    laptop.train("--long", "--hyperparameter", "max_depth=2")
    told = laptop.report["hyperparameters"]
    assert (told["rounds"], told["max_depth"], told["learning_rate"]) == ("9000", "2", "0.1")
    settings.unlink()
    done = laptop.train("--long")
    assert done.returncode == 1 and done.stderr.startswith("contract.ini can't be read")


# ---- In SageMaker Studio ---------------------------------------------------------------------

STUDIO = {"SAGEMAKER_APP_TYPE": "JupyterLab"}


def test_in_studio_a_job_joins_the_only_network(laptop):
    laptop.train(**STUDIO)
    assert value_of(laptop.run_call, "--network") == "sagemaker"
    assert " --network sagemaker " in laptop.train("--print", **STUDIO).stdout
    done = subprocess.run(
        [oldest_python(), "-B", "tools", "build", "--print"],
        cwd=laptop.repository,
        env=laptop.environment | STUDIO,
        capture_output=True,
        encoding="utf-8",
    )
    assert " --network sagemaker " in done.stdout


@pytest.mark.parametrize("flag", ["--hosts=2", "--no-network"])
def test_what_studio_does_not_allow_is_a_sentence(laptop, flag):
    done = laptop.train(flag, **STUDIO)
    assert done.returncode == 1
    assert "Studio" in done.stderr and flag.partition("=")[0] in done.stderr
    assert done.stderr.count("\n") == 1 and not laptop.calls_of("run")


# ---- What a run leaves -----------------------------------------------------------------------

METRICS = """
    echo 'step=1 training:log_loss=0.5 validation:log_loss=0.6'
    echo 'step=4 training:log_loss=1.2e-05 validation:log_loss=1e999'
    echo 'validation:log_loss=...'
    echo x > "$model/x"
"""


def test_a_run_leaves_a_report_and_a_log_with_times(laptop):
    laptop.train("--hyperparameter", "rounds=7", RUN=METRICS)
    report = laptop.report
    assert report["name"] == laptop.job.name
    assert report["command"] == "python3 tools train --hyperparameter rounds=7"
    assert report["image"] == f"{PENGUINS}:local"
    assert [report[name] for name in ("status", "reason", "exit_code")] == ["Completed", "", 0]
    assert report["hyperparameters"]["rounds"] == "7"
    found = {name: [point[:2] for point in points] for name, points in report["metrics"].items()}
    assert found == {
        "training:log_loss": [[1, 0.5], [4, 1.2e-05]],
        "validation:log_loss": [[1, 0.6]],
        "validation:accuracy": [],
    }
    times = [report["started"], report["ended"]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}[-+]\d\d:\d\d", each) for each in times)
    log = (laptop.job / "log.txt").read_text(encoding="utf-8").splitlines()
    assert len(log) == 3
    line = "algo-1 | step=1 training:log_loss=0.5 validation:log_loss=0.6"
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT[\d:]{{8}}\.\d{{3}}\S{{6}} {re.escape(line)}", log[0])
    assert (laptop.job / "report.html").exists()
    assert not list(laptop.job.glob("*.new"))


def test_steps_are_counted_where_a_line_names_none(laptop):
    laptop.train(RUN="for loss in 3 2; do echo training:log_loss=$loss; done")
    assert [point[:2] for point in laptop.report["metrics"]["training:log_loss"]] == [
        [1, 3],
        [2, 2],
    ]


def test_a_step_is_found_behind_a_progress_bar(laptop):
    bar = r"printf '\\r1/8\\r8/8step=7 training:log_loss=0.5\n'"
    laptop.train(RUN=f"{bar}; echo timestep=3 training:log_loss=0.4")
    steps = [step for step, *_ in laptop.report["metrics"]["training:log_loss"]]
    assert steps == [7, 2]


def test_a_long_run_leaves_a_report_of_bearable_size(laptop):
    laptop.train(RUN="for i in $(seq 5000); do echo step=$i training:log_loss=$i; done")
    points = laptop.report["metrics"]["training:log_loss"]
    assert 250 < len(points) <= 500
    assert points[0][:2] == [1, 1] and points[-1][:2] == [5000, 5000]


def test_a_failed_run_leaves_its_reason_and_what_each_host_did(laptop):
    run = """
        case $host in
          algo-1) until grep -q '^kill$' "$CALLS"; do sleep 0.05; done; exit 1 ;;
          algo-2) until grep -q '^kill$' "$CALLS"; do sleep 0.05; done; exit 137 ;;
        esac
    """
    laptop.train("--hosts", "2", "--kill-host", "algo-2:0.3", RUN=run)
    report = laptop.report
    assert report["status"] == "Failed" and report["exit_code"] in (1, 137)
    assert report["reason"].startswith("AlgorithmError: ")
    assert {name: spans[0]["exit_code"] for name, spans in report["hosts"].items()} == {
        "algo-1": 1,
        "algo-2": 137,
    }
    assert [event["text"] for event in report["events"]] == ["algo-2 killed by --kill-host"]


def test_a_run_that_is_killed_midway_has_left_its_report(laptop):
    process = subprocess.Popen(
        [oldest_python(), "-B", "tools", "train"],
        cwd=laptop.repository,
        env=laptop.environment | {"RUN": "echo step=1 training:log_loss=0.5; exec sleep 30"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    with process:
        assert process.stdout.readline()
        assert laptop.report["status"] == "InProgress"
        process.kill()
    done = subprocess.run(
        [oldest_python(), "-B", "tools", "runs"],
        cwd=laptop.repository,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^{laptop.job.name}  Unfinished .*\n    It was killed midway", done.stdout)


def test_a_run_goes_on_where_its_report_cannot_be_written(laptop):
    done = laptop.train(RUN='mkdir "${model%model}log.txt"; for i in 1 2 3; do echo line $i; done')
    assert "line 3\n" in done.stdout and "Status: Completed" in done.stdout
    assert done.stderr.count("The report of this run can't be written") == 1


def test_lines_of_the_log_come_as_they_are_printed(laptop, tmp_path):
    run = f"""
        echo first
        for i in $(seq 100); do
          [ -e '{tmp_path}/go' ] && echo last && exit
          sleep 0.05
        done
        echo nobody saw the first line
    """
    process = subprocess.Popen(
        [oldest_python(), "-B", "tools", "train"],
        cwd=laptop.repository,
        env=laptop.environment | {"RUN": run},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        assert process.stdout.readline() == "first\n"
        (tmp_path / "go").touch()
        assert process.stdout.readline() == "last\n"


# ---- Several hosts ---------------------------------------------------------------------------


def value_of(call, option):
    """What stands behind an option of a call."""
    return call[call.index(option) + 1]


def by_host(calls):
    return {value_of(call, "--network-alias"): call for call in calls}


def test_several_hosts_share_a_network_and_the_checkpoints_alone(laptop):  # C66, C96
    done = laptop.train("--hosts", "2", RUN='echo x > "$model/x"')
    assert done.returncode == 0, done.stderr
    runs = by_host(laptop.calls_of("run"))
    assert list(sorted(runs)) == ["algo-1", "algo-2"]
    seen = {host: mounts(call) for host, call in runs.items()}
    job = laptop.job
    for host, targets in seen.items():
        for place in ("input/config", "model", "output"):
            assert targets[f"/opt/ml/{place}"][0] == f"{job}/{host}/{place}"
        assert targets["/opt/ml/checkpoints"][0] == f"{job}/checkpoints"
        resources = json.loads((job / host / "input/config/resourceconfig.json").read_text())
        assert resources["current_host"] == host
        assert resources["hosts"] == resources["instance_groups"][0]["hosts"] == sorted(runs)
    made, removed = laptop.calls_of("network")
    assert made[:2] == ["network", "create"] and made[2].startswith(job.name)
    assert {value_of(call, "--network") for call in runs.values()} == {made[-1]}
    assert removed == ["network", "rm", made[-1]] == laptop.calls[-1]
    assert len({call[2] for call in runs.values()}) == 2
    assert {call[2] for call in laptop.calls_of("rm")} == {call[2] for call in runs.values()}


def test_the_hosts_are_sorted_as_text(laptop):  # C35
    done = laptop.train("--hosts", "11", "--print")
    made, *runs, wait, removed = done.stdout.splitlines()
    assert " network create " in made and wait == "wait"
    assert removed.endswith(f" network rm {made.split()[-1]}")
    assert all(line.endswith(" train &") for line in runs)
    names = [re.search(r"--network-alias (\S+)", line)[1] for line in runs]
    assert names[:4] == ["algo-1", "algo-10", "algo-11", "algo-2"] and len(names) == 11
    assert laptop.calls == []


def test_a_sharded_channel_is_dealt_out_file_by_file(laptop):  # C52
    for name in ("a.csv", "b/1.csv", "b/2.csv", "c.csv", "d.csv"):
        file = laptop.repository / "data/training" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
    (laptop.repository / "data/training/penguins.csv").unlink()

    def shard(request):
        source = request["InputDataConfig"][0]["DataSource"]["S3DataSource"]
        source["S3DataDistributionType"] = "ShardedByS3Key"

    laptop.edit_job(shard)
    assert laptop.train("--hosts", "3").returncode == 0
    dealt = {}
    for host, call in by_host(laptop.calls_of("run")).items():
        folder, flags = mounts(call)["/opt/ml/input/data/training"]
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        dealt[host] = sorted(path.relative_to(folder).as_posix() for path in files)
        assert all(path.read_text() == path.relative_to(folder).as_posix() for path in files)
        assert flags == ["readonly"]
        validation = f"{laptop.repository}/data/validation"
        assert mounts(call)["/opt/ml/input/data/validation"][0] == validation
    assert dealt == {
        "algo-1": ["a.csv", "c.csv"],
        "algo-2": ["b/1.csv", "d.csv"],
        "algo-3": ["b/2.csv"],
    }


def test_the_merged_log_names_the_hosts_and_the_leaders_model_is_packed(laptop):  # C61, C94
    run = """
        echo "this is $host"
        if [ $host = algo-1 ]; then
          echo 'step=1 training:log_loss=0.5 validation:log_loss=0.6'
          echo m > "$model/leader"
        fi
    """
    done = laptop.train("--hosts", "2", RUN=run)
    assert done.returncode == 0, done.stderr
    log, report = done.stdout.split("\n\n")
    for host in ("algo-1", "algo-2"):
        assert f"{host} | this is {host}\n" in log + "\n"
        assert f"{host} | (ended with exit code 0)" in log
    assert report.startswith(
        "Status: Completed\n"
        "  algo-1: exit code: 0\n"
        "  algo-2: exit code: 0\n"
        "  training:log_loss = 0.5\n"
    )
    with tarfile.open(laptop.job / "model.tar.gz") as archive:
        assert archive.getnames() == ["leader"]


FAILING_PEER = """
    if [ $host = algo-2 ]; then
      echo 'No such target.' > "$output/failure"; touch "$CALLS.failed"; exit 1
    fi
    until [ -e "$CALLS.failed" ]; do sleep 0.05; done
    echo 'Host algo-2 is gone.' > "$output/failure"; exit 1
"""


def test_a_job_with_a_failed_host_has_failed_for_that_hosts_reason(laptop):  # C57, C58, C98
    done = laptop.train("--hosts", "2", RUN=FAILING_PEER)
    assert done.returncode == 1
    assert done.stdout.partition("\n\n")[2].startswith(
        "Status: Failed\n"
        "FailureReason: AlgorithmError: No such target., exit code: 1\n"
        "  algo-1: AlgorithmError: Host algo-2 is gone., exit code: 1\n"
        "  algo-2: AlgorithmError: No such target., exit code: 1\n"
    )


def test_one_host_that_fails_is_enough(laptop):  # C98
    done = laptop.train("--hosts", "2", RUN="[ $host = algo-1 ]")
    assert done.returncode == 1
    assert "Status: Failed\n" in done.stdout
    assert "\n  algo-1: exit code: 0\n" in done.stdout


WAIT_FOR_KILL = """
    until grep -q '^kill$' "$CALLS"; do sleep 0.05; done
    [ $host = algo-2 ] && exit 137
    echo 'Host algo-2 is gone.' > "$output/failure"; exit 1
"""


def test_kill_host_kills_that_host_alone(laptop):
    done = laptop.train("--hosts", "2", "--kill-host", "algo-2:0.2", RUN=WAIT_FOR_KILL)
    assert done.returncode == 1
    (killed,) = laptop.calls_of("kill")
    assert killed[1] == by_host(laptop.calls_of("run"))["algo-2"][2]
    killed = "AlgorithmError: killed by --kill-host, exit code: 137"
    assert f"FailureReason: {killed}\n" in done.stdout
    assert "\n  algo-1: AlgorithmError: Host algo-2 is gone., exit code: 1\n" in done.stdout
    assert f"\n  algo-2: {killed}\n" in done.stdout


def test_a_stop_reaches_every_host(laptop):  # C5
    until_stopped = (
        'until [ "$(grep -c "^stop$" "$CALLS")" = 2 ]; do sleep 0.05; done; echo x > "$model/x"'
    )
    done = laptop.train("--hosts", "2", "--stop-after", "0.2", RUN=until_stopped)
    assert done.returncode == 0, done.stdout
    names = {call[2] for call in laptop.calls_of("run")}
    assert {call[3] for call in laptop.calls_of("stop")} == names
    assert "Status: Stopped (stopped after 0.2 s), exit code 0\n" in done.stdout


def test_an_interruption_reaches_every_host_and_all_start_again(laptop):  # C67
    run = """
        if [ -e "$model/../started" ]; then
          ls "$model" "$model/../../checkpoints"; echo x > "$model/$host"; exit
        fi
        touch "$model/../started" "$model/half" "$model/../../checkpoints/by-$host"
        until [ "$(grep -c '^kill$' "$CALLS")" = 2 ]; do sleep 0.05; done; exit 137
    """
    done = laptop.train("--hosts", "2", "--interrupt-after", "1", RUN=run)
    assert done.returncode == 0, done.stdout
    again = done.stdout.split("Interrupted after 1 s")[1]
    assert again.count("by-algo-1\n") == again.count("by-algo-2\n") == 2
    assert len(laptop.calls_of("run")) == 4
    with tarfile.open(laptop.job / "model.tar.gz") as archive:
        assert archive.getnames() == ["algo-1"]


def test_an_engine_without_names_for_hosts_says_so_and_leaves_nothing(laptop, tmp_path):
    finch = tmp_path / "finch"
    finch.write_text("#!/bin/sh\n")
    finch.chmod(0o755)
    done = laptop.train("--hosts", "2", CONTAINER_ENGINE=str(finch))
    assert_one_sentence(done, "finch can't give several hosts their names: use docker or podman ")
    assert not (laptop.repository / "runs").exists()


def test_isolated_hosts_reach_each_other_alone(laptop):  # C100
    laptop.train("--hosts", "2", "--no-network")
    assert laptop.calls_of("network")[0][:3] == ["network", "create", "--internal"]
    assert "none" not in itertools.chain(*laptop.calls_of("run"))


def test_a_network_that_can_not_be_made_is_one_sentence(laptop):
    refuse = "echo 'all pools are taken' >&2; exit 1"
    done = laptop.train("--hosts", "2", NETWORK=refuse)
    assert_one_sentence(done, f"{laptop.engine} could not make a network: all pools are taken")
    assert laptop.calls_of("run") == []


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_stops_then_kills_and_leaves_nothing_behind(laptop, presses):
    word = ["stop", "kill"][presses - 1]
    run = f"""
        echo started
        until [ "$(grep -c '^{word}$' "$CALLS")" = 2 ]; do sleep 0.05; done
        # The other host ends first: nothing may be removed before this one has ended.
        for i in $([ $host = algo-1 ] && seq 20); do
          grep -q '^rm$' "$CALLS" && exit 137
          sleep 0.05
        done
        echo x > "$model/x"
    """
    process = subprocess.Popen(
        [oldest_python(), "-B", "tools", "train", "--hosts", "2"],
        cwd=laptop.repository,
        env=laptop.environment | {"RUN": run},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        assert {process.stdout.readline() for _ in range(2)} == {
            "algo-1 | started\n",
            "algo-2 | started\n",
        }
        process.send_signal(signal.SIGINT)
        if presses == 2:
            while len(laptop.calls_of("stop")) < 2:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
        output = process.stdout.read()
    assert process.returncode == 0, output
    reason = ["stopped by Ctrl-C", "killed by Ctrl-C"][presses - 1]
    assert f"Status: Stopped ({reason}), exit code 0" in output
    removed = {call[2] for call in laptop.calls_of("rm")}
    assert removed == {call[2] for call in laptop.calls_of("run")}
    assert laptop.calls[-1][:2] == ["network", "rm"]


def test_a_run_behind_nohup_survives_the_terminal(laptop, tmp_path):
    run = f"echo started; until [ -e '{tmp_path}/go' ]; do sleep 0.05; done; echo x > $model/x"
    process = subprocess.Popen(
        ["nohup", oldest_python(), "-B", "tools", "train"],
        cwd=laptop.repository,
        env=laptop.environment | {"RUN": run},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    with process:
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGHUP)
        (tmp_path / "go").touch()
        output = process.stdout.read()
    assert process.returncode == 0
    assert "Status: Completed" in output


def test_more_hosts_in_the_request_than_here_are_told(laptop):
    laptop.edit_job(lambda request: request["ResourceConfig"].update(InstanceCount=3))
    done = laptop.train()
    assert done.stdout.startswith("InstanceCount is 3, and this run has one host: --hosts 3 starts")
    assert len(laptop.calls_of("run")) == 1


# ---- What the user can mend: one sentence ----------------------------------------------------


def assert_one_sentence(done, start, code=1):
    assert done.returncode == code
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(start), done.stderr


def test_what_a_run_here_does_not_imitate_is_named_once(laptop):
    laptop.edit_job(lambda request: request.update(EnableNetworkIsolation=True, Tags=[]))
    done = laptop.train(RUN='echo x > "$model/x"')
    said = "Not imitated here, so not tried: EnableNetworkIsolation.\n"
    assert (done.returncode, done.stderr) == (0, said)
    laptop.edit_job(lambda request: request.pop("EnableNetworkIsolation"))
    assert laptop.train(RUN='echo x > "$model/x"').stderr == ""


def test_a_user_who_may_not_use_docker_reads_so(laptop):
    said = "permission denied while trying to connect to the docker API at unix:///run/docker.sock"
    done = laptop.train(INSPECT=f"echo '{said}' >&2; exit 1")
    assert_one_sentence(done, "You may not use docker: join its group (sudo usermod -aG docker")


def test_build_makes_the_image_first(laptop):
    done = laptop.train("--build")
    assert done.returncode == 0, done.stderr
    # What the engine's build knows, the build, the run: it asks nothing that it knows.
    assert [call[0] for call in laptop.calls] == ["build", "build", "run", "rm"]
    assert laptop.calls[1][-3:] == ["--tag", f"{PENGUINS}:local", "."]


def test_a_build_that_fails_starts_nothing(laptop):
    done = laptop.train("--build", BUILD='case "$*" in *help*) ;; *) echo no >&2; exit 2 ;; esac')
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "no\n")
    assert laptop.calls_of("run") == [] and not (laptop.repository / "runs").exists()


@pytest.mark.parametrize("options", [["--image", "a:b"], ["--print"]])
def test_what_needs_no_build_has_none(laptop, options):
    assert laptop.train("--build", *options).returncode == 0
    assert laptop.calls_of("build") == []


def test_a_missing_image(laptop):
    done = laptop.train("--image", "a:b", INSPECT="echo 'Error: No such image: a:b' >&2; exit 1")
    assert_one_sentence(done, "There is no image a:b: run `make build` first.")
    assert not (laptop.repository / "runs").exists()


def test_an_engine_that_does_not_answer(laptop):
    done = laptop.train(INSPECT="echo 'Cannot connect to the daemon' >&2; exit 1")
    assert_one_sentence(done, f"{laptop.engine} does not answer (Cannot connect to the daemon): ")


def test_a_chosen_engine_that_is_not_there(laptop):
    done = laptop.train(CONTAINER_ENGINE="dockr")
    assert_one_sentence(done, 'CONTAINER_ENGINE is "dockr", and there is no such command.')


def test_no_engine_at_all(laptop, tmp_path):
    done = laptop.train(CONTAINER_ENGINE="", PATH=str(tmp_path / "empty"))
    assert_one_sentence(done, "There is no container engine: install docker, podman or finch, ")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "training-job.json can't be read: No such file or directory."),
        (b'{"a": }', "training-job.json:1: it is not valid JSON (Expecting value): "),
        (b"[]", "training-job.json must be one JSON object, a CreateTrainingJob request."),
        (b"\xff\xfe", "training-job.json:1: it is not valid JSON ('utf-8' codec can't decode"),
    ],
)
def test_a_broken_training_job(laptop, content, sentence):
    path = laptop.repository / "training-job.json"
    path.unlink() if content is None else path.write_bytes(content)
    assert_one_sentence(laptop.train(), sentence)


@pytest.mark.parametrize("options", [[], ["--print"]], ids=["run", "print"])
def test_a_channel_without_its_folder(laptop, options):
    shutil.rmtree(laptop.repository / "data" / "validation")
    done = laptop.train(*options)
    assert_one_sentence(done, 'Channel "validation" of training-job.json needs its files in data/')


@pytest.mark.parametrize(
    "options",
    [
        ["--hyperparameter", "rounds"],
        ["--hyperparameter", "=7"],
        ["--stop-after", "soon"],
        ["--stop-after", "-1"],
        ["--stop-after", "1", "--interrupt-after", "1"],
        ["--print", "--no-container"],
        ["--hosts", "0"],
        ["--hosts", "two"],
        ["--hosts", "2", "--no-container"],
        ["--kill-host", "algo-2:5"],
        ["--hosts", "2", "--kill-host", "algo-2"],
        ["--hosts", "2", "--kill-host", "algo-2:5", "--stop-after", "5"],
        ["--hyper", "a=b"],
        ["serve"],
    ],
    ids=" ".join,
)
def test_wrong_options_are_usage_errors(laptop, options):
    done = laptop.train(*options)
    assert done.returncode == 2
    assert "tools train: error: " in done.stderr
    assert laptop.calls == []


@pytest.mark.parametrize(
    ("member", "value", "sentence"),
    [
        ("AlgorithmSpecification", "text", "AlgorithmSpecification must be an object."),
        ("InputDataConfig", None, "InputDataConfig must be a list."),
        ("HyperParameters", None, "HyperParameters must be an object."),
        ("HyperParameters", {"rounds": 100}, 'HyperParameters "rounds" must be text: "100".'),
        ("Environment", {"A": True}, 'Environment "A" must be text: "true".'),
    ],
)
def test_a_request_of_wrong_kinds_is_one_sentence(laptop, member, value, sentence):
    laptop.edit_job(lambda request: request.update({member: value}))
    done = laptop.train()
    assert (done.returncode, done.stderr) == (1, f"training-job.json: {sentence}\n")
