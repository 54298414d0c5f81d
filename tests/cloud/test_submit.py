"""make submit, tune, logs, stop and fetch against moto, by the aws CLI, the scripts unchanged.

moto calls a job Completed as soon as it is made, and can't stop one. The fixture `service` mends
both; what a job does meanwhile, the tests write into moto's state.
"""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pytest

moto = pytest.importorskip("moto", reason="conftest.py says more")

from moto.sagemaker import models  # noqa: E402
from support import oldest_python  # noqa: E402

REGION = "us-east-1"
GROUP = "/aws/sagemaker/TrainingJobs"
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"digest": "sha256:" + 64 * "0", "size": 1},
    "layers": [],
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


class Desk:
    """A repository whose image is pushed, in an account with its role, bucket and stack."""

    def __init__(self, cloud, repository):
        self.cloud = cloud
        self.folder = repository
        self.slug = repository.name
        self.bucket = f"team-{cloud.account}"
        self.role = f"arn:aws:iam::{cloud.account}:role/team/{self.slug}"
        iam = cloud.client("iam")
        iam.create_role(
            RoleName=self.slug, Path="/team/", AssumeRolePolicyDocument=json.dumps(TRUST)
        )
        cloud.client("s3").create_bucket(Bucket=self.bucket)
        ecr = cloud.client("ecr")
        ecr.create_repository(repositoryName=self.slug)
        manifest = json.dumps(MANIFEST)
        pushed = ecr.put_image(repositoryName=self.slug, imageManifest=manifest, imageTag="1a2b3c")
        host = f"{cloud.account}.dkr.ecr.{REGION}.amazonaws.com"
        self.image = f"{host}/{self.slug}@{pushed['image']['imageId']['imageDigest']}"
        tag = cloud.run(repository, "python3", "tools", "push", "--print-tag").stdout.strip()
        self.write("pushed-image.json", {"image": self.image, "tag": tag})
        self.make_stack({"BucketName": self.bucket, "ExecutionRoleArn": self.role})

    def make_stack(self, outputs):
        topic = {"Type": "AWS::SNS::Topic"}
        body = {"Resources": {"Topic": topic}}
        body["Outputs"] = {name: {"Value": value} for name, value in outputs.items()}
        stacks = self.cloud.client("cloudformation")
        stacks.create_stack(StackName=self.slug, TemplateBody=json.dumps(body))

    def remove_stack(self):
        self.cloud.client("cloudformation").delete_stack(StackName=self.slug)

    def write(self, name, content):
        (self.folder / name).write_text(json.dumps(content), encoding="utf-8")

    def edit(self, name, change):
        content = json.loads((self.folder / name).read_text(encoding="utf-8"))
        change(content)
        self.write(name, content)

    def put_data(self):
        """Something under the places that training-job.json names."""
        for channel in ("training", "validation"):
            key = f"{self.slug}/data/{channel}/penguins.csv"
            self.cloud.client("s3").put_object(Bucket=self.bucket, Key=key, Body=b"a,b\n1,0\n")

    def script(self, name, *words, **environment):
        """Run a verb by the oldest Python that it promises; its output in two parts."""
        return subprocess.run(
            [oldest_python(), "-B", "tools", name, *words],
            cwd=self.folder,
            env=self.cloud.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )

    def submit(self, *flags, **environment):
        return self.script("submit", *flags, **environment)

    def refused(self, *flags, **environment):
        """Submit what must be refused, and return the sentence."""
        done = self.submit(*flags, **environment)
        assert done.returncode == 1, done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.stderr

    @property
    def sent(self):
        (request,) = self.cloud.asked("CreateTrainingJob")
        return request

    def make_job(self, tuning=False):
        """Make a job by the API itself, as if it had been submitted from here."""
        name = f"{self.slug}-1"
        file = json.loads((self.folder / "training-job.json").read_text(encoding="utf-8"))
        text = json.dumps(file | {"TrainingJobName": name}).replace("-111122223333", "")
        self.cloud.client("sagemaker").create_training_job(**json.loads(text))
        (self.folder / "runs").mkdir()
        self.write("runs/submitted-job.json", {"job": name, "region": REGION, "tuning": tuning})
        return name

    def job(self, name):
        return self.cloud.backend("sagemaker").training_jobs[name]

    def log(self, name, *lines, host="algo-1"):
        """Let a host of the job log some lines."""
        logs = self.cloud.client("logs")
        stream = f"{name}/{host}-1700000000"
        if not logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
            logs.create_log_group(logGroupName=GROUP)
        known = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=stream)
        if not known["logStreams"]:
            logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now + i, "message": line} for i, line in enumerate(lines)]
        logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)


@pytest.fixture
def make_desk(bake, cloud, tmp_path):
    """Function: language, whether there is git → a desk."""

    def make(language="python", git=False):
        repository = tmp_path / f"penguins-{language}"
        shutil.copytree(bake(language), repository)
        if git:
            subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
        return Desk(cloud, repository)

    return make


@pytest.fixture
def desk(make_desk):
    return make_desk()


@pytest.fixture
def service(cloud, monkeypatch):
    """Jobs begin InProgress and can be stopped."""
    begin = models.FakeTrainingJob.__init__

    def begin_in_progress(self, *arguments, **named):
        begin(self, *arguments, **named)
        self.training_job_status = "InProgress"
        self.secondary_status = "Training"

    monkeypatch.setattr(models.FakeTrainingJob, "__init__", begin_in_progress)
    cloud.answers["StopTrainingJob"] = lambda body: {}


def end(job, status, secondary=None, **facts):
    """Let a job end."""
    vars(job).update(facts, secondary_status=secondary or status, training_job_status=status)


class Following:
    """A script that runs while the test goes on."""

    def __init__(self, desk, name, *words):
        self.process = subprocess.Popen(
            [oldest_python(), "-B", "tools", name, *words],
            cwd=desk.folder,
            env=desk.cloud.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            # As a terminal does, a signal goes to all of the group.
            start_new_session=True,
        )
        self.lines = []

    def until(self, text):
        """Read up to the line that holds the text, and return that line."""
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text} did not come:\n{''.join(self.lines)}")

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self):
        """Wait for the end; return the exit code and all that was printed."""
        self.lines += self.process.stdout
        return self.process.wait(timeout=300), "".join(self.lines)


@pytest.fixture
def start(desk):
    """Function: script, words → it, followed."""
    started = []

    def begin(*words):
        started.append(Following(desk, *words))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait()
        each.process.stdout.close()


# ---- What is sent --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "git"),
    [("python", False), ("python", True), ("r", False), ("java", True)],
    ids=["python", "python-git", "r", "java-git"],
)
def test_a_job_is_submitted_followed_and_its_model_fetched(make_desk, language, git):
    desk = make_desk(language, git)
    done = desk.submit("--upload", "--wait")
    assert done.returncode == 0, done.stderr
    assert "tree has changed" not in done.stderr
    name, _, result = done.stdout.partition("\n")
    assert re.fullmatch(rf"penguins-{language}--\d{{6}}-\d{{6}}-[0-9a-f]{{4}}", name)
    assert "Status: Completed\n" in result
    assert "At most 1 instance-hours: 1 x ml.m5.large for up to 3600 s.\n" in done.stderr
    file = json.loads((desk.folder / "training-job.json").read_text(encoding="utf-8"))
    sent = desk.sent
    # C84
    assert sent["AlgorithmSpecification"] == file["AlgorithmSpecification"] | {
        "TrainingImage": desk.image
    }
    assert (sent["TrainingJobName"], sent["RoleArn"]) == (name, desk.role)
    assert sent["OutputDataConfig"] == {"S3OutputPath": f"s3://{desk.bucket}/{desk.slug}/jobs/"}
    place = f"s3://{desk.bucket}/{desk.slug}/checkpoints/{name}/"  # C64
    assert sent["CheckpointConfig"] == file["CheckpointConfig"] | {"S3Uri": place}
    for member in ("HyperParameters", "ResourceConfig", "StoppingCondition"):
        assert sent[member] == file[member]
    for channel in sent["InputDataConfig"]:
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        key = uri.removeprefix(f"s3://{desk.bucket}/") + "penguins.csv"
        stored = desk.cloud.client("s3").get_object(Bucket=desk.bucket, Key=key)["Body"].read()
        local = desk.folder / "data" / channel["ChannelName"] / "penguins.csv"
        assert stored == local.read_bytes()

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("metadata.json")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"{}"))
    key = f"{desk.slug}/jobs/{name}/output/model.tar.gz"
    desk.cloud.client("s3").put_object(Bucket=desk.bucket, Key=key, Body=archive.getvalue())
    done = desk.script("fetch")
    assert (done.stdout, done.stderr) == (f"Model: runs/{name}/model\n", "")
    assert (desk.folder / "runs" / name / "model" / "metadata.json").read_text() == "{}"


def test_the_verbs_of_make_reach_the_scripts(desk):
    done = desk.cloud.run(desk.folder, "make", "submit", "ARGS=--region eu-west-1")
    assert done.returncode == 2 and "the job would run in eu-west-1" in done.stdout
    name = desk.make_job()
    done = desk.cloud.run(desk.folder, "make", "logs")
    assert done.returncode == 0 and "Status: Completed\n" in done.stdout
    done = desk.cloud.run(desk.folder, "make", "stop")
    assert done.returncode == 0 and done.stdout.endswith(f"{name} is Completed already.\n")
    done = desk.cloud.run(desk.folder, "make", "fetch")
    assert done.returncode == 2
    assert f"{name} left no model, or it was removed: s3://" in done.stdout
    (desk.folder / "tuning-job.json").unlink()
    done = desk.cloud.run(desk.folder, "make", "tune")
    assert done.returncode == 2 and "tuning-job.json can't be read" in done.stdout


def test_what_the_file_and_the_flags_say_goes_through(desk):
    desk.put_data()
    extra = {
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
        "Tags": [{"Key": "cost-centre", "Value": "111122223333"}],
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "Environment": {"LOG_LEVEL": "debug"},
        "RetryStrategy": {"MaximumRetryAttempts": 2},
    }

    def change(request):
        request.update(extra)
        request["OutputDataConfig"]["KmsKeyId"] = "alias/team"
        request["ResourceConfig"]["VolumeKmsKeyId"] = "1234abcd-12ab-34cd-56ef-1234567890ab"

    desk.edit("training-job.json", change)
    (desk.folder / "Dockerfile").write_text("FROM scratch\n")
    done = desk.submit(
        *("--spot", "--instance-type", "ml.c5.xlarge", "--instance-count", "2"),
        *("--max-runtime", "1800", "--hyperparameter", "rounds=7"),
    )
    assert done.returncode == 0, done.stderr
    changed = "The tree has changed since the push: the job runs what was pushed (`make push`).\n"
    assert changed in done.stderr
    sent = desk.sent
    assert {member: sent[member] for member in extra} == extra
    assert sent["OutputDataConfig"]["KmsKeyId"] == "alias/team"
    assert sent["ResourceConfig"] == {
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 2,
        "VolumeSizeInGB": 10,
        "VolumeKmsKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab",
    }
    assert sent["EnableManagedSpotTraining"] is True
    times = {"MaxRuntimeInSeconds": 1800, "MaxWaitTimeInSeconds": 3600}  # C104
    assert sent["StoppingCondition"] == times
    assert sent["HyperParameters"]["rounds"] == "7"
    assert "1 instance-hours: 2 x ml.c5.xlarge for up to 1800 s, at the spot price" in done.stderr


def test_a_dry_run_prints_the_very_request_and_sends_nothing(desk):
    done = desk.submit("--upload", "--dry-run")
    assert done.returncode == 0, done.stderr
    request = json.loads(done.stdout)
    changing = re.compile(r"^(Create|Put|Start|Stop|Delete|POST|PUT|DELETE)")
    asked = desk.cloud.calls
    before = next(i for i, call in enumerate(asked) if call.operation == "GetCallerIdentity")
    assert not [call for call in asked[before:] if changing.match(call.operation)]
    assert not (desk.folder / "runs").exists()
    assert desk.submit("--upload").returncode == 0
    sent = desk.sent
    name = request["TrainingJobName"]
    assert json.loads(json.dumps(sent).replace(sent["TrainingJobName"], name)) == request


# ---- Tuning --------------------------------------------------------------------------------


def test_an_image_that_is_not_the_pushed_one_is_said(desk):
    """Such as an image of AWS's own, which the job does not run."""
    desk.put_data()
    said = "That is what `make push` sent, and not the TrainingImage of training-job.json.\n"
    assert said not in desk.submit("--dry-run").stderr
    other = f"763104351884.dkr.ecr.us-east-1.amazonaws.com/{desk.slug}:2.3"
    desk.edit(
        "training-job.json",
        lambda request: request["AlgorithmSpecification"].update(TrainingImage=other),
    )
    assert said in desk.submit("--dry-run").stderr


@pytest.mark.parametrize("language", ["python", "r"])  # Java's file is Python's
def test_a_tuning_job_is_made_of_the_training_job_c12_c95(make_desk, language):
    desk = make_desk(language)
    desk.put_data()
    desk.edit(
        "training-job.json", lambda request: request.update(Tags=[{"Key": "a", "Value": "b"}])
    )
    done = desk.script("tune")
    assert done.returncode == 0, done.stderr
    (sent,) = desk.cloud.asked("CreateHyperParameterTuningJob")
    assert sent["HyperParameterTuningJobName"] == done.stdout.strip()
    assert sent["Tags"] == [{"Key": "a", "Value": "b"}]
    definition = sent["TrainingJobDefinition"]
    assert definition["AlgorithmSpecification"]["TrainingImage"] == desk.image
    assert "CheckpointConfig" not in definition  # all its jobs would share it
    ranges = sent["HyperParameterTuningJobConfig"]["ParameterRanges"]
    tuned = {each["Name"] for kind in ranges.values() for each in kind}
    file = json.loads((desk.folder / "training-job.json").read_text(encoding="utf-8"))
    assert set(definition["StaticHyperParameters"]) == set(file["HyperParameters"]) - tuned
    assert (
        "At most 10 instance-hours: 10 jobs, each 1 x ml.m5.large for up to 3600 s." in done.stderr
    )


def test_a_tuning_job_is_followed_and_its_best_model_fetched(desk):
    best = desk.make_job()
    desk.put_data()
    name = desk.script("tune").stdout.strip()
    job = desk.cloud.backend("sagemaker").hyper_parameter_tuning_jobs[name]
    found = {
        "TrainingJobStatusCounters": {"Completed": 9, "InProgress": 0, "RetryableError": 1},
        "BestTrainingJob": {
            "TrainingJobName": best,
            "TunedHyperParameters": {"max_depth": "3"},
            "FinalHyperParameterTuningJobObjectiveMetric": {
                "MetricName": "validation:log_loss",
                "Value": 0.25,
            },
        },
    }
    describe = job.describe
    job.describe = lambda: describe() | found
    done = desk.script("logs")
    assert done.returncode == 0, done.stderr
    assert "Completed: 9 Completed, 1 RetryableError\n" in done.stderr
    assert f"Best: {best}\n  validation:log_loss = 0.25\n  max_depth: 3\n" in done.stdout
    done = desk.script("fetch")
    assert f"{best} left no model" in done.stderr
    done = desk.script("stop", name)
    assert done.stdout == f"{name} is Completed already.\n"


# ---- Following -----------------------------------------------------------------------------


def test_a_job_is_followed_to_its_end_and_fails_as_it_does(desk, service, start):
    desk.put_data()
    script = start("submit", "--wait")
    script.until("Training")
    name = desk.sent["TrainingJobName"]
    desk.log(name, "step=1 training:log_loss=0.5")
    script.until("step=1 training:log_loss=0.5")
    desk.log(name, "step=2 training:log_loss=0.4")
    reason = 'AlgorithmError: Channel "training" is missing, exit code: 1'
    end(desk.job(name), "Failed", failure_reason=reason, billable_time_in_seconds=61)
    code, output = script.end()
    assert code == 1
    assert output.count("step=1 ") == output.count("step=2 ") == 1
    assert f"Status: Failed\nFailureReason: {reason}\n" in output
    assert "Billed: 61 s of each instance\n" in output
    assert "Model:" not in output


def test_ctrl_c_leaves_the_job_running_and_says_how_to_stop_it(desk, service, start):
    desk.put_data()
    script = start("submit", "--wait")
    script.until("Training")
    name = desk.sent["TrainingJobName"]
    script.interrupt()
    code, output = script.end()
    assert code == 130
    goes_on = f"{name} goes on: `make logs` follows it again, `make stop` stops it.\n"
    assert output.endswith(goes_on)
    assert "Traceback" not in output
    assert desk.cloud.asked("StopTrainingJob") == []
    done = desk.script("stop")
    assert done.stdout.startswith(f"Stopping {name}: the program has 120 s"), done.stderr  # C5
    assert desk.cloud.asked("StopTrainingJob") == [{"TrainingJobName": name}]
    # MaxRuntime ends a job as Stopped, not Failed (C103).
    end(desk.job(name), "Stopped", "MaxRuntimeExceeded")
    done = desk.script("logs", name)
    assert done.returncode == 1
    assert "Status: Stopped (MaxRuntimeExceeded)\n" in done.stdout


def test_lines_of_many_hosts_say_whose_they_are_c93(desk):
    name = desk.make_job()
    desk.log(name, "leader")
    desk.log(name, "worker", host="algo-2")
    desk.log(f"{name}0", "of another job")
    done = desk.script("logs")
    assert done.stdout.startswith("leader\n[algo-2] worker\n\nStatus: Completed\n")


def test_who_may_not_read_logs_still_sees_the_status(desk):
    desk.make_job()
    desk.cloud.fail("DescribeLogStreams", "AccessDeniedException", "User may not", 400)
    done = desk.script("logs")
    assert done.returncode == 0, done.stderr
    assert "No log, only the status: You may not call DescribeLogStreams" in done.stderr
    assert "Status: Completed\n" in done.stdout


def test_a_moment_without_network_does_not_end_the_following(desk):
    desk.make_job()
    desk.cloud.fail("DescribeTrainingJob", "ThrottlingException", "Rate exceeded", 400, times=1)
    done = desk.script("logs")
    assert done.returncode == 0, done.stderr
    assert "AWS is busy: try again in a minute. Trying again." in done.stderr


def test_a_job_that_nobody_knows(desk):
    done = desk.script("logs")
    assert done.returncode == 1
    assert done.stderr.startswith("No job was submitted from here")
    done = desk.script("stop", "nobody", "--region", REGION)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no job nobody in us-east-1")


def test_a_job_is_stopped_and_fetched_from_another_checkout(desk, service):
    name = desk.make_job()
    shutil.rmtree(desk.folder / "runs")
    done = desk.script("stop", name)
    assert (done.returncode, done.stdout[: 9 + len(name)]) == (0, f"Stopping {name}"), done.stderr
    assert desk.cloud.asked("StopTrainingJob") == [{"TrainingJobName": name}]
    end(desk.job(name), "Stopped")
    done = desk.script("fetch", name)
    # moto has no model of it.
    assert f"{name} left no model, or it was removed" in done.stderr


# ---- What it costs -------------------------------------------------------------------------


def price_list(body):
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": "0.115"}}
    term = {"terms": {"OnDemand": {"a.b": {"priceDimensions": {"a.b.c": dimension}}}}}
    return {"PriceList": [json.dumps(term)]}


def test_the_price_is_said_and_held(desk):
    desk.put_data()
    desk.cloud.answers["GetProducts"] = price_list
    done = desk.submit("--dry-run", "--instance-count", "4", "--max-cost", "0.46")
    assert done.returncode == 0, done.stderr
    assert "At most 0.46 USD without storage (4 instance-hours): 4 x ml.m5.large" in done.stderr
    said = desk.refused("--instance-count", "4", "--max-cost", "0.45")
    assert said.endswith("It may cost 0.46 USD, and --max-cost is 0.45: see above.\n")
    desk.cloud.fail("GetProducts", "AccessDeniedException", "no", 400)
    said = desk.refused("--max-cost", "9")
    assert "Not checked: the price of ml.m5.large, since you may not call pricing get-pr" in said
    assert said.endswith("The price is not known, so --max-cost can't be held: leave it out.\n")
    assert desk.cloud.asked("CreateTrainingJob") == []


# ---- What goes wrong -----------------------------------------------------------------------


def test_without_a_pushed_image(desk):
    (desk.folder / "pushed-image.json").unlink()
    assert desk.refused() == "No image was pushed from here yet: run `make push` first.\n"


def test_without_the_aws_cli(desk, tmp_path):
    # This Python, since another one may be found by what is no longer on the PATH.
    script = [sys.executable, "-B", "tools", "submit"]
    done = desk.cloud.run(desk.folder, *script, PATH=str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert done.stdout.startswith("There is no aws command: install the AWS CLI v2 (https://")


def test_without_credentials(desk):
    del desk.cloud.environment["AWS_ACCESS_KEY_ID"]
    del desk.cloud.environment["AWS_SECRET_ACCESS_KEY"]
    assert desk.refused().startswith("There are no AWS credentials: run `aws configure sso`")


def test_with_a_profile_that_is_not_there(desk):
    assert desk.refused("--profile", "team").startswith(
        "There is no such AWS profile (team): `aws configure"
    )


def test_with_expired_credentials(desk):
    message = "The security token included in the request is expired"
    desk.cloud.fail("GetCallerIdentity", "ExpiredToken", message, 403)
    assert desk.refused().startswith("Your AWS credentials have expired: renew them")


def test_without_a_role_or_a_bucket(desk):
    desk.remove_stack()
    sentence = "No role for the job is known: `make deploy` makes one, or name one by --role or"
    assert desk.refused() == f"{sentence} SAGEMAKER_ROLE.\n"
    assert desk.refused("--role", desk.role).startswith("No bucket for the job is known")


def test_what_is_not_there_is_said_all_at_once(desk):
    role = f"arn:aws:iam::{desk.cloud.account}:role/gone"
    desk.cloud.client("ecr").delete_repository(repositoryName=desk.slug, force=True)
    assert desk.refused("--role", role, "--bucket", "no-such-bucket").splitlines() == [
        f"There is no role gone in the account {desk.cloud.account}: `make deploy` makes one.",
        f"The pushed image is in ECR no more ({desk.image}): run `make push` again.",
        "There is no bucket no-such-bucket: `make deploy` makes one, or name yours.",
    ]


def test_data_that_are_not_there_f18(desk):
    lines = desk.refused().splitlines()
    begin = f"Nothing lies under s3://{desk.bucket}/{desk.slug}/data/training/"
    assert [line for line in lines if line.startswith(begin)] == [
        f"{begin} for the channel training: send data/training by --upload, or name another S3Uri "
        "in training-job.json."
    ]


def test_a_bucket_or_a_job_in_another_region_c54_c84(desk):
    desk.cloud.client("s3", "eu-west-1").create_bucket(
        Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    sentence = "The bucket far lies in eu-west-1, and the job runs in us-east-1 (C54)."
    assert sentence in desk.refused("--upload", "--bucket", "far")
    assert desk.refused("--region", "eu-west-1") == (
        "The image lies in us-east-1 and the job would run in eu-west-1: push it there first, by "
        'make push ARGS="--region eu-west-1" (C84).\n'
    )


def test_a_question_that_one_may_not_ask_is_left_out(desk):
    desk.put_data()
    questions = {
        "GetRole": "the role, since you may not call iam get-role.",
        "DescribeImages": "the image, since you may not call ecr describe-images.",
    }
    for operation in questions:
        message = f"User: me is not authorized to perform: {operation}"
        desk.cloud.fail(operation, "AccessDeniedException", message, 403)
    # In S3 all are called GET.
    desk.cloud.fail("GET", "AccessDenied", "Access Denied", 403)
    done = desk.submit()
    assert done.returncode == 0, done.stderr
    questions |= {
        "location": f"bucket {desk.bucket}, since you may not call s3api get-bucket-location.",
        "list": "channel training, since you may not call s3api list-objects-v2.",
    }
    for question in questions.values():
        assert f"Not checked: {question}\n" in done.stderr
    assert desk.sent


def test_a_stack_that_one_may_not_read_is_left_out(desk):
    desk.put_data()
    desk.cloud.fail("DescribeStacks", "AccessDenied", "not authorized", 403)
    sentence = desk.refused()
    assert "Not checked: role and bucket of the stack penguins-python" in sentence
    assert "No role for the job is known" in sentence


def test_who_may_not_submit_reads_why(desk):
    desk.put_data()
    message = f"User: me is not authorized to perform: iam:PassRole on resource: {desk.role}"
    desk.cloud.fail("CreateTrainingJob", "AccessDeniedException", message, 400)
    done = desk.submit()
    assert done.returncode == 1
    assert done.stderr.endswith(
        "You may not call CreateTrainingJob: ask whoever manages the account. AWS says: "
        f"{message}\n"
    )
    # Nothing was submitted that could be followed.
    assert not (desk.folder / "runs" / "submitted-job.json").exists()


def test_a_quota_is_named_with_the_command_that_asks_for_more(desk):
    desk.put_data()
    quota = "ml.m5.large for spot training job usage"
    message = (
        f"The account-level service limit '{quota}' is 1 Instances, with current utilization of 1 "
        "Instances and a request delta of 2 Instances. Please use AWS Service Quotas."
    )
    desk.cloud.fail("CreateTrainingJob", "ResourceLimitExceeded", message, 400)
    # moto knows the quotas of VPC alone.
    quotas = [{"QuotaName": name, "QuotaCode": f"L-{len(name)}"} for name in ("other", quota)]
    desk.cloud.answers["ListAWSDefaultServiceQuotas"] = lambda body: {"Quotas": quotas}
    done = desk.submit()
    assert done.returncode == 1
    assert f'Your account has not enough of the quota "{quota}".' in done.stderr
    more = "aws service-quotas request-service-quota-increase --service-code sagemaker"
    asked = f"{more} --quota-code L-{len(quota)} --desired-value 3 --region {REGION}\n"
    assert asked in done.stderr


def test_a_member_that_the_api_does_not_know(desk):
    desk.edit("training-job.json", lambda request: request.update(MaxRuntime=1))
    sentence = desk.refused("--upload")
    # It may be new at AWS: the CLI is asked, and refuses it.
    model, cli = sentence.splitlines()
    assert model.startswith("MaxRuntime is not known to AWS as of")
    assert re.match(r"The aws CLI 2\.\S+ does not know MaxRuntime: update it \(https://", cli)
    assert desk.cloud.asked("CreateTrainingJob") == []
