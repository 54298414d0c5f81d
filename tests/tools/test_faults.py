"""tools/faults.py: what docker, podman, finch and git say, as people have posted it."""

import os
import shutil
import subprocess
import sys

import pytest
from support import load_tools

SOCKET = "You may not use docker: join its group"
STORE = 'take "credsStore" out of ~/.docker/config.json'


@pytest.fixture(scope="module")
def faults(bake):
    return load_tools(bake("python"), "faults")[0]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        # Docker 29, 27 and 20.
        (
            "permission denied while trying to connect to the docker API at "
            "unix:///var/run/docker.sock",
            SOCKET,
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at "
            'unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.47/'
            'containers/json": dial unix /var/run/docker.sock: connect: permission denied',
            SOCKET,
        ),
        (
            "Got permission denied while trying to connect to the Docker daemon socket at "
            'unix:///var/run/docker.sock: Get "http://…": dial unix /var/run/docker.sock: connect: '
            "permission denied",
            SOCKET,
        ),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
            "daemon running?",
            "docker does not answer: start Docker Desktop, or the service",
        ),
        (
            "failed to connect to the docker API at unix:///var/run/docker.sock; check if the "
            "path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect:"
            " no such file or directory",
            "docker does not answer: ",
        ),
        (
            "error during connect: this error may indicate that the docker daemon is not running: "
            'Get "http://%2F%2F.%2Fpipe%2Fdocker_engine/v1.24/containers/json": open '
            "//./pipe/docker_engine: The system cannot find the file specified.",
            "docker does not answer: ",
        ),
        (
            "Cannot connect to Podman. Please verify your connection to the Linux system using "
            "`podman system connection list`, or try `podman machine init` and `podman machine "
            "start` to manage a new Linux VM\nError: unable to connect to Podman socket: failed to "
            "connect: dial tcp 127.0.0.1:53109: connect: connection refused",
            "podman does not answer: start its machine, podman machine start",
        ),
        (
            'FATA[0000] the instance "finch" does not exist, run `finch vm init` to create a new '
            "instance",
            "finch does not answer: make its machine, finch vm init.",
        ),
        (
            'FATA[0000] instance "finch" is stopped, run `finch vm start` to start the instance',
            "finch does not answer: start its machine, finch vm start.",
        ),
        (
            "Error saving credentials: error storing credentials - err: exit status 1, out: `The "
            "stub received bad data.`",
            f"credential store fails (exit status 1, The stub received bad data.): {STORE}",
        ),
        (
            "Error saving credentials: error storing credentials - err: exec: "
            '"docker-credential-desktop": executable file not found in $PATH, out: ``',
            STORE,
        ),
        (
            "error getting credentials - err: exit status 1, out: `GDBus.Error:org.freedesktop."
            "DBus.Error.ServiceUnknown: The name is not activatable`",
            STORE,
        ),
        (
            "Error saving credentials: open /home/me/.docker/config.json123456789: permission "
            "denied",
            '/home/me/.docker is another user\'s, perhaps since a sudo: sudo chown -R "$USER" /',
        ),
        (
            "WARNING: Error loading config file: /home/me/.docker/config.json: open "
            "/home/me/.docker/config.json: permission denied",
            'sudo chown -R "$USER" /home/me/.docker, then',
        ),
        (
            "Error: open /run/user/1000/containers/auth.json: permission denied",
            'sudo chown -R "$USER" /run/user/1000/containers, then',
        ),
        (
            'Error: creating build container: short-name "rocker/r-ver:4.5.1" did not resolve to '
            'an alias and no unqualified-search registries are defined in "/etc/containers/'
            'registries.conf"',
            "podman does not know which registry rocker/r-ver:4.5.1 is of: write",
        ),
        (
            "toomanyrequests: You have reached your unauthenticated pull rate limit. "
            "https://www.docker.com/increase-rate-limit",
            "The registry lets no more pulls of this address for now",
        ),
        (
            "fatal: detected dubious ownership in repository at '/mnt/data/seals'\nTo add an "
            "exception for this directory, call:\n\n\tgit config --global --add safe.directory "
            "/mnt/data/seals",
            "git config --global --add safe.directory /mnt/data/seals.",
        ),
    ],
)
def test_what_is_known_is_named_with_its_remedy(faults, said, sentence):
    assert sentence in faults.explain(said)
    # Behind what else was printed, too.
    assert sentence in faults.explain(f"Using default tag: latest\n{said}\n")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "denied: User: arn:aws:iam::1:user/me is not authorized to perform: "
        "ecr:InitiateLayerUpload on resource: arn:aws:ecr:us-east-1:1:repository/seals",
        "denied: Your authorization token has expired. Reauthenticate and try again.",
        "PermissionError: [Errno 13] Permission denied: '/opt/ml/model/model.json'",
        "Get https://1.dkr.ecr.us-east-1.amazonaws.com/v2/: dial tcp: lookup: no such host",
        'failed to solve: process "/bin/sh -c pip install x" did not complete successfully',
    ],
)
def test_what_only_shares_a_word_is_not(faults, said):
    assert faults.explain(said) == ""


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        # Docker 20 and 28, podman with crun and with runc.
        (
            "docker: Error response from daemon: failed to create shim task: OCI runtime create "
            'failed: runc create failed: unable to start container process: exec: "train": '
            "executable file not found in $PATH: unknown.",
            'the image has no ENTRYPOINT and no program "train" on its PATH',
        ),
        (
            "docker: Error response from daemon: failed to create task for container: failed to "
            "create shim task: OCI runtime create failed: runc create failed: unable to start "
            'container process: error during container init: exec: "python": executable file not '
            "found in $PATH: unknown",
            'there is no program "python" on the PATH of the image, which ENTRYPOINT names',
        ),
        (
            "Error: crun: executable file `Rscript` not found in $PATH: No such file or directory: "
            "OCI runtime attempted to invoke a command that was not found",
            'there is no program "Rscript" on the PATH',
        ),
        (
            'Error: runc: runc create failed: unable to start container process: exec: "/opt/ml/'
            'code/train": permission denied: OCI permission denied',
            "the program /opt/ml/code/train that ENTRYPOINT names is not executable",
        ),
        ("exec /opt/ml/code/train: exec format error", "the image is of another architecture"),
        (
            "exec /opt/ml/code/train.sh: no such file or directory",
            "the program /opt/ml/code/train.sh that ENTRYPOINT names, or the interpreter in its",
        ),
        (
            'unable to start container process: exec: "/x/train": stat /x/train: no such file or '
            "directory: unknown",
            "the program /x/train that ENTRYPOINT names, or the interpreter",
        ),
    ],
)
def test_what_could_not_be_started_is_named(faults, said, sentence):
    assert faults.explain(said, faults.START_FAULTS).startswith(sentence)


def test_a_tree_that_git_does_not_read_is_said_once(bake, tmp_path):
    """Its tag would be that of an uncommitted tree, and nobody would know why."""
    repository = shutil.copytree(bake("python"), tmp_path / "seals")
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    # A repository of another user, in git's own tests.
    other = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "tools", "push", "--print-tag"],
        cwd=repository,
        env=os.environ | other,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0 and done.stdout.startswith("uncommitted-")
    assert done.stderr == (
        f"git does not read {repository}, which is another user's: git config --global --add "
        f"safe.directory {repository}.\n"
    )
