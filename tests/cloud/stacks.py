"""What moto's CloudFormation does not make itself, so that the templates deploy unchanged."""

import json

from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend, Event
from moto.cloudformation.responses import CloudFormationResponse
from moto.codebuild.models import codebuild_backends
from moto.iam.models import Role, iam_backends
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition


class _Resource:
    """A resource that is created once and then stays as it is."""

    def __init__(self, name, arn=""):
        self.physical_resource_id = name
        self.arn = arn

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr == "Arn"

    def get_cfn_attribute(self, attribute):
        return self.arn

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, *_, **__):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *_, **__):
        pass

    @property
    def is_created(self):
        return True


class BucketPolicy(_Resource):
    @classmethod
    def create_from_cloudformation_json(cls, name, definition, account, region, **_):
        properties = definition["Properties"]
        policy = json.dumps(properties["PolicyDocument"]).encode()
        s3_backends[account][get_partition(region)].put_bucket_policy(properties["Bucket"], policy)
        return cls(properties["Bucket"])


class OidcProvider(_Resource):
    @classmethod
    def create_from_cloudformation_json(cls, name, definition, account, region, **_):
        properties = definition["Properties"]
        provider = iam_backends[account][get_partition(region)].create_open_id_connect_provider(
            properties["Url"], [], properties["ClientIdList"], []
        )
        return cls(provider.arn, provider.arn)


class BuildProject(_Resource):
    @classmethod
    def create_from_cloudformation_json(cls, name, definition, account, region, **_):
        properties = definition["Properties"]
        codebuild_backends[account][region].create_project(
            name,
            properties["Description"],
            _camel(properties["Source"]),
            _camel(properties["Artifacts"]),
            _camel(properties["Environment"]),
            properties["ServiceRole"],
            *[None] * 7,
        )
        return cls(name, f"arn:{get_partition(region)}:codebuild:{region}:{account}:project/{name}")


def _camel(properties):
    """Return CloudFormation's properties as the API writes them."""
    return {name[0].lower() + name[1:]: value for name, value in properties.items()}


parsing.get_model_map().update(
    {
        "AWS::S3::BucketPolicy": BucketPolicy,
        "AWS::IAM::OIDCProvider": OidcProvider,
        "AWS::CodeBuild::Project": BuildProject,
    }
)

_clean = parsing.clean_json


def _clean_without_gaps(json, resources):
    """AWS::NoValue leaves nothing in a list."""
    cleaned = _clean(json, resources)
    return [each for each in cleaned if each is not None] if isinstance(cleaned, list) else cleaned


parsing.clean_json = _clean_without_gaps

_make_role = Role.create_from_cloudformation_json


def _make_role_with_policies(name, definition, account, region, **options):
    """moto attaches none of a role's ManagedPolicyArns."""
    role = _make_role(name, definition, account, region, **options)
    for arn in definition["Properties"].get("ManagedPolicyArns") or ():
        iam_backends[account][get_partition(region)].attach_role_policy(arn, role.name)
    return role


Role.create_from_cloudformation_json = _make_role_with_policies

_make_map = parsing.ResourceMap.__init__
_create = parsing.parse_and_create_resource
_change = CloudFormationBackend.create_change_set
_execute = CloudFormationBackend.execute_change_set
_delete = parsing.ResourceMap.delete


def _map(self, *arguments, **options):
    _make_map(self, *arguments, **options)
    # moto says aws in each region.
    self._parsed_resources["AWS::Partition"] = get_partition(self._region_name)


def _create_or_say_which(logical_id, *arguments, **options):
    try:
        return _create(logical_id, *arguments, **options)
    except Exception as error:
        error.logical_id = getattr(error, "logical_id", logical_id)
        raise


def _execute_or_roll_back(self, change_set_name, stack_name=None):
    """Carry a change set out; where a resource can't be made, end as CloudFormation does."""
    (stack,) = [each.stack for key, each in self.change_sets.items() if change_set_name in key]
    try:
        _execute(self, change_set_name, stack_name)
    except Exception as error:
        stack.status = "ROLLBACK_COMPLETE"
        stack.resource_map._parsed_resources.clear()
        resource = [error.logical_id, "", "AWS::ECR::Repository"]
        for *what, status, reason in (
            [*resource, "CREATE_FAILED", str(error)],
            [stack.name, stack.stack_id, "AWS::CloudFormation::Stack", stack.status, ""],
        ):
            stack.events.append(Event(stack.stack_id, stack.name, *what, status, reason, None))
        return
    # moto knows the outputs of stacks that were made without a change set.
    stack._parse_template()
    stack.output_map = stack._create_output_map()


def _delete_what_is_not_retained(self):
    # moto knows no other word for that, and deletes roles before the policies attached to them.
    for definition in self._resource_json_map.values():
        if definition.get("DeletionPolicy") == "RetainExceptOnCreate":
            definition["DeletionPolicy"] = "Retain"
    backend = iam_backends[self._account_id][get_partition(self._region_name)]
    for role in self._parsed_resources.values():
        for arn in list(getattr(role, "managed_policies", ())):
            backend.detach_role_policy(arn, role.name)
    _delete(self)


def _create_change_set(self, stack_name, change_set_name, template, parameters, *more, **options):
    # One without a change is made, and fails; moto compares the parameters without the defaults.
    for stack in self.stacks.values():
        if stack.name == stack_name and stack.stack_parameters == parameters:
            stack.parameters = parameters
    return _change(self, stack_name, change_set_name, template, parameters, *more, **options)


CloudFormationResponse._validate_different_update = lambda *_: None
CloudFormationBackend.create_change_set = _create_change_set
parsing.ResourceMap.__init__ = _map
parsing.ResourceMap.delete = _delete_what_is_not_retained
parsing.parse_and_create_resource = _create_or_say_which
CloudFormationBackend.execute_change_set = _execute_or_roll_back
