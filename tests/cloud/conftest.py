"""Fixtures of the tests that need AWS: all of it is on this machine, nothing else is contacted.

Scripts and the aws CLI run unchanged, by their real host names. Each pytest worker has its own
account, registry and loopback address, each test a fresh state.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from support import unavailable

try:
    from aws import Cloud, tools
    from registry import Registry, Unavailable, until
except ModuleNotFoundError as error:
    missing = f"{error}."
else:
    missing = ""


@pytest.fixture(scope="session")
def account():
    """The account of this worker. No two processes have the same."""
    return f"1{os.getpid():011d}"


@pytest.fixture(scope="session")
def other_account(account):
    """Another one, whose roles can be assumed."""
    return f"2{account[1:]}"


@pytest.fixture(scope="session")
def _cloud(account, tmp_path_factory):
    if missing:
        unavailable(missing)
    folder = tmp_path_factory.mktemp("cloud")
    if not tools(folder).exists():
        unavailable("There is no aws CLI v2.")
    cloud = Cloud(account, folder)
    yield cloud
    cloud.close()


@pytest.fixture
def cloud(_cloud, tmp_path):
    """AWS without anything in it (aws.py says what one can do with it)."""
    home = tmp_path / "home"
    home.mkdir()
    _cloud.reset(home)
    yield _cloud
    assert not _cloud.invalid, "\n".join(_cloud.invalid)


@pytest.fixture(scope="session")
def _registry(account, other_account, _cloud, tmp_path_factory):
    try:
        registry = Registry(account, other_account, tmp_path_factory.mktemp("registry"))
    except Unavailable as error:
        unavailable(str(error))
    yield registry
    registry.close()


@pytest.fixture
def registry(_registry, cloud):
    """An empty ECR registry that docker and podman reach (registry.py)."""
    _registry.reset()
    # Podman speaks to it itself, and would through the proxy.
    cloud.environment["NO_PROXY"] = f"{_registry.host},{_registry.other_host}"
    yield _registry
    _registry.hook = None


@pytest.fixture(scope="session", autouse=True)
def _images_of_podman():
    """A place of this worker's own: a build of podman fails while another one removes a layer."""
    # Podman allows its "runroot" 50 characters.
    with (
        tempfile.TemporaryDirectory(prefix="podman-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        roots = f'graphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
        storage = Path(folder, "storage.conf")
        storage.write_text(f'[storage]\ndriver = "vfs"\n{roots}')
        patch.setenv("CONTAINERS_STORAGE_CONF", str(storage))
        yield


@pytest.fixture(params=["docker", "podman"])
def each_engine(request, _registry, cloud):
    """An engine's program: docker, then podman. What it has of the registry is removed."""
    chosen = os.environ.get("CONTAINER_ENGINE", "")
    engine = chosen if Path(chosen).name == request.param else request.param
    if not shutil.which(engine) or subprocess.run([engine, "ps"], capture_output=True).returncode:
        unavailable(f"{engine} does not answer.")
    cloud.environment["CONTAINER_ENGINE"] = engine
    # dockerd looks at /etc/hosts anew after five seconds; podman is a fresh process.
    ask = [engine, "pull", f"{_registry.host}/nothing"]
    until(lambda: "no such host" not in cloud.run("/", *ask).stdout, f"{engine} finds the host")
    yield engine
    for host in (_registry.host, _registry.other_host):
        # By name: others may have the same image.
        names = "{{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}"
        listing = ["image", "ls", "--digests", "--filter", f"reference={host}/*", "--format", names]
        found = subprocess.run([engine, *listing], capture_output=True, text=True)
        for name in found.stdout.split():
            subprocess.run([engine, "image", "rm", name], capture_output=True)
