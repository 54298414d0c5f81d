"""The generated repository's own verbs: what a person types, and what they see."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import pytest
from jobs import LONG
from support import once, unavailable


@pytest.fixture
def train_local(engine, own_repository):
    """Function: flags of tools train → the finished process."""

    def run(*flags, stdin="", verb="train"):
        return subprocess.run(
            [sys.executable, "-B", "tools", verb, *flags],
            cwd=own_repository,
            env=os.environ | {"CONTAINER_ENGINE": engine},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )

    return run


def long(language):
    """Return the flags that make the training long."""
    return [f"--hyperparameter={name}={value}" for name, value in LONG[language].items()]


def run_folder(output, repository):
    """Return the folder of the run that this output speaks of."""
    return repository / re.search(r"Files of this run: (.+)", output)[1]


def test_make_train_shows_log_status_metrics_and_model(own_repository, make):
    output = make(own_repository, "train").stdout
    assert "step=1 training:log_loss=" in output
    assert "\nStatus: Completed\n" in output
    assert re.search(r"\n  validation:accuracy = 0\.9\d+\n", output)
    model = own_repository / re.search(r"\nModel: (.+)\n", output)[1]
    with tarfile.open(model) as tar:  # C59: relative to the folder, which has no entry of its own
        assert "metadata.json" in tar.getnames()


@once
def test_the_container_sees_the_job_that_training_job_json_describes(own_repository, train_local):
    look = "cat /opt/ml/input/config/*.json; ls /opt/ml/input/data; env | grep TRAINING_JOB; pwd"
    done = train_local(stdin=look, verb="shell")
    assert done.returncode == 0, done.stderr
    request = json.loads((own_repository / "training-job.json").read_text(encoding="utf-8"))
    assert json.dumps(request["HyperParameters"]) in done.stdout  # C27
    assert '"hosts": ["algo-1"]' in done.stdout  # C34
    assert '"S3DistributionType": "FullyReplicated"' in done.stdout  # C32
    assert "training\nvalidation\n" in done.stdout
    assert "TRAINING_JOB_ARN=arn:aws:sagemaker:us-east-1:111122223333:training-job/" in done.stdout
    assert done.stdout.endswith("/opt/ml/code\n")


@once
def test_stop_after_ends_as_stop_training_job_does_c5(language, train_local, own_repository):
    done = train_local("--stop-after", "20", *long(language))
    assert done.returncode == 0, done.stdout
    assert "Status: Stopped (stopped after 20 s), exit code 0" in done.stdout
    assert (run_folder(done.stdout, own_repository) / "model.tar.gz").exists()


@once
def test_an_interrupted_run_resumes_and_ends_at_its_time_limit_c67_c104(
    language, train_local, own_repository
):
    file = own_repository / "training-job.json"
    text = file.read_text(encoding="utf-8")
    request = json.loads(text)
    # Ten seconds after the interruption: the kernel drops a SIGTERM that comes before the program
    # has begun (C6), which takes two seconds and more on a busy machine.
    request["StoppingCondition"]["MaxRuntimeInSeconds"] = 20
    file.write_text(json.dumps(request), encoding="utf-8")
    try:
        done = train_local("--interrupt-after", "10", *long(language))
    finally:
        file.write_text(text, encoding="utf-8")
    assert done.returncode == 0, done.stdout[-2000:]
    first, again = done.stdout.split("Interrupted after 10 s; starting again with the checkpoints")
    assert "Resuming from" not in first
    assert "Resuming from" in again
    assert "Status: Stopped (MaxRuntimeExceeded: 20 s), exit code 0" in again


@once
def test_without_network_it_trains_too_c100(train_local):
    done = train_local("--no-network")
    assert done.returncode == 0, done.stdout
    assert "Status: Completed" in done.stdout


@once
@pytest.mark.parametrize("flags", [(), ("--no-network",)], ids=["network", "isolated"])
def test_several_hosts_train_one_model_c96_c100(engine, train_local, own_repository, flags):
    done = train_local("--hosts", "2", *flags)
    assert done.returncode == 0, done.stdout
    assert "\nalgo-1 | step=1 training:log_loss=" in done.stdout
    assert "\nalgo-2 | step=" not in done.stdout
    assert "\nStatus: Completed\n  algo-1: exit code: 0\n  algo-2: exit code: 0\n" in done.stdout
    assert re.search(r"\n  validation:accuracy = 0\.9\d+\n", done.stdout)
    assert (run_folder(done.stdout, own_repository) / "model.tar.gz").exists()
    assert_nothing_is_left(engine, run_folder(done.stdout, own_repository))


@once
def test_a_killed_host_fails_the_job_c98(engine, language, train_local, own_repository):
    done = train_local("--hosts", "2", "--kill-host", "algo-2:20", *long(language))
    assert done.returncode == 1
    assert "Status: Failed\nFailureReason: AlgorithmError: killed by --kill-host" in done.stdout
    assert "\n  algo-1: AlgorithmError: Host algo-2 is gone: the job can't go on" in done.stdout
    assert_nothing_is_left(engine, run_folder(done.stdout, own_repository))


def assert_nothing_is_left(engine, folder):
    """Hold that no container and no network is left of a run, whose files are in the folder."""

    def listed(*what):
        command = [engine, *what, "--no-trunc", "--format"]
        command.append("{{.Mounts}}" if what[0] == "ps" else "{{.Name}}")
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout

    assert str(folder) not in listed("ps", "--all")
    # A job of another test that began in the same second has the same name.
    for _ in range(60):
        if folder.name not in listed("network", "ls"):
            return
        time.sleep(1)
    pytest.fail(f"a network of {folder.name} is left")


@once
def test_a_failure_shows_the_failure_reason_c58(train_local):
    done = train_local("--hyperparameter", "no_such=1")
    assert done.returncode == 1
    assert "Status: Failed" in done.stdout
    assert 'FailureReason: AlgorithmError: Unknown hyperparameter "no_such"' in done.stdout
    assert "exit code: 1" in done.stdout


@once
def test_print_shows_the_command_that_runs_as_it_stands(train_local, own_repository):
    command = train_local("--print").stdout.strip()
    assert command.endswith(f"{own_repository.name}:local train")
    assert " -t " not in command
    assert "/opt/ml/model" in command


def test_the_files_of_a_run_are_the_users_not_roots(engine, bake, make, base_images):
    socket = Path("/var/run/docker.sock")
    if not socket.exists():
        unavailable("The engine has no socket of docker's.")
    user = os.geteuid()
    other = {}
    if user == 0:
        user = 1234
        other = {"user": user, "group": socket.stat().st_gid, "extra_groups": []}
    # Not below pytest's folders, which only root may enter.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        repository = Path(folder) / "owned"
        shutil.copytree(bake("python", project_slug="owned"), repository)
        make(repository, "build")
        for path in (repository, *repository.rglob("*")):
            os.chown(path, user, -1)
        done = subprocess.run(
            [shutil.which("python3", path="/usr/bin"), "-B", "tools", "train"],
            cwd=repository,
            env={"PATH": os.environ["PATH"], "CONTAINER_ENGINE": engine, "HOME": folder},
            capture_output=True,
            encoding="utf-8",
            **other,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert {path.stat().st_uid for path in (repository / "runs").rglob("*")} == {user}


# Images that can't start, and the cause that the report names (F1, F3, F4).
FAULTS = {
    "no-entrypoint": ("", "the image has no ENTRYPOINT and no program"),
    "not-executable": (
        'RUN printf "#!/bin/sh\\n" > /program && chmod 0644 /program\nENTRYPOINT ["/program"]',
        "the program /program that ENTRYPOINT names is not executable",
    ),
    # As bases have python3 alone.
    "no-program": (
        'ENTRYPOINT ["python2", "train.py"]',
        'there is no program "python2" on the PATH of the image, which ENTRYPOINT names',
    ),
    "crlf": (
        'RUN printf "#!/bin/sh\\r\\n" > /program && chmod 0755 /program\nENTRYPOINT ["/program"]',
        "ends in CRLF looks the same",
    ),
    "no-interpreter-line": (
        'RUN printf "\\177ELFxx" > /program && chmod 0755 /program\nENTRYPOINT ["/program"]',
        "the image is of another architecture, or its program is a script",
    ),
    "silent": ('ENTRYPOINT ["false"]', "the program wrote no /opt/ml/output/failure, exit code: 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_image_that_can_not_start_is_reported_with_its_cause(
    engine, base_images, bake, fault, tmp_path
):
    lines, cause = FAULTS[fault]
    (tmp_path / "Dockerfile").write_text(f"FROM {base_images['python']}\nCMD []\n{lines}\n")
    image = f"fault-{fault}:local"
    build = [engine, "build", "--quiet", "--tag", image, tmp_path]
    subprocess.run(
        build, check=True, capture_output=True, env=os.environ | {"DOCKER_BUILDKIT": "1"}
    )
    done = subprocess.run(
        [sys.executable, "-B", "tools", "train", "--image", image],
        cwd=bake("python", project_slug=f"fault-{fault}"),
        env=os.environ | {"CONTAINER_ENGINE": engine},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1
    assert "Status: Failed" in done.stdout
    assert cause in done.stdout


def test_make_shell_opens_a_shell_where_the_program_would_start(own_repository, make_environment):
    done = subprocess.run(
        ["make", "--silent", "shell"],
        cwd=own_repository,
        env=make_environment,
        input="ls",
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^(train\.py|train\.R|training\.jar)$", done.stdout, re.MULTILINE)
