"""The contract tests that are shipped: right images pass, each test finds the fault it is for."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest
from support import once
from wrong_images import WRONG


@pytest.fixture(scope="module")
def correct(bake, language):
    """A repository of one language for these tests alone: `make contract` leaves files in it."""
    return bake(language, project_slug=f"right-{language}")


def test_the_right_image_passes_all(correct, make):
    output = make(correct, "contract").stdout
    assert re.search(r"\b\d+ passed in ", output), output


@once
def test_one_clause_alone_can_be_tested(correct, make):
    output = make(correct, "contract", "ARGS=-k c4_").stdout
    assert re.search(r"\b1 passed in ", output), output


OTHER_IMAGE = """
FROM {}
RUN printf 'import pathlib, signal, sys, time\\n\\
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\\n\\
print("epoch", len(list(pathlib.Path("/opt/ml/input/data/training").iterdir())), flush=True)\\n\\
pathlib.Path("/opt/ml/model/model.txt").write_text("0")\\n\\
time.sleep(2)\\n' > /train.py
ENTRYPOINT ["python", "/train.py"]
"""


def test_any_image_is_tested_with_a_generated_job(bake, make_environment, engine, base_images):
    tools = bake("python") / "tools"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "theirs.ini").write_text("[log]\ntraining = ^epoch\n")
        build = [engine, "build", "--tag", "other-image:1", "-"]
        text = OTHER_IMAGE.format(base_images["python"])
        environment = make_environment | {"DOCKER_BUILDKIT": "1"}
        subprocess.run(build, input=text, text=True, check=True, env=environment)
        command = [sys.executable, "-B", tools, "contract", "--image=other-image:1"]
        command += ["--settings=theirs.ini", "-k", "c1_ or c5_ or c9_"]
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b3 passed, 1 skipped in ", done.stdout), done.stdout
    assert "c9_arguments_take_the_place_of_train: [wrong] names no hyperparameter" in done.stdout


@pytest.fixture(scope="module")
def tested(bake, make):
    """A Python repository with a toy model, built; its tests give up soon: they are to fail."""
    repository = bake("python", project_slug="contract-python")
    shutil.copy(Path(__file__).with_name("toy_model.py"), repository / "training/model.py")
    settings = repository / "contract.ini"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("\nrun = 120\nstop = 120\n", "\nrun = 15\nstop = 3\n")
    assert "stop = 3" in text
    settings.write_text(text, encoding="utf-8")
    make(repository, "build")
    return repository


def contract(repository, image, name, folder):
    """Run the tests whose names have a part; return pytest's exit code and output."""
    command = [sys.executable, "-B", "-m", "pytest", "tools/contract", f"--image={image}"]
    command += ["-k", f"test_{name}", "--basetemp", folder / "contract"]
    # What this pytest tells its workers is not for that one, nor are its plugins.
    environment = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def right(tested, engine):
    """The name of its image as the engine has it."""
    command = [engine, "image", "inspect", "--format", "{{index .RepoTags 0}}"]
    command += [f"{tested.name}:local"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("name", "lines", "words"),
    WRONG,
    ids=[f"{number}-{row[0]}" for number, row in enumerate(WRONG)],
)
def test_a_wrong_image_fails_its_test(name, lines, words, tested, right, engine, tmp_path):
    image = f"wrong-{uuid.uuid4().hex[:12]}:local"
    base, options = ("scratch", ["--platform", "linux/arm64"]) if name == "c82_" else (right, [])
    build = [engine, "build", *options, "--tag", image, "-"]
    dockerfile = f"FROM {base}\n{lines}\n"
    # The old builder of docker 20 takes no --platform.
    environment = os.environ | {"DOCKER_BUILDKIT": "1"}
    done = subprocess.run(build, input=dockerfile, text=True, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    try:
        code, output = contract(tested, image, name, tmp_path)
    finally:
        subprocess.run([engine, "image", "rm", "--force", image], capture_output=True)
    assert code == 1, output
    assert re.search(rf"^FAILED .*::test_{name}", output, re.MULTILINE), output
    # The sentence comes first: below the test's name there is nothing before it.
    sentence = re.search(r"^_+ test_\S+ _+\n(.*)", output, re.MULTILINE)[1]
    assert words in sentence, output


@pytest.mark.parametrize(
    ("section", "name", "sentence"),
    [
        ("short", "c1_", "The image refuses trees, which is in [short] of contract.ini: name"),
        ("wrong", "c27_", "The image knows no trees, which is in [wrong] of contract.ini: name"),
    ],
)
def test_a_name_of_the_old_model_in_contract_ini_is_told(
    section, name, sentence, tested, right, monkeypatch, tmp_path
):
    settings = tmp_path / "contract.ini"
    text = (tested / "contract.ini").read_text(encoding="utf-8")
    settings.write_text(re.sub(rf"(\[{section}\]\n)\w+", r"\1trees", text), encoding="utf-8")
    monkeypatch.setenv("CONTRACT_SETTINGS", str(settings))
    code, output = contract(tested, right, name, tmp_path)
    assert code == 1, output
    assert f"\n{sentence}" in output, output


def test_each_test_has_a_wrong_image(tested):
    command = [sys.executable, "-B", "-m", "pytest", "tools/contract", "--collect-only", "-q"]
    listed = subprocess.run(command, cwd=tested, capture_output=True, text=True).stdout
    tests = set(re.findall(r"::(test_\w+)", listed))
    assert len(tests) > 50
    for test in tests:
        assert any(test.startswith(f"test_{name}") for name, _, _ in WRONG), test
