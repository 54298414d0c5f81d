"""The check on repositories of other people: by its verb, as a pre-commit hook, as an action."""

import os
import subprocess
import sys

import pytest
import yaml
from corpus.load import command
from support import TEMPLATE, copy_template, oldest_python

SCRIPT = TEMPLATE / "scripts" / "check_repository.py"
RIGHT = 'FROM python:3.12-slim\nCOPY train.py .\nENTRYPOINT ["python", "train.py"]\n'
WRONG = "FROM python:3.12-slim\nCOPY train.py .\nENTRYPOINT python train.py\n"


@pytest.fixture
def other(tmp_path):
    """A repository that the template did not make."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "train.py").write_text("print(1)\n")
    (folder / "Dockerfile").write_text(RIGHT)
    return folder


def run(*words, cwd, **environment):
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        env=os.environ | environment,
    )


def test_any_folder_is_checked(other):
    done = run(oldest_python(), SCRIPT, "--strict", cwd=other)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (other / "Dockerfile").write_text(WRONG)
    done = run(oldest_python(), SCRIPT, cwd=other)
    assert done.returncode == 1
    assert done.stdout.startswith("Dockerfile:3: shell-form: ENTRYPOINT is in shell form")


def test_a_dockerfile_may_be_named(other):
    (other / "build").mkdir()
    (other / "build" / "Dockerfile.gpu").write_text(WRONG)
    for name, folder, cwd in (
        ("build/Dockerfile.gpu", ".", other),
        ("build/Dockerfile.gpu", other, other.parent),
        ("other/build/Dockerfile.gpu", "other", other.parent),
    ):
        done = run(oldest_python(), SCRIPT, "--dockerfile", name, folder, cwd=cwd)
        assert done.stdout.startswith("build/Dockerfile.gpu:3: shell-form: "), done
    done = run(oldest_python(), SCRIPT, "--dockerfile", "nowhere", ".", cwd=other)
    assert (done.returncode, "has no nowhere" in done.stderr) == (2, True)


def git(folder, *words):
    author = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True)


def test_the_pre_commit_hook_runs_at_a_tag(other, tmp_path):
    hooks = copy_template(tmp_path / "template")
    for folder in (hooks, other):
        git(folder, "init", "--quiet")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", "one")
    git(hooks, "tag", "v1")
    config = {"repos": [{"repo": str(hooks), "rev": "v1", "hooks": [{"id": "sagemaker-training"}]}]}
    (other / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    home = {"HOME": str(tmp_path), "PRE_COMMIT_HOME": str(tmp_path / "cache")}
    pre_commit = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
    git(other, "add", ".")
    done = run(*pre_commit, cwd=other, **home)
    assert (done.returncode, "Passed" in done.stdout) == (0, True), done.stdout + done.stderr
    (other / "Dockerfile").write_text(WRONG)
    git(other, "add", ".")
    done = run(*pre_commit, cwd=other, **home)
    assert (done.returncode, "Dockerfile:3: shell-form: " in done.stdout) == (1, True), done.stdout


def test_the_action_runs_its_step(other):
    action = yaml.safe_load((TEMPLATE / "action.yml").read_text(encoding="utf-8"))
    (step,) = action["runs"]["steps"]
    defaults = {name: value["default"] for name, value in action["inputs"].items()}

    def act(**inputs):
        given = defaults | inputs
        environment = {
            name: given[value.removeprefix("${{ inputs.").removesuffix(" }}")]
            for name, value in step["env"].items()
        }
        environment["GITHUB_ACTION_PATH"] = str(TEMPLATE)
        return run("bash", "-e", "-c", step["run"], cwd=other, **environment)

    assert act(strict="true").returncode == 0
    (other / "Dockerfile").write_text(WRONG)
    done = act()
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=Dockerfile,line=3,title=shell-form::")
    (other / "Dockerfile").write_text(RIGHT.replace("python:3.12-slim", "python"))
    assert (act().returncode, act(strict="true").returncode) == (0, 1)
    assert act(dockerfile="none").returncode == 2


def test_what_lies_in_data_costs_nothing_and_is_not_read(other, monkeypatch):
    for name in ("data", "runs", ".git", "node_modules"):
        (other / name / "deep").mkdir(parents=True)
        (other / name / "deep" / "x.json").write_text("{broken")
    looked = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked.append(str(path)) or scandir(path))
    texts = command.read_folder(other)
    assert {*texts} == {"Dockerfile", "train.py", "data/", "runs/", ".git/", "node_modules/"}
    assert not [path for path in looked if "deep" in path or path.endswith("data")]
