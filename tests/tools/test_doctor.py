"""The verb doctor, on machines whose engine, builder, disk and tools are made up."""

import json
import os
import subprocess
from pathlib import Path
from unittest import mock

import pytest
from support import load_tools, oldest_python

GOOD = {
    "Architecture": "x86_64",
    "MemTotal": 8 << 30,
    "DockerRootDir": "/",
    "OperatingSystem": "Debian",
}
PODMAN = {"host": {"arch": "amd64", "memTotal": 8 << 30}, "store": {"graphRoot": "/"}}
# A command that writes down that it was called, and answers by what the machine says.
COMMAND = """#!/bin/sh
echo "$0 $*" >> {calls}
case "$*" in
{cases}
*) exit 1 ;;
esac
"""


class Machine:
    """A PATH with made-up commands, a home, and a repository in which doctor is asked."""

    def __init__(self, repository, folder):
        self.repository, self.folder = repository, folder
        (folder / "bin").mkdir()
        (folder / "home").mkdir()
        self.put("git", {"--version": "echo git version 2.39.5"})
        self.put("aws", {"--version": "echo aws-cli/2.9.19 Python/3.11"})

    def put(self, name, cases):
        """Make a command: pattern of its words → what the shell does then."""
        lines = "\n".join(f"{pattern}) {does} ;;" for pattern, does in cases.items())
        path = self.folder / "bin" / name
        path.write_text(COMMAND.format(calls=self.folder / "calls", cases=lines))
        path.chmod(0o755)

    def engine(self, knows, name="docker", version="27.1.0", **more):
        """Make an engine that knows this of itself; `more` replaces answers by their first word."""
        text = f"cat <<'E'\n{json.dumps(knows)}\nE\n"
        cases = {"version": f"echo {version}", "info": text, "buildx": "echo x v0.16.2 y", **more}
        self.put(name, {f'"{word}"*': does for word, does in cases.items()})

    def doctor(self, **environment):
        """Return the exit code, and what is said of each thing: name → (mark, text)."""
        path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        # Only what is made up: this machine may have an engine of its own.
        found = environment.pop("CONTAINER_ENGINE", str(self.folder / "bin" / "docker"))
        done = subprocess.run(
            [oldest_python(), "-B", "tools", "doctor"],
            cwd=self.repository,
            env={
                "PATH": path,
                "HOME": str(self.folder / "home"),
                "CONTAINER_ENGINE": found,
                **environment,
            },
            capture_output=True,
            encoding="utf-8",
            timeout=50,
        )
        assert done.stderr == ""
        lines = [line.split(maxsplit=2) for line in done.stdout.partition("\n\n")[0].splitlines()]
        return done.returncode, {what: (mark, text) for mark, what, text in lines}


@pytest.fixture
def machine(bake, tmp_path):
    return Machine(bake("python"), tmp_path)


def test_a_good_machine_is_told_so_and_nothing_is_changed(machine):
    machine.engine(GOOD)
    code, lines = machine.doctor()
    assert code == 0
    assert list(lines) == [
        *("engine", "login", "builder", "processor", "memory", "disk"),
        *("python", "git", "aws", "proxy", "certificates"),
    ]
    assert {mark for mark, _ in lines.values()} == {"ok"}
    assert lines["engine"][1] == "docker 27.1.0"
    assert lines["builder"][1] == "buildx v0.16.2"
    calls = (machine.folder / "calls").read_text().splitlines()
    words = {call.split("/")[-1].split(" --format")[0] for call in calls}
    assert words == {
        *("docker info", "docker version", "docker buildx version", "docker buildx inspect"),
        *("git --version", "aws --version"),
    }
    assert not list((machine.folder / "home").iterdir())


ENGINES = {
    "denied": (
        "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1",
        'You may not use docker: join its group (sudo usermod -aG docker "$USER"',
    ),
    "denied, in JSON": (
        """echo '{"ServerErrors": """
        """["permission denied while trying to connect to the docker API"]}'""",
        "You may not use docker",
    ),
    "no daemon": (
        "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1",
        "start Docker Desktop, or the service (sudo systemctl start docker)",
    ),
    "silent": ("exit 1", "docker does not answer (it gave no reason)"),
    "nonsense": ("echo hello", "docker does not answer"),
}


@pytest.mark.parametrize(("info", "text"), ENGINES.values(), ids=ENGINES)
def test_an_engine_that_cannot_be_used_has_its_remedy(machine, info, text):
    machine.engine(GOOD, info=info)
    code, lines = machine.doctor()
    mark, said = lines["engine"]
    assert (code, mark) == (1, "MISSING")
    assert text in said
    # What does not ask the engine is told all the same.
    assert "git" in lines and "builder" not in lines


def test_an_engine_that_hangs_is_given_up_in_time(machine):
    machine.engine(GOOD, info="sleep 60", version="sleep 60", buildx="sleep 60")
    # The engine's own minute would be over the time that `doctor` here has.
    code, lines = machine.doctor()
    assert code == 1 and "does not answer within 8 s: restart it" in lines["engine"][1]


def test_without_an_engine_it_says_what_to_install(machine):
    code, lines = machine.doctor(CONTAINER_ENGINE="no-such-engine")
    assert code == 1
    assert "no-such-engine" in lines["engine"][1]


def test_podman_brings_its_builder_and_says_things_in_its_own_way(machine):
    machine.engine(PODMAN, name="podman", version="4.3.1", buildx="exit 125")
    code, lines = machine.doctor(CONTAINER_ENGINE=str(machine.folder / "bin/podman"))
    assert code == 0, lines
    assert lines["engine"] == ("ok", "podman 4.3.1")
    assert lines["builder"] == ("ok", "its own")
    assert lines["memory"][1].startswith("8.0 GiB")
    assert lines["processor"][1].startswith("amd64")


BUILDERS = {
    "27.1.0": ("MISSING", "buildx"),
    "23.0.1": ("MISSING", "buildx"),
    "17.12.1": ("MISSING", "update"),
}
BUILDERS |= {"20.10.24+dfsg1": ("ok", "BuildKit"), "18.09.1": ("ok", "BuildKit")}


@pytest.mark.parametrize("version", BUILDERS)
def test_without_buildx_the_version_of_docker_counts(machine, version):
    machine.engine(GOOD, version=version, buildx="exit 1")
    code, lines = machine.doctor()
    mark, text = BUILDERS[version]
    assert lines["builder"][0] == mark and text in lines["builder"][1]
    assert code == (mark == "MISSING")


def test_another_processor_needs_emulation_or_its_own_platform(machine):
    machine.engine(GOOD | {"Architecture": "aarch64"}, buildx="exit 1", version="20.10.24")
    code, lines = machine.doctor()
    assert code == 1
    assert "install qemu-user-static, or PLATFORM=linux/arm64" in lines["processor"][1]
    assert machine.doctor(PLATFORM="linux/arm64")[0] == 0
    machine.engine(GOOD | {"Architecture": "aarch64", "OperatingSystem": "Docker Desktop"})
    code, lines = machine.doctor()
    assert code == 0 and lines["processor"][0] == "note"
    assert "emulated, and slow" in lines["processor"][1]
    machine.engine(
        GOOD | {"Architecture": "aarch64"}, buildx="echo Platforms: linux/amd64, linux/arm64"
    )
    assert machine.doctor()[1]["processor"][0] == "note"


def test_a_full_disk_and_little_memory_are_told(machine):
    # Nothing is ever free in /proc.
    machine.engine(GOOD | {"DockerRootDir": "/proc/docker", "MemTotal": 1 << 30})
    code, lines = machine.doctor()
    assert code == 1
    assert lines["disk"] == (
        "MISSING",
        "0.0 GiB free for images; they need 3: `docker system prune` removes what is unused.",
    )
    assert lines["memory"][0] == "note" and lines["memory"][1].startswith("1.0 GiB; give")


def test_what_a_companys_network_needs_is_told_where_builds_lack_it(machine):
    machine.engine(GOOD)
    secret = {"HTTPS_PROXY": "http://user:secret@proxy:8080", "SSL_CERT_FILE": "/etc/passwd"}
    code, lines = machine.doctor(**secret)
    assert code == 0
    assert lines["proxy"][0] == lines["certificates"][0] == "note"
    assert "--build-arg HTTPS_PROXY" in lines["proxy"][1]
    assert "--build-arg CA_CERTIFICATE" in lines["certificates"][1]
    assert "secret" not in str(lines)
    given = "--build-arg HTTPS_PROXY --build-arg CA_CERTIFICATE"
    _, lines = machine.doctor(BUILD_ARGS=given, **secret)
    assert lines["proxy"][0] == lines["certificates"][0] == "ok"
    _, lines = machine.doctor(SSL_CERT_FILE="/no/such/file")
    assert lines["certificates"] == (
        "note",
        "SSL_CERT_FILE names a file that is not there: mend it.",
    )


@pytest.mark.parametrize(
    ("said", "text"),
    [("echo aws-cli/1.16.312 Python/2.7", "1.16.312 is old"), ("exit 1", "install the aws CLI v2")],
    ids=["old", "absent"],
)
def test_the_aws_cli_is_not_needed_and_told(machine, said, text):
    machine.engine(GOOD)
    machine.put("aws", {"--version": said})
    code, lines = machine.doctor()
    assert code == 0 and lines["aws"][0] == "note" and text in lines["aws"][1]


def test_a_login_that_cannot_be_kept_is_told(machine):
    """Root may read anything, so the answer of the system is made up."""
    (doctor,) = load_tools(machine.repository, "doctor")
    home = machine.folder / "home"
    (home / ".docker").mkdir()
    with mock.patch.object(Path, "home", return_value=home):
        assert doctor.of_rights()[0] == "ok"
        with mock.patch.object(os, "access", return_value=False):
            mark, _, text = doctor.of_rights()
    assert mark == "note"
    assert text == f"{home}/.docker is not yours: sudo chown -R $USER {home}/.docker"
