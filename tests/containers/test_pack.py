"""The workshop without a network: an archive is loaded into an engine that has nothing."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import pupil
import pytest
from support import TEMPLATE, unavailable

# In namespaces of its own, where all that it starts and mounts ends with it. Its /run is its own
# too, where another engine's containerd may be. 0x8914 is SIOCSIFFLAGS, 1 is IFF_UP.
START = """
python3 -c "import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14x', b'lo', 1))"
mount -t tmpfs run /run
dockerd --iptables=false --ip6tables=false --data-root {0}/root --host unix://{0}/engine.sock &
wait
"""
# Language → file, what stands before the lines of extra.txt there, what fails without the package.
EXTRA = {
    "python": ("requirements.txt", "", ["python", "-c", "import sklearn"]),
    "r": ("packages.txt", "", ["Rscript", "-e", "library(ranger)"]),
    "java": ("pom.xml", "<dependencies>", ["ls", "lib/commons-math3-3.6.1.jar"]),
}


@pytest.fixture
def offline(tmp_path):
    """Function: command, folder → its exit code and what it said, without a network.

    Docker's data root is empty at first.
    """
    if os.getuid() != 0 or not shutil.which("dockerd"):
        unavailable("An engine without a network needs root and dockerd.")
    place, home = tmp_path / "engine", tmp_path / "home"
    place.mkdir()
    home.mkdir()
    own = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    start = ["unshare", *own, "bash", "-ec", START.format(place)]
    with (
        (place / "log").open("w") as log,
        subprocess.Popen(start, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "CONTAINER_ENGINE": "docker",
            "DOCKER_HOST": f"unix://{place}/engine.sock",
        }

        def run(command, folder=tmp_path):
            inside = f"nsenter --target {process.pid} --net bash -c {shlex.quote(command)}"
            return pupil.shell(f"exec {inside}", folder, environment)

        try:
            end = time.monotonic() + 60
            while run("docker ps")[0] != 0:
                assert process.poll() is None and time.monotonic() < end, (
                    place / "log"
                ).read_text()
                time.sleep(0.2)
            yield run
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(place)


def test_a_class_without_a_network_does_the_labs(language, make_environment, tmp_path, offline):
    packed = subprocess.run(
        [sys.executable, TEMPLATE / "workshop/pack", language, "--here"],
        cwd=tmp_path,
        env=make_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(packed.stdout)
    assert packed.returncode == 0, packed.stdout

    source, repository = ":", tmp_path

    def run(command):
        began = time.monotonic()
        code, said = offline(f"{source} && {command}", repository)
        print(f"{command}\n{said}({time.monotonic() - began:.1f} s)")
        # Without a network apt only warns.
        assert "Reading package lists" not in said, f"{command}: apt has nothing to do here."
        return code, said

    def must(command):
        code, said = run(command)
        assert code == 0, f"{command}:\n{said[-4000:]}"
        return said

    # The interfaces are those of the engine, and no image is there.
    devices = must("cut -d: -f1 /proc/net/dev | tail -n +3").split()
    assert sorted(devices) == ["docker0", "lo"] and must("docker images --quiet") == ""
    (archive,) = tmp_path.glob("*.tar.gz")
    # A folder as it is named at home.
    classroom = tmp_path / "교실 1"
    unpack = TEMPLATE / "workshop/unpack"
    told = must(f"python3 {unpack} {archive.name} {shlex.quote(classroom.name)}")
    archive.unlink()
    source, venv, install, generate = re.findall(r"^    (.*)$", told, re.MULTILINE)
    generate = generate.replace(" language=", " --no-input language=")
    must(f"{source} && {venv} && {install} && {generate}")
    (job,) = tmp_path.glob("*/training-job.json")
    repository = job.parent

    pupil.do_lab(1, run)
    must("make test check")
    if language == "python":
        must("make contract ARGS='-k c1_'")
    # Another model, then one with a new package.
    pupil.do_lab(3, run)
    name, before, knows = EXTRA[language]
    lines = (classroom / "extra.txt").read_text().partition("\n\n")[2]
    text = (repository / name).read_text()
    (repository / name).write_text(
        text.replace(before, f"{before}\n{lines}", 1) if before else f"{text}{lines}"
    )
    must("make train")
    program, *words = knows
    image = f"{repository.name}:local"
    must(shlex.join(["docker", "run", "--rm", "--entrypoint", program, image, *words]))
    # These install nothing, and the labs' own test does them in each language.
    for number in (2, 4) if language == "python" else ():
        pupil.do_lab(number, run)
