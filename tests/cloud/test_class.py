"""A class in one account: the commands of its page, doctor --aws, and taking it all down."""

import re
import sys

import pytest

moto = pytest.importorskip("moto", reason="conftest.py says more")

from moto.s3.models import S3Backend  # noqa: E402
from readme import blocks  # noqa: E402
from support import TEMPLATE  # noqa: E402
from test_prove import what_is_there  # noqa: E402

QUOTA = "ml.m5.large for training job usage"
SPOT = "ml.m5.large for spot training job usage"
LOGS = "/aws/sagemaker/TrainingJobs"
# An engine with which nothing is wrong.
ENGINE = """#!/bin/sh
case "$1" in
info) echo '{"Architecture": "x86_64", "MemTotal": 8589934592, "DockerRootDir": "/"}' ;;
version) echo 27.1.0 ;;
*) echo x v0.16.2 y ;;
esac
"""


def quotas(value, spot=4):
    """Return AWS's answer; the codes are made up."""
    found = ((QUOTA, "L-1", value), (SPOT, "L-2", spot))
    return {
        "Quotas": [
            {"QuotaName": name, "QuotaCode": code, "Value": float(number)}
            for name, code, number in found
        ]
    }


@pytest.fixture
def cloud(cloud, monkeypatch, tmp_path):
    import stacks  # noqa: F401 - moto learns what it lacks

    monkeypatch.setattr(S3Backend, "put_bucket_policy", lambda *_: None)
    engine = tmp_path / "docker"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    cloud.environment["CONTAINER_ENGINE"] = str(engine)
    cloud.answers["ListServiceQuotas"] = lambda body: quotas(4)
    cloud.answers["InitiateLayerUpload"] = lambda body: {"uploadId": "1", "partSize": 1}
    return cloud


def page(number):
    """Return a script of the page, by its place there, as it is run from the template's folder."""
    text = (TEMPLATE / "docs/en/teach/aws.md").read_text(encoding="utf-8")
    script = blocks(text, "bash")[number]
    script = script.replace("uvx cookiecutter .", f"{sys.executable} -m cookiecutter {TEMPLATE}")
    return script.replace("python3 scripts", f"{sys.executable} {TEMPLATE}/scripts")


@pytest.fixture
def desk(cloud, tmp_path):
    """Function: a script, its flags → what is said; run in a folder in which the class lies."""
    folder = tmp_path / "desk"
    folder.mkdir()

    def run(script, code=0, folder=folder):
        done = cloud.run(folder, "bash", "-ec", script, AWS_REGION="us-east-1")
        assert done.returncode == code and "Traceback" not in done.stdout, done.stdout
        return done.stdout

    run.folder = folder
    return run


# ---- The class -----------------------------------------------------------------------------


def trained(cloud, name):
    """Leave in AWS what a pupil's job leaves there, while another one still runs."""
    found = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
    job = f"{name}--251127-101530-9f3e"
    place = f"s3://{outputs['BucketName']}/{name}/jobs"
    cloud.client("sagemaker").create_training_job(
        TrainingJobName=job,
        AlgorithmSpecification={"TrainingImage": name, "TrainingInputMode": "File"},
        RoleArn=outputs["ExecutionRoleArn"],
        OutputDataConfig={"S3OutputPath": place},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 900},
    )
    one = cloud.backend("sagemaker").training_jobs[job]
    vars(one).update(training_job_status="InProgress", secondary_status="Training")
    logs = cloud.client("logs")
    for group, stream in ((LOGS, f"{job}/algo-1-1"), (f"/aws/codebuild/{name}", f"{name}-1")):
        if group not in [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]]:
            logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    s3 = cloud.client("s3")
    s3.put_bucket_versioning(
        Bucket=outputs["BucketName"], VersioningConfiguration={"Status": "Enabled"}
    )
    for body in (b"1", b"2"):
        s3.put_object(Bucket=outputs["BucketName"], Key=f"{name}/jobs/model.tar.gz", Body=body)
    iam = cloud.client("iam")
    iam.create_user(UserName=f"guest-of-{name}")
    iam.attach_user_policy(UserName=f"guest-of-{name}", PolicyArn=outputs["UserPolicyArn"])
    return outputs["BucketName"]


def stop(cloud):
    """Have moto stop a job when it is asked to."""

    def answer(body):
        one = cloud.backend("sagemaker").training_jobs[body["TrainingJobName"]]
        vars(one).update(training_job_status="Stopped", secondary_status="Stopped")
        return {}

    cloud.answers["StopTrainingJob"] = answer


def test_a_class_comes_and_goes_as_the_page_says(cloud, desk, bake):
    another = bake("r", project_slug="seals")
    assert cloud.run(another, "make", "deploy").returncode == 0
    desk(page(0))
    said = desk(page(1), code=2)
    assert re.search(r"^MISSING +quota +4 of ml.m5.large for .*; for 30 ask by aws", said, re.M), (
        said
    )
    assert "\nTo be mended first: quota.\n" in said
    # What the caps of the page let a pupil do.
    (policy,) = [
        each
        for each in cloud.backend("iam", "aws").managed_policies.values()
        if each.name.startswith("penguins-ada-UserPolicy")
    ]
    assert '"sagemaker:MaxRuntimeInSeconds": "900"' in policy.versions[0].document
    desk(page(2))
    credentials = (desk.folder / "class/ada.sh").read_text()
    assert re.fullmatch(r"(export AWS_\w+=\S+\n){3}", credentials), credentials
    (role,) = {each["RoleArn"] for each in cloud.asked("AssumeRole") if "ada" in each["RoleArn"]}
    assert ":role/penguins-ada-PersonRole" in role
    # As the tests' own user: the credentials of an assumed role are of no account of moto's.
    (desk.folder / "class/penguins-ada/ada.sh").write_text("true\n")
    said = desk(page(3), folder=desk.folder / "class/penguins-ada")
    assert said.endswith("This machine and AWS can do it, as far as was asked.\n")

    stop(cloud)
    for name in ("penguins-ada", "seals"):
        bucket = trained(cloud, name)
    before = what_is_there(cloud)
    assert "penguins-bob" in before

    # Nobody says yes.
    said = desk(page(4), code=1)
    assert "of 2 pupils, these go:" in said and said.endswith("--yes says that these may go.\n")
    for one in (
        "the stack penguins-ada",
        "ECR repository penguins-bob",
        f"s3://{bucket}/penguins-",
    ):
        assert one in said
    assert "seals" not in said and what_is_there(cloud) == before
    refused = desk(page(5).strip() + " --yes", code=1)
    assert refused == "--team takes away what these need too: seals.\n"

    # One thing can't be removed: all the rest goes, and it is named.
    cloud.fail("DeleteRepository", "AccessDeniedException", "no", 400, times=1)
    said = desk(page(4).strip() + " --yes", code=1)
    (left,) = re.findall(r"^LEFT: the ECR repository (penguins-\w+): aws --region .*$", said, re.M)
    assert [each for each in what_is_there(cloud) if "penguins" in each] == [left], said
    # A second run goes on, a third does no harm.
    said = desk(page(4).strip() + " --yes")
    assert said.endswith("Nothing is left of penguins-* in us-east-1.\n")
    assert desk(page(4)) == "Nothing is left of penguins-* in us-east-1.\n"
    assert what_is_there(cloud) == [each for each in before if "penguins" not in each]
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    assert "/aws/codebuild/penguins-ada" not in [each["logGroupName"] for each in groups]
    kept = cloud.client("s3").list_object_versions(Bucket=bucket)
    assert {each["Key"] for each in kept["Versions"]} == {"seals/jobs/model.tar.gz"}
    assert len(cloud.asked("StopTrainingJob")) == 1


def test_of_an_account_for_the_class_alone_nothing_stays(cloud, desk):
    desk(page(0).replace("ada bob", "ada"))
    stop(cloud)
    trained(cloud, "penguins-ada")
    said = desk(page(5).strip() + " --yes")
    assert what_is_there(cloud) == [], said


def test_what_is_only_called_so_is_left_alone(cloud, desk):
    """Of penguins-* goes what `make deploy` made, whatever else there is of that name."""
    cloud.client("ecr").create_repository(repositoryName="penguins-ada")
    desk(page(0).replace("ada bob", "ada").replace("Max", "EcrRepository=penguins-ada Max"))
    (bucket,) = [each["Name"] for each in cloud.client("s3").list_buckets()["Buckets"]]
    cloud.client("s3").put_object(Bucket=bucket, Key="penguins-shop/x", Body=b"1")
    cloud.client("logs").create_log_group(logGroupName="/aws/codebuild/penguins-shop")
    cloud.client("ecr").create_repository(repositoryName="penguins-shop")
    queue = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    cloud.client("cloudformation").create_stack(StackName="penguins-shop", TemplateBody=queue)
    said = desk(page(4).strip() + " --yes")
    assert "the stack penguins-ada" in said and "shop" not in said
    found = cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert {each["StackName"] for each in found} == {"sagemaker-team", "penguins-shop"}
    found = cloud.client("ecr").describe_repositories()["repositories"]
    assert {each["repositoryName"] for each in found} == {"penguins-ada", "penguins-shop"}
    assert cloud.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    assert "/aws/codebuild/penguins-shop" in [each["logGroupName"] for each in groups]
    said = desk(page(4).replace("penguins-*", "penguins-shop") + " --yes", code=1)
    assert said == (
        "`make deploy` has made no stack penguins-shop in us-east-1 in the last 90 days.\n"
    )


def test_a_name_that_means_all_is_refused(cloud, desk):
    said = desk(page(4).replace("penguins-*", "*") + " --yes", code=1)
    assert said == "A name needs three letters before its *: it would mean too much.\n"


# ---- doctor --aws --------------------------------------------------------------------------


@pytest.fixture
def doctor(cloud, bake):
    """Function: what is said of each thing in AWS: name → (mark, text)."""
    repository = bake("python")
    assert cloud.run(repository, "make", "deploy").returncode == 0
    cloud.calls.clear()

    def ask(code, flag="--aws", **environment):
        done = cloud.run(repository, "make", "doctor", f"ARGS={flag}", **environment)
        assert "Traceback" not in done.stdout, done.stdout
        assert done.returncode == (2 if code else 0), done.stdout
        found = re.findall(r"^(ok|note|unknown|MISSING) +(\w+) +(.*)$", done.stdout, re.M)
        names = [what for _, what, _ in found]
        found = found[names.index("account") :]
        return {what: (mark, text) for mark, what, text in found}

    ask.name = repository.name
    return ask


def test_doctor_says_that_aws_can_do_it_and_changes_nothing(cloud, doctor):
    lines = doctor(0)
    names = ("account", "stack", "role", "repository", "codebuild", "bucket", "quota")
    assert tuple(lines) == names
    assert {mark for mark, _ in lines.values()} == {"ok"}
    assert lines["account"][1].startswith(f"{cloud.account} in us-east-1, as ")
    assert lines["quota"][1] == f"4 of {QUOTA}; 4 of {SPOT}"
    asked = {each.operation for each in cloud.calls} - {"GET", "HEAD"}
    assert all(each.startswith(("Get", "List", "Describe", "BatchGet", "Init")) for each in asked)


MISSING = {
    "stack": ("DescribeStacks", "ValidationError", "`make deploy` makes it"),
    "role": ("GetRole", "NoSuchEntity", "`make deploy` makes one"),
    "repository": ("InitiateLayerUpload", "RepositoryNotFoundException", "`make deploy`"),
    "bucket": ("GET", "NoSuchBucket", "`make deploy` makes one"),
    # What AWS itself refuses is no answer, but of a push it is the very one.
    "push": ("InitiateLayerUpload", "AccessDeniedException", "ask for the stack's PushPolicyArn"),
}


@pytest.mark.parametrize("what", MISSING)
def test_doctor_says_what_is_missing_in_aws_with_its_remedy(cloud, doctor, what):
    operation, code, remedy = MISSING[what]
    cloud.fail(operation, code, "no", 400)
    lines = doctor(1)
    what = what.replace("push", "repository")
    assert lines[what][0] == "MISSING" and remedy in lines[what][1]
    assert [each for each, (mark, _) in lines.items() if mark == "MISSING"] == [what]


def test_doctor_says_that_the_project_is_missing_and_the_quota_too_small(cloud, doctor):
    cloud.answers["BatchGetProjects"] = lambda body: {"projects": []}
    cloud.answers["ListServiceQuotas"] = lambda body: {"Quotas": []}
    cloud.answers["ListAWSDefaultServiceQuotas"] = lambda body: quotas(0)
    lines = doctor(1, "--aws 2")
    assert lines["codebuild"][0] == "MISSING" and lines["codebuild"][1].endswith("`make deploy`.")
    assert lines["quota"] == (
        "MISSING",
        f"0 of {QUOTA}; for 2 ask by aws service-quotas request-service-quota-increase "
        "--service-code sagemaker --quota-code L-1 --desired-value 2 --region us-east-1; "
        f"4 of {SPOT}",
    )
    # This repository does not train on spot instances: that is told, and stops nobody.
    cloud.answers["ListServiceQuotas"] = lambda body: quotas(4, spot=0)
    lines = doctor(1)
    assert lines["quota"][0] == "ok" and f"; 0 of {SPOT}; for 1 ask by aws" in lines["quota"][1]


def test_what_may_not_be_asked_is_unknown_and_not_wrong(cloud, doctor):
    for operation in ("GetRole", "BatchGetProjects", "ListServiceQuotas", "GET"):
        cloud.fail(operation, "AccessDeniedException", "no", 400)
    lines = doctor(0)
    unknown = {each for each, (mark, _) in lines.items() if mark == "unknown"}
    assert unknown == {"role", "codebuild", "bucket", "quota"}
    assert all("You may not call" in lines[each][1] for each in unknown)
    # Without the stack, what it names is not known either.
    cloud.fail("DescribeStacks", "AccessDenied", "no", 403)
    lines = doctor(0)
    assert lines["stack"][0] == "unknown" and lines["repository"][0] == "ok"


def test_whoever_is_not_signed_in_is_told_so_alone(cloud, doctor):
    cloud.fail("GetCallerIdentity", "ExpiredToken", "The token is expired", 403)
    lines = doctor(1)
    assert list(lines) == ["account"]
    assert lines["account"][1].startswith("Your AWS credentials have expired: renew them")
