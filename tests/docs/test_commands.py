"""Each command of the documents is run by a test: COMMANDS and VARIABLES say by which.

containers/test_recipes.py runs those that need nothing but an engine, as they are written there.
"""

import re
import subprocess

from readme import VARIABLES, blocks, commands, manual_of, readme_of, section, variables
from support import TEMPLATE, oldest_python, tracked_files

# Every command of the generated README and of the template's → the test that runs it. SLUG stands
# for the repository's name, ORG for whoever publishes the template.
COMMANDS = {
    "make train": "test_the_verbs",
    "make shell": "test_make_shell_opens_a_shell_where_the_program_would_start",
    "make test": "test_the_verbs",
    "make check": "test_the_verbs",
    "make contract": "test_the_right_image_passes_all",
    "make runs": "test_the_list_has_what_differed_and_curves",
    "make doctor": "test_a_good_machine_is_told_so_and_nothing_is_changed",
    "make doctor ARGS=--aws": "test_doctor_says_that_aws_can_do_it_and_changes_nothing",
    "make clean": "test_the_verbs",
    "make": "test_make_lists_the_verbs",
    "make build": "test_a_company_gives_its_own_base",
    'CA_CERTIFICATE="$(cat company.pem)" make build BUILD_ARGS="--build-arg CA_CERTIFICATE"': (
        "test_a_company_gives_its_own_certificate"
    ),
    'make build BUILD_ARGS="--secret id=pip.conf,src=$HOME/.config/pip/pip.conf"': (
        "test_a_file_is_a_secret_of_each_verb_that_builds"
    ),
    'make deploy ARGS="BuildSecretArn=ARN"': "test_codebuild_gets_a_secret_as_the_manual_says",
    'aws secretsmanager put-secret-value --secret-id ARN --secret-string "$INDEX"': (
        "test_codebuild_gets_a_secret_as_the_manual_says"
    ),
    'make push BUILDER=codebuild BUILD_ARGS="--secret id=pip.conf,env=BUILD_SECRET"': (
        "test_codebuild_has_the_secret_that_the_stack_names"
    ),
    "make push ARGS=--dry-run": "test_a_dry_run_prints_what_a_push_runs",
    "make push": "test_a_commit_is_pushed_once",
    "make push BUILDER=codebuild": "test_codebuild_builds_and_pushes",
    "make check contract": "test_it_trains_and_passes_all_that_is_shipped",
    'make train ARGS="--resume RUN"': "test_a_run_resumes_from_the_checkpoints_of_an_earlier_one",
    "make train ARGS=--no-network": "test_without_network_it_trains_too",
    'make train ARGS="--stop-after 5"': "test_stop_after_ends",
    "make train test check contract": "test_it_trains_and_passes_all_that_is_shipped",
    "make check test train contract": "test_it_trains_and_passes_all_that_is_shipped",
    "python3 tools VERB": "test_each_verb_has_help",
    "python3 tools VERB --help": "test_each_verb_has_help",
    "python3 tools check --explain shell-form": "test_each_rule_is_taught",
    "make lock": "test_a_package_is_added",
    "make lock train": "test_a_package_is_added",
    'docker run --rm -v "$PWD/data:/opt/ml/input/data:ro" -v "$PWD/runs/model:/opt/ml/model" '
    "SLUG:local train": "test_one_bare_command_trains",
    "python3 tools": "test_each_verb_tells_its_flags_on_the_oldest_python",
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
    "make submit ARGS=--dry-run": "test_a_dry_run_prints_the_very_request_and_sends_nothing",
    "make tune": "test_the_verbs_of_make_reach_the_scripts",
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
    "make demo LANGUAGE=r": "no test: test_host_run.py has R train on the machine itself",
    "make lint": "test_the_templates_python_is_clean",
    "make format": "no test: it edits the template",
    ".venv/bin/python -m pytest -n 2 tests/bake tests/tools tests/docs": "no test: these are it",
    "make docs": "test_what_make_docs_runs_builds_the_site",
    "make prove-on-aws": "test_the_same_model_is_made_here_and_there_and_nothing_is_left",
    'make prove-on-aws ARGS="--language r --region eu-west-1 --profile sandbox"': (
        "test_the_same_model_is_made_here_and_there_and_nothing_is_left"
    ),
    'make prove-on-aws ARGS="--take-down prove-on-aws.json"': (
        "test_what_a_killed_proof_left_is_taken_down_and_what_can_not_be_is_said"
    ),
    "make benchmark": "no test: a test does not time",
    # A trainer's pages.
    "make slides": "test_each_slide_fits_and_fetches_nothing",
    "git clone https://github.com/ORG/cookiecutter-sagemaker-training": "test_what_is_sent_works",
    "uvx cookiecutter cookiecutter-sagemaker-training --no-input project_slug=penguin-training "
    "language=python": "test_what_is_sent_works",
    "cd penguin-training": "test_what_is_sent_works",
    "python3 tools check": "test_what_is_sent_works",
    "workshop/pack python": "test_a_class_without_a_network_does_the_labs",
    "python3 unpack workshop-python-amd64.tar.gz": "test_a_class_without_a_network_does_the_labs",
    "docker image rm": "no test: it is spoken of",
    "sudo usermod -aG docker $USER": "no test: it would change the machine",
    # What is no command to type: how the service starts an image, and a list of verbs.
    "docker run IMAGE train": "test_a_job_leaves_a_model",
    "docker run IMAGE serve": "no test: workshop/record.py plays it",
    "docker run IMAGE": "no test: it is spoken of",
    "docker run": "no test: it is spoken of",
    "docker lacks buildx": "no test: doctor says it",
    "pipx run": "no test: it is spoken of",
    "docker build": "no test: it is spoken of",
    "docker buildx build": "no test: it is spoken of",
    "make submit logs stop fetch tune": "test_the_verbs_of_make_reach_the_scripts",
    "make build train shell test check contract clean": "test_the_verbs",
}


def test_every_command_of_the_documents_is_run_by_a_test(repository):
    texts = [readme_of(repository), manual_of(repository)]
    texts.append((repository / "AGENTS.md").read_text(encoding="utf-8"))
    for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md"):
        texts.append((TEMPLATE / name).read_text(encoding="utf-8"))
    for folder in ("learn", "teach"):
        pages = TEMPLATE.glob(f"docs/en/{folder}/*.md")
        texts += [path.read_text(encoding="utf-8") for path in pages]
    found = {each.replace(repository.name, "SLUG") for text in texts for each in commands(text)}
    assert found - set(COMMANDS) == set(), "commands that no test is known to run"
    assert set(variables(texts[0] + texts[1])) == set(VARIABLES)


def test_the_readme_is_read_in_five_minutes(repository):
    assert len(readme_of(repository).splitlines()) <= 120


def test_every_script_of_the_manual_is_run_by_a_test(repository):
    test = (TEMPLATE / "tests/containers/test_private_index.py").read_text(encoding="utf-8")
    private = section(manual_of(repository), "## Private package indexes")
    assert blocks(private, "bash") == blocks(manual_of(repository), "bash")
    assert 'in_manual(repository, "bash")' in test


def test_every_script_for_a_class_in_aws_is_run_by_a_test():
    text = (TEMPLATE / "docs/en/teach/aws.md").read_text(encoding="utf-8")
    test = (TEMPLATE / "tests/cloud/test_class.py").read_text(encoding="utf-8")
    assert blocks(text) == []
    run = {int(number) for number in re.findall(r"desk\(page\((\d)\)", test)}
    assert run == set(range(len(blocks(text, "bash"))))


def test_the_tests_that_run_the_commands_exist():
    # Not all that lies there: Python leaves its caches beside the tests.
    files = [path for name, path in tracked_files().items() if re.match(r"tests/(.+/)?test_", name)]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in files)
    for command, test in {**COMMANDS, **VARIABLES}.items():
        there = f"def {test}" in tests or test.startswith("no test: ")
        assert there or list(TEMPLATE.glob(f"tests/**/{test}.py")), command


def test_each_verb_has_help(bake):
    def tools(*words):
        command = [oldest_python(), "tools", *words]
        done = subprocess.run(command, cwd=repository, capture_output=True, encoding="utf-8")
        assert (done.returncode, done.stderr) == (0, ""), words
        return done.stdout

    repository = bake("python")
    verbs = re.findall(r"^  (\w+) ", tools(), re.MULTILINE)
    assert {"train", "check", "submit"} < set(verbs)
    for verb in verbs:
        assert tools(verb, "--help").startswith(f"usage: python3 tools {verb} "), verb
