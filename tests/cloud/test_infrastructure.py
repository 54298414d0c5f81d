"""The stacks of tools/cloud/: deployed to moto by `make deploy`, unchanged, and looked at."""

import fnmatch
import json
import re
from importlib.resources import files

import botocore
import botocore.session
import cfnlint.decode
import pytest
from readme import blocks, manual_of, section
from support import TEMPLATE, load_tools

GENERATED = TEMPLATE / "{{cookiecutter.project_slug}}"
# The partitions that the templates know.
REGIONS = {"us-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}
OUTPUTS = {
    "BucketName",
    "BuildProject",
    "ExecutionRoleArn",
    "PushPolicyArn",
    "RepositoryName",
    "UserPolicyArn",
}
LEAST = {
    "ImageName": "seals",
    "BucketName": "our-bucket",
    "OidcProviderArn": "",
    "JobPrefix": "seals--",
    "TuningPrefix": "seals--",
}
# These are asked of all streams at once, those of all repositories.
OF_THE_LOG_GROUP = {"logs:CreateLogGroup", "logs:DescribeLogStreams"}
# A namespace bounds it instead of a resource.
BOUNDED_OTHERWISE = {"cloudwatch:PutMetricData": "cloudwatch:namespace"}


@pytest.fixture
def cloud(cloud):
    import stacks  # noqa: F401 - moto learns what it lacks

    return cloud


@pytest.fixture(params=REGIONS)
def region(request):
    return request.param


def template(name):
    """Return a template as CloudFormation reads it."""
    decoded, problems = cfnlint.decode.decode(GENERATED / "tools/cloud" / f"{name}.yaml")
    assert not problems
    return decoded


def existing(region):
    """Parameters for all that can exist already."""
    arn = f"arn:{REGIONS[region]}"
    return {
        "BucketName": "our-bucket",
        "OidcProviderArn": f"{arn}:iam::1:oidc-provider/token.actions.githubusercontent.com",
        "GitHubRepository": "octocat@123456/my-repo@456789",
        "EcrRepository": "ours",
        "DataBucketArns": f"{arn}:s3:::data-one,{arn}:s3:::data-two",
        "KmsKeyArn": f"{arn}:kms:{region}:1:key/ours",
        "VpcId": "vpc-ours",
        "ModelPackageGroupArn": f"{arn}:sagemaker:{region}:123456789012:model-package-group/ours",
        "MlflowArn": f"{arn}:sagemaker:{region}:123456789012:mlflow-app/ours",
        "BuildSecretArn": f"{arn}:secretsmanager:{region}:123456789012:secret:ours-a1b2c3",
        "PermissionsBoundaryArn": f"{arn}:iam::1:policy/boundary",
        "InstanceTypes": "ml.m5.large,ml.m5.xlarge",
        "MaxRuntime": "900",
        "UserRole": "yes",
    }


# ---- make deploy ---------------------------------------------------------------------------


def run(cloud, repository, *words):
    return cloud.run(repository, "make", "deploy", f"ARGS={' '.join(words)}")


def deploy(cloud, repository, *words):
    """Deploy by the verb; return the outputs that it prints."""
    done = run(cloud, repository, *words)
    assert done.returncode == 0, done.stdout
    return dict(re.findall(r"^(\w+): (.+)$", done.stdout, re.MULTILINE))


def refused(cloud, repository, *words):
    """Deploy what can't be deployed; return what was said."""
    done = run(cloud, repository, *words)
    assert done.returncode != 0 and "Traceback" not in done.stdout, done.stdout
    return done.stdout


def test_two_stacks_are_made_and_a_second_time_nothing_changes(bake, cloud):
    repository = bake("r", aws_region="cn-north-1")
    outputs = deploy(cloud, repository, "GitHubRepository=octocat/my-repo")
    assert set(outputs) == OUTPUTS | {"CiRoleArn"}
    assert outputs["RepositoryName"] == repository.name
    assert outputs["ExecutionRoleArn"].startswith(f"arn:aws-cn:iam::{cloud.account}:role/")
    found = cloud.client("cloudformation", "cn-north-1").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in found] == ["sagemaker-team", repository.name]
    # What was given once stays.
    assert deploy(cloud, repository) == outputs
    assert len(cloud.asked("ExecuteChangeSet")) == 2


def test_the_teams_stack_is_left_alone_by_the_next_repository(bake, cloud):
    key = "arn:aws:kms:us-east-1:1:key/ours"
    first = deploy(cloud, bake("r"), f"KmsKeyArn={key}")
    second = deploy(cloud, bake("python"))
    # The key comes with the bucket that it encrypts.
    for role in cloud.backend("iam", "aws").roles.values():
        assert key in json.dumps(role.policies), role.name
    assert first["BucketName"] == second["BucketName"]
    assert len(cloud.asked("ExecuteChangeSet")) == 3
    # Nothing else is shared, not even the name of a role.
    assert set(first.values()) & set(second.values()) == {first["BucketName"]}


def test_two_teams_have_images_of_the_same_name(bake, cloud):
    made = []
    for team in ("a", "b"):
        repository = bake("python")
        file = repository / "training-job.json"
        file.write_text(file.read_text().replace("amazonaws.com/", f"amazonaws.com/team-{team}/"))
        made.append(deploy(cloud, repository))
        assert made[-1]["RepositoryName"] == f"team-{team}/{repository.name}"
    assert made[0]["ExecutionRoleArn"] != made[1]["ExecutionRoleArn"]


def test_the_teams_stack_is_updated_on_request(bake, cloud):
    repository = bake("r")
    outputs = deploy(cloud, repository)
    made = len(cloud.asked("CreateChangeSet"))
    assert deploy(cloud, repository, "--team") == outputs
    assert [each["StackName"] for each in cloud.asked("CreateChangeSet")[made:]] == [
        "sagemaker-team",
        repository.name,
    ]


def test_a_stack_is_taken_down_by_the_command_of_the_manual(bake, cloud):
    repository = bake("r")
    deploy(cloud, repository)
    command = re.search(r"`(aws cloudformation delete-stack [^`]*)`", manual_of(repository))[1]
    done = cloud.run(repository, "bash", "-ec", f"{command} --region us-east-1")
    assert done.returncode == 0, done.stdout
    found = cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in found] == ["sagemaker-team"]


def test_what_exists_is_taken_and_nothing_made_in_its_place(bake, cloud):
    given = existing("us-east-1")
    outputs = deploy(cloud, bake("r"), *(f"{name}={value}" for name, value in given.items()))
    assert (outputs["BucketName"], outputs["RepositoryName"]) == ("our-bucket", "ours")
    found = cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in found] == ["penguins-r"]
    assert cloud.client("ecr").describe_repositories()["repositories"] == []
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    # Nor the next time, when it is given no more.
    assert deploy(cloud, bake("r")) == outputs
    assert len(cloud.asked("ExecuteChangeSet")) == 1


def test_codebuild_gets_a_secret_as_the_manual_says(bake, cloud):
    repository = bake("python")
    private = section(manual_of(repository), "## Private package indexes")
    (script,) = [each for each in blocks(private) if "put-secret-value" in each]
    client = cloud.client("secretsmanager")
    arn = client.create_secret(Name="index", SecretString="old")["ARN"]
    *lines, _ = re.sub(r"\bARN\b", arn, script).splitlines()
    for line in lines:
        done = cloud.run(repository, "bash", "-ec", line, INDEX="[global]", AWS_REGION="us-east-1")
        assert done.returncode == 0, done.stdout
    assert client.get_secret_value(SecretId=arn)["SecretString"] == "[global]"
    (project,) = cloud.backend("codebuild").codebuild_projects.values()
    (variable,) = project.project_metadata["environment"]["environmentVariables"]
    assert variable == {"Name": "BUILD_SECRET", "Type": "SECRETS_MANAGER", "Value": arn}


def test_a_failed_deployment_names_the_reason_and_the_next_one_mends_it(bake, cloud):
    repository = bake("r")
    cloud.client("ecr").create_repository(repositoryName=repository.name)
    said = refused(cloud, repository)
    assert f"The stack {repository.name} was not deployed. Repository: " in said
    assert "already exists" in said
    outputs = deploy(cloud, repository, f"EcrRepository={repository.name}")
    assert set(outputs) == OUTPUTS


def test_a_users_mistakes_are_one_sentence(bake, cloud):
    repository = bake("r")
    said = refused(cloud, repository, "Bucket=x")
    assert "There is no parameter Bucket; there are BucketName, BuildSecretArn, " in said
    assert '"x" must be NAME=VALUE' in refused(cloud, repository, "x")
    cloud.fail("CreateChangeSet", "AccessDenied", "No right to cloudformation:CreateChangeSet", 403)
    said = refused(cloud, repository)
    assert "The stack sagemaker-team was not deployed. You may not call CreateCh" in said
    (repository / "training-job.json").write_text("{}\n", encoding="utf-8")
    assert "training-job.json must have a TrainingImage like 1111" in refused(cloud, repository)


# ---- What the stacks hold ------------------------------------------------------------------


@pytest.fixture
def stack(cloud):
    """Function: name of the template, region, parameters → the stack, made without the CLI."""

    def make(name, region, called="seals", **parameters):
        backend = cloud.backend("cloudformation", region)
        text = (GENERATED / "tools/cloud" / f"{name}.yaml").read_text(encoding="utf-8")
        change, made = backend.create_change_set(called, "new", text, parameters, "", "CREATE")
        backend.execute_change_set(change)
        assert backend.stacks[made].status == "CREATE_COMPLETE", backend.stacks[made].events[-2]
        return backend.stacks[made]

    return make


@pytest.fixture(params=["least", "all"])
def iam(request, stack, cloud, region):
    """The repository's stack, of as few parameters as can be and of all: roles, policies."""
    given = dict(LEAST)
    if request.param == "all":
        given |= existing(region)
    return Iam(stack("repository", region, **given), given)


class Iam:
    """Roles and policies of a stack, by their names in the template."""

    def __init__(self, stack, given):
        self.given = given
        kinds = {name: each["Type"] for name, each in template("repository")["Resources"].items()}
        made = {name: stack.resource_map[name] for name in kinds}
        made = {name: each for name, each in made.items() if each}
        self.roles = {name: made[name] for name in made if kinds[name] == "AWS::IAM::Role"}
        self.trust = {
            name: json.loads(role.assume_role_policy_document) for name, role in self.roles.items()
        }
        self.policies = {
            name: json.loads(made[name].versions[0].document)["Statement"]
            for name in made
            if kinds[name] == "AWS::IAM::ManagedPolicy"
        }
        for name, role in self.roles.items():
            documents = [*role.policies.values()]
            documents += [json.loads(each.versions[0].document) for each in attached(role)]
            self.policies[name] = [one for each in documents for one in each["Statement"]]


def attached(role):
    return role.managed_policies.values()


def listed(value):
    return value if isinstance(value, list) else [value]


def matches(pattern, text):
    return re.fullmatch(fnmatch.translate(pattern.lower()), text.lower()) is not None


def allowed(statements, action, resource):
    """Whether policies allow an action on a resource, conditions taken as met."""
    return any(
        any(matches(each, action) for each in listed(one["Action"]))
        and any(matches(each, resource) for each in listed(one["Resource"]))
        for one in statements
    )


def met(statement, context):
    """Whether the conditions of a statement are met by what AWS knows of a request."""
    return all(
        key in context and matches(value, context[key])
        for conditions in statement.get("Condition", {}).values()
        for key, value in conditions.items()
    )


def lists(statements, prefix):
    """Whether policies let the names of objects in the bucket be listed that begin so."""
    return any(
        "s3:ListBucket" in listed(one["Action"])
        and any(each.endswith(":our-bucket") for each in listed(one["Resource"]))
        and met(one, {"s3:prefix": prefix})
        for one in statements
    )


def test_bucket_is_encrypted_private_and_refuses_plain_http(stack, cloud, region):
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack("team", region).outputs}
    bucket = cloud.backend("s3", REGIONS[region]).buckets[outputs["BucketName"]]
    (rule,) = (
        bucket.encryption["Rule"]
        if isinstance(bucket.encryption["Rule"], list)
        else [bucket.encryption["Rule"]]
    )
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (statement,) = json.loads(bucket.policy)["Statement"]
    assert statement["Effect"] == "Deny" and statement["Action"] == "s3:*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arn = f"arn:{REGIONS[region]}:s3:::{outputs['BucketName']}"
    assert statement["Resource"] == [arn, f"{arn}/*"]
    # moto takes no notice of these.
    properties = template("team")["Resources"]["Bucket"]["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_what_is_dear_outlives_its_stack():
    for name, dear in (
        ("team", {"Bucket", "BucketPolicy", "OidcProvider"}),
        ("repository", {"Repository"}),
    ):
        resources = template(name)["Resources"]
        kept = {key for key, each in resources.items() if "DeletionPolicy" in each}
        assert kept == dear
        for key in kept:
            # A creation that fails leaves nothing that the next one would stumble over.
            assert resources[key]["DeletionPolicy"] == "RetainExceptOnCreate"
            assert resources[key]["UpdateReplacePolicy"] == "Retain"


def test_only_names_that_cannot_collide_are_given():
    for name in ("team", "repository"):
        for key, each in template(name)["Resources"].items():
            given = [each for each in each["Properties"] if each.endswith("Name")]
            # An image's name is one of a kind in the account.
            assert given == (["RepositoryName"] if key == "Repository" else []), key
    assert template("repository")["Resources"]["Repository"]["Properties"]["RepositoryName"] == {
        "Ref": "ImageName"
    }


# ---- Least privilege -----------------------------------------------------------------------


def test_every_statement_is_bounded(iam, region):
    # What AWS says of its actions, as cfn-lint has it.
    known = json.loads(files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text())
    seen = set()
    for name, statements in iam.policies.items():
        for statement in statements:
            assert statement["Effect"] == "Allow", name
            assert not {"NotAction", "NotResource", "Principal"} & set(statement), name
            for action in listed(statement["Action"]):
                assert "*" not in action, (name, action)
                service, _, operation = action.partition(":")
                resources = known[service]["Actions"][operation.lower()].get("Resources")
                for resource in listed(statement["Resource"]):
                    if resource != "*":
                        # MLflow's rights are those to a resource of SageMaker.
                        place = f"arn:{REGIONS[region]}:{service.removesuffix('-mlflow')}:"
                        assert resource.startswith(place), resource
                        assert resources, (name, action)
                    elif resources:
                        condition = json.dumps(statement.get("Condition", {}))
                        assert BOUNDED_OTHERWISE[action] in condition, (name, action)
                seen.add(action)
    assert "iam:PassRole" in seen and "ecr:PutImage" in seen


def test_every_resource_is_of_this_repository(iam, region):
    own = r"seals|our-bucket|ours\b|data-one|data-two|/aws/sagemaker/TrainingJobs"
    for name, statements in iam.policies.items():
        for statement in statements:
            for resource in listed(statement["Resource"]):
                if ":ec2:" in resource:
                    new = listed(statement["Action"]) == ["ec2:CreateNetworkInterface"]
                    if not (new and ":network-interface/" in resource):
                        assert "vpc/vpc-ours" in json.dumps(statement["Condition"])
                elif resource != "*":
                    assert re.search(own, resource), (name, resource)
                    # In the shared bucket, no more than what begins with the repository's name.
                    if resource.endswith("/*") and "our-bucket" in resource:
                        assert "our-bucket/seals/" in resource, (name, resource)


@pytest.mark.parametrize("vpc", ["vpc-ours", "vpc-theirs"])
def test_a_job_opens_interfaces_in_the_one_vpc(stack, cloud, region, vpc):
    """As the Service Authorization Reference has it: each resource of a call must be allowed.

    CreateNetworkInterface knows the VPC of a subnet and of a security group, and none of the
    interface, which is not there yet; what is done to an interface later knows it.
    """
    given = LEAST | existing(region)
    role = Iam(stack("repository", region, **given), given).policies["ExecutionRole"]
    place = f"arn:{REGIONS[region]}:ec2:{region}:{cloud.account}"
    inside = {"ec2:Vpc": f"{place}:vpc/{vpc}"}
    new = {"network-interface/*": {}, "subnet/subnet-1": inside, "security-group/sg-1": inside}
    later = {"network-interface/eni-1": inside}

    def may(action, resources):
        return all(
            allowed([one for one in role if met(one, context)], action, f"{place}:{resource}")
            for resource, context in resources.items()
        )

    assert may("ec2:CreateNetworkInterface", new) == (vpc == "vpc-ours")
    for action in ("CreateNetworkInterfacePermission", "DeleteNetworkInterface"):
        assert may(f"ec2:{action}", later) == (vpc == "vpc-ours"), action


def test_a_job_removes_its_checkpoints_and_nothing_else(iam, region):
    role = iam.policies["ExecutionRole"]
    bucket = f"arn:{REGIONS[region]}:s3:::our-bucket"
    assert allowed(role, "s3:DeleteObject", f"{bucket}/seals/checkpoints/job/step-1.json")
    for key in (
        "seals/data/training/a.csv",
        "seals/jobs/job/output/model.tar.gz",
        "x/checkpoints/a",
    ):
        assert not allowed(role, "s3:DeleteObject", f"{bucket}/{key}")
    assert not allowed(role, "s3:DeleteObject", f"arn:{REGIONS[region]}:s3:::data-one/a")


def test_models_are_registered_and_runs_logged_where_the_parameters_say(iam, region):
    place = f"arn:{REGIONS[region]}:sagemaker:{region}:123456789012"
    given = "MlflowArn" in iam.given
    for who in ("ExecutionRole", "UserPolicy"):
        for resource in ("model-package-group/ours", "model-package/ours/7"):
            made = allowed(iam.policies[who], "sagemaker:CreateModelPackage", f"{place}:{resource}")
            assert made == given, (who, resource)
        other = f"{place}:model-package/ours-too/7"
        assert not allowed(iam.policies[who], "sagemaker:CreateModelPackage", other)
    for action in ("sagemaker:CallMlflowAppApi", "sagemaker-mlflow:LogMetric"):
        role = iam.policies["ExecutionRole"]
        assert allowed(role, action, f"{place}:mlflow-app/ours") == given
        assert not allowed(role, action, f"{place}:mlflow-app/theirs")


def test_a_policy_of_the_users_own_is_for_jobs_alone(stack, cloud, region):
    """Rights that no parameter knows, such as those of a job that is debugged remotely."""
    document = {"Effect": "Allow", "Action": "ssmmessages:OpenDataChannel", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [document]})
    iam = cloud.backend("iam", REGIONS[region])
    made = iam.create_policy("", "/", text, "debug", {})
    given = LEAST | existing(region) | {"JobPolicyArn": made.arn}
    policies = Iam(stack("repository", region, **given), given).policies
    may = {who for who, each in policies.items() if document in each}
    assert may == {"ExecutionRole"}


def test_a_user_starts_what_the_caps_let_through_and_nothing_else(iam):
    create = {"sagemaker:CreateTrainingJob", "sagemaker:CreateHyperParameterTuningJob"}
    (new,) = [one for one in iam.policies["UserPolicy"] if create & set(listed(one["Action"]))]
    assert set(new["Action"]) == create
    if "MaxRuntime" not in iam.given:
        assert "Condition" not in new
        return
    assert new["Condition"] == {
        "ForAllValues:StringLike": {"sagemaker:InstanceTypes": ["ml.m5.large", "ml.m5.xlarge"]},
        "Null": {"sagemaker:InstanceTypes": "false"},
        "NumericLessThanEquals": {"sagemaker:MaxRuntimeInSeconds": "900"},
    }


def test_codebuild_reads_the_one_secret_that_the_parameter_names(iam, region):
    place = f"arn:{REGIONS[region]}:secretsmanager:{region}:123456789012:secret"
    given = "BuildSecretArn" in iam.given
    for who, statements in iam.policies.items():
        may = allowed(statements, "secretsmanager:GetSecretValue", f"{place}:ours-a1b2c3")
        assert may == (given and who == "BuildRole"), who
        assert not allowed(statements, "secretsmanager:GetSecretValue", f"{place}:theirs-a1b2c3")


def test_policies_are_no_longer_than_iam_lets_them(stack, region):
    """A role's own policies may have 10,240 characters together, a managed one 6,144."""
    name = "-".join(["a1234567"] * 4) + "-abc"
    given = LEAST | existing(region)
    given |= {"JobPrefix": f"{name}--", "TuningPrefix": "a1234-123456--"}
    del given["EcrRepository"]
    iam = Iam(stack("repository", region, called=name, **given), given)
    for role in iam.roles.values():
        assert sum(len(json.dumps(each)) for each in role.policies.values()) < 10240
    for policy in ("PushPolicy", "UserPolicy"):
        assert len(json.dumps(iam.policies[policy], separators=(",", ":"))) < 6000


# ---- No right reaches another repository ---------------------------------------------------

LONG = "a-repository-with-as-long-a-name-as-ca"
PAIRS = [
    ("fraud-detection-cards", "fraud-detection-loans"),
    ("seal", "seal-pup-counter"),
    ("seal", "seals"),
    ("seal", "seal-2"),
    ("seal-2", "seal-20"),
    ("penguins", "penguins-v2"),
    ("penguins-v1", "penguins-v1-5"),
    ("fraud-detecti", "fraud-detection"),
    ("fraud", "fraud-detection-cards"),
    ("a1", "a1-b"),
    (f"{LONG}-x", f"{LONG}-y"),
    ("team-a-churn-model", "team-a-churn-model-weekly"),
    ("jobs", "jobs-jobs-jobs-jobs"),
]


def names_of(names, repository):
    """Return the jobs that a repository can have: training, tuning, and those of the latter."""
    training = [names.unique_name(repository, each, 63) for each in (repository, "x", "")]
    tuning = names.unique_name(repository, repository, 32)
    return training, tuning, [*training, f"{tuning}-001-0a1b2c3d"]


@pytest.fixture(scope="module")
def names(bake):
    return load_tools(bake("python"), "cloud.names")[0]


@pytest.fixture
def reach(stack, cloud, names):
    """Function: repository → its own things of each kind, and all statements of its policies."""
    made = {}

    def look(repository):
        if repository not in made:
            prefixes = {
                "ImageName": repository,
                "JobPrefix": names.job_prefix(repository, 63),
                "TuningPrefix": names.job_prefix(repository, 32),
            }
            given = LEAST | prefixes
            one = stack("repository", "us-east-1", called=repository, **given)
            outputs = {each["OutputKey"]: each["OutputValue"] for each in one.outputs}
            _, tuning, jobs = names_of(names, repository)
            place = f"us-east-1:{cloud.account}"
            group = "log-group:/aws/sagemaker/TrainingJobs:log-stream"
            things = [
                *(f"arn:aws:sagemaker:{place}:training-job/{job}" for job in jobs),
                f"arn:aws:sagemaker:{place}:hyper-parameter-tuning-job/{tuning}",
                *(f"arn:aws:logs:{place}:{group}:{job}/algo-1-17" for job in jobs),
                f"arn:aws:logs:{place}:log-group:/aws/codebuild/{repository}:log-stream:x",
                f"arn:aws:s3:::our-bucket/{repository}/jobs/x/output/model.tar.gz",
                f"arn:aws:s3:::our-bucket/{repository}/checkpoints/x/a",
                f"arn:aws:ecr:{place}:repository/{repository}",
                outputs["ExecutionRoleArn"],
                one.resource_map["BuildProject"].arn,
                one.stack_id,
            ]
            policies = Iam(one, given).policies
            made[repository] = things, [one for each in policies.values() for one in each]
        return made[repository]

    return look


@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_no_right_of_a_repository_reaches_another_ones_things(reach, pair):
    for one, other in (pair, pair[::-1]):
        (own, statements), (theirs, _) = reach(one), reach(other)

        def touching(thing, statements=statements):
            return {
                action
                for statement in statements
                for each in listed(statement["Resource"])
                if each != "*" and matches(each, thing)
                for action in listed(statement["Action"])
            } - OF_THE_LOG_GROUP

        assert all(touching(thing) for thing in own)
        assert not any(touching(thing) for thing in theirs), other
        # Of the bucket that both share, the names of its own objects alone.
        assert lists(statements, f"{one}/data/training/")
        for prefix in ("", one, other, f"{other}/", f"{other}/data/training/"):
            assert not lists(statements, prefix), prefix


@pytest.mark.parametrize("who", ["ExecutionRole", "UserPolicy"])
def test_objects_of_the_repository_are_listed_by_jobs_and_users(iam, who):
    """SageMaker lists what a channel or a checkpoint names, which `make submit` does too."""
    for place in ("data/training/", "checkpoints/seals--1/", "jobs/", "uploads/training-1a2b/"):
        assert lists(iam.policies[who], f"seals/{place}"), place


def test_a_role_is_passed_to_sagemaker_alone_and_no_other_one(iam):
    passing = [
        (name, statement)
        for name, statements in iam.policies.items()
        for statement in statements
        if "iam:PassRole" in listed(statement["Action"])
    ]
    # The role of a pupil has the rights of a user.
    has = {"UserPolicy", "PersonRole"} if "PersonRole" in iam.roles else {"UserPolicy"}
    assert {name for name, _ in passing} == has and len(passing) == len(has)
    for _, statement in passing:
        assert listed(statement["Action"]) == ["iam:PassRole"]
        assert statement["Resource"] == iam.roles["ExecutionRole"].arn
        assert statement["Condition"] == {
            "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
        }


def test_who_may_assume_which_role(iam, cloud):
    services = {"ExecutionRole": "sagemaker.amazonaws.com", "BuildRole": "codebuild.amazonaws.com"}
    for name, service in services.items():
        (statement,) = iam.trust[name]["Statement"]
        assert statement["Principal"] == {"Service": service}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": cloud.account}}
    if not iam.given.get("GitHubRepository"):
        assert set(iam.roles) == set(services)
        return
    (statement,) = iam.trust["PersonRole"]["Statement"]
    account = iam.roles["PersonRole"].arn.rpartition(":role")[0]
    # Whoever else may take on a role in this account; the role itself may not.
    assert statement["Principal"] == {"AWS": f"{account}:root"}
    assert not allowed(iam.policies["PersonRole"], "sts:AssumeRole", iam.roles["PersonRole"].arn)
    (statement,) = iam.trust["CiRole"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {"Federated": iam.given["OidcProviderArn"]}
    issuer = "token.actions.githubusercontent.com"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": "repo:octocat@123456/my-repo@456789:environment:release",
        }
    }


def test_every_role_is_bounded_where_a_boundary_is_given(iam):
    for role in iam.roles.values():
        boundary = role.permissions_boundary or {"PermissionsBoundaryArn": None}
        given = iam.given.get("PermissionsBoundaryArn")
        assert boundary["PermissionsBoundaryArn"] == given


def test_nobody_has_a_policy_of_aws():
    for name in ("team", "repository"):
        assert ":policy/" not in json.dumps(template(name))
        assert "FullAccess" not in json.dumps(template(name))


@pytest.mark.parametrize(
    ("subject", "fits"),
    [
        ("", True),
        ("octocat@123456/my-repo@456789", True),
        ("octo-cat/my.repo_1", True),
        ("octocat_corp/my-repo", True),
        ("octocat_corp@123456/my-repo@456789", True),
        ("octocat@123456/my-repo", False),
        ("octocat/*", False),
        ("octocat@*/my-repo@*", False),
        ("octocat/my-repo:ref:refs/heads/main", False),
        ("https://github.com/octocat/my-repo", False),
    ],
)
def test_the_subject_is_one_repository_with_its_ids_or_without(subject, fits):
    pattern = template("repository")["Parameters"]["GitHubRepository"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, subject)) == fits


# ---- What the scripts do is granted --------------------------------------------------------

# Commands of the aws CLI whose name is not that of the right → the rights.
OTHERWISE = {
    "ecr get-login-password": {"ecr:GetAuthorizationToken"},
    "s3 cp": {"s3:GetObject", "s3:PutObject", "s3:ListBucket"},
    "s3 sync": {"s3:PutObject", "s3:ListBucket"},
    "s3api get-bucket-location": {"s3:GetBucketLocation"},
    "s3api list-objects-v2": {"s3:ListBucket"},
}
# What takes no right, what --role-arn does with a role of yours, and what is done where there is no
# stack; and commands that the scripts name to the user alone.
NOT_GRANTED = {
    "sts:GetCallerIdentity",
    "sts:AssumeRole",
    "ecr:CreateRepository",
    "ecr:PutLifecyclePolicy",
    "ecr:DeleteRepository",
    "ecr:BatchDeleteImage",
    "sagemaker:ListTrainingJobs",
    "servicequotas:RequestServiceQuotaIncrease",
}
# What docker and podman ask of ECR for a push, and SageMaker for a pull.
PUSH = (
    "BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart CompleteLayerUpload PutImage"
)
PULL = "BatchCheckLayerAvailability GetDownloadUrlForLayer BatchGetImage"
SERVICES = (
    "sts",
    "iam",
    "ecr",
    "logs",
    "sagemaker",
    "cloudformation",
    "codebuild",
    "pricing",
    "service-quotas",
)


def rights(modules):
    """Return the rights that each command of the aws CLI takes which some modules name."""
    files = [GENERATED / "tools" / "cloud" / f"{each}.py" for each in modules]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    # A command for the user, and a call's words: ecr describe-images; "ecr", "describe-images".
    pairs = set(re.findall(r"\b([a-z0-9-]+)\"?,? \"?([a-z0-9]+(?:-[a-z0-9]+)+|cp|sync)\b", text))
    found = set()
    session = botocore.session.get_session()
    for service, command in pairs:
        found |= OTHERWISE.get(f"{service} {command}", set())
    words = set(re.findall(r"\b[a-z]+(?:-[a-z0-9]+)+\b", text))
    for service in SERVICES:
        for name in session.get_service_model(service).operation_names:
            command = botocore.xform_name(name, "-")
            # In Python, an operation may be chosen by its name alone.
            named = command in words and service == "sagemaker"
            if named or (service, command) in pairs:
                found.add(f"{service.replace('-', '')}:{name}")
    return found - NOT_GRANTED


WITHOUT_RESOURCE = (
    "ecr:GetAuthorizationToken",
    "pricing:GetProducts",
    "servicequotas:ListAWSDefaultServiceQuotas",
    "servicequotas:ListServiceQuotas",
)


def example(action, region, account):
    """Return a resource of the kind that the scripts do this to."""
    arn = f"arn:{REGIONS[region]}"
    service, _, name = action.partition(":")
    place = f"{arn}:{service}:{region}:{account}"
    if action in WITHOUT_RESOURCE:
        return "*"
    kind = "hyper-parameter-tuning-job" if "HyperParameter" in name else "training-job"
    return {
        "ecr": f"{place}:repository/seals",
        "iam": f"{arn}:iam::{account}:role/seals-ExecutionRole-",
        "s3": f"{arn}:s3:::our-bucket" + ("/seals/jobs/x" if "Object" in name else ""),
        "logs": f"{place}:log-group:/aws/sagemaker/TrainingJobs:log-stream:seals--1/algo-1",
        "sagemaker": f"{place}:{kind}/seals--251127-1",
        "codebuild": f"{place}:project/seals-BuildProject-",
        "cloudformation": f"{place}:stack/seals/",
    }[service]


def granted(statements, action, resource):
    # What CloudFormation puts behind a name is chance.
    return allowed(statements, action, resource) or any(
        action in listed(one["Action"])
        and any(each.startswith(resource) for each in listed(one["Resource"]))
        for one in statements
    )


def test_what_the_scripts_call_is_granted(stack, cloud, region):
    iam = Iam(stack("repository", region, **LEAST), LEAST)
    user = iam.policies["PushPolicy"] + iam.policies["UserPolicy"]
    wanted = {
        ("push", "codebuild", "account"): {
            "ecr:DescribeImages",
            "codebuild:StartBuild",
            "s3:PutObject",
        },
        ("submit", "questions", "upload", "prices"): {
            "pricing:GetProducts",
            "sagemaker:CreateTrainingJob",
            "iam:GetRole",
            "s3:GetBucketLocation",
        },
        ("ready", "account"): {
            "ecr:InitiateLayerUpload",
            "codebuild:BatchGetProjects",
            "servicequotas:ListServiceQuotas",
            "cloudformation:DescribeStacks",
        },
        ("follow", "logs"): {"sagemaker:StopTrainingJob", "logs:GetLogEvents", "s3:GetObject"},
    }
    for script, some in wanted.items():
        called = rights(script)
        assert some <= called, script
        for action in called | {"iam:PassRole"}:
            resource = example(action, region, cloud.account)
            assert granted(user, action, resource), (script, action, resource)
    for who in ("PushPolicy", "BuildRole"):
        for action in [f"ecr:{name}" for name in f"{PUSH} DescribeImages".split()]:
            assert granted(iam.policies[who], action, example(action, region, cloud.account)), (
                action
            )
        assert granted(iam.policies[who], "ecr:GetAuthorizationToken", "*")
        assert not granted(iam.policies[who], "sagemaker:CreateTrainingJob", "*")
    for action in [f"ecr:{name}" for name in PULL.split()]:
        resource = example(action, region, cloud.account)
        assert granted(iam.policies["ExecutionRole"], action, resource), action


def test_the_repository_is_the_one_that_a_push_makes_where_there_is_no_stack(bake):
    (push,) = load_tools(bake("python"), "cloud.push")
    properties = template("repository")["Resources"]["Repository"]["Properties"]
    made = dict(zip(push.NEW_REPOSITORY[::2], push.NEW_REPOSITORY[1::2], strict=True))
    assert made["--image-tag-mutability"] == properties["ImageTagMutability"]
    assert made["--image-scanning-configuration"] == "scanOnPush=true"
    assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert made["--encryption-configuration"] == "encryptionType=AES256"
    assert properties["EncryptionConfiguration"]["Fn::If"][2] == {"EncryptionType": "AES256"}
    policy = json.loads(push.lifecycle_policy())
    assert json.loads(properties["LifecyclePolicy"]["LifecyclePolicyText"]) == policy
