"""The workflow's own commands: the image that one job tested is the one that another job pushes."""

import json
import re
import subprocess

import pytest
import yaml

TINY = 'FROM scratch\nCOPY training-job.json /\nENTRYPOINT ["/train"]\n'
# What other tests run on an image that can.
ELSEWHERE = ("make check", "make test", "make contract")


@pytest.fixture(params=["docker"])
def each_engine(request, each_engine):
    """The engine that a runner of GitHub has."""
    return each_engine


def git(folder, *arguments):
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def test_the_image_that_is_pushed_is_the_one_that_was_tested(
    bake, cloud, registry, account, each_engine, tmp_path
):
    source = bake("r", project_slug="tagged")
    (source / "Dockerfile").write_text(TINY, encoding="utf-8")
    git(source, "init", "--quiet")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--message", "All")
    workflow = yaml.safe_load((source / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    image = f"tagged-{account}:tested"
    cloud.environment |= {"IMAGE": image, "RUNNER_TEMP": str(tmp_path)}
    cloud.client("ecr").create_repository(repositoryName="tagged")

    def inspect(form):
        done = cloud.run(tmp_path, each_engine, "image", "inspect", "--format", form, image)
        return done.stdout.strip()

    tested = ""
    for job in ("test", "push"):
        # Each job has a checkout and a machine of its own; RUNNER_TEMP stands for the artifact.
        checkout = tmp_path / job
        git(tmp_path, "clone", "--quiet", str(source), job)
        for step in workflow["jobs"][job]["steps"]:
            command = step.get("run")
            if not command or command in ELSEWHERE:
                continue
            command = re.sub(r"^docker ", f"'{each_engine}' ", command)
            done = cloud.run(checkout, "bash", "-ec", command)
            assert done.returncode == 0, f"{command}\n{done.stdout}"
        tested = tested or inspect("{{.Id}}")
        assert cloud.run(tmp_path, each_engine, "image", "rm", "--force", image).returncode == 0
    written = json.loads((checkout / "pushed-image.json").read_text(encoding="utf-8"))
    kind, manifest = registry.manifest("tagged", written["image"].partition("@")[2])
    assert kind == "application/vnd.docker.distribution.manifest.v2+json"
    # An engine calls an image by the digest of its configuration, or by that of its manifest.
    assert tested in (manifest["config"]["digest"], written["image"].partition("@")[2])
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=source, capture_output=True, text=True)
    assert written["tag"] == head.stdout.strip()
