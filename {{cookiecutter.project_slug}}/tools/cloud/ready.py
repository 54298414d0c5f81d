"""What the first job needs in AWS, asked a week before: a line each, for `doctor --aws`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from cloud.account import choose_region, find_stack, outputs_of
from cloud.aws import Aws, AwsError, require_cli
from cloud.questions import ask_for_more, place_questions, role_questions
from cloud.request import machines
from image import named_image
from job import read_request
from repository import REPOSITORY

# For one answer, in seconds; the quotas come in some twenty pages.
PATIENCE = 30
# Some quotas have a default alone.
QUOTAS = (
    ("service-quotas", "list-service-quotas"),
    ("service-quotas", "list-aws-default-service-quotas"),
)
AT_REST = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


class Asking(Aws):
    """The aws CLI, of which a refusal is no note, but an answer that is not known."""

    def ask(self, what: str, service: str, operation: str, request: dict) -> dict:
        """As `call`."""
        return self.call(service, operation, request)


def ready(jobs: int) -> Iterator[tuple[bool | None, str, str]]:
    """Yield for each thing whether it will do (None: not known), its name, and the remedy.

    It changes nothing: an upload to ECR that is begun and never ended leaves nothing.
    """
    request = read_request(REPOSITORY / "training-job.json")
    image = named_image(request)
    try:
        require_cli()
        aws = Asking(choose_region(None, image.region, None), patience=PATIENCE)
        who = aws.answer("sts", "get-caller-identity")
    except AwsError as error:
        yield False, "account", str(error)
        return
    account = who["Account"]
    yield True, "account", f"{account} in {aws.region}, as {who['Arn'].rpartition(':')[2]}"
    stack = {}
    yield answer("stack", of_stack, aws, image.stack, stack)
    outputs = outputs_of(stack)
    role = os.environ.get("SAGEMAKER_ROLE") or outputs.get("ExecutionRoleArn")
    bucket = os.environ.get("SAGEMAKER_BUCKET") or outputs.get("BucketName")
    repository = outputs.get("RepositoryName", image.repository)
    with ThreadPoolExecutor() as pool:
        yield from pool.map(
            lambda each: answer(*each),
            [
                ("role", of_role, aws, account, role),
                ("repository", of_repository, aws, repository),
                ("codebuild", of_project, aws, outputs.get("BuildProject")),
                ("bucket", of_bucket, aws, bucket),
                ("quota", of_quota, aws, request, jobs),
            ],
        )


def answer(
    what: str, question: Callable[..., tuple[bool | None, str]], *given: object
) -> tuple[bool | None, str, str]:
    """Return the line of a question; what could not be asked is not known."""
    if None in given:
        return None, what, "the stack would say which: see there."
    try:
        good, text = question(*given)
    except AwsError as error:
        good, text = None if error.refused or error.code == "Unreachable" else False, str(error)
    return good, what, text


def of_stack(aws: Aws, name: str, stack: dict) -> tuple[bool, str]:
    """Return whether the repository's stack is there and at rest; put it into `stack`."""
    stack.update(find_stack(aws, name) or {})
    if not stack:
        return False, f"there is no stack {name} in {aws.region}: `make deploy` makes it."
    status = stack["StackStatus"]
    if status not in AT_REST:
        return False, f"{name} is {status}: wait, or see what `make deploy` says."
    return True, name


def of_role(aws: Aws, account: str, role: str) -> tuple[bool, str]:
    """Return whether SageMaker may take on the role."""
    wrong = list(role_questions(aws, account, role))
    return not wrong, " ".join(wrong) or role.rpartition("/")[2]


def of_repository(aws: Aws, name: str) -> tuple[bool, str]:
    """Return whether the caller may push to the ECR repository: that alone is what counts."""
    try:
        aws.call("ecr", "initiate-layer-upload", {"repositoryName": name})
    except AwsError as error:
        if error.code == "RepositoryNotFoundException":
            return False, f"there is no ECR repository {name} in {aws.region}: `make deploy`."
        if error.refused:
            return False, f"you may not push to {name}: ask for the stack's PushPolicyArn."
        raise
    return True, f"{name}, and you may push"


def of_project(aws: Aws, project: str) -> tuple[bool, str]:
    """Return whether the build project is there."""
    found = aws.call("codebuild", "batch-get-projects", {"names": [project]})["projects"]
    return bool(found), project if found else f"there is no project {project}: `make deploy`."


def of_bucket(aws: Aws, bucket: str) -> tuple[bool, str]:
    """Return whether the bucket is there, and in the region."""
    request = {"OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/"}}
    wrong = list(place_questions(aws, request, {}))
    return not wrong, " ".join(wrong) or bucket


def of_quota(aws: Aws, request: dict, jobs: int) -> tuple[bool | None, str]:
    """Return whether so many jobs of training-job.json may run at once.

    Spot jobs have a quota of their own: the one that the file does not need is told, and no more.
    """
    kinds = ["spot ", ""] if request.get("EnableManagedSpotTraining") else ["", "spot "]
    said, good = [], True
    for machine, count in machines(request)[0]:
        for kind in kinds:
            name, wanted = f"{machine} for {kind}training job usage", count * jobs
            query = f"Quotas[?QuotaName=='{name}'].[QuotaCode,Value]"
            words = ("--service-code", "sagemaker", "--query", query)
            found = next(filter(None, (aws.answer(*each, *words) for each in QUOTAS)), None)
            if not found:
                said.append(f'AWS names no quota "{name}"')
                good = good and (None if kind == kinds[0] else True)
                continue
            code, value = found[0]
            said.append(f"{value:.0f} of {name}")
            if value < wanted:
                good = False if kind == kinds[0] else good
                said.append(f"for {wanted} ask by {ask_for_more(code, wanted, aws.region)}")
    return good, "; ".join(said)
