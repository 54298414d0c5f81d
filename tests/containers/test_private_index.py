"""Packages of an index that asks for a password: neither the image nor a log has it afterwards."""

import os
import subprocess
import sys

import pytest
from private_index import Index
from readme import blocks, manual_of, section

# What points to the index without a password.
ARGUMENTS = {
    "python": "PIP_INDEX_URL=http://{index.host}/pypi/REPOSITORY/simple",
    "r": "CRAN_SNAPSHOT=http://{index.host}",
    "java": "MAVEN_MIRROR=http://{index.host}/maven/REPOSITORY",
}
HAS_PACKAGE = {
    "python": ["python", "-c", "import company"],
    "r": ["Rscript", "-e", "library(company)"],
    "java": ["sh", "-c", "ls lib/company-*.jar"],
}
# The aws CLI, as far as the manual's recipe uses it.
AWS = """#!/bin/sh
token="get-authorization-token --domain DOMAIN --query authorizationToken --output text"
address="get-repository-endpoint --domain DOMAIN --repository REPOSITORY --format"
case "$AWS_REGION $*" in
"REGION codeartifact $token") echo "$TOKEN" ;;
"REGION codeartifact $address pypi "*) echo "$ADDRESS/pypi/REPOSITORY/" ;;
"REGION codeartifact $address maven "*) echo "$ADDRESS/maven/REPOSITORY/" ;;
*) echo "unknown: $*" >&2; exit 252 ;;
esac
"""


@pytest.fixture
def index(tmp_path):
    """A package index that asks for a password."""
    index = Index(tmp_path / "index")
    yield index
    index.close()


@pytest.fixture
def repository(bake, language, index, engine, make_environment):
    """A repository whose image needs the one package that is in this index alone."""
    repository = bake(language, project_slug=f"private-{language}")
    if language == "python":
        (repository / "requirements.txt").write_text(index.add_wheel("pypi/REPOSITORY/simple"))
    elif language == "r":
        # The same text would make a layer that the engine has from the last time.
        (repository / "packages.txt").write_text(f"company # {index.version}\n")
        index.add_source_package()
    else:
        place = "maven/REPOSITORY"
        serve_what_maven_needs(repository, index.folder / place, engine, make_environment)
        pom = repository / "pom.xml"
        needed = "<groupId>com.example</groupId><artifactId>company</artifactId>"
        needed = f"<dependency>{needed}<version>{index.version}</version></dependency>"
        pom.write_text(pom.read_text().replace("<dependencies>", f"<dependencies>{needed}", 1))
        index.stalls = index.add_jar(place)
    return repository


def serve_what_maven_needs(repository, folder, engine, environment):
    """Write what the image is built of without the package: a stage of it has it all."""
    image = f"{repository.name}:dependencies"
    command = [engine, "build", "--target=dependencies", "--tag", image, "."]
    environment = environment | {"DOCKER_BUILDKIT": "1"}
    subprocess.run(command, cwd=repository, env=environment, check=True, capture_output=True)
    folder.mkdir(parents=True)
    packed = ["run", "--rm", "--entrypoint=tar", image, "-C", "/opt/maven-repository", "-c", "."]
    done = subprocess.run([engine, *packed], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=done.stdout, check=True)


@pytest.fixture
def shell(make_environment, tmp_path):
    """Function: repository, script, variables → its finished process; builds have our network."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/aws").write_text(AWS)
    (tmp_path / "bin/aws").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{make_environment['PATH']}"

    def run(repository, script, **variables):
        return subprocess.run(
            ["bash", "-ec", script.replace('BUILD_ARGS="', 'BUILD_ARGS="--network host ')],
            cwd=repository,
            env=make_environment | {"PATH": path} | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=900,
        )

    return run


def in_manual(repository, kind="sh"):
    """The blocks of the manual's section."""
    return blocks(section(manual_of(repository), "## Private package indexes"), kind)


def test_the_recipe_of_the_manual_leaves_no_password(
    repository, language, index, engine, shell, make_environment, tmp_path
):
    recipes = dict(zip(("python", "java", "r"), in_manual(repository, "bash"), strict=True))
    example = "https://USER:PASSWORD@cran.example.com/cran"
    assert example in recipes["r"]
    # Without the secret the index refuses, so the package can come from there alone.
    argument = ARGUMENTS[language].format(index=index)
    refused = shell(repository, f'make build BUILD_ARGS="--build-arg {argument}"')
    assert refused.returncode != 0 and not index.asked
    address = f"http://{index.host}"
    recipe = recipes[language].replace(example, address.replace("//", f"//{index.login}@"))
    done = shell(repository, recipe, TOKEN=index.password, ADDRESS=address)
    assert done.returncode == 0, done.stdout[-4000:]
    assert any("company" in each for each in index.asked)
    # A download that stalls is given up, and all is tried again, without a word.
    assert not index.stalls or index.asked.count(index.stalls) == 2
    image = f"{repository.name}:local"
    program, *rest = HAS_PACKAGE[language]
    command = [engine, "run", "--rm", "--entrypoint", program, image, *rest]
    assert subprocess.run(command, capture_output=True).returncode == 0
    # The stage in which the packages are installed too: its layers are the build cache.
    stage = f"{repository.name}:dependencies"
    words = ["build", "--network=host", "--target=dependencies", "--tag", stage, "."]
    environment = make_environment | {"DOCKER_BUILDKIT": "1"}
    subprocess.run([engine, *words], cwd=repository, env=environment, check=True)
    saved = tmp_path / "image.tar"
    subprocess.run([engine, "save", "--output", saved, image, stage], check=True)
    said = [refused.stdout, done.stdout]
    for each in (image, stage):
        history = [engine, "history", "--no-trunc", each]
        said.append(subprocess.run(history, check=True, capture_output=True, text=True).stdout)
    for secret in index.secrets:
        assert not any(secret in each for each in said)
        assert subprocess.run(["grep", "--quiet", "--fixed-strings", secret, saved]).returncode == 1


def test_a_file_is_a_secret_of_each_verb_that_builds(bake, shell, tmp_path):
    # pip knows the public index, which has uv.
    ask = "from pip._internal.models.index import PyPI; print(PyPI.url.rstrip('/'))"
    public = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True)
    index = Index(tmp_path / "index", elsewhere=public.stdout.strip())
    repository = bake("python", project_slug="private-python")
    (repository / "requirements.in").write_text("company\n")
    (repository / "overrides.txt").write_text("")
    (repository / "requirements.txt").unlink()
    name, digest = index.add_wheel("simple").split()
    file = tmp_path / ".config/pip/pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(f"[global]\nindex-url = http://{index.login}@{index.host}/simple\n")
    (build,) = [each for each in in_manual(repository) if each.startswith("make build ")]
    for verb in ("lock", "build"):
        done = shell(repository, build.replace("build", verb, 1), HOME=str(tmp_path))
        assert done.returncode == 0, done.stdout[-4000:]
        assert not any(each in done.stdout for each in index.secrets)
    lock = (repository / "requirements.txt").read_text()
    assert name in lock and digest in lock
    assert not any(each in lock for each in index.secrets)
    index.close()
