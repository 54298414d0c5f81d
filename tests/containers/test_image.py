"""What SageMaker reads off an image before anything runs."""

import json
import subprocess

import pytest

ENTRYPOINTS = {
    "python": ["python", "train.py"],
    "r": ["Rscript", "train.R"],
    "java": ["java", "-jar", "training.jar"],
}


@pytest.fixture(scope="module")
def inspected(engine, image):
    command = [engine, "image", "inspect", image]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)[0]


def test_entrypoint_is_the_program_in_exec_form(inspected, language):  # C1, C4
    assert inspected["Config"]["Entrypoint"] == ENTRYPOINTS[language]


def test_no_cmd(inspected):  # C2: the service's `train` would replace it
    assert not inspected["Config"].get("Cmd")


def test_working_directory(inspected):
    assert inspected["Config"]["WorkingDir"] == "/opt/ml/code"


def test_user_is_root(inspected):  # C80
    assert inspected["Config"].get("User", "") in ("", "root", "0")


def test_platform(inspected):  # C82
    assert (inspected["Os"], inspected["Architecture"]) == ("linux", "amd64")


def test_opt_ml_holds_nothing_but_the_code(engine, image):  # C24: the service mounts over it
    command = [engine, "run", "--rm", "--network=none", "--entrypoint=find", image, "/opt/ml"]
    command += ["-path", "/opt/ml/code", "-prune", "-o", "!", "-type", "d", "-print"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == ""
