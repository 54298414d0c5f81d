"""The parts that stand in for AWS do what AWS does, where the other tests rely on it."""

import json

ASKED = ["aws", "sts", "get-caller-identity", "--region", "us-east-1"]


def test_the_command_line_speaks_to_the_cloud_of_the_test(cloud, account):
    done = cloud.run(".", *ASKED)
    assert json.loads(done.stdout)["Account"] == account
    assert cloud.calls[0][:3] == ("sts", "GetCallerIdentity", "us-east-1")
    cloud.fail("GetCallerIdentity", "ExpiredToken", "The security token is expired", 403)
    done = cloud.run(".", *ASKED)
    assert done.returncode != 0
    assert "(ExpiredToken) when calling the GetCallerIdentity operation" in done.stdout


def test_a_role_of_another_account_can_be_assumed(cloud, other_account):
    role = f"arn:aws:iam::{other_account}:role/pusher"
    command = f"aws sts assume-role --role-arn {role} --role-session-name tests --region us-east-1"
    given = json.loads(cloud.run(".", *command.split()).stdout)["Credentials"]
    done = cloud.run(
        ".",
        *ASKED,
        AWS_ACCESS_KEY_ID=given["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=given["SecretAccessKey"],
        AWS_SESSION_TOKEN=given["SessionToken"],
    )
    assert json.loads(done.stdout)["Account"] == other_account


def test_an_engine_pushes_to_the_registry_by_its_name(
    cloud, registry, account, each_engine, tmp_path
):
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    image = f"{registry.host}/penguins:1"
    push = f"aws ecr get-login-password --region us-east-1 | {each_engine} login --username AWS \
        --password-stdin {registry.host} && {each_engine} push {image}"
    built = cloud.run(tmp_path, each_engine, "build", "--tag", image, ".", DOCKER_BUILDKIT="1")
    assert built.returncode == 0, built.stdout
    done = cloud.run(tmp_path, "bash", "-c", push)
    assert done.returncode != 0
    assert f"does not exist in the registry with id '{account}'" in done.stdout
    cloud.client("ecr").create_repository(repositoryName="penguins")
    done = cloud.run(tmp_path, "bash", "-c", push)
    assert done.returncode == 0, done.stdout
    (known,) = cloud.client("ecr").describe_images(repositoryName="penguins")["imageDetails"]
    assert known["imageTags"] == ["1"]
    kind, _ = registry.manifest("penguins", known["imageDigest"])
    assert kind == known["imageManifestMediaType"]
