"""tools/faults.py: what docker, podman, finch and git say, as people have posted it."""

import os
import shutil
import subprocess
import sys
import types

import pytest
from support import load_tools

SOCKET = "You may not use docker: join its group"
STORE = 'take "credsStore" out of ~/.docker/config.json'


@pytest.fixture(scope="module")
def faults(bake):
    return load_tools(bake("python"), "faults")[0]


@pytest.fixture(scope="module")
def push(bake):
    return load_tools(bake("python"), "cloud.push")[0]


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
        # Of the issues of docker, Docker Desktop, colima, podman, finch and WSL.
        (
            "The command 'docker' could not be found in this WSL 2 distro.\nWe recommend to "
            "activate the WSL integration in Docker Desktop settings.",
            "docker is not there in this WSL: turn on its integration",
        ),
        (
            "Error response from daemon: dial unix docker.raw.sock: connect: connection refused",
            "docker hangs: restart Docker Desktop",
        ),
        (
            "request returned Internal Server Error for API route and version http://%2F%2F.%2F"
            "pipe%2FdockerDesktopLinuxEngine/v1.47/containers/json, check if the server supports "
            "the requested API version",
            "docker hangs: restart",
        ),
        (
            'unable to resolve docker endpoint: context "colima": context not found: open /home/me/'
            ".docker/contexts/meta/f24f/meta.json: no such file or directory",
            "docker's context colima is gone: docker context use default.",
        ),
        (
            "Error response from daemon: client version 1.24 is too old. Minimum supported API "
            "version is 1.44, please upgrade your client to a newer version",
            "older than its service takes: update the client.",
        ),
        (
            "Error: unable to connect to Podman. failed to create sshClient: connection to bastion "
            "host (ssh://core@localhost:56102/run/user/1000/podman/podman.sock) failed: dial tcp "
            "127.0.0.1:56102: connect: connection refused",
            "podman machine start",
        ),
        (
            "Error: failed to connect: dial tcp 127.0.0.1:60219: connectex: No connection could be "
            "made because the target machine actively refused it.",
            "podman machine start",
        ),
        (
            "Error: potentially insufficient UIDs or GIDs available in user namespace (requested "
            "0:42 for /etc/gshadow): Check /etc/subuid and /etc/subgid if configured locally",
            "podman system migrate.",
        ),
        (
            "FATA[0000] error saving credentials: open /home/me/.finch/config.json: permission "
            "denied",
            'sudo chown -R "$USER" /home/me/.finch, then',
        ),
        (
            "Error saving credentials: mkdir /root/.docker: read-only file system",
            "/root/.docker can't be written: set DOCKER_CONFIG",
        ),
        (
            "ERROR: failed to solve: python:3.12: failed to resolve source metadata for docker.io/"
            "library/python:3.12: failed to copy: httpReadSeeker: failed open: unexpected status "
            "code https://registry-1.docker.io/v2/library/python/manifests/sha256:aa: 429 Too Many "
            "Requests - Server message: toomanyrequests: You have reached your pull rate limit.",
            "The registry lets no more pulls",
        ),
        (
            "ERROR: failed to solve: failed to resolve source metadata for docker.io/library/"
            'python:3.12: failed to do request: Head "https://registry-1.docker.io/v2/library/'
            'python/manifests/3.12": tls: failed to verify certificate: x509: certificate signed '
            "by unknown authority",
            "The engine does not trust a certificate",
        ),
        (
            "ERROR: failed to solve: failed to resolve source metadata for docker.io/library/"
            'python:3.12: failed to do request: Head "https://registry-1.docker.io/v2/": dial tcp: '
            "lookup registry-1.docker.io on 192.168.65.7:53: no such host",
            "The base image docker.io/library/python:3.12 can't be fetched: look at network",
        ),
        (
            "ERROR: failed to solve: failed to resolve source metadata for 763104351884.dkr.ecr.us-"
            "east-1.amazonaws.com/pytorch:2: pull access denied, repository does not exist or may "
            "require authorization: authorization failed: no basic auth credentials",
            "is not given to you (763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:2): log in",
        ),
        (
            "unexpected status from HEAD request to https://public.ecr.aws/v2/docker/library/python"
            "/manifests/3.12-slim: 403 Forbidden",
            "is not given to you (https://public.ecr.aws/v2/docker/library/python/manifests/3.12-",
        ),
        (
            'Error response from daemon: Get "https://1.dkr.ecr.us-east-1.amazonaws.com/v2/": '
            "Proxy Authentication Required",
            "The proxy wants a password of the engine",
        ),
        (
            "ERROR: attestations are not supported by the current buildkitd",
            "docker's service is too old for its buildx",
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
        "toomanyrequests: Rate exceeded",
        "unexpected status from PUT request to https://1.dkr.ecr/v2/x/manifests/y: 403 Forbidden",
        "open /home/me/.dockerfiles/x: permission denied",
    ],
)
def test_what_only_shares_a_word_is_not(faults, said):
    assert faults.explain(said) == ""


@pytest.mark.parametrize(
    ("what", "said", "sentence"),
    [
        ("the build", "ERROR: failed to solve: write /x: no space left on device", "disk is full"),
        (
            "the build",
            "E: You don't have enough free space in /var/cache/apt/archives/.",
            "is full",
        ),
        ("the build", "exec /bin/sh: exec format error\nERROR: exit code: 255", "its emulation"),
        ("the build", 'ERROR: process "x" did not complete: exit code: 137', "the memory was full"),
        ("the build", "ERROR: exit code: 1\n401 Unauthorized", "the build failed (401 Unauth"),
        ("the push", "no basic auth credentials", "the login to ECR does not hold"),
        ("the push", "Error: writing blob: unauthorized: authentication required", "does not hold"),
        ("the push", "unexpected status from POST request to x: 401 Unauthorized", "does not hold"),
        (
            "the push",
            'error parsing HTTP 403 response body: unexpected end of JSON input: ""',
            "ref",
        ),
        ("the push", "unexpected status from PUT request to x: 403 Forbidden", "ECR refuses you"),
        ("the push", "toomanyrequests: Rate exceeded", "ECR is busy"),
        ("the push", "received unexpected HTTP status: 503 Service Unavailable", "ECR is busy"),
        ("the push", "name unknown: The repository with name 'x' does not exist", "no repository"),
        ("the push", "EOF", "can't be reached (EOF)"),
    ],
)
def test_what_an_engine_says_of_a_build_or_a_push_has_the_right_lead(push, what, said, sentence):
    engine = types.SimpleNamespace(engine="docker", registry="R", repository="x", tag="1")
    text = str(push.Push.fault(engine, what, f"Step 1\n{said}\n"))
    assert sentence in text and text.count("\n") == 0


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


def git_that_says(folder, words, code=128):
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\necho '{words}' >&2\nexit {code}\n")
    (folder / "git").chmod(0o755)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fatal: not a git repository (or any of the parent directories): .git", ""),
        ("", ""),
        (
            "xcrun: error: invalid active developer path (/Library/Developer/CommandLineTools), "
            "missing xcrun at: /Library/Developer/CommandLineTools/usr/bin/xcrun",
            "git does not read this tree (xcrun: error: invalid active developer path ",
        ),
        ("error: index file corrupt", "git does not read this tree (error: index file corrupt):"),
    ],
)
def test_a_git_that_fails_is_no_secret(bake, tmp_path, words, said):
    done = subprocess.run(
        [sys.executable, "-B", "tools", "push", "--print-tag"],
        cwd=bake("python"),
        env=git_that_says(tmp_path / "bin", words),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0 and done.stdout.startswith("uncommitted-")
    assert bool(done.stderr) == bool(said) and done.stderr.startswith(said)
    assert done.stderr.count("\n") == bool(said)


def test_a_build_that_fails_since_the_engine_is_away_says_so(bake, tmp_path):
    """Docker's own words stay; behind them stands what to do."""
    (tmp_path / "docker").write_text(
        "#!/bin/sh\necho 'Cannot connect to the Docker daemon at unix:///x.sock.' >&2\nexit 1\n"
    )
    (tmp_path / "docker").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-B", "tools", "build"],
        cwd=bake("python"),
        env=os.environ
        | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
        | {"CONTAINER_ENGINE": "docker"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("docker does not answer: start Docker Desktop")
