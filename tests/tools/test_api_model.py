"""tools/api_model.*: what AWS's own model says of a request, held against botocore's."""

import copy
import importlib.util
import json

import botocore.session
import pytest
from botocore.validate import ParamValidator
from support import TEMPLATE, load_tools

SAGEMAKER = "arn:aws:sagemaker:us-east-1:123456789012"
# What fits a pattern that "aaa" does not.
SAMPLES = {
    "FileSystemId": "fs-0123456789abcdef0",
    "HubDataSetArn": "arn:aws:sagemaker:us-east-1:aws:hub-content/hub/DataSet/data/1.0.0",
    "MlFlowResourceArn": f"{SAGEMAKER}:mlflow-app/app-1",
    "ModelPackageArn": f"{SAGEMAKER}:model-package/seals/1",
    "ModelPackageGroupArn": f"{SAGEMAKER}:model-package-group/seals",
    "RoleArn": "arn:aws:iam::123456789012:role/penguins",
    "S3Uri": "s3://bucket/key",
    "SequenceLength": "8K",
    "ServerlessJobBaseModelArn": "arn:aws:sagemaker:us-east-1:aws:hub-content/hub/Model/m/1.0.0",
    "TrainingPlanArn": f"{SAGEMAKER}:training-plan/plan-1",
    "TrainingRepositoryCredentialsProviderArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
}


@pytest.fixture(scope="module")
def api_model(bake):
    return load_tools(bake("python"), "api_model")[0]


@pytest.fixture(scope="module")
def script():
    path = TEMPLATE / "scripts" / "api_model.py"
    spec = importlib.util.spec_from_file_location("script_api_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def service():
    return botocore.session.get_session().get_service_model("sagemaker")


@pytest.fixture
def request_(bake):
    """A request that AWS would take."""
    return json.loads((bake("python") / "training-job.json").read_text(encoding="utf-8"))


# ---- The file ------------------------------------------------------------------------------


def test_the_file_is_that_of_the_installed_botocore(script, api_model):
    """Where it is not: python scripts/api_model.py."""
    fresh = json.loads(script.text())
    assert fresh | {"day": api_model.MODEL["day"]} == api_model.MODEL
    assert script.FILE.read_text(encoding="utf-8").count("\n") == len(api_model.SHAPES) + 9


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        (
            r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)",
            ["", "Zürich 7 _.:/=+-@", "한국"],
            "a#",
        ),
        (r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]*", ["é — $ 1 #"], "a\x07"),
        (r"[\p{Alnum}\-]+", ["aZ-9"], "é"),
    ],
)
def test_a_pattern_is_one_of_python(script, api_model, pattern, fitting, others):
    ours = api_model.re.compile(script.python_pattern(pattern))
    assert all(ours.fullmatch(each) for each in fitting)
    assert not ours.fullmatch(others)


def test_a_pattern_that_python_has_no_word_for_stops_the_script(script):
    with pytest.raises(ValueError, match="has a class that CLASSES lacks"):
        script.python_pattern(r"\p{Greek}")


# ---- As botocore says ----------------------------------------------------------------------


def whole(shape):
    """Return a value that has all of a shape."""
    if shape.type_name == "structure":
        return {name: whole(member) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [whole(shape.member) for _ in range(max(1, shape.metadata.get("min", 1)))]
    if shape.type_name == "map":
        return {whole(shape.key): whole(shape.value)}
    if shape.type_name == "string":
        text = shape.metadata.get("enum", [SAMPLES.get(shape.name)])[0]
        return text or max(1, shape.metadata.get("min", 1)) * "a"
    return {"boolean": True, "float": 0.5, "double": 0.5}.get(
        shape.type_name, shape.metadata.get("min", 1)
    )


def changed(value, path=()):
    """Yield where and what: each change to a request that botocore has a word for."""
    if path:
        for wrong in (
            None,
            "x" if not isinstance(value, str) else 7,
            [] if value else {},
            {"a": 1},
        ):
            yield path, wrong, False
    if isinstance(value, dict):
        yield (*path, "Zzzzz"), 1, False
        for each in value:
            yield (*path, each), None, True
            yield from changed(value[each], (*path, each))
    elif isinstance(value, list):
        yield from changed(value[0], (*path, 0))


@pytest.mark.parametrize("operation", ["CreateTrainingJob", "CreateHyperParameterTuningJob"])
def test_it_finds_what_botocore_finds(api_model, service, operation):
    shape = service.operation_model(operation).input_shape
    right = whole(shape)
    assert api_model.check(operation, right) == ([], [])
    assert not ParamValidator().validate(right, shape).has_errors()
    tried = 0
    for path, value, gone in changed(right):
        request = copy.deepcopy(right)
        place = request
        for each in path[:-1]:
            place = place[each]
        if gone:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        theirs = ParamValidator().validate(request, shape).has_errors()
        ours = any(api_model.check(operation, request))
        assert ours == theirs, (path, value, gone)
        tried += 1
    assert tried > 800


# ---- What is said --------------------------------------------------------------------------


def put(request, path, value):
    *parents, last = path.split(".")
    for each in parents:
        request = request[int(each)] if each.isdigit() else request.setdefault(each, {})
    request[int(last) if last.isdigit() else last] = value


S3 = "InputDataConfig.0.DataSource.S3DataSource"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        # Names.
        ("trainingJobName", "x", "There is no trainingJobName; do you mean TrainingJobName?"),
        ("AlgorithmSpecification.TraningImage", "x", "do you mean TrainingImage?"),
        ("ResourceConfig.VolumeSizeInGb", 30, "do you mean VolumeSizeInGB?"),
        ("ResourceConfig.instance_type", "ml.m5.large", "do you mean InstanceType?"),
        ("MaxRuntimeInSeconds", 60, "it belongs in StoppingCondition."),
        ("TrainingImage", "x", "it belongs in AlgorithmSpecification."),
        (
            "AlgorithmSpecification.MetricDefinitions.0",
            {"name": "a", "Regex": "b"},
            "do you mean Na",
        ),
        ("VpcConfig", {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}, "mean Subnets?"),
        (f"{S3}.ContentType", "text/csv", "it belongs in InputDataConfig[0]."),
        # By the word that another member has for the same.
        (
            "CheckpointConfig",
            {"S3OutputPath": "s3://b/c"},
            "in CheckpointConfig; do you mean S3Uri?",
        ),
        ("OutputDataConfig", {"S3Uri": "s3://b/c"}, "do you mean S3OutputPath?"),
        ("instance_type", "ml.m5.large", "it belongs in ResourceConfig."),
        (
            "ResourceConfig.EnableManagedSpotTraining",
            True,
            "in ResourceConfig; it belongs in the request itself, not below.",
        ),
        (
            "InputDataConfig.0",
            {"ChannelName": "training", "DataSource": {"S3Uri": "s3://b/c"}},
            "no S3Uri in InputDataConfig[0].DataSource; it belongs in InputDataConfig[0].DataSou",
        ),
        ("Tags", [{"Name": "team", "Value": "seals"}], "no Name in Tags[0]; do you mean Key?"),
        # As the SageMaker SDK for Python has it.
        ("role", "r", "There is no role; the API calls it RoleArn."),
        ("use_spot_instances", True, "the API calls it EnableManagedSpotTraining."),
        ("image_uri", "x", "the API calls it AlgorithmSpecification.TrainingImage."),
        ("StoppingCondition.max_wait", 9, "the API calls it StoppingCondition.MaxWaitTimeInSecond"),
        ("ResourceConfig.volume_size", 9, "the API calls it ResourceConfig.VolumeSizeInGB."),
        ("entry_point", "train.py", "There is no entry_point: each name of the API has a capital"),
        ("_comment", "x", "There is no _comment: each name of the API has a capital first."),
        # Types.
        ("HyperParameters.rounds", 100, 'HyperParameters.rounds must be text: write "100".'),
        ("HyperParameters.layers", [1, 2], 'HyperParameters.layers must be text: write "[1, 2]".'),
        ("ResourceConfig.InstanceCount", "1", 'must be a whole number, without quotes; it is "1".'),
        (
            "ResourceConfig.InstanceType",
            ["ml.m5.large"],
            'must be text, "…"; it is ["ml.m5',
        ),
        ("InputDataConfig.0.ChannelName", 7, 'ChannelName must be text: write "7".'),
        ("ResourceConfig.InstanceCount", True, "must be a whole number, without quotes"),
        (
            "EnableManagedSpotTraining",
            "True",
            'must be true or false, without quotes; it is "True"',
        ),
        ("Tags", {"team": "seals"}, "Tags must be a list, […]"),
        ("Environment", None, "Environment must be an object, {…}; it is null."),
        # Limits.
        ("TrainingJobName", 64 * "a", "TrainingJobName must be 63 characters at most; it is 64"),
        (
            "TrainingJobName",
            "a_b",
            'TrainingJobName is "a_b"; it must be letters, digits and inner hyphens.',
        ),
        (
            "RoleArn",
            "penguins",
            'RoleArn is "penguins"; it must be an ARN of a role: `aws iam get-role ',
        ),
        ("HyperParameters.rounds", 2501 * "1", "HyperParameters.rounds must be 2500 characters at"),
        ("HyperParameters", {f"h{i}": "1" for i in range(101)}, "must be 100 entries at most"),
        (
            "AlgorithmSpecification.ContainerArguments",
            [],
            "must not be empty: fill it, or leave it out.",
        ),
        (
            "AlgorithmSpecification.ContainerArguments",
            [257 * "a"],
            "must be 256 characters at most",
        ),
        (
            "ModelPackageConfig",
            {"ModelPackageGroupArn": "seals"},
            "it must be an ARN, arn:aws:sagemaker:REGION:ACCOUNT:model-package-group/NAME.",
        ),
        ("Environment", {"1": "a"}, "must be letters, digits and _, the first no digit"),
        ("Environment", {"A": 513 * "a"}, "Environment.A must be 512 characters at most"),
        ("OutputDataConfig.S3OutputPath", "bucket/jobs", "must be a place in S3: s3://BUCKET/KEY."),
        ("VpcConfig", {"Subnets": [], "SecurityGroupIds": ["sg-1"]}, "must not be empty"),
        ("StoppingCondition.MaxRuntimeInSeconds", 0, "must be 1 or more; it is 0."),
        ("ResourceConfig.KeepAlivePeriodInSeconds", 21601, "must be 21600 at most; it is 21601."),
        # Values.
        ("ResourceConfig.InstanceType", "m5.large", "do you mean ml.m5.large?"),
        (
            "ResourceConfig.InstanceType",
            "ml.m4",
            "do you mean ml.m4.10xlarge or ml.m4.16xlarge or ",
        ),
        ("ResourceConfig.InstanceType", "ML.M5.LARGE", "do you mean ml.m5.large?"),
        (
            "ResourceConfig.InstanceType",
            "local_gpu",
            "the SDK's word: here `make train` trains locally.",
        ),
        ("ResourceConfig.InstanceType", "local", "the SDK's word"),
        ("ResourceConfig.InstanceType", "ml.m5.xlrge", "do you mean ml.m5.xlarge?"),
        (f"{S3}.S3DataType", "S3prefix", "do you mean S3Prefix?"),
        (f"{S3}.S3DataDistributionType", "FullyReplicate", "do you mean FullyReplicated?"),
        ("AlgorithmSpecification.TrainingInputMode", "file", "do you mean File?"),
    ],
)
def test_what_aws_would_refuse_is_a_sentence(api_model, request_, path, value, sentence):
    put(request_, path, value)
    wrong, doubtful = api_model.check("CreateTrainingJob", request_)
    assert doubtful == []
    assert len(wrong) == 1 and sentence in wrong[0], wrong


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("StoppingCondition.MaxRuntime", 9, "do you mean MaxRuntimeInSeconds?"),
        ("QuantumConfig", {"Qubits": 3}, "QuantumConfig is not known to AWS as of"),
        ("ResourceConfig.InstanceType", "ml.m7g.large", "do you mean ml.m7i.large?"),
        ("ResourceConfig.InstanceType", "ml.x9.large", '"ml.x9.large" is not known to AWS as of'),
        ("ResourceConfig.InstanceType", "ml.p3.2xl", "do you mean ml.p3.2xlarge?"),
        ("AlgorithmSpecification.TrainingInputMode", "FastFileMode", "do you mean FastFile?"),
        (f"{S3}.S3DataType", "Manifest", "do you mean ManifestFile?"),
        (f"{S3}.S3DataType", "S3Object", "AugmentedManifestFile or Converse or ManifestFile"),
    ],
)
def test_what_aws_may_have_added_is_only_said(api_model, request_, path, value, sentence):
    put(request_, path, value)
    wrong, doubtful = api_model.check("CreateTrainingJob", request_)
    assert wrong == []
    assert len(doubtful) == 1 and sentence in doubtful[0], doubtful


def test_all_is_said_at_once(api_model):
    wrong, _ = api_model.check("CreateTrainingJob", {"TrainingJobName": "", "Tags": [{"key": 1}]})
    assert len(wrong) == 5, wrong
    assert api_model.check("CreateTrainingJob", [])[0] == [
        "CreateTrainingJob must be an object, {…}; it is []."
    ]


def test_the_words_for_patterns_are_those_of_shapes(api_model):
    assert set(api_model.WORDS) <= set(api_model.SHAPES)


def test_each_place_in_s3_is_one_of_the_models(api_model, request_):
    places = [
        (path, value)
        for path, name, value in api_model.walk("CreateTrainingJob", request_)
        if name == "S3Uri"
    ]
    assert [path for path, _ in places] == [
        "OutputDataConfig.S3OutputPath",
        "CheckpointConfig.S3Uri",
        "InputDataConfig[0].DataSource.S3DataSource.S3Uri",
        "InputDataConfig[1].DataSource.S3DataSource.S3Uri",
    ]


def test_what_the_sdk_calls_otherwise_is_something_that_the_api_has(api_model):
    """Each name of SDK leads to a member; none is one of the API's own, which would hide that."""
    operations = ("CreateTrainingJob", "CreateHyperParameterTuningJob")
    for name, place in api_model.SDK.items():
        shapes = [api_model.MODEL[each] for each in operations]
        for part in place.split("."):
            members = [api_model.SHAPES[shape].get("members", {}) for shape in shapes]
            shapes = [each[part] for each in members if part in each]
        assert shapes, (name, place)
        assert name == api_model.plain(name) and name != api_model.plain(place)
