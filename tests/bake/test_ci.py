"""The workflows: what their jobs may do and run; and that each version has one owner."""

import json
import re
import tomllib

import pytest
import yaml
from support import TEMPLATE

GENERATED = TEMPLATE / "{{cookiecutter.project_slug}}"
WORKFLOW = ".github/workflows/ci.yml"
TEXT = (GENERATED / WORKFLOW).read_text(encoding="utf-8")
OF_TEMPLATE = "".join(
    path.read_text(encoding="utf-8") for path in sorted((TEMPLATE / ".github/workflows").iterdir())
)


@pytest.fixture
def jobs():
    return yaml.safe_load(TEXT)["jobs"]


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("text", [TEXT, OF_TEMPLATE], ids=["generated", "template"])
def test_actions_are_pinned_by_commit_and_name_their_release(text):
    used = re.findall(r"uses: (.*)", text)
    assert used
    for each in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each
    # The same action at one release only, in both workflows.
    both = set(re.findall(r"uses: (.*)", TEXT + OF_TEMPLATE))
    assert len(both) == len({each.partition("@")[0] for each in both})
    # A runner that moves brings another engine: an image saved by one is not what another loads.
    runners = re.findall(r"runs-on: (.*)", text)
    assert runners and all(re.fullmatch(r"ubuntu-\d\d\.04", each) for each in runners)


def test_renovate_follows_only_what_an_update_leaves_alone(bake):
    """What it moves in files of the template, an update would move under it: a conflict."""
    patterns = {"pip-compile": "/^requirements\\.txt$/", "maven": "/^pom\\.xml$/"}
    for language, manager in (("python", "pip-compile"), ("java", "maven")):
        repository = bake(language)
        settings = json.loads((repository / ".github/renovate.json").read_text(encoding="utf-8"))
        assert settings["enabledManagers"] == [manager]
        # Renovate's own pattern for pom.xml matches no other file of the repository.
        given = settings.get(manager, {}).get("managerFilePatterns", [patterns[manager]])
        pyproject = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
        for pattern in given:
            files = [path.relative_to(repository).as_posix() for path in repository.rglob("*")]
            followed = [name for name in files if re.search(pattern.strip("/"), name)]
            assert followed and set(followed) <= set(pyproject["tool"]["cruft"]["skip"])
    assert not (bake("r") / ".github/renovate.json").exists()


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
