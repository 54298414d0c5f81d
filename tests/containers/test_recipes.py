"""The commands of the READMEs, run as they are written there: parsed, so that they can't drift.

COMMANDS says of each which test runs it, and a test of its own that none is left out.
"""

import io
import json
import re
import shlex
import subprocess
import zipfile

import pytest
from support import TEMPLATE, tracked_files

# Every command of the generated README and of the template's → the test that runs it. SLUG stands
# for the repository's name, ORG for whoever publishes the template.
COMMANDS = {
    "make train": "test_the_verbs",
    "make shell": "test_the_verbs",
    "make test": "test_the_verbs",
    "make check": "test_the_verbs",
    "make contract": "test_the_right_image_passes_all",
    "make clean": "test_the_verbs",
    "make": "test_make_lists_the_verbs",
    "make build": "test_a_company_gives_its_own_base",
    'CA_CERTIFICATE="$(cat company.pem)" make build BUILD_ARGS="--build-arg CA_CERTIFICATE"': (
        "test_a_company_gives_its_own_certificate"
    ),
    "make push": "test_a_commit_is_pushed_once",
    "make push BUILDER=codebuild": "test_codebuild_builds_and_pushes",
    "make train test check contract": "test_it_trains_and_passes_all_that_is_shipped",
    "make lock": "test_a_package_is_added",
    'docker run --rm -v "$PWD/data:/opt/ml/input/data:ro" -v "$PWD/runs/model:/opt/ml/model" '
    "SLUG:local train": "test_one_bare_command_trains",
    "python3 tools train --no-container": "test_a_job_completes_on_the_machine_itself",
    "git add --renormalize .": "test_line_ends_are_mended",
    "sudo systemctl start docker": "no test: it would change the machine",
    "make deploy": "test_two_stacks_are_made_and_a_second_time_nothing_changes",
    'make deploy ARGS="GitHubRepository=OWNER@ID/REPO@ID"': "test_what_exists_is_taken",
    'make deploy ARGS="EcrRepository=SLUG"': "test_a_failed_deployment_names_the_reason",
    'make deploy ARGS="OidcProviderArn=ARN"': "test_what_exists_is_taken",
    "aws cloudformation delete-stack --stack-name SLUG": "test_a_stack_is_taken_down",
    "make check test build contract": "test_every_verb_of_the_workflow_exists",
    "make submit ARGS=--upload": "test_a_job_is_submitted_followed_and_its_model_fetched",
    "make submit": "test_the_verbs_of_make_reach_the_scripts",
    "make logs": "test_the_verbs_of_make_reach_the_scripts",
    "make logs ARGS=JOB": "test_ctrl_c_leaves_the_job_running_and_says_how_to_stop_it",
    "make fetch": "test_the_verbs_of_make_reach_the_scripts",
    "make stop": "test_the_verbs_of_make_reach_the_scripts",
    "make tune ARGS=--upload": "test_a_tuning_job_is_made_of_the_training_job",
    "cruft update": "test_an_update_keeps_the_edits_and_brings_the_templates",
    # The template's; the tests run the tools on the template as it lies there.
    "uvx cookiecutter gh:ORG/cookiecutter-sagemaker-training": "test_answers_can_be_typed",
    "pipx run cookiecutter …": "test_answers_can_be_typed",
    "cookiecutter --config-file team.yaml …": "test_answers_can_be_preset_by_a_file",
    "uvx cruft create https://github.com/ORG/cookiecutter-sagemaker-training": "test_cruft",
    "uvx cruft update": "test_an_update_keeps_the_edits_and_brings_the_templates",
    "make demo": "test_make_demo_trains",
    "make benchmark": "no test: a test does not time",
    # What is no command to type: how the service starts an image, and a list of verbs.
    "docker run IMAGE train": "test_a_job_leaves_a_model",
    "make submit logs stop model tune": "test_the_verbs_of_make_reach_the_scripts",
    "make build train shell test check contract clean": "test_the_verbs",
}
TOOLS = ("make", "docker", "aws", "python3", "git", "sudo", "cruft", "uvx", "pipx", "cookiecutter")

# A variable of the generated README → the test that uses it.
VARIABLES = {
    'ARGS="--hyperparameter NAME=VALUE"': "test_a_variable_behind_make_train",
    'ARGS="--stop-after 5"': "test_stop_after_ends",
    'ARGS="--interrupt-after 5"': "test_an_interrupted_run_resumes",
    'ARGS="--hosts 2"': "test_several_hosts_train_one_model",
    'ARGS="--hosts 2 --kill-host algo-2:5"': "test_a_killed_host_fails_the_job",
    "ARGS=--no-network": "test_without_network_it_trains_too",
    'ARGS="-k c5_"': "test_one_clause_alone_can_be_tested",
    "ARGS=--print": "test_a_variable_behind_make_train",
    'ARGS="BucketName=NAME"': "test_what_exists_is_taken",
    "ARGS=--team": "test_the_teams_stack_is_updated_on_request",
    "ARGS=--dry-run": "test_a_dry_run_prints_the_very_request_and_sends_nothing",
    "ARGS=--wait": "test_a_job_is_followed_to_its_end_and_fails_as_it_does",
    "ARGS=--spot": "test_what_the_file_and_the_flags_say_goes_through",
    'ARGS="--resume JOB"': "test_a_job_has_its_own_checkpoints_or_those_of_the_job_it_resumes",
    'ARGS="--instance-type ml.m5.xlarge"': "test_what_the_file_and_the_flags_say_goes_through",
    'ARGS="--role ARN --bucket NAME"': "test_role_and_bucket_come_from_the_nearest_place",
    "IMAGE=name:tag": "test_a_variable_behind_make_train",
    "PLATFORM=linux/arm64": "no test: no such machine, and the README says so",
    'BUILD_ARGS="--build-arg BASE=…"': "test_a_company_gives_its_own_base",
    "CONTAINER_ENGINE=podman": "test_a_chosen_engine",
}

STEPS = {"python": "rounds=2", "r": "max_iterations=2", "java": "rounds=2"}
DEPENDENCY = """
    <dependency>
      <groupId>org.apache.commons</groupId>
      <artifactId>commons-csv</artifactId>
      <version>1.14.1</version>
    </dependency>"""


def section(readme, heading):
    """Return the text below a heading, up to the next one of its rank or above."""
    marks = heading.split()[0]
    text = readme.partition(f"\n{heading}\n")[2]
    assert text, f"the README has no {heading}"
    return re.split(rf"\n#{{1,{len(marks)}}} ", text)[0]


def blocks(text):
    """Return the fenced blocks of shell commands."""
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(readme):
    """Return the commands of a README, those in blocks and those in mid-text."""
    lines = [line.split("  #")[0].strip() for line in "".join(blocks(readme)).splitlines()]
    words = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", readme, flags=re.M | re.S))
    lines += [each for each in words if each.split()[0] in TOOLS]
    # What stands alone is the tool's name, not a command.
    return [line for line in lines if line == "make" or " " in line]


def variables(readme):
    """Return what the table of variables has in its first column."""
    return re.findall(r"^\| `([A-Z_]+=.*?)` \|", readme, re.MULTILINE)


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


def readme_of(repository):
    return (repository / "README.md").read_text(encoding="utf-8")


def test_every_command_of_the_readmes_is_run_by_a_test(repository):
    found = {each.replace(repository.name, "SLUG") for each in commands(readme_of(repository))}
    found |= set(commands((TEMPLATE / "README.md").read_text(encoding="utf-8")))
    assert found - set(COMMANDS) == set(), "commands that no test is known to run"
    assert set(variables(readme_of(repository))) == set(VARIABLES)


def test_the_tests_that_run_the_commands_exist():
    # Not all that lies there: Python leaves its caches beside the tests.
    files = [path for name, path in tracked_files().items() if re.match(r"tests/(.+/)?test_", name)]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in files)
    for command, test in {**COMMANDS, **VARIABLES}.items():
        there = f"def {test}" in tests or test.startswith("no test: ")
        assert there or list(TEMPLATE.glob(f"tests/**/{test}.py")), command


def test_one_bare_command_trains(own_repository, shell):
    (script,) = [each for each in blocks(readme_of(own_repository)) if each.startswith("docker ")]
    output = shell(own_repository, script)
    assert "inputdataconfig.json is missing: taking the folders under" in output
    metadata = json.loads((own_repository / "runs/model/metadata.json").read_text(encoding="utf-8"))
    assert metadata["rows"] == {"training": 266, "validation": 67}


@pytest.mark.parametrize(
    "variable", [each for each, test in VARIABLES.items() if "behind_make_train" in test]
)
def test_a_variable_behind_make_train(own_repository, shell, language, variable):
    output = shell(own_repository, f"make train {variable.replace('NAME=VALUE', STEPS[language])}")
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
    (variable,) = [each for each in variables(readme_of(own_repository)) if "BASE=" in each]
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
    (script,) = [each for each in blocks(readme_of(repository)) if "CA_CERTIFICATE" in each]
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


def test_line_ends_are_mended(bake, language, shell):
    repository = bake(language, project_slug=f"line-ends-{language}")
    (advice,) = [each for each in commands(readme_of(repository)) if each.startswith("git ")]
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
