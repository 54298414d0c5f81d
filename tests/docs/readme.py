"""How the documents are read: their commands, and the table of variables."""

import re

from support import TEMPLATE

TOOLS = ("make", "docker", "aws", "python3", "git", "sudo", "cruft", "uvx", "pipx", "cookiecutter")

# A variable of the generated README or the manual → the test that uses it.
VARIABLES = {
    'ARGS="--hyperparameter NAME=VALUE"': "test_a_variable_behind_make_train",
    'ARGS="--stop-after 5"': "test_stop_after_ends",
    'ARGS="--interrupt-after 5"': "test_an_interrupted_run_resumes",
    'ARGS="--resume RUN"': "test_a_run_resumes_from_the_checkpoints_of_an_earlier_one",
    'ARGS="--hosts 2"': "test_several_hosts_train_one_model",
    'ARGS="--hosts 2 --kill-host algo-2:5"': "test_a_killed_host_fails_the_job",
    "ARGS=--no-network": "test_without_network_it_trains_too",
    'ARGS="-k c5_"': "test_one_clause_alone_can_be_tested",
    "ARGS=--print": "test_a_variable_behind_make_train",
    'ARGS="BucketName=NAME"': "test_what_exists_is_taken",
    'ARGS="InstanceTypes=ml.m5.large MaxRuntime=900"': (
        "test_a_class_comes_and_goes_as_the_page_says"
    ),
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


def section(readme, heading):
    """Return the text below a heading, up to the next one of its rank or above."""
    marks = heading.split()[0]
    text = readme.partition(f"\n{heading}\n")[2]
    assert text, f"the README has no {heading}"
    return re.split(rf"\n#{{1,{len(marks)}}} ", text)[0]


def blocks(text, kind="sh"):
    """Return the fenced blocks of commands; those of bash are scripts, to be run as a whole."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


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


def readme_of(repository):
    """Return the README of a repository."""
    return (repository / "README.md").read_text(encoding="utf-8")


def manual_of(repository):
    """Return the manual, as if it were written for a repository."""
    text = (TEMPLATE / "docs/manual.md").read_text(encoding="utf-8")
    return text.replace("SLUG", repository.name)
