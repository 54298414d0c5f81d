"""tools/local/build.py and image.py against an engine that only writes down what it is asked."""

import json
import re
import subprocess

import pytest
from support import load_tools, oldest_python

ACCOUNT = 12 * "1"
ENGINE = r"""#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in *-lock) printf "$LOCK"; exit ${CODE:-0} ;; esac
"""


@pytest.fixture
def run(bake, tmp_path):
    """Function: words of the command → the finished process; `calls` are the engine's."""
    repository = bake("python")
    engine = tmp_path / "engine"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    calls = tmp_path / "calls"

    def run(*words, **environment):
        calls.write_text("")
        done = subprocess.run(
            [oldest_python(), "tools", *words],
            cwd=repository,
            env={"PATH": "/usr/bin:/bin", "CONTAINER_ENGINE": str(engine), "CALLS": str(calls)}
            | environment,
            capture_output=True,
            encoding="utf-8",
        )
        run.calls = calls.read_text().splitlines()
        return done

    run.repository = repository
    return run


def test_the_variables_of_make_are_the_defaults_of_the_flags(run):
    variables = {
        "IMAGE": "own:1",
        "PLATFORM": "linux/arm64",
        "BUILD_ARGS": "--build-arg A='b c' --no-cache",
    }
    done = run("build", "--build-arg", "D=e", **variables)
    assert done.returncode == 0, done.stderr
    begin = "build --platform linux/arm64 --build-arg PLATFORM=linux/arm64"
    (call,) = [each for each in run.calls if "--help" not in each]
    assert call.startswith(f"{begin} --build-arg A=b c --no-cache --build-arg D=e --label ")
    assert call.endswith(" --tag own:1 .")
    run("build", "--image", "flag:1", "--platform", "linux/amd64", **variables)
    assert run.calls[-1].startswith("build --platform linux/amd64")
    assert run.calls[-1].endswith(" --tag flag:1 .")
    # As make gives them where nobody has set them.
    run("test", IMAGE="", PLATFORM="", BUILD_ARGS="")
    assert run.calls == [
        "build --platform linux/amd64 --build-arg PLATFORM=linux/amd64 --target test "
        "--tag penguins-python:local-test .",
        "run --rm penguins-python:local-test",
    ]


def test_an_open_quote_is_one_sentence(run):
    done = run("build", BUILD_ARGS="--build-arg A='b")
    assert (done.returncode, done.stdout, run.calls) == (1, "", [])
    assert done.stderr.startswith("BUILD_ARGS has a quote that is not closed")


SECRET_ARGUMENTS = {
    "PIP_INDEX_URL": "--build-arg PIP_INDEX_URL=https://aws:abc@example.com/simple/",
    "CRAN_SNAPSHOT": "--no-cache --build-arg=CRAN_SNAPSHOT=https://abc@example.com/",
    "MAVEN_OPTS": "--build-arg 'MAVEN_OPTS=-Dhttps.proxyUser=a -Dhttps.proxyPassword=abc'",
    "NEXUS_PASSWORD": "--build-arg NEXUS_PASSWORD",
    "INDEX": "--build-arg INDEX",  # its value is the environment's
    "GITHUB_PAT": "--build-arg GITHUB_PAT=abc",
    "ARTIFACTORY_PWD": "--build-arg ARTIFACTORY_PWD=abc",
    "SSH_PRIVATE_KEY": "--build-arg SSH_PRIVATE_KEY",
    "AUTH": "--build-arg AUTH=ghp_abcabcabcabcabcabc",
    "EXTRA": "--build-arg EXTRA=https://example.com/simple?token=abc",
}


@pytest.mark.parametrize("verb", ["build", "test"])
@pytest.mark.parametrize("name", SECRET_ARGUMENTS)
def test_an_argument_with_a_password_is_refused(run, verb, name):
    done = run(verb, BUILD_ARGS=SECRET_ARGUMENTS[name], INDEX="https://aws:abc@example.com/")
    assert (done.returncode, run.calls, done.stderr.count("\n")) == (1, [], 1), done.stderr
    assert done.stderr.startswith(f"The build argument {name} holds a password")
    assert "abc" not in done.stdout + done.stderr


def test_secrets_and_a_proxys_password_go_through(run):
    given = "--secret id=pip.conf,env=A_TOKEN --build-arg HTTPS_PROXY=http://a:b@proxy:8080"
    given += " --build-arg BASE=registry:5000/python@sha256:0 --build-arg PASS_THROUGH=1"
    given += " --build-arg PATCH=1.2 --build-arg INDEX=https://example.com/simple/"
    assert run("build", BUILD_ARGS=given).returncode == 0
    assert f" {given} " in run.calls[-1]


def test_local_mk_is_a_place_for_the_secrets_of_all_verbs(run):
    assert run.repository.joinpath("Makefile").read_text().endswith("\n-include local.mk\n")
    given = "--secret id=pip.conf,src=/etc/pip.conf"
    (run.repository / "local.mk").write_text(f"export BUILD_ARGS = {given}\n")
    environment = {"PATH": "/usr/bin:/bin", "CONTAINER_ENGINE": "true"}
    done = subprocess.run(
        ["make", "build", "ARGS=--print"],
        cwd=run.repository,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert f" {given} " in done.stdout, done.stderr


def test_a_lock_that_fails_leaves_the_old_one(run):
    lock = run.repository / "requirements.txt"
    before = lock.read_text()
    assert run("lock", LOCK="half", CODE="1").returncode == 1
    assert lock.read_text() == before
    assert run("lock", LOCK="a==1\\n").returncode == 0
    assert lock.read_text() == "a==1\n"
    assert not (run.repository / "requirements.new").exists()
    # The cache would answer with what an index had when the same was asked before.
    (build,) = [call for call in run.calls[-2:] if " build " in f" {call} "]
    assert "--no-cache" in build.split()


def test_clean_keeps_what_the_submitted_job_is_found_by(run):
    runs = run.repository / "runs"
    (runs / "one" / "model").mkdir(parents=True)
    (runs / "file").touch()
    job = {"job": "penguins-1", "region": "us-east-1", "tuning": False}
    (runs / "submitted-job.json").write_text(json.dumps(job))
    assert run("clean").returncode == 0
    assert [path.name for path in runs.iterdir()] == ["submitted-job.json"]
    name = "penguins-python:local"
    assert run.calls == [f"image rm --force {name} {name}-test {name}-check {name}-lock"]
    (runs / "submitted-job.json").unlink()
    assert run("clean").returncode == 0
    assert not runs.exists()


@pytest.mark.parametrize(
    ("name", "account", "region", "repository", "local"),
    [
        ("1.dkr.ecr.us-east-1.amazonaws.com/a", "", "", "a", "a:local"),
        (f"{ACCOUNT}.dkr.ecr.us-east-1.x.y/a:b", ACCOUNT, "us-east-1", "a", "a:local"),
        (
            f"{ACCOUNT}.dkr.ecr-fips.us-gov-west-1.x/t/a",
            ACCOUNT,
            "us-gov-west-1",
            "t/a",
            "t/a:local",
        ),
        ("localhost:5000/t/a:1", "", "", "t/a", "t/a:local"),
        ("t/a:1", "", "", "t/a", "t/a:local"),
        ("a:local", "", "", "a", "a:local"),
        (f"a@sha256:{64 * '0'}", "", "", "a", "a:local"),
        ("", "", "", "", ":local"),
    ],
)
def test_a_name_is_taken_apart(bake, name, account, region, repository, local):
    (image,) = load_tools(bake("python"), "image")
    found = image.image_of(name)
    assert (found.account, found.region, found.repository) == (account, region, repository)
    assert found.local == local
    assert bool(found.digest) == ("@" in name)


def test_two_teams_may_have_an_image_of_the_same_name(bake):
    """Neither the stack of one nor its jobs, places and rights are the other's."""
    image, names = load_tools(bake("python"), "image", "cloud.names")
    stacks = [image.image_of(each).stack for each in ("x", "a/x", "b/x", "a-x", "c/a/x", "c-a/x")]
    assert len({*stacks}) == 6 and stacks[0] == "x"
    assert all(re.fullmatch("[a-z][a-z0-9-]*", each) for each in stacks)
    assert len({names.job_prefix(each, 63) for each in stacks}) == 6


@pytest.mark.parametrize("verb", ["build", "train", "deploy", "push"])
def test_a_job_without_an_image_is_one_sentence(run, verb, tmp_path):
    (tmp_path / "aws").write_text("#!/bin/sh\n")
    (tmp_path / "aws").chmod(0o755)
    file = run.repository / "training-job.json"
    file.write_text(file.read_text().replace('"TrainingImage": "', '"TrainingImage": "", "x": "'))
    done = run(verb, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    sentence = "raining-job.json must have a TrainingImage like 111122223333.dkr.ecr."
    assert sentence in done.stderr
