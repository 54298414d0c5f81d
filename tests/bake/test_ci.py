"""The workflow of a generated repository: what its jobs may do, and what they run."""

import re

import pytest
import yaml
from support import TEMPLATE

GENERATED = TEMPLATE / "{{cookiecutter.project_slug}}"
TEXT = (GENERATED / ".github/workflows/ci.yml").read_text(encoding="utf-8")


@pytest.fixture
def jobs():
    return yaml.safe_load(TEXT)["jobs"]


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_actions_are_pinned_by_commit_and_name_their_release():
    used = re.findall(r"uses: (.*)", TEXT)
    assert used
    for each in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each
    # The same action at one release only.
    assert len(set(used)) == len({each.partition("@")[0] for each in used})


def test_only_the_push_gets_a_token_and_only_after_approval(jobs):
    workflow = yaml.safe_load(TEXT)
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in jobs["test"]
    assert jobs["push"]["permissions"] == {"contents": "read", "id-token": "write"}
    # The environment is the one that the role's trust policy names.
    stack = (GENERATED / "tools/cloud/repository.yaml").read_text(encoding="utf-8")
    assert f"    Default: {jobs['push']['environment']}\n" in stack
    assert jobs["push"]["needs"] == "test"
    assert jobs["push"]["if"] == "github.ref_type == 'tag'"
    assert "secrets." not in TEXT
    for job in jobs.values():
        assert job["steps"][0]["with"] == {"persist-credentials": False}


def test_the_image_that_was_tested_is_carried_to_the_push(jobs):
    assert commands(jobs["test"])[:4] == ["make check", "make test", "make build", "make contract"]
    assert commands(jobs["test"])[4:] == ['docker save --output "$RUNNER_TEMP/image.tar" "$IMAGE"']
    # Nothing is built where the token is, and nothing lies in the tree that would change its tag.
    assert commands(jobs["push"]) == [
        'docker load --input "$RUNNER_TEMP/image.tar"',
        'make push ARGS="--no-build --no-create"',
    ]
    up, down = (
        next(step["with"] for step in job["steps"] if f"actions/{way}-artifact" in str(step))
        for job, way in ((jobs["test"], "upload"), (jobs["push"], "download"))
    )
    assert up["name"] == down["name"]
    assert up["path"] == f"{down['path']}/image.tar"


def test_every_verb_of_the_workflow_exists(jobs):
    makefile = (GENERATED / "Makefile").read_text(encoding="utf-8")
    for job in jobs.values():
        for command in commands(job):
            for verb in re.findall(r"^make (\w+)", command):
                assert f"\n{verb}: " in makefile, verb
