"""make prove-on-aws: the script, unchanged, against moto, a real registry and a real engine.

SageMaker is a thread here: it pulls the image that was pushed, by digest, and starts it on what
lies in S3.
"""

import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading

import pytest

moto = pytest.importorskip("moto", reason="conftest.py says more")

from jobs import Job  # noqa: E402
from moto.s3.models import S3Backend  # noqa: E402
from moto.sagemaker import models  # noqa: E402
from support import TEMPLATE  # noqa: E402

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
ONE = ("--language", "python")
once = pytest.mark.parametrize("each_engine", ["docker"], indirect=True)
pytestmark = pytest.mark.usefixtures("base_images")


class SageMaker:
    """Runs a job that was made, and writes log, model and status; `release` lets it begin."""

    def __init__(self, cloud, engine, folder):
        self.cloud, self.engine, self.folder = cloud, engine, folder
        self.release = threading.Event()
        self.release.set()
        self.threads = []
        self.ended = False
        self.edit = lambda files: files
        cloud.answers["StopTrainingJob"] = self.stop

    def begin(self, job):
        vars(job).update(training_job_status="InProgress", secondary_status="Training")
        self.threads.append(threading.Thread(target=self.run, args=[job], daemon=True))
        self.threads[-1].start()

    def run(self, job):
        logs, stream = self.cloud.client("logs"), f"{job.training_job_name}/algo-1-1700000000"
        logs.create_log_group(logGroupName=LOG_GROUP)
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        self.release.wait()
        if self.ended or job.training_job_status != "InProgress":
            return
        image = job.algorithm_specification["TrainingImage"]
        pulled = self.cloud.run("/", self.engine, "pull", image)
        assert pulled.returncode == 0, pulled.stdout
        container = Job(self.engine, image, self.folder / job.training_job_name)
        container.threads = ("--cpus", "2", "--env", f"TRAINING_JOB_NAME={job.training_job_name}")
        container.configure("hyperparameters", job.hyper_parameters)
        s3 = self.cloud.client("s3")
        for channel in job.input_data_config:
            bucket, _, prefix = channel["DataSource"]["S3DataSource"]["S3Uri"][5:].partition("/")
            for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
                place = container.folder / "input/data" / channel["ChannelName"]
                body = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
                (place / each["Key"].removeprefix(prefix)).write_bytes(body)
        done = container.run()
        files = self.edit(container.model_bytes())
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        bucket, _, key = job.model_artifacts["S3ModelArtifacts"][5:].partition("/")
        s3.put_object(Bucket=bucket, Key=key, Body=packed.getvalue())
        status = "Failed" if done.returncode else "Completed"
        job.training_time_in_seconds = job.billable_time_in_seconds = 61
        vars(job).update(secondary_status=status, training_job_status=status)

    def stop(self, body):
        job = self.cloud.backend("sagemaker").training_jobs[body["TrainingJobName"]]
        vars(job).update(secondary_status="Stopped", training_job_status="Stopped")
        return {}


@pytest.fixture
def sagemaker(cloud, registry, each_engine, monkeypatch, tmp_path, build_args):
    """SageMaker, and CloudFormation as far as the stacks need it."""
    import stacks  # noqa: F401 - moto learns what it lacks

    service = SageMaker(cloud, each_engine, tmp_path / "sagemaker")
    begin = models.FakeTrainingJob.__init__

    def begin_and_run(self, *arguments, **named):
        begin(self, *arguments, **named)
        service.begin(self)

    monkeypatch.setattr(models.FakeTrainingJob, "__init__", begin_and_run)
    # moto takes the condition of "only over TLS" for met by each request.
    monkeypatch.setattr(S3Backend, "put_bucket_policy", lambda *_: None)
    (tmp_path / "tmp").mkdir()
    cloud.environment |= {"TMPDIR": str(tmp_path / "tmp"), "BUILD_ARGS": build_args}
    yield service
    service.ended = True
    service.release.set()
    for each in service.threads:
        each.join(300)


def command(file, *flags):
    script = TEMPLATE / "scripts" / "prove_on_aws.py"
    return [sys.executable, script, "--evidence", file, *flags]


@pytest.fixture
def prove(cloud, each_engine, tmp_path):
    """Function: flags → the finished proof and its evidence."""

    def run(*flags):
        file = tmp_path / "evidence.json"
        done = cloud.run(tmp_path, *command(file, "--yes", *flags))
        assert "Traceback" not in done.stdout, done.stdout
        text = file.read_text()
        assert cloud.account not in text
        evidence = json.loads(text)
        for name in evidence["repositories"].values():
            there = [each_engine, "image", "inspect", f"{name}:local"]
            assert subprocess.run(there, capture_output=True).returncode, "its image is left"
        return done, evidence

    return run


def what_is_there(cloud):
    """All that a proof may leave, by what AWS itself lists."""
    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    streams = [
        stream["logStreamName"]
        for group in groups
        for stream in cloud.client("logs").describe_log_streams(logGroupName=group["logGroupName"])[
            "logStreams"
        ]
    ]
    iam = cloud.client("iam")
    jobs = cloud.backend("sagemaker").training_jobs.values()
    return [
        *(each["StackName"] for each in stacks),
        *(each["Name"] for each in cloud.client("s3").list_buckets()["Buckets"]),
        *(
            each["repositoryName"]
            for each in cloud.client("ecr").describe_repositories()["repositories"]
        ),
        *(each["RoleName"] for each in iam.list_roles()["Roles"]),
        *(
            each["Arn"]
            for each in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        ),
        *streams,
        *(each.training_job_name for each in jobs if each.training_job_status == "InProgress"),
    ]


@once
@pytest.mark.parametrize("name", ["python", "r", "java"])
def test_the_same_model_is_made_here_and_there_and_nothing_is_left(cloud, sagemaker, prove, name):
    done, evidence = prove("--language", name)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Nothing is left in AWS but the records of the jobs" in done.stdout
    assert (evidence["proved"], evidence["left"], evidence["failed"]) == (True, [], None)
    assert evidence["account"] == f"********{cloud.account[-4:]}"
    job = evidence["jobs"][name]
    assert job["equal"] and len(job["model"]["here"]) >= 2
    assert job["model"]["here"] == job["model"]["sagemaker"]
    assert (job["status"], job["seconds"], job["billed_seconds"]) == ("Completed", 61, 61)
    assert job["arn"].endswith(f":training-job/{job['name']}") and "@sha256:" in job["image"]
    assert set(evidence["versions"]) == {"template", "aws", "engine", "python"}
    assert "x ml.m5.large for up to 900 s" in evidence["cost"]
    steps = [each["step"].split()[-1] for each in evidence["steps"]]
    assert {each["exit"] for each in evidence["steps"]} == {0}
    assert len(steps) == 7 and all(each["seconds"] >= 0 for each in evidence["steps"])
    (sent,) = cloud.asked("CreateTrainingJob")
    assert sent["StoppingCondition"] == {"MaxRuntimeInSeconds": 900}
    assert what_is_there(cloud) == []


@once
@pytest.mark.parametrize("operation", ["CreateChangeSet", "CreateTrainingJob"])
def test_a_step_that_fails_takes_down_too(cloud, sagemaker, prove, operation):
    cloud.fail(operation, "AccessDeniedException", "no", 400)
    done, evidence = prove(*ONE)
    assert done.returncode == 1
    verb = {"CreateChangeSet": "deploy", "CreateTrainingJob": "submit"}
    assert re.search(rf"NOT PROVED: prove-\w+-python: {verb[operation]}\b.* failed", done.stdout)
    assert evidence["steps"][-1]["exit"] == 1 and not evidence["proved"]
    assert what_is_there(cloud) == [], done.stdout[-3000:]


@once
def test_another_model_is_no_proof_and_what_is_the_teams_stays(cloud, sagemaker, prove):
    sagemaker.edit = lambda files: files | {"model.ubj": files["model.ubj"] + b"."}
    cloud.client("s3").create_bucket(Bucket="ours")
    cloud.client("s3").put_object(Bucket="ours", Key="other/data", Body=b"1")
    template = {
        "Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}},
        "Outputs": {
            name: {"Value": value}
            for name, value in {"BucketName": "ours", "OidcProviderArn": "arn:aws:iam::1:x"}.items()
        },
    }
    cloud.client("cloudformation").create_stack(
        StackName="sagemaker-team", TemplateBody=json.dumps(template)
    )
    done, evidence = prove(*ONE)
    assert (done.returncode, evidence["made"]) == (1, []), done.stdout[-3000:]
    assert "NOT PROVED: The models differ: python" in done.stdout
    assert (evidence["proved"], evidence["jobs"]["python"]["equal"]) == (False, False)
    assert what_is_there(cloud) == ["sagemaker-team", "ours"]
    assert len(cloud.client("s3").list_objects_v2(Bucket="ours")["Contents"]) == 1


def interrupted(cloud, sagemaker, tmp_path, how):
    """Start a proof, end it by a signal while its job runs; return its evidence and all it said."""
    sagemaker.release.clear()
    file = tmp_path / "evidence.json"
    process = subprocess.Popen(
        command(file, "--yes", *ONE),
        cwd=tmp_path,
        env=cloud.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )
    said = []
    with process:
        for line in process.stdout:
            said.append(line)
            # A terminal sends it to all of the group: the job's status, then the taking down.
            if re.match(r"\d\d:\d\d:\d\d ", line) or "==== Taking down" in line:
                os.killpg(process.pid, how)
    assert cloud.asked("CreateTrainingJob"), "".join(said)
    return json.loads(file.read_text()), "".join(said)


@once
def test_ctrl_c_stops_the_job_and_takes_down_whatever_one_presses(cloud, sagemaker, tmp_path):
    evidence, said = interrupted(cloud, sagemaker, tmp_path, signal.SIGINT)
    assert "NOT PROVED: it was interrupted" in said and "Nothing is left in AWS" in said
    assert cloud.asked("StopTrainingJob") and evidence["left"] == []
    assert what_is_there(cloud) == []


@once
def test_what_a_killed_proof_left_is_taken_down_and_what_can_not_be_is_said(
    cloud, sagemaker, tmp_path
):
    evidence, _ = interrupted(cloud, sagemaker, tmp_path, signal.SIGKILL)
    name, bucket = evidence["repositories"]["python"], evidence["bucket"]
    assert "name" not in evidence["jobs"]["python"], "it was killed before it knew the job"
    assert {name, bucket, "sagemaker-team"} < set(what_is_there(cloud))
    cloud.fail("DeleteRepository", "AccessDeniedException", "no", 400, times=1)
    file = tmp_path / "evidence.json"
    done = cloud.run(tmp_path, *command(file, "--take-down", file))
    remove = f"aws --region us-east-1 ecr delete-repository --force --repository-name {name}"
    assert done.returncode == 1
    assert f"LEFT: the ECR repository {name}: {remove}\n" in done.stdout, done.stdout
    assert cloud.asked("StopTrainingJob")
    assert what_is_there(cloud) == [name]
    done = cloud.run(tmp_path, *command(file, "--take-down", file))
    assert "Nothing is left in AWS" in done.stdout, done.stdout
    assert what_is_there(cloud) == []
    (left,) = (tmp_path / "tmp").glob("prove-on-aws-*/prove-*")
    cloud.run(left, sys.executable, "-B", "tools", "clean")


@once
def test_nothing_is_made_without_a_yes(cloud, sagemaker, tmp_path):
    done = cloud.run(tmp_path, *command(tmp_path / "evidence.json"))
    assert done.returncode == 1
    assert "At most no known price: 3 x ml.m5.large for up to 900 s" in done.stdout
    assert done.stdout.endswith("Nobody can answer here: --yes says that it may cost that.\n")
    assert {each.operation for each in cloud.calls} <= {"GetCallerIdentity", "GetProducts"}
    assert not (tmp_path / "evidence.json").exists()


def test_make_passes_the_flags_on():
    # make within make says in which folder it is.
    options = ["--dry-run", "--no-print-directory"]
    words = ["make", *options, "prove-on-aws", "ARGS=--language r --yes"]
    done = subprocess.run(words, cwd=TEMPLATE, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].endswith("scripts/prove_on_aws.py --language r --yes")
