"""What `submit` finds in a request that AWS's own model lets pass, and what it says of the cost."""

import json

import pytest
from support import load_tools

ROLE = "arn:aws:iam::123456789012:role/penguins"
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/penguins@sha256:{64 * '0'}"
S3 = "InputDataConfig.0.DataSource.S3DataSource.S3Uri"


@pytest.fixture(scope="module")
def modules(bake):
    names = ("problems", "questions", "request", "submit", "aws", "follow")
    others = ("api_model", "job", "image")
    loaded = load_tools(bake("python"), *(f"cloud.{name}" for name in names), *others)
    return dict(zip((*names, *others), loaded, strict=True))


@pytest.fixture
def request_(bake):
    """A request that could be sent."""
    text = (bake("python") / "training-job.json").read_text(encoding="utf-8")
    request = json.loads(text.replace("-111122223333", "-bucket")) | {"RoleArn": ROLE}
    request["AlgorithmSpecification"]["TrainingImage"] = IMAGE
    return request


def put(request, changes):
    for path, value in changes.items():
        place = request
        *parents, last = path.split(".")
        for each in parents:
            place = place[int(each)] if each.isdigit() else place.setdefault(each, {})
        if value is None:
            del place[last]
        else:
            place[last] = value


def found(modules, request, changes):
    """Return what is found in a request that the model has nothing against."""
    put(request, changes)
    assert modules["api_model"].check("CreateTrainingJob", request) == ([], [])
    return list(modules["problems"].problems(request))


@pytest.mark.parametrize(
    ("place", "meant"),
    [
        ("https://team.s3.amazonaws.com/jobs/a", "s3://team/jobs/a"),
        ("https://team.data.s3.eu-west-1.amazonaws.com/jobs", "s3://team.data/jobs"),
        ("https://s3.eu-west-1.amazonaws.com/team/jobs/", "s3://team/jobs/"),
        ("https://s3.console.aws.amazon.com/s3/buckets/team?prefix=jobs/", "s3://BUCKET/KEY"),
        ("https://example.com/data.csv", "s3://BUCKET/KEY"),
        ("s3://s3://team/jobs", "s3://team/jobs"),
        ("s3://team.s3.amazonaws.com/jobs", "s3://team/jobs"),
        ("s3://arn:aws:s3:::team/jobs", "s3://team/jobs"),
        ("s3:///team/jobs", None),
        ("s3://team//jobs/", "s3://team/jobs/"),
        ("s3://team/jobs//a", "s3://team/jobs/a"),
        ("s3://team/jobs/ ", "s3://team/jobs/"),
        ("s3://<bucket>/jobs", "s3://BUCKET/KEY"),
        ("s3://${BUCKET}/jobs", "s3://BUCKET/KEY"),
        ("s3://my bucket/jobs", "s3://BUCKET/KEY"),
        ("s3://a/jobs", "s3://BUCKET/KEY"),
    ],
)
@pytest.mark.parametrize("path", [S3, "OutputDataConfig.S3OutputPath", "CheckpointConfig.S3Uri"])
def test_a_place_that_is_no_plain_one_of_s3_is_refused(modules, request_, path, place, meant):
    put(request_, {path: place})
    wrong, _ = modules["api_model"].check("CreateTrainingJob", request_)
    if meant is None:
        assert len(wrong) == 1 and "must be a place in S3: s3://BUCKET/KEY" in wrong[0]
        return
    assert wrong == []
    (sentence,) = modules["problems"].problems(request_)
    assert sentence.endswith(f' is "{place}": write {meant}.')
    assert path.rpartition(".")[2] in sentence


@pytest.mark.parametrize(
    "place",
    [
        "s3://team",
        "s3://team/",
        "s3://team/jobs/2026",
        "s3://Legacy_Bucket.2/a b/c",
        "s3://s3.team/jobs",
        "s3://team.s3-data/jobs",
        "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/team/jobs/",
        "s3://team-ab12cd34ef56gh78-s3alias/x",
    ],
)
def test_a_plain_place_passes(modules, request_, place):
    assert found(modules, request_, {S3: place, "OutputDataConfig.S3OutputPath": place}) == []


def test_a_place_elsewhere_in_the_request_is_nobodys_business(modules, request_):
    changes = {
        "Environment": {"MODEL": "https://example.com/m", "S3": "s3://"},
        "HyperParameters.note": "s3://x//y",
        "Tags": [{"Key": "where", "Value": "s3:"}],
    }
    assert found(modules, request_, changes) == []


SERVERLESS = {
    "JobType": "FineTuning",
    "BaseModelArn": "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/a/1.0.0",
}
KEY = {"VolumeKmsKeyId": "alias/ours"}
SPOT = {"EnableManagedSpotTraining": True}
SOURCE = "InputDataConfig.0.DataSource"
VPC = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
GROUP = {"InstanceGroupName": "gpus", "InstanceType": "ml.g5.xlarge", "InstanceCount": 2}
FILES = {
    "FileSystemId": "fs-0123456789abcdef0",
    "FileSystemType": "FSxLustre",
    "FileSystemAccessMode": "ro",
    "DirectoryPath": "/data",
}
CPU = {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1}
PREFERRED = [
    {"InstanceType": "ml.g6.xlarge", "InstanceCount": 1},
    {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 2},
]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Tags": [{"Key": "aws:a", "Value": ""}]}, "none beginning with"),
        ({"Tags": 2 * [{"Key": "a", "Value": ""}]}, "each Key once"),
        ({"ResourceConfig.InstanceType": None}, "ResourceConfig.InstanceType is missing."),
        ({"ResourceConfig.InstanceCount": 0}, "InstanceCount must be 1 or more for ml.m5.large."),
        ({"ResourceConfig.InstanceCount": None}, "InstanceCount must be 1 or more for ml.m5.l"),
        ({"ResourceConfig.VolumeSizeInGB": 0}, "VolumeSizeInGB must be 1 or more"),
        ({"StoppingCondition.MaxRuntimeInSeconds": 2419201}, "may be 2419200 at most, which is 28"),
        ({"StoppingCondition.MaxWaitTimeInSeconds": 7200}, "is for spot jobs only"),
        (SPOT, "MaxWaitTimeInSeconds of a spot job must be 3600 or more, its MaxRuntimeInSeconds:"),
        (SPOT | {"StoppingCondition.MaxWaitTimeInSeconds": 3599}, "must be 3600 or more"),
        (
            SPOT | {"ResourceConfig.KeepAlivePeriodInSeconds": 60},
            "KeepAlivePeriodInSeconds goes without EnableManagedSpotTraining: take one",
        ),
        (
            {"CheckpointConfig.LocalPath": "checkpoints"},
            "write a whole path, such as /opt/ml/checkpoints.",
        ),
        ({"AlgorithmSpecification.AlgorithmName": "xgboost"}, "goes without TrainingImage"),
        (
            {"ResourceConfig.InstanceGroups": [GROUP]},
            "InstanceGroups goes without InstanceType and InstanceCount: take one",
        ),
        ({SOURCE: {}}, 'The DataSource of "training" must be one source: it has 0.'),
        (
            {
                SOURCE: {"FileSystemDataSource": FILES | {"DirectoryPath": "fsx/a"}},
                "VpcConfig": VPC,
            },
            'The DirectoryPath of "training" must be a whole path',
        ),
        (
            {f"{SOURCE}.S3DataSource.S3DataType": "AugmentedManifestFile"},
            'The AugmentedManifestFile of "training" needs InputMode Pipe and AttributeNames.',
        ),
        (
            {"ResourceConfig": {"InstanceGroups": [GROUP, GROUP]}},
            "InstanceGroups must have each InstanceGroupName once.",
        ),
        (
            {"ServerlessJobConfig": SERVERLESS, "ResourceConfig": {}},
            "ServerlessJobConfig trains a model of AWS without this image: take it out.",
        ),
        ({SOURCE: {"FileSystemDataSource": FILES}}, "is reached from a VPC alone: add a VpcConfig"),
        (
            {f"{SOURCE}.S3DataSource.InstanceGroupNames": ["gpus"]},
            'The InstanceGroupNames of "training" has gpus: no InstanceGroup is that.',
        ),
        (
            {
                "AlgorithmSpecification.TrainingImageConfig": {
                    "TrainingRepositoryAccessMode": "Vpc"
                },
                "VpcConfig": VPC,
            },
            "TrainingImageConfig is for a registry of your own, and the job runs what `make push`",
        ),
        (
            {"VpcConfig": {"Subnets": ["sg-1"], "SecurityGroupIds": ["default"]}},
            'VpcConfig.Subnets has "sg-1": write an ID, which begins with subnet-.',
        ),
        (
            {"VpcConfig": VPC | {"SecurityGroupIds": ["default"]}},
            'VpcConfig.SecurityGroupIds has "default": write an ID, which begins with sg-.',
        ),
        *(
            (
                {path: f"arn:aws:{service}:eu-west-1:123456789012:{name}"},
                f"{path} is of eu-west-1, and the job runs in us-east-1: name one of there.",
            )
            for path, service, name in (
                ("OutputDataConfig.KmsKeyId", "kms", "key/1"),
                ("MlflowConfig.MlflowResourceArn", "sagemaker", "mlflow-app/app-AB12"),
                ("ResourceConfig.TrainingPlanArn", "sagemaker", "training-plan/large"),
            )
        ),
        *(
            (
                {"CheckpointConfig.LocalPath": place},
                f"CheckpointConfig.LocalPath, {place}, is SageMaker's own: write /opt/ml/ch",
            )
            for place in ("/opt/ml", "/opt/ml/", "/opt/ml/model", "/opt/ml/input/data/training")
        ),
        (
            {"ProfilerConfig": {"ProfilingIntervalInMilliseconds": 300}},
            "ProfilingIntervalInMilliseconds must be one of 100, 200, 500, 1000, 5000, 60000.",
        ),
        (
            {
                "ResourceConfig": {"InstanceGroups": [GROUP]},
                "InputDataConfig.0.DataSource.S3DataSource.InstanceGroupNames": ["gpus"],
            },
            "Some channels have no InstanceGroupNames: give them to all or to none.",
        ),
        (
            {
                SOURCE: {
                    "FileSystemDataSource": FILES | {"DirectoryPath": "/"},
                },
                "VpcConfig": VPC,
            },
            'The DirectoryPath of "training" must begin with the file system\'s mount name, such',
        ),
        *(
            (
                {
                    "InputDataConfig.0.InputMode": "Pipe",
                    f"{SOURCE}.S3DataSource": {
                        "S3DataType": kind,
                        "S3Uri": "s3://team/data/",
                        "AttributeNames": ["a"],
                    },
                },
                f'The S3Uri of "training" must be a file, the {kind}, and s3://team/data/ is a',
            )
            for kind in ("ManifestFile", "AugmentedManifestFile")
        ),
        *(
            (
                {name: {"S3OutputPath": "s3://team/logs", "LocalPath": "logs"}},
                f'{name}.LocalPath is "logs": write a whole path, such as /opt/ml/checkpoints.',
            )
            for name in ("TensorBoardOutputConfig", "DebugHookConfig")
        ),
        ({"ResourceConfig.InstancePreferences": PREFERRED}, "goes without InstanceType: take one"),
        (
            SPOT | {"ResourceConfig": {"InstancePreferences": PREFERRED, "VolumeSizeInGB": 9}},
            "InstancePreferences goes without EnableManagedSpotTraining",
        ),
        (
            {"ResourceConfig": {"InstancePreferences": PREFERRED, "InstanceCount": 1}},
            "InstanceCount must stand in each of the InstancePreferences, or beside them alone.",
        ),
        (
            {"ResourceConfig": {"InstancePreferences": [PREFERRED[0], PREFERRED[0]]}},
            "must name each InstanceType once",
        ),
        (
            {"ResourceConfig": {"InstancePreferences": [{"InstanceType": "ml.m5.large"}]}},
            "InstanceCount must be 1 or more for ml.m5.large.",
        ),
    ],
)
def test_what_the_model_lets_pass_and_sagemaker_does_not(modules, request_, changes, sentence):
    sentences = found(modules, request_, changes)
    assert any(sentence in each for each in sentences), sentences
    assert all(each.endswith(".") for each in sentences)


@pytest.mark.parametrize(
    "resource",
    [
        {"InstancePreferences": PREFERRED, "VolumeSizeInGB": 10},
        {"InstancePreferences": [{"InstanceType": "ml.m5.large"}], "InstanceCount": 2},
    ],
)
def test_instance_preferences_go_through(modules, request_, resource):
    assert found(modules, request_, {"ResourceConfig": resource}) == []


ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.mark.parametrize(
    "changes",
    [
        {
            "AlgorithmSpecification.TrainingImageConfig": {
                "TrainingRepositoryAccessMode": "Platform"
            },
        },
        {"ProfilerConfig": {"DisableProfiler": True, "ProfilingIntervalInMilliseconds": 5000}},
        {"ResourceConfig": {"InstanceType": "ml.p6-b200.48xlarge", "InstanceCount": 1}},
        {"OutputDataConfig.KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/1"},
        {"EnableNetworkIsolation": True, "RemoteDebugConfig": {"EnableRemoteDebug": False}},
        {
            "DebugHookConfig": {"S3OutputPath": "s3://team/tensors/"},
            "Environment": {"HOOK": "smdebug.xgboost.Hook"},
        },
        {
            "ResourceConfig": {"InstanceGroups": [GROUP], "VolumeSizeInGB": 30},
            "InputDataConfig.0.DataSource.S3DataSource.InstanceGroupNames": ["gpus"],
            "InputDataConfig.1.DataSource.S3DataSource.InstanceGroupNames": ["gpus"],
        },
        {SOURCE: {"FileSystemDataSource": FILES}, "VpcConfig": VPC},
        {
            SOURCE: {
                "FileSystemDataSource": FILES | {"FileSystemType": "EFS", "DirectoryPath": "/"}
            },
            "VpcConfig": VPC,
        },
        {
            "InputDataConfig.0.InputMode": "Pipe",
            "InputDataConfig.0.RecordWrapperType": "RecordIO",
            "InputDataConfig.0.CompressionType": "Gzip",
            "InputDataConfig.0.ShuffleConfig": {"Seed": 7},
            "InputDataConfig.1.InputMode": "FastFile",
            "InputDataConfig.1.RecordWrapperType": "None",
        },
        {
            "InputDataConfig.0.InputMode": "Pipe",
            f"{SOURCE}.S3DataSource.S3DataType": "AugmentedManifestFile",
            f"{SOURCE}.S3DataSource.S3Uri": "s3://team/data/train.manifest",
            f"{SOURCE}.S3DataSource.AttributeNames": ["source-ref", "class"],
        },
        {"ResourceConfig.KeepAlivePeriodInSeconds": 0}
        | SPOT
        | {"StoppingCondition.MaxWaitTimeInSeconds": 3600},
        {"ResourceConfig.KeepAlivePeriodInSeconds": 1800},
        {"ResourceConfig": CPU | {"VolumeSizeInGB": 30} | KEY},
        {"ResourceConfig.TrainingPlanArn": f"{ARN}:training-plan/large"},
        {"AlgorithmSpecification.EnableSageMakerMetricsTimeSeries": True},
        {"RemoteDebugConfig": {"EnableRemoteDebug": True}, "VpcConfig": VPC},
        {"RetryStrategy": {"MaximumRetryAttempts": 30}},
        {"SessionChainingConfig": {"EnableSessionTagChaining": True}},
        {"MlflowConfig": {"MlflowResourceArn": f"{ARN}:mlflow-app/app-AB12"}},
        {"ModelPackageConfig": {"ModelPackageGroupArn": f"{ARN}:model-package-group/seals"}},
    ],
)
def test_an_unusual_request_goes_through(modules, request_, changes):
    assert found(modules, request_, changes) == []
    assert list(modules["problems"].doubts(request_)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (SPOT | {"CheckpointConfig": None}, "has no CheckpointConfig: each interruption loses"),
        (
            {"InputDataConfig.0.CompressionType": "Gzip"},
            'AWS heeds CompressionType in Pipe mode alone: the files of "training" arrive as they',
        ),
        ({"InputDataConfig.1.RecordWrapperType": "RecordIO"}, "heeds RecordWrapperType in Pipe"),
        *(
            (
                {"ResourceConfig.InstanceType": kind, "ResourceConfig.VolumeKmsKeyId": "k"},
                f"{kind} has disks of its own, which are encrypted already: AWS refuses Vol",
            )
            for kind in ("ml.g5.xlarge", "ml.m5d.large", "ml.p4d.24xlarge", "ml.g4dn.xlarge")
        ),
        ({S3: "s3://team/data/*.csv"}, "S3 takes the * and ? of InputDataConfig[0].DataSource.S3D"),
        ({S3: "s3://team/a.csv?versionId=1"}, "by the letter: name what all keys begin with."),
        (
            {
                "InputDataConfig.0.InputMode": "FastFile",
                SOURCE: {"FileSystemDataSource": FILES},
                "VpcConfig": VPC,
            },
            'InputMode FastFile is for S3 alone: the file system of "training" is mounted as a fo',
        ),
        ({"ResourceConfig": CPU}, "ml.c5.xlarge has no disk of its own: add a VolumeSizeInGB."),
        (
            {
                "EnableNetworkIsolation": True,
                "MlflowConfig": {"MlflowResourceArn": f"{ARN}:mlflow-app/app-AB12"},
            },
            "MlflowConfig takes the network, which EnableNetworkIsolation closes: take one out.",
        ),
        (
            {"EnableNetworkIsolation": True, "RemoteDebugConfig": {"EnableRemoteDebug": True}},
            "RemoteDebugConfig.EnableRemoteDebug takes the network, which EnableNetworkIsolation",
        ),
        (
            {"DebugHookConfig": {"S3OutputPath": "s3://team/tensors/"}},
            "DebugHookConfig is for programs that use the library smdebug, which is named nowhere",
        ),
    ],
)
def test_what_aws_takes_and_nobody_means_is_said(modules, request_, changes, sentence):
    put(request_, changes)
    (said,) = modules["problems"].doubts(request_)
    assert sentence in said


# ---- The cost ------------------------------------------------------------------------------

PRICES = {"ml.m5.large": 0.115, "ml.g6.xlarge": 1.0, "ml.g4dn.xlarge": 0.75, "ml.x": None}


@pytest.mark.parametrize(
    ("resource", "jobs", "line"),
    [
        (
            {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            1,
            "At most 0.12 USD without storage (1 instance-hours): "
            "1 x ml.m5.large for up to 3600 s.",
        ),
        (
            {"InstanceType": "ml.m5.large", "InstanceCount": 2},
            10,
            "At most 2.30 USD without storage (20 instance-hours): "
            "10 jobs, each 2 x ml.m5.large for up to 3600 s.",
        ),
        # The dearest of what AWS may choose.
        (
            {"InstancePreferences": PREFERRED},
            1,
            "At most 1.50 USD without storage (2 instance-hours): "
            "1 x ml.g6.xlarge or 2 x ml.g4dn.xlarge for up to "
            "3600 s.",
        ),
        (
            {"InstancePreferences": [{"InstanceType": "ml.m5.large"}], "InstanceCount": 2},
            1,
            "At most 0.23 USD without storage (2 instance-hours): "
            "2 x ml.m5.large for up to 3600 s.",
        ),
        (
            {
                "InstanceGroups": [
                    {"InstanceType": "ml.g6.xlarge", "InstanceCount": 2},
                    {"InstanceType": "ml.m5.large", "InstanceCount": 1},
                ]
            },
            1,
            "At most 2.12 USD without storage (3 instance-hours): "
            "2 x ml.g6.xlarge and 1 x ml.m5.large for up to "
            "3600 s.",
        ),
        (
            {"InstanceType": "ml.x", "InstanceCount": 1},
            1,
            "At most 1 instance-hours: 1 x ml.x for up to 3600 s.",
        ),
    ],
)
def test_the_cost_is_an_upper_bound(modules, request_, resource, jobs, line):
    request = request_ | {"ResourceConfig": resource}
    most = modules["request"].dollars(request, jobs, PRICES)
    assert modules["request"].cost(request, jobs, most) == line


@pytest.mark.parametrize(
    ("most", "bound", "sentence"),
    [
        (2.0, None, ""),
        (None, None, ""),
        (2.0, 2.0, ""),
        (2.01, 2.0, "It may cost 2.01 USD, and --max-cost is 2.00: see above."),
        (None, 2.0, "The price is not known, so --max-cost can't be held: leave it out."),
    ],
)
def test_a_job_that_may_cost_more_than_it_may_is_not_sent(modules, most, bound, sentence):
    try:
        modules["submit"].hold_cost(most, bound)
    except Exception as error:
        assert str(error) == sentence
    else:
        assert not sentence


@pytest.mark.parametrize(
    ("job", "line"),
    [
        ({"BillableTimeInSeconds": 120, "TrainingTimeInSeconds": 120}, ""),
        (
            {
                "BillableTimeInSeconds": 36,
                "TrainingTimeInSeconds": 120,
                "EnableManagedSpotTraining": True,
            },
            " of 120 s: spot saved 70 %",
        ),
        ({"BillableTimeInSeconds": 0, "EnableManagedSpotTraining": True}, ""),
    ],
)
def test_what_spot_has_saved_is_said(modules, job, line):
    assert modules["follow"].spot_saved(job) == line


# ---- What is taken, and most likely not meant ----------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, False),
        ({"CheckpointConfig.LocalPath": "/opt/ml/checkpoints/"}, False),
        ({"CheckpointConfig.LocalPath": None}, False),
        ({"CheckpointConfig": None}, False),
        ({"CheckpointConfig.LocalPath": "/tmp/ckpt"}, True),
        (
            {"CheckpointConfig.LocalPath": "/tmp/ckpt", "Environment": {"DIR": "/tmp/ckpt/a"}},
            False,
        ),
    ],
)
def test_checkpoints_that_the_program_does_not_read_are_said(modules, request_, changes, said):
    put(request_, changes)
    sentences = list(modules["problems"].doubts(request_))
    assert len(sentences) == said
    if said:
        assert "CheckpointConfig.LocalPath, /tmp/ckpt, are named nowhere in" in sentences[0]


def test_checkpoints_that_a_file_of_the_image_names_are_not(modules, request_, bake, monkeypatch):
    put(request_, {"CheckpointConfig.LocalPath": "/tmp/ckpt"})
    monkeypatch.setattr(modules["image"], "context", lambda: ["Dockerfile"])
    monkeypatch.setattr(modules["image"], "text_of", lambda name: "ENV CKPT=/tmp/ckpt\n")
    assert list(modules["problems"].doubts(request_)) == []


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"EnableNetworkIsolation": False, "Tags": [{"Key": "a", "Value": "b"}]}, []),
        (SPOT, []),
        (
            {"VpcConfig": {"Subnets": ["s"]}, "EnableNetworkIsolation": True},
            ["EnableNetworkIsolation", "VpcConfig"],
        ),
        ({"AlgorithmSpecification.TrainingInputMode": "Pipe"}, ["InputMode Pipe"]),
        ({"InputDataConfig.0.InputMode": "FastFile"}, ["InputMode FastFile"]),
        (
            {"InputDataConfig.0.DataSource.S3DataSource.S3DataType": "ManifestFile"},
            ["S3DataType ManifestFile"],
        ),
        (
            {"InputDataConfig.0.DataSource": {"FileSystemDataSource": {}}},
            ["FileSystemDataSource"],
        ),
        ({"ResourceConfig.InstanceGroups": [{}]}, ["InstanceGroups"]),
        ({"MlflowConfig": {"MlflowResourceArn": "x"}}, ["MlflowConfig"]),
    ],
)
def test_what_a_local_run_does_not_imitate_is_named(modules, request_, changes, names):
    put(request_, changes)
    assert modules["job"].not_imitated(request_) == names


# ---- The role ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arn", "known", "lead"),
    [
        (ROLE, ROLE, ""),
        (
            ROLE,
            "arn:aws:iam::123456789012:role/service-role/penguins",
            "has another path: write Ro",
        ),
        (
            "arn:aws:iam::123456789012:role/team/penguins",
            ROLE,
            f"The role penguins has another path: write RoleArn {ROLE}.",
        ),
    ],
)
def test_the_roles_whole_arn_is_the_one_that_iam_has(
    modules, request_, monkeypatch, arn, known, lead
):
    """SageMaker knows no role by another path; get-role looks at the last name alone."""
    trust = {"Principal": {"Service": "sagemaker.amazonaws.com"}}
    answers = {
        "get-role": {"Role": {"Arn": known, "AssumeRolePolicyDocument": trust}},
        "get-bucket-location": {"LocationConstraint": None},
        "list-objects-v2": {"Contents": [{}]},
    }
    aws = modules["aws"].Aws("us-east-1")
    monkeypatch.setattr(
        modules["aws"].Aws, "call", lambda self, service, operation, *_: answers.get(operation, {})
    )
    request = request_ | {"RoleArn": arn}
    sentences = list(modules["questions"].questions(aws, "123456789012", request, {}))
    assert [lead in each for each in sentences] == ([True] if lead else [])
