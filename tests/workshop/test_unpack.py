"""workshop/unpack, on the oldest Python: what is no whole archive leaves nothing behind."""

import os
import subprocess
import tarfile

import pytest
from support import TEMPLATE, oldest_python


@pytest.fixture
def unpack(tmp_path):
    """Function: words → the finished command; its engine is one that says yes to all."""

    def run(*words):
        return subprocess.run(
            [oldest_python(), TEMPLATE / "workshop/unpack", *words],
            cwd=tmp_path,
            env=os.environ | {"CONTAINER_ENGINE": "true", "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
        )

    return run


@pytest.fixture
def archive(tmp_path):
    """An archive with all its files, of which the images are random: they are not loaded."""
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "images.tar").write_bytes(os.urandom(100_000))
    (folder / "pack.json").write_text(
        '{"language": "r", "platform": "linux/amd64", "build_args": "--build-arg BASE=a:b"}'
    )
    with tarfile.open(tmp_path / "class.tar.gz", "w:gz") as file:
        file.add(folder, ".")
    return tmp_path / "class.tar.gz"


def test_a_file_to_source_gives_the_builds_their_base(unpack, archive, tmp_path):
    done = unpack(archive.name, "한글, 1")
    assert done.returncode == 0, done.stderr
    said = subprocess.run(
        ["bash", "-ec", '. "한글, 1/offline.sh"; echo "$BUILD_ARGS $PIP_FIND_LINKS"; which lab'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert said.stdout.split()[:2] == ["--build-arg", "BASE=a:b"]
    assert " " not in said.stdout.splitlines()[0].partition("file://")[2]
    assert sorted(each.name for each in tmp_path.glob("한글, 1/*")) == ["offline.sh", "pack.json"]
    again = unpack(archive.name, "한글, 1")
    assert again.returncode == 1 and "is there already" in again.stderr


@pytest.mark.parametrize("kept", [0.5, 0])
def test_a_part_of_an_archive_is_refused_and_leaves_nothing(unpack, archive, tmp_path, kept):
    archive.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * kept)])
    before = sorted(tmp_path.iterdir())
    done = unpack(archive.name)
    assert done.returncode == 1 and "is no whole archive of workshop/pack" in done.stderr
    assert "Traceback" not in done.stderr and sorted(tmp_path.iterdir()) == before


def test_an_engine_that_does_not_answer_is_said_first(archive, tmp_path):
    done = subprocess.run(
        [oldest_python(), TEMPLATE / "workshop/unpack", archive],
        cwd=tmp_path,
        env=os.environ | {"CONTAINER_ENGINE": "false"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stderr.startswith("No container engine answers")
    assert not (tmp_path / "class").exists()
