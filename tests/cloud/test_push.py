"""`make push`: the shipped verb, unchanged, against real engines, a real registry and moto.

Images are tiny where the image itself is not the point.
"""

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile

import pytest
import yaml
from support import TEMPLATE, unavailable

SCRIPT = "build_and_push.sh"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
UNCOMMITTED = r"uncommitted-[0-9a-f]{16}"
QUESTIONS = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
PARTITIONS = QUESTIONS["_partitions"]
OTHERS = sorted(f"{area}-east-1" for area in PARTITIONS)
TINY = 'FROM scratch\nCOPY account /\nENTRYPOINT ["/train"]\n'


@pytest.fixture(scope="session")
def baked(bake):
    return bake("python", project_slug="pushed")


@pytest.fixture
def project(baked, cloud, account, tmp_path):
    """A repository of the test's own, without git; its image is tiny, with a name of its own."""
    folder = tmp_path / "pushed"
    shutil.copytree(baked, folder)
    (folder / "Dockerfile").write_text(TINY)
    # Another worker's image is another one, and none is cached.
    (folder / "account").write_text(f"{account} {tmp_path.name}")
    cloud.environment["IMAGE"] = f"pushed-{account}:local"
    cloud.environment["BUILD_ARGS"] = ""
    return folder


@pytest.fixture
def engine_of_the_test(project, each_engine, cloud):
    """Docker, then podman; the local image is removed."""
    yield each_engine
    remove = [each_engine, "image", "rm", "--force", cloud.environment["IMAGE"]]
    subprocess.run(remove, capture_output=True)


@pytest.fixture
def recorded(engine_of_the_test, cloud, tmp_path):
    """The file that gets each command line of the engine."""
    log = tmp_path / "engine.log"
    log.touch()
    record = f'echo "$@" >> {shlex.quote(str(log))}'
    program(tmp_path / "engine", f'{record}\nexec {engine_of_the_test} "$@"', cloud)
    return log


def program(path, script, cloud=None):
    """Write a shell script; with a cloud it is that cloud's container engine."""
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    if cloud:
        cloud.environment["CONTAINER_ENGINE"] = str(path)
    return path


def git(folder, *arguments):
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder):
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "All")
    return git(folder, "rev-parse", "HEAD")


def push(cloud, folder, *flags, **environment):
    return cloud.run(folder, "bash", SCRIPT, *flags, **environment)


def pushed(cloud, folder, *flags, **environment):
    """A push that succeeds → the image and the tag that it wrote."""
    done = push(cloud, folder, *flags, **environment)
    assert done.returncode == 0, done.stdout
    written = json.loads((folder / "pushed-image.json").read_text())
    assert done.stdout.splitlines()[-1] == written["image"]
    return written["image"], written["tag"]


def sentence(done):
    """The one sentence that a failed push ends with."""
    assert done.returncode == 1, done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Not pushed: ") and last.endswith("."), done.stdout
    assert done.stdout.count("Not pushed") == 1
    return last


def tag_of(cloud, folder):
    return cloud.run(folder, "bash", SCRIPT, "--print-tag").stdout.strip()


# --- What a push does ---


def test_a_commit_is_pushed_once(project, cloud, registry, account, recorded, engine_of_the_test):
    git(project, "init", "--quiet")
    git(project, "remote", "add", "origin", "https://me:secret@example.com/team/pushed.git")
    revision = commit(project)
    done = cloud.run(project, "make", "push")
    assert done.returncode == 0, done.stdout
    image, tag = (
        json.loads((project / "pushed-image.json").read_text())[x] for x in ("image", "tag")
    )
    assert done.stdout.splitlines()[-1] == image
    assert tag == revision
    name, digest = image.split("@")
    assert name == f"{registry.host}/pushed"

    # C82, C83: one manifest, of Docker's type, for the platform of the service.
    kind, manifest = registry.manifest("pushed", digest)
    assert (kind, manifest["mediaType"]) == (DOCKER_MANIFEST, DOCKER_MANIFEST)
    assert registry.manifest("pushed", tag) == (kind, manifest)
    image_config = registry.blob("pushed", manifest["config"]["digest"])
    assert (image_config["os"], image_config["architecture"]) == ("linux", "amd64")
    labels = image_config["config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == revision
    assert labels["org.opencontainers.image.source"] == "https://example.com/team/pushed.git"
    assert re.fullmatch(r"\d+\.\d+\.\d+", labels["template.version"])

    # C84: the service pulls by digest; so does the engine, which has nothing of it any more.
    remove = ["image", "rm", "--force", cloud.environment["IMAGE"]]
    cloud.run(project, engine_of_the_test, *remove)
    pulled = cloud.run(project, engine_of_the_test, "pull", image)
    assert pulled.returncode == 0, pulled.stdout

    # No password in a log or on a command line.
    assert f"{account}-auth-token" not in done.stdout + recorded.read_text()
    assert f"login --username AWS --password-stdin {registry.host}\n" in recorded.read_text()

    # The repository that was missing.
    (asked,) = cloud.asked("CreateRepository")
    assert asked == {
        "repositoryName": "pushed",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }
    (asked,) = cloud.asked("PutLifecyclePolicy")
    (rule,) = json.loads(asked["lifecyclePolicyText"])["rules"]
    # Never an image of a commit: those that were trained with stay.
    assert rule["selection"]["tagStatus"] == "tagged"
    assert rule["selection"]["tagPrefixList"] == ["uncommitted-"]

    calls, uploads = len(cloud.calls), []
    registry.hook = lambda method, path: uploads.append(path)
    again = cloud.run(project, "make", "push")
    assert again.returncode == 0, again.stdout
    assert again.stdout.splitlines()[-2:] == [f"Already pushed: {name}:{tag}", image]
    assert not uploads
    asked = [call.operation for call in cloud.calls[calls:]]
    assert asked == ["GetCallerIdentity", "DescribeImages"]


def test_an_existing_repository_is_used_as_it_is(project, cloud, registry, docker):
    ecr = cloud.client("ecr")
    ecr.create_repository(repositoryName="pushed", imageTagMutability="MUTABLE")
    image, tag = pushed(cloud, project, "--no-create")
    assert re.fullmatch(UNCOMMITTED, tag)
    assert len(cloud.asked("CreateRepository")) == 1
    assert not cloud.asked("PutLifecyclePolicy")
    (found,) = ecr.describe_images(repositoryName="pushed")["imageDetails"]
    assert (found["imageTags"], found["imageDigest"]) == ([tag], image.split("@")[1])


@pytest.fixture
def docker(project, cloud, _registry):
    """Docker alone, where the engine is not the point."""
    yield from alone(os.environ.get("CONTAINER_ENGINE", "docker"), cloud)


@pytest.fixture
def podman(project, cloud, _registry):
    yield from alone("podman", cloud)


def alone(engine, cloud):
    if not shutil.which(engine) or subprocess.run([engine, "ps"], capture_output=True).returncode:
        unavailable(f"{engine} does not answer.")
    cloud.environment["CONTAINER_ENGINE"] = engine
    yield engine
    remove = [engine, "image", "rm", "--force", cloud.environment["IMAGE"]]
    subprocess.run(remove, capture_output=True)


def test_a_role_of_another_account_is_assumed(project, cloud, registry, other_account, docker):
    role = f"arn:aws:iam::{other_account}:role/pusher"
    image, _ = pushed(cloud, project, "--role-arn", role, "--external-id", "our-secret")
    assert image.startswith(f"{registry.other_host}/pushed@")
    (asked,) = cloud.asked("AssumeRole")
    assert (asked["RoleArn"], asked["ExternalId"]) == (role, "our-secret")
    assert "pushed" in cloud.backend("ecr", account=other_account).repositories


@pytest.mark.parametrize("language", ["python", "r", "java"])
def test_the_real_images_are_pushed(
    bake, language, cloud, registry, docker, make_environment, tmp_path
):
    folder = tmp_path / "repository"
    shutil.copytree(bake(language), folder)
    cloud.environment["BUILD_ARGS"] = make_environment["BUILD_ARGS"]
    image, tag = pushed(cloud, folder)
    assert image.startswith(f"{registry.host}/penguins-{language}@sha256:")
    assert registry.manifest(f"penguins-{language}", tag)[0] == DOCKER_MANIFEST


# --- The tag ---


def test_trees_that_are_not_committed_have_tags_of_their_own(project, cloud):
    tags = [tag_of(cloud, project)]
    assert re.fullmatch(UNCOMMITTED, tags[0])
    revision = commit(project)
    assert tag_of(cloud, project) == revision
    code = project / "training/model.py"

    def changed():
        tags.append(tag_of(cloud, project))
        assert re.fullmatch(UNCOMMITTED, tags[-1])

    code.write_text(code.read_text() + "# changed\n")
    changed()
    code.chmod(0o755)
    changed()
    code.rename(project / "training/renamed.py")
    changed()
    (project / "link").symlink_to("training")
    changed()
    (project / "link").unlink()
    (project / "link").symlink_to("tests")
    changed()
    git(project, "stash", "--include-untracked")
    assert tag_of(cloud, project) == revision
    # What git does not keep may be in the image all the same.
    (project / ".git/info/exclude").write_text("secret.py\n")
    (project / "training/secret.py").write_text("one")
    changed()
    (project / "training/secret.py").write_text("two")
    changed()
    (project / "training/secret.py").unlink()
    # What the image is never built of changes nothing.
    for name in (
        "runs/1/model",
        ".venv/x",
        "training/__pycache__/x",
        ".vscode/x",
        "pushed-image.json",
    ):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x")
    assert tag_of(cloud, project) == revision
    # Unless .dockerignore takes something back, which is not followed.
    (project / ".dockerignore").write_text("runs\n.venv\n!.venv/x\n")
    changed()
    (project / ".venv/x").write_text("y")
    changed()
    assert len(set(tags)) == len(tags)


def test_the_same_tree_has_the_same_tag_elsewhere(project, cloud, tmp_path):
    shutil.copytree(project, tmp_path / "elsewhere")
    (project / "runs").mkdir()
    assert tag_of(cloud, tmp_path / "elsewhere") == tag_of(cloud, project)


# --- Region, account, partition ---


@pytest.fixture
def stub(project, cloud, tmp_path):
    """An engine that says yes to everything."""
    return program(tmp_path / "stub", "exit 0", cloud)


NOT_FOUND = "An error occurred (RepositoryNotFoundException) when calling the X operation: no"


@pytest.fixture
def offline(stub, cloud, tmp_path):
    """An aws command of an account that has nothing yet; its profile's region is that of a file."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "region").write_text("")
    script = f"""
        case "$*" in
            *"configure get region") cat {tmp_path}/region ;;
            *get-caller-identity*) echo '{{"Account": "111122223333"}}' ;;
            *describe-images*) echo '{NOT_FOUND}' >&2; exit 254 ;;
        esac"""
    program(tmp_path / "bin/aws", script)
    cloud.environment["PATH"] = f"{tmp_path}/bin{os.pathsep}{cloud.environment['PATH']}"
    return tmp_path / "region"


HOST = re.compile(r" --password-stdin 111122223333\.dkr\.ecr\.(\S+)\n")


@pytest.mark.parametrize(
    ("flags", "in_project", "variable", "in_profile", "chosen", "others"),
    [
        ([], "us-east-1", "", "", "us-east-1", None),
        ([], "us-east-1", "us-east-1", "us-east-1", "us-east-1", None),
        (
            ["--region", "eu-west-1"],
            *("us-east-1", "us-west-2", "", "eu-west-1"),
            "training-job.json says us-east-1, AWS_REGION says us-west-2.",
        ),
        ([], "us-east-1", "", "eu-west-1", "us-east-1", "profile says eu-west-1."),
        ([], "", "us-west-2", "eu-west-1", "us-west-2", "profile says eu-west-1."),
        ([], "", "", "eu-west-1", "eu-west-1", None),
    ],
)
def test_the_region(
    project, cloud, offline, flags, in_project, variable, in_profile, chosen, others
):
    job = project / "training-job.json"
    if not in_project:
        job.write_text(re.sub(r"[^\"]*/pushed:local", "pushed:local", job.read_text()))
    offline.write_text(in_profile)
    done = push(cloud, project, "--dry-run", *flags, AWS_REGION=variable)
    assert done.returncode == 0, done.stdout
    assert HOST.search(done.stdout)[1] == f"{chosen}.amazonaws.com"
    said = [each for each in done.stdout.splitlines() if each.startswith("The region")]
    assert said == ([f"The region is {chosen}, {others}"] if others else [])


def test_no_region_at_all(project, cloud, offline):
    job = project / "training-job.json"
    job.write_text(job.read_text().replace(".dkr.ecr.", ".example."))
    assert "there is no region: name one by --region." in sentence(push(cloud, project))


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", *OTHERS])
def test_the_registry_of_each_partition(project, cloud, offline, region):
    done = push(cloud, project, "--dry-run", "--region", region)
    suffix = PARTITIONS.get(region.rsplit("-", 2)[0], ["aws", "amazonaws.com"])[1]
    assert HOST.search(done.stdout)[1] == f"{region}.{suffix}"


def test_a_profile(project, cloud, registry, docker):
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    keys = "".join(f"{name.lower()} = {cloud.environment.pop(name)}\n" for name in names)
    (cloud.home / ".aws").mkdir()
    (cloud.home / ".aws/credentials").write_text(f"[team]\n{keys}")
    pushed(cloud, project, "--profile", "team")


# --- Flags ---


def test_a_dry_run_prints_what_a_push_runs(project, cloud, registry, recorded):
    dry = push(cloud, project, "--dry-run")
    assert dry.returncode == 0, dry.stdout
    assert {call.operation for call in cloud.calls} == {"GetCallerIdentity", "DescribeImages"}
    assert not (project / "pushed-image.json").exists()
    printed = [shlex.split(line[2:]) for line in dry.stdout.splitlines() if line.startswith("+ ")]
    recorded.write_text("")
    cloud.calls.clear()
    pushed(cloud, project)
    asked = [call.operation for call in cloud.calls]
    verbs = [words[4] for words in printed if words[0] == "aws"]
    assert [verb.title().replace("-", "") for verb in verbs] == [
        *["GetCallerIdentity", "DescribeImages", "CreateRepository", "PutLifecyclePolicy"],
        "GetLoginPassword",
    ]
    # To log in is to ask for a token; and the dry run can't look at what it did not push.
    assert asked == [
        *["GetCallerIdentity", "DescribeImages", "CreateRepository", "PutLifecyclePolicy"],
        *["GetAuthorizationToken", "DescribeImages"],
    ]
    of_engine = [" ".join(words[1:]) for words in printed if words[0].endswith("/engine")]
    ran = recorded.read_text().splitlines()
    for line in of_engine:
        assert line.startswith("image inspect") or line in ran


def test_an_image_that_was_built_before_is_pushed_as_it_is(project, cloud, registry, recorded):
    missing = push(cloud, project, "--no-build")
    assert "there is no image" in sentence(missing)
    assert cloud.run(project, "make", "build").returncode == 0
    recorded.write_text("")
    _, tag = pushed(cloud, project, "--no-build")
    assert "build" not in [line.split()[0] for line in recorded.read_text().splitlines()]
    (project / "data/training/penguins.csv").write_text("other\n")
    said = sentence(push(cloud, project, "--no-build"))
    assert f"was built of another tree ({tag})" in said


def test_an_image_for_another_platform_is_refused(project, cloud, registry, engine_of_the_test):
    assert cloud.run(project, "make", "build", "PLATFORM=linux/arm64").returncode == 0
    said = sentence(push(cloud, project, "--no-build"))
    assert (
        "is for linux/arm64, SageMaker runs linux/amd64: make build PLATFORM=linux/amd64." in said
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--latest"], "unrecognized arguments: --latest"),
        (["--region"], "argument --region: expected one argument"),
        (["--builder", "jenkins"], "there is no builder jenkins"),
    ],
)
def test_a_wrong_flag(project, cloud, flags, said):
    done = push(cloud, project, *flags)
    assert done.returncode == 2
    assert f"python3 tools push: error: {said}" in done.stdout
    assert not cloud.calls


# --- Failures: one sentence, then a second run that succeeds ---

IDENTITY, TOKEN, LOOK = "GetCallerIdentity", "GetAuthorizationToken", "DescribeImages"
DENIED = (
    "User: arn:aws:iam::1:user/x is not authorized to perform: ecr:X because no policy allows it"
)


@pytest.mark.parametrize(
    ("operation", "code", "message", "said"),
    [
        (IDENTITY, "ExpiredToken", "The security token included is expired", "have expired: renew"),
        (
            IDENTITY,
            "InvalidClientTokenId",
            "The security token is invalid",
            "in the region us-east-1",
        ),
        (LOOK, "ExpiredTokenException", "The security token is expired", "have expired: renew"),
        (LOOK, "AccessDeniedException", DENIED, "you may not look into the ECR repository pushed"),
        (LOOK, "ServerException", "Try later", "could not look into the ECR repository pushed"),
        ("CreateRepository", "AccessDeniedException", DENIED, "you may not create the ECR"),
        (TOKEN, "AccessDeniedException", DENIED, "you may not log in to ECR"),
    ],
)
def test_aws_refuses(project, cloud, stub, operation, code, message, said):
    # An image of this tree, as the script asks for it.
    answers = f"*Os*) echo linux/amd64 ;; *inspect*) echo {tag_of(cloud, project)} ;;"
    program(stub, f'case "$*" in {answers} esac')
    cloud.fail(operation, code, message)
    assert said in sentence(push(cloud, project))
    assert not (project / "pushed-image.json").exists()


def test_a_repository_is_created_whole_or_not_at_all(project, cloud, registry, docker):
    cloud.fail("PutLifecyclePolicy", "AccessDeniedException", DENIED, times=1)
    said = sentence(push(cloud, project))
    assert "you may not give the new ECR repository pushed its lifecycle policy" in said
    assert not cloud.client("ecr").describe_repositories()["repositories"]
    pushed(cloud, project)
    assert cloud.client("ecr").get_lifecycle_policy(repositoryName="pushed")


def test_there_is_no_repository_and_none_may_be_created(project, cloud, stub):
    said = sentence(push(cloud, project, "--no-create"))
    assert "there is no ECR repository pushed in us-east-1: create it (make deploy)" in said
    assert not cloud.asked("CreateRepository")


@pytest.mark.parametrize(
    ("environment", "flags", "said"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            [],
            "there are no AWS credentials",
        ),
        ({}, ["--profile", "nobody"], "there is no such AWS profile"),
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, [], 'can\'t be reached in the region "us-east-1"'),
        ({}, ["--region", "us_east"], 'can\'t be reached in the region "us_east"'),
        ({"CONTAINER_ENGINE": "nothing"}, [], 'CONTAINER_ENGINE is "nothing"'),
    ],
)
def test_what_is_missing_around_it(project, cloud, stub, environment, flags, said):
    assert said in sentence(push(cloud, project, *flags, **environment))


def only(tmp_path, *names):
    """A PATH with what the script needs anyway, and these."""
    folder = tmp_path / "only"
    folder.mkdir()
    for name in ["bash", "dirname", "env", "git", "python3", *names]:
        # No shim, which needs more.
        found = sys.executable if name == "python3" else shutil.which(name)
        (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([], "there is no aws command: install the AWS CLI v2"),
        (["aws"], "there is no container engine: install docker, podman or finch"),
    ],
)
def test_a_tool_is_missing(project, cloud, tmp_path, there, said):
    cloud.environment.pop("CONTAINER_ENGINE", None)
    assert said in sentence(push(cloud, project, PATH=only(tmp_path, *there)))


def test_the_engine_is_not_running(project, cloud, docker, tmp_path):
    nowhere = f"unix://{tmp_path}/docker.sock"
    said = sentence(push(cloud, project, DOCKER_HOST=nowhere))
    assert "docker does not answer: start Docker Desktop, or the service (" in said


def test_ecr_refuses_the_push(project, cloud, registry, engine_of_the_test):
    denied = "User: x is not authorized to perform: ecr:InitiateLayerUpload on resource: pushed"
    registry.hook = lambda method, _: (403, "DENIED", denied) if method in ("POST", "PUT") else None
    said = sentence(push(cloud, project))
    assert "the push failed, ECR refuses you (" in said and "ecr:InitiateLayerUpload" in said
    registry.hook = None
    pushed(cloud, project)


def test_the_tag_is_taken_meanwhile(project, cloud, registry, engine_of_the_test):
    tag = tag_of(cloud, project)
    manifest = json.dumps({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "layers": []})

    def somebody_else(method, path):
        images = cloud.backend("ecr").repositories["pushed"].images
        if "/blobs/uploads/" in path and not images:
            ecr = cloud.backend("ecr")
            ecr.put_image("pushed", manifest, tag, DOCKER_MANIFEST, "sha256:" + 64 * "1")

    registry.hook = somebody_else
    assert f"the tag {tag} was taken meanwhile" in sentence(push(cloud, project))
    assert pushed(cloud, project)[0].endswith("@sha256:" + 64 * "1")


def test_the_disk_is_full(project, cloud, registry, docker, base_images):
    (project / "Dockerfile").write_text(
        f"FROM {base_images['python']}\nRUN cat /etc/passwd > /dev/full\n"
    )
    said = sentence(push(cloud, project))
    assert "the build failed, the disk is full: make room (" in said
    (project / "Dockerfile").write_text(TINY)
    pushed(cloud, project)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_push_is_interrupted_and_run_again(project, cloud, registry, engine_of_the_test, how):
    arrived, gone = threading.Event(), threading.Event()

    def hold(method, path):
        if method == "PUT" and "/manifests/" in path:
            arrived.set()
            gone.wait(600)
            return 500, "UNKNOWN", "The client is gone"
        return None

    registry.hook = hold
    process = subprocess.Popen(
        ["bash", "-c", f"trap - INT; exec bash {SCRIPT}"],
        cwd=project,
        env=cloud.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert arrived.wait(600)
    os.killpg(process.pid, how)
    output, _ = process.communicate(timeout=600)
    gone.set()
    assert process.returncode != 0
    if how == signal.SIGINT:
        assert output.splitlines()[-1].startswith("Not pushed: interrupted; run this again"), output
    registry.hook = None
    assert not (project / "pushed-image.json").exists()
    pushed(cloud, project)


# --- Engines that this machine may not have ---


def test_an_oci_manifest_is_refused_and_says_how_to_mend_it(
    project, cloud, registry, podman, tmp_path
):
    as_oci = f'exec {podman} "${{@/v2s2/oci}}"'
    program(tmp_path / "engine", as_oci, cloud)
    said = sentence(push(cloud, project))
    assert (
        "a application/vnd.oci.image.manifest.v1+json: remove it (aws ecr batch-delete-im" in said
    )
    # Again: it lies there still. Then what the sentence says.
    assert sentence(push(cloud, project)) == said
    cloud.run(project, *shlex.split(re.search(r"\((aws ecr [^)]*)\)", said)[1]))
    cloud.environment["CONTAINER_ENGINE"] = podman
    pushed(cloud, project)


BUILDX = [
    *["--provenance=false", "--sbom=false", "--output", "type=docker,oci-mediatypes=false"],
    *["--platform", "linux/amd64"],
]
# Engines whose builder is BuildKit: their documented flags, then what answers here.
HELP = {
    "docker": "      --provenance string   Shorthand",
    "finch": "      --provenance string          Shorthand for --attest=type=provenance",
}


@pytest.mark.parametrize("name", HELP)
def test_buildkit_is_told_to_write_dockers_manifest(
    project, cloud, registry, docker, tmp_path, name
):
    # Takes what BuildKit takes, and leaves the work to the engine of this machine.
    script = f"""
        case "$1 $2" in
            "build --help") echo '{HELP[name]}'; exit ;;
            "push --help") exit ;;
            build*) echo "$@" >> {tmp_path}/builds
                set -- "${{@/--provenance=*/--quiet=false}}"
                set -- "${{@/--sbom=*/--quiet=false}}" && set -- "${{@/--output/--label}}" ;;
        esac
        exec {docker} "$@" """
    program(tmp_path / name, script, cloud)
    pushed(cloud, project)
    (command,) = (tmp_path / "builds").read_text().splitlines()
    for flag in BUILDX:
        assert flag in command.split()


def test_docker_without_buildx(project, cloud, registry, tmp_path):
    message = "ERROR: BuildKit is enabled but the buildx component is missing or broken."
    program(tmp_path / "docker", f'[ "$1" != build ] || {{ echo "{message}"; exit 1; }}', cloud)
    assert "can't build without buildx: install docker-buildx-plugin" in sentence(
        push(cloud, project)
    )


def test_a_credential_helper_that_stores_nothing(project, cloud, registry, docker, tmp_path):
    login = f'[ "$1" = login ] && {{ {docker} "$@" >&2; echo "not implemented"; exit 1; }}'
    program(tmp_path / "docker", f'{login}\nexec {docker} "$@"', cloud)
    pushed(cloud, project)


# --- In CodeBuild ---


@pytest.fixture
def stack(cloud):
    """The outputs of the repository's stack, as tools/cloud/repository.yaml declares them."""
    cloud.client("s3").create_bucket(Bucket="team")
    outputs = {"BuildProject": "build-pushed", "BucketName": "team"}
    template = {
        "Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    formation = cloud.client("cloudformation")
    formation.create_stack(StackName="pushed", TemplateBody=json.dumps(template))
    return outputs


class CodeBuild:
    """Does with a build what CodeBuild does: unpacks, runs the buildspec, writes its log."""

    def __init__(self, cloud, folder):
        self.cloud, self.folder = cloud, folder
        self.logs = cloud.client("logs")
        self.logs.create_log_group(logGroupName="builds")
        self.logs.create_log_stream(logGroupName="builds", logStreamName="1")
        self.status = "IN_PROGRESS"
        cloud.answers["StartBuild"] = self.start
        cloud.answers["BatchGetBuilds"] = self.get

    def start(self, asked):
        assert asked["projectName"] == "build-pushed"
        assert asked["sourceTypeOverride"] == "S3"
        bucket, _, key = asked["sourceLocationOverride"].partition("/")
        body = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        zipfile.ZipFile(io.BytesIO(body)).extractall(self.folder)
        self.variables = {
            each["name"]: each["value"] for each in asked["environmentVariablesOverride"]
        }
        self.thread = threading.Thread(target=self.build)
        self.thread.start()
        return {"build": {"id": "build-pushed:1"}}

    def get(self, asked):
        assert asked == {"ids": ["build-pushed:1"]}
        logs = {"groupName": "builds", "streamName": "1"}
        return {"builds": [{"id": asked["ids"][0], "buildStatus": self.status, "logs": logs}]}

    def build(self):
        buildspec = yaml.safe_load((self.folder / "tools/cloud/buildspec.yml").read_text())
        (command,) = buildspec["phases"]["build"]["commands"]
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.cloud.environment | {"AWS_REGION": "us-east-1"} | self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            for line in process.stdout:
                event = {"timestamp": int(time.time() * 1000), "message": line}
                self.logs.put_log_events(
                    logGroupName="builds", logStreamName="1", logEvents=[event]
                )
        self.status = "FAILED" if process.returncode else "SUCCEEDED"


def start_in_codebuild(cloud, folder, **environment):
    """Start `make push BUILDER=codebuild` where no engine is."""
    return subprocess.Popen(
        ["make", "push", "BUILDER=codebuild"],
        cwd=folder,
        env=cloud.environment | {"CONTAINER_ENGINE": ""} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_codebuild_builds_and_pushes(project, cloud, registry, docker, stack, tmp_path):
    (project / "runs").mkdir()
    (project / "runs/model").write_text("large")
    cloud.client("ecr").create_repository(repositoryName="pushed")
    cloud.environment["BUILD_ARGS"] = '--build-arg SAYING="a, b"'
    (project / "Dockerfile").write_text(
        f"FROM scratch\nARG SAYING\nLABEL saying=$SAYING\n{TINY[13:]}"
    )
    revision = commit(project)
    codebuild = CodeBuild(cloud, tmp_path / "codebuild")
    seen = threading.Event()
    registry.hook = lambda method, _: None if method == "GET" else seen.wait(600) and None
    output = []
    with start_in_codebuild(cloud, project) as process:
        for line in process.stdout:
            output.append(line)
            # The log is followed live: this stands in it before the push that waits here.
            if "The push refers to repository" in line:
                seen.set()
    codebuild.thread.join()
    assert process.returncode == 0, "".join(output)
    written = json.loads((project / "pushed-image.json").read_text())
    assert output[-1].strip() == written["image"]
    assert written["tag"] == revision
    kind, manifest = registry.manifest("pushed", revision)
    assert kind == DOCKER_MANIFEST
    labels = registry.blob("pushed", manifest["config"]["digest"])["config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == revision
    assert labels["saying"] == "a, b"
    assert not (tmp_path / "codebuild/runs").exists()
    assert not (tmp_path / "codebuild/.git").exists()


def test_codebuild_has_the_secret_that_the_stack_names(
    project, cloud, registry, docker, stack, tmp_path
):
    cloud.client("ecr").create_repository(repositoryName="pushed")
    cloud.environment["BUILD_ARGS"] = "--secret id=pip.conf,env=BUILD_SECRET"
    build = CodeBuild(cloud, tmp_path / "codebuild")
    for given in ("id=pip.conf,src=pip.conf", "id=pip.conf,env=PIP_CONF"):
        environment = {"BUILD_ARGS": f"--secret {given}"}
        with start_in_codebuild(cloud, project, **environment) as process:
            output = process.stdout.read()
        assert process.returncode != 0
        assert f"Not pushed: CodeBuild does not have the secret {given}: write env=BUILD" in output
        assert not cloud.asked("StartBuild")
    # As the build project has it, by repository.yaml.
    cloud.environment["BUILD_SECRET"] = "[global]"
    with start_in_codebuild(cloud, project) as process:
        output = process.stdout.read()
    build.thread.join()
    assert process.returncode == 0, output
    assert build.variables["BUILD_ARGS"] == cloud.environment["BUILD_ARGS"]


def test_codebuild_fails(project, cloud, registry, docker, stack, tmp_path):
    cloud.client("ecr").create_repository(repositoryName="pushed")
    (project / "Dockerfile").write_text("FROM scratch\nCOPY missing /\n")
    codebuild = CodeBuild(cloud, tmp_path / "codebuild")
    with start_in_codebuild(cloud, project) as process:
        output = process.stdout.read()
    codebuild.thread.join()
    assert process.returncode != 0
    assert "Not pushed: the build failed (" in output
    assert "Not pushed: the build build-pushed:1 ended as FAILED" in output


def test_codebuild_goes_on_when_its_watcher_leaves(project, cloud, stack):
    cloud.client("ecr").create_repository(repositoryName="pushed")
    looked = threading.Event()

    def running(asked):
        looked.set()
        return {"builds": [{"id": asked["ids"][0], "buildStatus": "IN_PROGRESS", "logs": {}}]}

    cloud.answers["StartBuild"] = lambda _: {"build": {"id": "build-pushed:1"}}
    cloud.answers["BatchGetBuilds"] = running
    with start_in_codebuild(cloud, project) as process:
        assert looked.wait(600)
        os.killpg(process.pid, signal.SIGINT)
        output = process.stdout.read()
    assert "aws codebuild stop-build --region us-east-1 --id build-pushed:1" in output


def test_codebuild_needs_the_stack(project, cloud):
    cloud.client("ecr").create_repository(repositoryName="pushed")
    done = push(cloud, project, "--builder", "codebuild", CONTAINER_ENGINE="")
    assert "could not read the stack pushed, which make deploy creates" in sentence(done)
