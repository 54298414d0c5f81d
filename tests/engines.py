"""Fixtures of the tests that need a container engine.

The images are built by `make build` in freshly generated repositories, from unmodified Dockerfiles.
"""

import fcntl
import os
import re
import shutil
import subprocess

import pytest
from support import TEMPLATE, unavailable

# The last part of a base image's name → its stage in stand_ins/Dockerfile.
STAND_INS = {"python": "python", "r-ver": "r", "maven": "maven", "eclipse-temurin": "jre"}


@pytest.fixture(scope="session")
def engine():
    """Path of a container engine that answers; CONTAINER_ENGINE chooses it."""
    chosen = os.environ.get("CONTAINER_ENGINE")
    for name in [chosen] if chosen else ["docker", "podman"]:
        path = shutil.which(name)
        if path and subprocess.run([path, "ps"], capture_output=True).returncode == 0:
            return path
    unavailable(f"No container engine answers (tried {chosen or 'docker and podman'}).")


def provide_bases(engine):
    """See to it that the Dockerfiles' base images exist; return stage → name, and what was said."""
    dockerfiles = TEMPLATE.glob("{{cookiecutter.project_slug}}/languages/*/Dockerfile")
    text = "\n".join(path.read_text(encoding="utf-8") for path in dockerfiles)
    # The default of a build argument, or an image named in FROM itself.
    pattern = r"^(?:ARG \w*BASE=|FROM (?:--platform=\S+ )?)([^\s$]+:[^\s$]+)"
    names = sorted(set(re.findall(pattern, text, re.MULTILINE)))
    images = {STAND_INS[name.split(":")[0].split("/")[-1]]: name for name in names}
    done = subprocess.run(
        [TEMPLATE / "tests/containers/stand_ins.sh", *map("=".join, images.items())],
        env=os.environ | {"CONTAINER_ENGINE": engine},
        capture_output=True,
        text=True,
    )
    return images, done


def is_stand_in(engine, image):
    """Return whether an image is one of stand_ins.sh."""
    label = ["--format", '{{ index .Config.Labels "stand-in" }}']
    command = [engine, "image", "inspect", *label, image]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return answer.strip() == "yes"


def needed_build_args(engine, images):
    """Return BUILD_ARGS: your own, and where R's packages are if its base is a stand-in."""
    stand_in = is_stand_in(engine, images["r"])
    packages = "--build-arg CRAN_SNAPSHOT=file:///opt/cran" if stand_in else ""
    return f"{os.environ.get('BUILD_ARGS', '')} {packages}".strip()


@pytest.fixture(scope="session")
def base_images(engine, tmp_path_factory):
    """See to it that the Dockerfiles' base images exist; return stage → name."""
    # Several pytest workers, one at a time: the second finds everything done.
    with (tmp_path_factory.getbasetemp().parent / "base_images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        images, done = provide_bases(engine)
    if done.returncode != 0:
        unavailable(f"The base images can't be had:\n{done.stderr[-2000:]}")
    return images


@pytest.fixture(scope="session")
def build_args(engine, base_images):
    """BUILD_ARGS for this machine: see needed_build_args.

    A test with build arguments of its own adds these: an argument of `make` hides the environment.
    """
    return needed_build_args(engine, base_images)


@pytest.fixture(scope="session")
def make_environment(engine, build_args):
    """What a generated repository's Makefile finds in its environment."""
    # A make that runs pytest must not speak to this one.
    clean = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    return clean | {"CONTAINER_ENGINE": engine, "BUILD_ARGS": build_args}


@pytest.fixture(scope="session")
def make(make_environment):
    """Function: repository, targets and variables → their finished `make`, which must succeed."""

    def run(repository, *arguments):
        done = subprocess.run(
            ["make", *arguments],
            cwd=repository,
            env=make_environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"make {' '.join(arguments)}:\n{done.stdout[-4000:]}"
        return done

    return run


@pytest.fixture(scope="session")
def image(make, repository):
    """The training image of one language, built as a user builds it."""
    make(repository, "build")
    return f"{repository.name}:local"


@pytest.fixture(scope="module")
def own_repository(request, bake, language, make):
    """A repository of a module's own, built: its runs belong to the module's tests alone."""
    # Imported by its path, the module has the names of its folders too.
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    repository = bake(language, project_slug=f"{name}-{language}")
    make(repository, "build")
    return repository
