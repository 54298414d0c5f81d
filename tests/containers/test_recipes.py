"""The commands of the generated README and of the manual, run as they stand: they can't drift.

tests/docs says of each command of every document which test runs it.
"""

import io
import json
import re
import shlex
import subprocess
import zipfile

import pytest
from readme import VARIABLES, blocks, commands, manual_of, readme_of, section, variables
from support import once

DEPENDENCY = """
    <dependency>
      <groupId>org.apache.commons</groupId>
      <artifactId>commons-csv</artifactId>
      <version>1.14.1</version>
    </dependency>"""


@pytest.fixture
def shell(engine, make_environment):
    """Function: repository, a script → what it printed; it must succeed."""

    def run(repository, script):
        # The README says docker; another engine takes the same words.
        script = re.sub(r"^docker ", f"{shlex.quote(engine)} ", script, flags=re.MULTILINE)
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=repository,
            env=make_environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=900,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-4000:]}"
        return done.stdout

    return run


@once
def test_one_bare_command_trains(own_repository, shell):
    (script,) = [each for each in blocks(manual_of(own_repository)) if each.startswith("docker ")]
    output = shell(own_repository, script)
    assert "inputdataconfig.json is missing: taking the folders under" in output
    metadata = json.loads((own_repository / "runs/model/metadata.json").read_text(encoding="utf-8"))
    assert metadata["rows"] == {"training": 266, "validation": 67}


@once
@pytest.mark.parametrize(
    "variable", [each for each, test in VARIABLES.items() if "behind_make_train" in test]
)
def test_a_variable_behind_make_train(own_repository, shell, variable):
    given = variable.replace("NAME=VALUE", "rounds=2")
    output = shell(own_repository, f"make train {given}")
    if "--print" in variable:
        assert output.endswith(f"{own_repository.name}:local train\n")
        return
    assert "\nStatus: Completed\n" in output
    # After two steps, where it was told so.
    assert ("\nstep=3 " in output) == ("NAME=VALUE" not in variable)


def test_a_company_gives_its_own_base(
    own_repository, shell, engine, base_images, build_args, language, tmp_path
):
    base = base_images["jre" if language == "java" else language]
    company = f"company-{language}:1"
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nLABEL company=yes\n")
    shell(tmp_path, f"{shlex.quote(engine)} build --tag {company} .")
    (variable,) = [each for each in variables(manual_of(own_repository)) if "BASE=" in each]
    image = f"company-{own_repository.name}:local"
    given = variable.replace("…", f"{company} {build_args}")
    shell(own_repository, f"make build IMAGE={image} {given}")
    label = '{{ index .Config.Labels "company" }}'
    inspect = [engine, "image", "inspect", "--format", label, image]
    assert subprocess.run(inspect, capture_output=True, text=True).stdout == "yes\n"


def test_a_company_gives_its_own_certificate(
    bake, shell, engine, base_images, build_args, language
):
    repository = bake(language, project_slug=f"certificate-{language}")
    (script,) = [each for each in blocks(manual_of(repository)) if "CA_CERTIFICATE" in each]
    make_one = "req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=company -days 2"
    base = base_images["maven" if language == "java" else language]
    command = [engine, "run", "--rm", "--entrypoint=openssl", base, *make_one.split()]
    certificate = subprocess.run(command, check=True, capture_output=True).stdout
    (repository / "company.pem").write_bytes(certificate)
    argument = '"--build-arg CA_CERTIFICATE'
    output = shell(repository, script.replace(argument, f"{argument} {build_args}".rstrip()))
    assert re.search(r"\b1 added, 0 removed", output), output[-3000:]


def add_package(language, repository):
    if language == "java":
        pom = repository / "pom.xml"
        text = pom.read_text(encoding="utf-8")
        pom.write_text(text.replace("<dependencies>", f"<dependencies>{DEPENDENCY}", 1))
        return
    file = repository / {"python": "requirements.in", "r": "packages.txt"}[language]
    assert f"`{file.name}`" in section(readme_of(repository), "### Add a package")
    with file.open("a", encoding="utf-8") as lines:
        lines.write({"python": "tomli-w\n", "r": "R6\n"}[language])


# What succeeds in an image that has the package.
HAS_PACKAGE = {
    "python": ["python", "-c", "import tomli_w"],
    "r": ["Rscript", "-e", "library(R6)"],
    "java": ["sh", "-c", "ls lib/commons-csv-1.14.1.jar && cat training.jar"],
}


def test_a_package_is_added(bake, language, shell, engine):
    repository = bake(language, project_slug=f"package-{language}")
    recipe = section(readme_of(repository), "### Add a package")
    script = "".join(blocks(recipe)) or re.search(r"then `(make[^`]+)`", recipe)[1]
    lock = repository / "requirements.txt"
    before = re.findall(r"^\S+==\S+", lock.read_text(), re.MULTILINE) if lock.exists() else []
    add_package(language, repository)
    output = shell(repository, script)
    assert "Status: Completed" in output
    name, *rest = HAS_PACKAGE[language]
    command = [engine, "run", "--rm", "--entrypoint", name, f"{repository.name}:local", *rest]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr
    if language == "java":
        jar = zipfile.ZipFile(io.BytesIO(done.stdout))
        manifest = jar.read("META-INF/MANIFEST.MF").decode().replace("\r\n ", "")
        assert " lib/commons-csv-1.14.1.jar" in manifest
    if language == "python":
        after = re.findall(r"^\S+==\S+", lock.read_text(), re.MULTILINE)
        assert set(after) - set(before) == {next(each for each in after if "tomli-w" in each)}
        assert set(before) <= set(after)


def test_a_system_library_is_added(bake, language, shell, engine):
    repository = bake(language, project_slug=f"library-{language}")
    recipe = section(readme_of(repository), "### Add a package")
    beginning = re.search(r"`(ARG \w+=)[^`]*`", recipe)[1]
    dockerfile = repository / "Dockerfile"
    text = dockerfile.read_text(encoding="utf-8")
    assert text.count(f'\n{beginning}"') == 1, f"one line must begin with {beginning}"
    dockerfile.write_text(text.replace(f'\n{beginning}"', f'\n{beginning}"libyaml-0-2 '))
    shell(repository, "make build")
    ask = ["--entrypoint=dpkg", f"{repository.name}:local", "--status", "libyaml-0-2"]
    done = subprocess.run([engine, "run", "--rm", *ask], capture_output=True, text=True)
    assert "Status: install ok installed" in done.stdout


@once
def test_line_ends_are_mended(bake, language, shell):
    repository = bake(language, project_slug=f"line-ends-{language}")
    (advice,) = [each for each in commands(manual_of(repository)) if "--renormalize" in each]
    makefile = repository / "Makefile"
    text = makefile.read_bytes()
    makefile.write_bytes(text.replace(b"\n", b"\r\n"))
    output = shell(repository, f"git init --quiet\n{advice}\ngit add .\ngit show :Makefile")
    assert output.encode().endswith(text)


def test_the_verbs(own_repository, shell, engine):
    # The last test here, since the last verb cleans up.
    (script, *_) = blocks(section(readme_of(own_repository), "## Use"))
    assert "make train" in script
    # A minute's work, which another test does.
    script = re.sub(r"^make contract .*\n", "", script, flags=re.MULTILINE)
    output = shell(own_repository, script)
    assert "Status: Completed" in output
    assert not (own_repository / "runs").exists()
    for suffix in ("", "-test", "-check"):
        image = f"{own_repository.name}:local{suffix}"
        inspect = [engine, "image", "inspect", image]
        assert subprocess.run(inspect, capture_output=True).returncode != 0, image
