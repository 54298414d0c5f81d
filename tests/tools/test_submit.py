"""tools/cloud, part by part; tests/cloud runs them whole."""

import argparse
import copy
import io
import json
import os
import re
import subprocess
import tarfile

import pytest
from botocore.session import get_session
from support import load_tools, oldest_python

ROLE = "arn:aws:iam::123456789012:role/penguins"
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/penguins@sha256:{64 * '0'}"


@pytest.fixture(scope="module")
def tools(bake):
    """The rooms of a repository's tools/cloud, as modules."""
    rooms = ("aws", "follow", "problems", "questions", "request", "submit", "upload")
    places = [*(f"cloud.{room}" for room in rooms), "api_model", "terminal", "tuning"]
    *modules, api_model, terminal, tuning = load_tools(bake("python"), *places)
    return argparse.Namespace(
        UserError=terminal.UserError,
        api_model=api_model,
        tuning=tuning,
        **dict(zip(rooms, modules, strict=True)),
    )


@pytest.fixture
def request_(bake):
    """A request that could be sent."""
    text = (bake("python") / "training-job.json").read_text(encoding="utf-8")
    request = json.loads(text.replace("-111122223333", "-bucket")) | {"RoleArn": ROLE}
    request["AlgorithmSpecification"]["TrainingImage"] = IMAGE
    return request


@pytest.fixture
def tuning(bake):
    return json.loads((bake("python") / "tuning-job.json").read_text(encoding="utf-8"))


# ---- The request ---------------------------------------------------------------------------


@pytest.fixture
def read_pushed(tools, monkeypatch):
    """Function: a folder → what its pushed-image.json says."""

    def read(folder):
        monkeypatch.setattr(tools.request, "PUSHED_IMAGE", folder / "pushed-image.json")
        return tools.request.read_pushed()

    return read


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No image was pushed from here yet: run `make push` first."),
        ("{", "pushed-image.json can't be read: run `make push` again."),
        ("[]", "pushed-image.json can't be read: run `make push` again."),
        ('{"image": "penguins:local", "tag": "x"}', "penguins:local in pushed-image.json is no"),
        ('{"image": "docker.io/penguins@sha256:00", "tag": "x"}', "docker.io/penguins"),
    ],
)
def test_what_push_has_not_written_c84(tools, read_pushed, tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "pushed-image.json").write_text(content)
    with pytest.raises(tools.UserError, match=re.escape(sentence)):
        read_pushed(tmp_path)


def test_before_a_push_a_dry_run_prints_the_request_without_aws(bake, tmp_path):
    repository = bake("python")
    command = [oldest_python(), "tools", "submit", "--dry-run", "--max-runtime", "900"]

    def run(*words):
        # No aws CLI is there.
        env = {"PATH": str(tmp_path)}
        return subprocess.run(
            [*command, *words], cwd=repository, env=env, capture_output=True, text=True
        )

    done = run()
    assert done.returncode == 0, done.stderr
    request = json.loads(done.stdout)
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 900}
    assert request["TrainingJobName"].startswith("penguins-python--")
    assert done.stderr.splitlines()[0].startswith("No image was pushed from here yet. AWS is asked")
    assert done.stderr.splitlines()[-1].startswith("At most 0.25 instance-hours")
    # What SageMaker would refuse is refused here too.
    assert run("--instance-type", "large").returncode == 1
    command[2] = "tune"
    done = run()
    assert done.returncode == 0, done.stderr
    request = json.loads(done.stdout)
    assert request["TrainingJobDefinition"]["StoppingCondition"] == {"MaxRuntimeInSeconds": 900}
    assert done.stderr.splitlines()[-1].startswith("At most 2.5 instance-hours: 10 jobs, each")
    assert "Not held: --max-cost, since AWS is not asked" in run("--max-cost", "5").stderr
    command[2] = "submit"
    # As Terraform or a controller of Kubernetes writes it.
    file = repository / "training-job.json"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"AlgorithmSpecification"', '"algorithmSpecification"'))
    lead = "There is no algorithmSpecification; do you mean AlgorithmSpecification?"
    assert run().stderr.splitlines() == [lead]
    # As a state of Step Functions.
    file.write_text(json.dumps({"Parameters": json.loads(text)}))
    lead = "There is no Parameters; what stands in it belongs one level up."
    assert run().stderr.splitlines() == [lead]
    # As `aws sagemaker describe-training-job` says it.
    file.write_text(text.replace("{", '{"TrainingJobStatus": "Completed",', 1))
    lead = "TrainingJobStatus is what AWS says of a job, not what it is asked for: take it out."
    assert run().stderr.splitlines() == [lead]
    file.write_text(text)
    # To resume, AWS must be asked.
    assert "run `make push` first" in run("--resume", "earlier").stderr


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
    ],
)
def test_an_image_of_each_partition_has_its_region(read_pushed, tmp_path, host):
    image = f"{host}/team/penguins@sha256:{64 * 'a'}"
    (tmp_path / "pushed-image.json").write_text(json.dumps({"image": image, "tag": "1"}))
    name, parts, tag = read_pushed(tmp_path)
    assert (name, tag) == (image, "1")
    assert parts.region == host.split(".")[3]
    assert parts.repository == "team/penguins"


def test_the_bucket_takes_the_placeholders_place_only(tools):
    request = {
        "A": "s3://penguins-111122223333/x/",
        "B": ["s3://penguins-111122223333"],
        "C": "s3://mine/penguins-111122223333/",
        "Tags": [{"Key": "account", "Value": "111122223333"}],
    }
    assert tools.request.set_bucket(request, "team") == request | {
        "A": "s3://team/x/",
        "B": ["s3://team"],
    }


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, "At most 1 instance-hours: 1 x ml.m5.large for up to 3600 s."),
        (
            {"StoppingCondition": {}},
            "At most 24 instance-hours: 1 x ml.m5.large for up to 86400 s.",
        ),
        (
            {"EnableManagedSpotTraining": True},
            "At most 1 instance-hours: 1 x ml.m5.large for up to 3600 s, at the spot price.",
        ),
        (
            {
                "ResourceConfig": {
                    "InstanceGroups": [
                        {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2},
                        {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
                    ],
                    "KeepAlivePeriodInSeconds": 1800,
                }
            },
            "At most 4.5 instance-hours: 2 x ml.c5.xlarge and 1 x ml.g5.xlarge for up to 5400 s.",
        ),
    ],
)
def test_the_upper_bound_counts_all_hosts_and_seconds_c104_c106(tools, request_, change, line):
    assert tools.request.cost(request_ | change, 1) == line


@pytest.fixture
def make_aws(tools):
    """Function: operation → its answer, or the code of an error → an aws CLI that gives it."""

    class Fake(tools.aws.Aws):
        def __init__(self, answers):
            super().__init__("us-east-1")
            self.answers = answers

        def call(self, service, operation, *_):
            answer = self.answers.get(operation, {})
            if isinstance(answer, str):
                raise tools.aws.AwsError(answer, answer)
            return copy.deepcopy(answer)

        def run(self, *_):
            return json.dumps(self.answers.get("run"))

    return Fake


@pytest.fixture
def options(tools, monkeypatch):
    """Function: words of the command line → the options."""
    for variable in ("SAGEMAKER_ROLE", "SAGEMAKER_BUCKET", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(variable, raising=False)
    return lambda *words: tools.submit.read_options("submit", tools.submit.submit, words)


OUTPUTS = [
    {"OutputKey": "ExecutionRoleArn", "OutputValue": f"{ROLE}-of-the-stack"},
    {"OutputKey": "BucketName", "OutputValue": "stack"},
]


def test_role_and_bucket_come_from_the_nearest_place(
    tools, make_aws, options, request_, bake, monkeypatch
):
    """Flag, variable, file, stack."""
    text = (bake("python") / "training-job.json").read_text(encoding="utf-8")
    aws = make_aws({"describe-stacks": {"Stacks": [{"Outputs": OUTPUTS}]}})

    def found(request, *words):
        filled, _ = tools.questions.fill_in(request, options(*words), aws, "penguins")
        (bucket,) = set(re.findall(r"s3://([^/]*)", json.dumps(filled)))
        return filled["RoleArn"].removeprefix(ROLE), bucket

    assert found(json.loads(text)) == ("-of-the-stack", "stack")
    assert found(request_) == ("", "penguins-python-bucket")
    monkeypatch.setenv("SAGEMAKER_ROLE", f"{ROLE}-of-the-variable")
    monkeypatch.setenv("SAGEMAKER_BUCKET", "variable")
    assert found(json.loads(text)) == ("-of-the-variable", "variable")
    flags = ("--role", f"{ROLE}-of-the-flag", "--bucket", "flag")
    assert found(json.loads(text), *flags) == ("-of-the-flag", "flag")


def test_the_same_data_have_one_place_and_others_another(tools, request_, tmp_path, monkeypatch):
    def places():
        return list(tools.upload.uploads(copy.deepcopy(request_), "penguins"))

    for channel in ("training", "validation"):
        (tmp_path / "data" / channel).mkdir(parents=True)
        (tmp_path / "data" / channel / "penguins.csv").write_text("a,b\n")
    monkeypatch.setattr(tools.upload, "REPOSITORY", tmp_path)
    before = places()
    assert before == places()
    assert all(
        place.startswith("s3://penguins-python-bucket/penguins/uploads/") for place in before
    )
    # As many bytes, and as old: `aws s3 sync` alone would not see it.
    file = tmp_path / "data" / "training" / "penguins.csv"
    status = file.stat()
    file.write_text("b,a\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = places()
    assert before[0] != after[0] and before[1] == after[1]
    file.rename(file.with_name("others.csv"))
    assert places()[0] not in (before[0], after[0])
    file.with_name("others.csv").unlink()
    with pytest.raises(tools.UserError, match="data/training is empty"):
        places()


def test_a_job_has_its_own_checkpoints_or_those_of_the_job_it_resumes_c64(
    tools, make_aws, options, request_
):
    place = request_["CheckpointConfig"]["S3Uri"]
    earlier = {"TrainingJobStatus": "Failed", "CheckpointConfig": {"S3Uri": f"{place}earlier/"}}
    request = copy.deepcopy(request_)
    tools.submit.set_checkpoints(request, None, make_aws({}))
    # With a last slash, or the job penguins-1 would find what is of penguins-12.
    assert request["CheckpointConfig"]["S3Uri"] == f"{place}{request_['TrainingJobName']}/"
    tools.submit.set_checkpoints(request, "earlier", make_aws({"describe-training-job": earlier}))
    assert request["CheckpointConfig"]["S3Uri"] == f"{place}earlier/"
    running = make_aws({"describe-training-job": earlier | {"TrainingJobStatus": "InProgress"}})
    with pytest.raises(tools.UserError, match="earlier still runs"):
        tools.submit.set_checkpoints(request, "earlier", running)
    without = make_aws({"describe-training-job": {"TrainingJobStatus": "Failed"}})
    with pytest.raises(tools.UserError, match="need a CheckpointConfig"):
        tools.submit.set_checkpoints(request, "earlier", without)


@pytest.mark.parametrize(
    ("tag", "line"),
    [
        ("1a2b3c", ""),
        ("4d5e6f", "The tree has changed since the push: the job runs what was pushed"),
    ],
)
def test_it_says_whether_the_tree_has_changed(tools, monkeypatch, capsys, tag, line):
    monkeypatch.setattr(tools.submit.image, "tag", lambda: tag)
    tools.submit.compare_trees("1a2b3c")
    assert capsys.readouterr().err.startswith(line)
    assert bool(line) == bool(tag != "1a2b3c")


def test_the_job_runs_where_the_image_lies_c84(tools, monkeypatch, capsys, options):
    options()
    tools.submit.compare_regions("eu-west-1", None)
    tools.submit.compare_regions("eu-west-1", "eu-west-1")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    tools.submit.compare_regions("eu-west-1", None)
    assert "not in AWS_REGION" in capsys.readouterr().err


def test_what_aws_knows_of_role_and_image_c86_f16(tools, make_aws, request_, capsys):
    trust = {"Role": {"AssumeRolePolicyDocument": {"Principal": "sagemaker.amazonaws.com"}}}
    there = {
        "get-role": trust,
        "get-bucket-location": {"LocationConstraint": None},
        "list-objects-v2": {"Contents": [{}]},
    }

    def found(answers, account="123456789012"):
        return list(tools.questions.questions(make_aws(there | answers), account, request_, {}))

    assert found({}) == []
    assert found({"get-role": {"Role": {"AssumeRolePolicyDocument": {}}}}) == [
        "SageMaker may not assume the role penguins: its trust policy must name it."
    ]
    assert found({"get-role": "NoSuchEntity"})[0].startswith("There is no role penguins in the")
    assert "is of the account 123456789012, and you are in 2" in found({}, "2")[0]
    assert "is in ECR no more" in found({"describe-images": "RepositoryNotFoundException"})[0]
    (line,) = found({"get-bucket-location": {"LocationConstraint": "EU"}})
    assert "lies in eu-west-1, and the job runs in us-east-1 (C54)" in line
    assert len(found({"list-objects-v2": {}})) == 2
    assert capsys.readouterr().err == ""
    operations = ("get-role", "describe-images", "get-bucket-location", "list-objects-v2")
    assert found({operation: "AccessDenied" for operation in operations}) == []
    assert capsys.readouterr().err.count("Not checked: ") == 5


def test_a_quota_is_named_with_the_command_that_asks_for_more(tools, make_aws):
    quota = "ml.m5.large for spot training job usage"
    message = (
        f"The account-level service limit '{quota}' is 1 Instances, with current utilization of 1 "
        "Instances and a request delta of 2 Instances. Please use AWS Service Quotas."
    )
    error = tools.aws.AwsError("x", "ResourceLimitExceeded", message)
    more = "request-service-quota-increase --service-code sagemaker --quota-code"
    known = tools.questions.explain_quota(make_aws({"run": ["L-1"]}), error)
    assert f'Your account has not enough of the quota "{quota}".' in known
    assert f"{more} L-1 --desired-value 3 --region us-east-1\n" in known
    unknown = tools.questions.explain_quota(make_aws({}), error)
    assert f'{more} "$(aws service-quotas list-aws-default-service-quotas ' in unknown
    # It is one that a shell can read.
    (command,) = re.findall("^  (aws .*)$", unknown, re.MULTILINE)
    script = f"""aws() {{ printf '%s\\n' "$@"; }}; {command}"""
    words = subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout
    assert f"Quotas[?QuotaName=='{quota}'].QuotaCode" in words.splitlines()
    # What has no quota in it is shown as it is.
    other = tools.aws.AwsError("y", "ResourceLimitExceeded", "too many tags")
    assert tools.questions.explain_quota(make_aws({}), other) == "y"


# ---- What SageMaker would refuse -----------------------------------------------------------


def test_what_is_right_has_no_problem(tools, request_, tuning):
    assert list(tools.problems.problems(request_)) == []
    whole = tools.request.tuning_job(request_, tuning)
    assert list(tools.tuning.tuning_problems(whole, request_)) == []


def put(request, path, value):
    *parents, last = path.split(".")
    for each in parents:
        request = request.setdefault(each, {})
    request[last] = value


SPOT = {"EnableManagedSpotTraining": True}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"TrainingJobName": "a_b"}, 'TrainingJobName is "a_b"; it must be letters, digits'),
        ({"RoleArn": "penguins"}, 'RoleArn is "penguins"; it must be an ARN of a role'),
        (
            {"HyperParameters.rounds": 2501 * "1"},
            "HyperParameters.rounds must be 2500 characters at most",
        ),
        ({"HyperParameters": {f"h{i}": "1" for i in range(101)}}, "must be 100 entries at most"),
        ({"AlgorithmSpecification.ContainerArguments": []}, "ContainerArguments must not be empty"),
        (
            {"AlgorithmSpecification.ContainerArguments": [257 * "a"]},
            "must be 256 characters at most",
        ),
        (
            {"AlgorithmSpecification.ContainerEntrypoint": 101 * ["a"]},
            "Entrypoint must be 100 entries",
        ),
        (
            {"AlgorithmSpecification.MetricDefinitions": [{"Name": "m", "Regex": "m=(.*"}]},
            'the Regex of "m" does not compile',
        ),
        (
            {"AlgorithmSpecification.MetricDefinitions": 41 * [{"Name": "m", "Regex": "m=(.)"}]},
            "MetricDefinitions must be 40 entries at most",
        ),
        ({"InputDataConfig": [{"ChannelName": "a b"}]}, 'ChannelName is "a b"; it must be'),
        (
            {"InputDataConfig": 21 * [{"ChannelName": "a"}]},
            "InputDataConfig must be 20 entries at most",
        ),
        ({"Environment": {"1": "a"}}, 'A name in Environment is "1"; it must be'),
        ({"Environment": {"A": 513 * "a"}}, "must be 512 characters at most"),
        (
            {"Environment": {f"A{i}": "" for i in range(101)}},
            "Environment must be 100 entries at m",
        ),
        ({"OutputDataConfig.S3OutputPath": "s3:/bucket/x"}, 'S3OutputPath is "s3:/bucket/x"'),
        ({"CheckpointConfig.S3Uri": "s3://"}, 'S3Uri is "s3://"; it must be'),
        (
            {"VpcConfig": {"Subnets": [], "SecurityGroupIds": ["sg-1"]}},
            "Subnets must not be empty",
        ),
        ({"Tags": [{"Key": "aws:a", "Value": ""}]}, "none beginning with"),
        ({"Tags": 2 * [{"Key": "a", "Value": ""}]}, "each Key once"),
        ({"ResourceConfig.InstanceType": "m5.large"}, "do you mean ml.m5.large?"),
        ({"ResourceConfig.InstanceCount": 0}, "InstanceCount must be 1 or more"),
        ({"ResourceConfig.VolumeSizeInGB": 0}, "VolumeSizeInGB must be 1 or more"),
        ({"StoppingCondition.MaxRuntimeInSeconds": 2419201}, "MaxRuntimeInSeconds may be 2419200"),
        ({"StoppingCondition.MaxWaitTimeInSeconds": 7200}, "is for spot jobs only"),
        (SPOT, "MaxWaitTimeInSeconds of a spot job must be 3600 or more"),
        (SPOT | {"StoppingCondition.MaxWaitTimeInSeconds": 3599}, "must be 3600 or more"),
        (SPOT | {"ResourceConfig.KeepAlivePeriodInSeconds": 60}, "goes without EnableManagedSpot"),
    ],
)
def test_what_sagemaker_would_refuse_is_a_sentence(tools, request_, changes, sentence):
    for path, value in changes.items():
        if value is None:
            del request_[path]
        else:
            put(request_, path, value)
    wrong, _ = tools.api_model.check("CreateTrainingJob", request_)
    found = wrong or list(tools.problems.problems(request_))
    assert any(sentence in each for each in found), found
    assert all(each.endswith((".", "?")) for each in found)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"MinValue": "x"}, 'The range of "max_depth" must be two numbers'),
        ({"MinValue": "2.5"}, 'The range of "max_depth" must be two numbers'),
        ({"MinValue": "9"}, 'The range of "max_depth" must have a MinValue below its MaxValue'),
        ({"MinValue": "0", "ScalingType": "Logarithmic"}, "must be above 0 to be Logarithmic"),
        ({"MinValue": "1", "ScalingType": "ReverseLogarithmic"}, "must be continuous, from 0 to"),
        ({"Name": "rounds"}, "each hyperparameter once"),
    ],
)
def test_a_range_that_can_not_be_is_a_sentence_c95(tools, request_, tuning, change, sentence):
    config = tuning["HyperParameterTuningJobConfig"]
    config["ParameterRanges"]["IntegerParameterRanges"][0].update(change)
    whole = tools.request.tuning_job(request_, tuning)
    (found,) = tools.tuning.tuning_problems(whole, request_)
    assert sentence in found


CATEGORIES = {"CategoricalParameterRanges": [{"Name": "max_depth", "Values": ["2", "4", "8"]}]}
AUTO = {"AutoParameters": [{"Name": "max_depth", "ValueHint": "4"}]}
LIMIT = "ResourceLimits.MaxNumberOfTrainingJobs"
GRID = {"Strategy": "Grid", "ParameterRanges": CATEGORIES, LIMIT: 3}
HYPERBAND = {
    "Strategy": "Hyperband",
    "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}},
}


def tuned(tuning, changes):
    for path, value in changes.items():
        put(tuning["HyperParameterTuningJobConfig"], path, value)
    return tuning


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        # As people have asked of it: amazon-sagemaker-operator-for-k8s#123 and AWS's own guide.
        ({"ParameterRanges": CATEGORIES}, "is 10, and the ranges hold 3 combinations: more AWS"),
        (
            {
                "ParameterRanges": {
                    "IntegerParameterRanges": [{"Name": "r", "MinValue": "-1", "MaxValue": "7"}]
                }
            },
            "the ranges hold 9 combinations",
        ),
        (GRID | {LIMIT: 2}, "and Grid trains all 3 combinatio"),
        ({"Strategy": "Grid"}, "The Strategy Grid takes CategoricalParameterRanges alone"),
        (HYPERBAND, "The Strategy Hyperband stops jobs by itself: take TrainingJobEarlyStoppingT"),
        ({"StrategyConfig": {}}, "StrategyConfig is for Hyperband, and the Strategy is Bayesian"),
        (
            {"ResourceLimits": {"MaxParallelTrainingJobs": 2}},
            "MaxNumberOfTrainingJobs is missing in ResourceLimits: it bounds",
        ),
        ({"HyperParameterTuningJobObjective": None}, "There is no objective: Hyper"),
        ({"ParameterRanges": {}}, "ParameterRanges must be 1 to 30, each hyperparameter once."),
    ],
)
def test_what_does_not_go_together_in_a_tuning_job_is_a_sentence(
    tools, request_, tuning, changes, sentence
):
    whole = tools.request.tuning_job(request_, tuned(tuning, changes))
    found = list(tools.tuning.tuning_problems(whole, request_))
    assert sentence in found[0], found


@pytest.mark.parametrize(
    ("changes", "auto", "jobs"),
    [
        (GRID, False, 3),
        (GRID | {"ResourceLimits": {"MaxParallelTrainingJobs": 2}}, False, 3),
        (HYPERBAND | {"TrainingJobEarlyStoppingType": "Off"}, False, 10),
        ({"ParameterRanges": AUTO}, True, 10),
        ({"ParameterRanges": {}}, True, 10),
    ],
)
def test_an_unusual_tuning_job_goes_through(tools, request_, tuning, changes, auto, jobs):
    tuned(tuning, changes)
    tuning |= {"Autotune": {"Mode": "Enabled"}} if auto else {}
    whole = tools.request.tuning_job(request_, tuning)
    assert tools.api_model.check("CreateHyperParameterTuningJob", whole) == ([], [])
    assert list(tools.tuning.tuning_problems(whole, request_)) == []
    assert tools.tuning.jobs_of(whole) == jobs


@pytest.mark.parametrize(
    "ranges",
    [
        [],
        [{"Name": "rounds", "Type": "Integer"}],
        {"IntegerParameterRanges": {"rounds": [1, 3]}},
        {"IntegerParameterRanges": ["rounds"]},
        {"IntegerParameterRanges": [{"MinValue": "1", "MaxValue": "2"}]},
        {"IntegerParameterRanges": [{"Name": ["rounds"], "MinValue": "1", "MaxValue": "2"}]},
        {"rounds": "1-3"},
        None,
    ],
)
def test_ranges_of_another_shape_are_the_models_to_refuse(tools, request_, tuning, ranges):
    tuned(tuning, {"ParameterRanges": ranges})
    whole = tools.request.tuning_job(request_, tuning)
    assert any(tools.api_model.check("CreateHyperParameterTuningJob", whole))


def test_a_tuning_job_is_made_of_one_training_job(tools, request_, tuning):
    for name in ("TrainingJobDefinition", "TrainingJobDefinitions"):
        with pytest.raises(tools.UserError, match=f"{name} is made of training-job.json"):
            tools.request.tuning_job(request_, {**tuning, name: []})


def test_a_tuning_job_that_can_not_be_is_a_sentence_c12_c29_c75_c95(tools, request_, tuning):
    config = tuning["HyperParameterTuningJobConfig"]
    config["HyperParameterTuningJobObjective"]["MetricName"] = "loss"
    config["ResourceLimits"]["MaxParallelTrainingJobs"] = 11
    tuning["HyperParameterTuningJobName"] = "a_b"
    request_["HyperParameters"] |= {f"h{i}": "1" for i in range(95)}
    request_["Environment"] = {f"A{i}": "" for i in range(49)}
    whole = tools.request.tuning_job(request_, tuning)
    wrong, _ = tools.api_model.check("CreateHyperParameterTuningJob", whole)
    found = "\n".join([*wrong, *tools.tuning.tuning_problems(whole, request_)])
    assert 'The objective is "loss": HyperParameterTuning' in found
    assert (
        "MaxParallelTrainingJobs is 11: it must be MaxNumberOfTrainingJobs, 10, or less." in found
    )
    assert 'HyperParameterTuningJobName is "a_b"; it must be letters, digits' in found
    assert "99 hyperparameters at most" in found
    assert "TrainingJobDefinition.Environment must be 48 entries at most" in found
    request_["AlgorithmSpecification"]["ContainerArguments"] = ["train"]
    with pytest.raises(tools.UserError, match="A tuning job takes no ContainerArguments"):
        tools.request.tuning_job(request_, tuning)


def test_a_tuning_job_takes_all_of_a_training_job_that_the_api_lets_it(tools):
    model = get_session().get_service_model("sagemaker")
    definition = model.shape_for("HyperParameterTrainingJobDefinition").members
    training = model.operation_model("CreateTrainingJob").input_shape.members
    # Checkpoints are left out on purpose: the training jobs would share them.
    assert set(tools.request.DEFINITION) == set(definition) & set(training) - {"CheckpointConfig"}


def test_the_job_that_was_sent_before_is_not_forgotten(tools, tmp_path, monkeypatch, capsys):
    """It may still run, and cost."""
    file = tmp_path / "runs" / "submitted-job.json"
    monkeypatch.setattr(tools.submit, "SUBMITTED_JOB", file)
    monkeypatch.setattr(tools.follow, "SUBMITTED_JOB", file)
    aws = argparse.Namespace(call=lambda *words: {})
    for name in ("seals--1", "seals--2"):
        job = {"job": name, "region": "us-east-1", "tuning": False}
        tools.submit.send(aws, "create-training-job", {}, job)
        assert json.loads(file.read_text(encoding="utf-8")) == job
    printed = capsys.readouterr()
    assert printed.out == "seals--1\nseals--2\n"
    assert printed.err.count("sent before from here") == 1
    assert "If seals--1, sent before from here, still runs: `make stop ARGS=seals--1` stops" in (
        printed.err
    )


# ---- The aws CLI ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stderr", "code", "sentence"),
    [
        ("Unable to locate credentials. You can …", "NoCredentials", "There are no AWS cred"),
        (
            "The config profile (team) could not be found",
            "NoProfile",
            "There is no such AWS prof",
        ),
        (
            "Error when retrieving token from sso: Token has expired and refresh failed",
            "ExpiredToken",
            "Your AWS credentials have expired",
        ),
        (
            "The SSO session associated with this profile has expired or is otherwise invalid.",
            "ExpiredToken",
            "Your AWS credentials have expired",
        ),
        (
            "An error occurred (ExpiredTokenException) when calling the X operation: The security "
            "token included in the request is expired",
            "ExpiredToken",
            "Your AWS credentials have expired",
        ),
        (
            "An error occurred (InvalidSignatureException) when calling the X operation: Signature "
            "expired: 2026 is now earlier than 2027",
            "WrongClock",
            "The clock of this machine is wrong by minutes",
        ),
        (
            'Could not connect to the endpoint URL: "https://api.sagemaker.mars-1.amazonaws.com/"',
            "Unreachable",
            'AWS can\'t be reached in the region "mars-1": check its name',
        ),
        ("SSL validation failed for https://…", "NotTrusted", "AWS's certificate is not trusted"),
        (
            "An error occurred (ThrottlingException) when calling the X operation (reached max "
            "retries: 4): Rate exceeded",
            "Unreachable",
            "AWS is busy",
        ),
        (
            "An error occurred (AccessDeniedException) when calling the CreateTrainingJob "
            "operation: User: me is not authorized",
            "AccessDeniedException",
            "You may not call CreateTrainingJob: ask whoever manages the account. AWS says: User: "
            "me is not authorized",
        ),
        (
            '\nParameter validation failed:\nUnknown parameter in input: "A", must be one of: B, '
            "C\nInvalid type for parameter D",
            "ParamValidation",
            'The request is wrong: Unknown parameter in input: "A" Invalid type for parameter D',
        ),
        (
            "An error occurred (ValidationException) when calling the X operation: no",
            "ValidationException",
            "X failed (ValidationException): no",
        ),
        ("nonsense", "", "The aws CLI failed: nonsense"),
    ],
)
def test_an_error_of_the_cli_is_a_sentence(tools, stderr, code, sentence):
    error = tools.aws.error_of(stderr, "mars-1")
    assert str(error).startswith(sentence)
    assert error.code == code
    assert error.refused == ("AccessDenied" in code)


def test_a_sentence_is_never_as_long_as_a_list_of_all_instance_types(tools):
    message = "Member must satisfy enum value set: " + "ml.m5.large, " * 300
    stderr = f"An error occurred (ValidationException) when calling the X operation: {message}"
    assert len(str(tools.aws.error_of(stderr, "r"))) < 700


# ---- The model -----------------------------------------------------------------------------


def archive(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o400
            member.linkname = "/etc/passwd"
            tar.addfile(member, io.BytesIO())


def test_a_model_is_unpacked(tools, tmp_path):
    path = tmp_path / "model.tar.gz"
    archive(path, ("a", tarfile.REGTYPE), ("b", tarfile.DIRTYPE), ("b/c", tarfile.REGTYPE))
    tools.follow.unpack(path, tmp_path / "model")
    assert (tmp_path / "model" / "a").is_file()
    assert (tmp_path / "model" / "b" / "c").is_file()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../a", tarfile.REGTYPE),
        ("/a", tarfile.REGTYPE),
        ("a", tarfile.SYMTYPE),
        ("a", tarfile.LNKTYPE),
        ("a", tarfile.FIFOTYPE),
    ],
)
def test_what_would_leave_the_folder_is_not_unpacked(tools, tmp_path, name, kind):
    archive(tmp_path / "model.tar.gz", (name, kind))
    with pytest.raises(tools.UserError, match="is not unpacked"):
        tools.follow.unpack(tmp_path / "model.tar.gz", tmp_path / "model")
    assert not (tmp_path / "a").exists()


def test_ctrl_c_leaves_cloudformation_at_work_and_says_so(bake, monkeypatch, capsys):
    (deploy,) = load_tools(bake("python"), "cloud.deploy")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(deploy, "find", interrupted)
    assert deploy.deploy([]) == 130
    assert "CloudFormation goes on: `make deploy` again shows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "lead"),
    [
        ("3600}", "3600,}", "take the comma before it out."),
        ('"StoppingCondition"', '// a day\n"StoppingCondition"', "take the comment out, JSON has"),
        ('"StoppingCondition"', "# a day\n'StoppingCondition'", "take the comment out, JSON has"),
        ('"StoppingCondition"', "'StoppingCondition'", 'write double quotes, ".'),
        ("3600}", "True}", "write true, false or null."),
        ("{", "\ufeff{", "save it as UTF-8 without a byte order mark."),
        ("3600}", "3600", "mend it."),
        ("3600}", f"{3000 * '['}{3000 * ']'}}}", "mend it"),
    ],
)
def test_json_that_people_write_has_its_lead(bake, old, new, lead):
    repository = bake("python")
    file = repository / "training-job.json"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    for verb, code in (("submit", 1), ("check", 1)):
        command = [oldest_python(), "-B", "tools", verb]
        done = subprocess.run(command, cwd=repository, capture_output=True, encoding="utf-8")
        assert done.returncode == code and lead.rstrip(".") in done.stdout + done.stderr, done
        assert "training-job.json:" in done.stdout + done.stderr


KMS = "arn:aws:kms:us-east-1:123456789012:key/1"


@pytest.mark.parametrize(
    ("changes", "given", "said"),
    [
        ({}, {}, []),
        (
            {
                "VpcConfig": {"Subnets": []},
                "OutputDataConfig": {"KmsKeyId": KMS},
                "MlflowConfig": {"a": 1},
            },
            {"VpcId": "vpc-1", "KmsKeyArn": ""},
            [
                "The stack's role has no right for OutputDataConfig.KmsKeyId: `make deploy "
                "ARGS=KmsKeyArn=...` gives it.",
                "The stack's role has no right for MlflowConfig: `make deploy ARGS=MlflowArn=...` "
                "gives it.",
            ],
        ),
        (
            {"RemoteDebugConfig": {"EnableRemoteDebug": True}},
            {},
            [
                "The stack's role has no right for RemoteDebugConfig.EnableRemoteDebug: `make "
                "deploy ARGS=JobPolicyArn=...` gives it, a policy with ssmmessages:"
                "CreateControlChannel, CreateDataChannel, OpenControlChannel and OpenDataChannel; "
                "whoever connects takes ssm:StartSession."
            ],
        ),
        (
            {"ProfilerRuleConfigurations": [{"RuleConfigurationName": "report"}]},
            {},
            [
                "The stack's role has no right for ProfilerRuleConfigurations: `make deploy ARGS="
                "JobPolicyArn=...` gives it, a policy with logs:CreateLogGroup, CreateLogStream "
                "and PutLogEvents of /aws/sagemaker/ProcessingJobs."
            ],
        ),
        (
            {"RemoteDebugConfig": {"EnableRemoteDebug": True}},
            {"JobPolicyArn": "arn:aws:iam::123456789012:policy/debug"},
            [],
        ),
        (
            {
                "OutputDataConfig": {"S3OutputPath": "s3://ours/seals-2/jobs"},
                "CheckpointConfig": {"S3Uri": "s3://ours/seals/checkpoints"},
            },
            {},
            [
                "The stack's role reaches s3://ours/seals/ alone, and OutputDataConfig.S3OutputPath"
                " is s3://ours/seals-2/jobs: name a place there."
            ],
        ),
        (
            {
                "InputDataConfig": [
                    {"DataSource": {"S3DataSource": {"S3Uri": f"s3://{each}/x"}}}
                    for each in ("ours/seals", "raw", "lake")
                ]
            },
            {"DataBucketArns": "arn:aws:s3:::raw"},
            [
                "The stack's role reaches s3://ours/seals/ alone, and InputDataConfig[2].DataSource"
                ".S3DataSource.S3Uri is s3://lake/x: name a place there, or `make deploy ARGS="
                "DataBucketArns=arn:aws:s3:::raw,arn:aws:s3:::lake`."
            ],
        ),
    ],
)
def test_what_the_role_of_the_stack_may_not_do_is_said(tools, changes, given, said):
    """Else the job fails after minutes, by AccessDenied."""
    outputs = {"BucketName": "ours", "ExecutionRoleArn": ROLE}
    stack = {
        "StackName": "seals",
        "Outputs": [{"OutputKey": key, "OutputValue": each} for key, each in outputs.items()],
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": each}
            for key, each in ({"JobPrefix": "seals--"} | given).items()
        ],
    }
    assert list(tools.questions.beyond({"RoleArn": ROLE, **changes}, stack)) == said
    # Of a role or a stack of another kind nothing is known.
    assert list(tools.questions.beyond({"RoleArn": f"{ROLE}-2", **changes}, stack)) == []
    assert list(tools.questions.beyond({"RoleArn": ROLE, **changes}, {})) == []


def test_a_bucket_of_another_region_is_named_and_not_looked_into(tools):
    class Cli:
        region = "us-east-1"

        def ask(self, what, service, operation, request):
            if operation == "list-objects-v2":
                raise tools.aws.AwsError("The bucket does not lie in the region.", "OtherRegion")
            return {"LocationConstraint": "eu-west-1"}

    source = {"S3DataSource": {"S3Uri": "s3://theirs/x/"}}
    request = {"InputDataConfig": [{"ChannelName": "training", "DataSource": source}]}
    assert list(tools.questions.place_questions(Cli(), request, {})) == [
        "The bucket theirs lies in eu-west-1, and the job runs in us-east-1 (C54)."
    ]


DENIED = "An error occurred (AccessDeniedException) when calling the X operation: no"
BUSY = "An error occurred (ThrottlingException) when calling the X operation: Rate exceeded"
IN_USE = "An error occurred (ResourceInUse) when calling the X operation: names must be unique"
GONE = "An error occurred (ValidationException) when calling the X operation: not found"


@pytest.mark.parametrize(
    ("create", "look", "kept", "said"),
    [
        (IN_USE, "", "new", None),
        (BUSY, "", "new", None),
        (BUSY, GONE, "old", "AWS is busy: try again in a minute."),
        (BUSY, BUSY, "new", "new may be sent all the same: `make logs` shows it, `make stop`"),
        (IN_USE, DENIED, "old", "names must be unique"),
        (DENIED, "", "old", "You may not call X"),
    ],
)
def test_a_job_whose_answer_is_lost_is_not_forgotten(
    tools, tmp_path, monkeypatch, create, look, kept, said
):
    class Cli:
        region = "us-east-1"

        def call(self, service, operation, request):
            text = create if operation.startswith("create") else look
            if text:
                raise tools.aws.error_of(text, self.region, (service, operation))
            return {"TrainingJobStatus": "InProgress"}

    file = tmp_path / "submitted-job.json"
    file.write_text('{"job": "old", "region": "us-east-1", "tuning": false}')
    for each in (tools.submit, tools.follow):
        monkeypatch.setattr(each, "SUBMITTED_JOB", file)
    job = {"job": "new", "region": "us-east-1", "tuning": False}

    def send():
        tools.submit.send(Cli(), "create-training-job", {}, job)

    if said:
        with pytest.raises(tools.UserError, match=re.escape(said)):
            send()
    else:
        send()
    assert json.loads(file.read_text())["job"] == kept
