"""IAM: whether a caller's policies allow a request, by action, resource and condition.

Which kinds of resources an action is about, and the form of their ARNs, is AWS's own list, the Service Authorization
Reference, which parliament brings along: https://docs.aws.amazon.com/service-authorization/latest/reference/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.aws.service.partitions import partition
from tests.aws.service.protocols import Call, ServiceError

Document = dict[str, Any]

# services whose prefix in IAM is another than boto3's name
PREFIXES = {"service-quotas": "servicequotas", "sagemaker-runtime": "sagemaker"}

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:DeleteObjects": "s3:DeleteObjectVersion",  # where versions are named
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListParts": "s3:ListMultipartUploadParts",
}

# The parameters that name resources of a kind, and what their ARN ends with; a parameter may be a list, or an ARN.
PARAMETERS: dict[tuple[str, str], dict[str, str]] = {
    ("sagemaker", "model"): {"ModelName": "model/{}", "ResourceArn": "{}"},
    ("sagemaker", "endpoint"): {"EndpointName": "endpoint/{}", "ResourceArn": "{}"},
    ("sagemaker", "inference-component"): {"InferenceComponentName": "inference-component/{}", "ResourceArn": "{}"},
    ("sagemaker", "endpoint-config"): {"EndpointConfigName": "endpoint-config/{}", "ResourceArn": "{}"},
    ("sagemaker", "model-package"): {
        "ModelPackageName": "model-package/{}",
        "ModelPackageArn": "{}",
        "ModelPackageGroupName": "model-package/{}/1",
    },
    ("sagemaker", "model-package-group"): {
        "ModelPackageGroupName": "model-package-group/{}",
        "ResourceArn": "{}",
    },
    ("sagemaker", "transform-job"): {"TransformJobName": "transform-job/{}", "ResourceArn": "{}"},
    ("sagemaker", "cluster"): {"ClusterName": "cluster/{}"},
    ("eks", "cluster"): {"name": "cluster/{}"},
    ("ecr", "repository"): {
        "repositoryName": "repository/{}",
        "repositoryNames": "repository/{}",
        "resourceArn": "{}",
    },
    ("codebuild", "project"): {"projectName": "project/{}", "name": "project/{}", "names": "project/{}"},
    ("s3", "bucket"): {"Bucket": "{}"},
    ("cloudwatch", "alarm"): {
        "AlarmName": "alarm:{}",
        "AlarmNames": "alarm:{}",
        "AlarmNamePrefix": "alarm:*",  # which lists
        "ResourceARN": "{}",
    },
    ("iam", "policy"): {"PolicyArn": "{}"},
}


@dataclass(frozen=True)
class Demand:
    """What AWS asks of the policies: an action on a resource, with what conditions may look at."""

    action: str
    resource: str
    context: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}" + (f" with {self.context}" if self.context else "")


@dataclass
class Caller:
    """Who calls: with these policies, and no others; without a list it is the root user, whom no policy limits.

    `denied` is what was asked for and not allowed.
    """

    policies: list[Document] | None = None
    denied: list[str] = field(default_factory=list)

    def allows(self, demand: Demand) -> bool:
        """Whether a statement allows it, and none denies it."""
        fitting = [
            statement["Effect"]
            for policy in self.policies or ()
            for statement in policy["Statement"]
            if _fits(statement, demand)
        ]
        return "Allow" in fitting and "Deny" not in fitting

    def require(self, demands: Iterator[Demand]) -> None:
        """Raise ServiceError unless all of it is allowed."""
        for demand in demands if self.policies is not None else ():
            if not self.allows(demand):
                self.denied.append(str(demand))
                text = f"User: arn:aws:iam::123456789012:user/dev is not authorized to perform: {demand.action} on "
                text += f"resource: {demand.resource} because no identity-based policy allows the action"
                raise ServiceError(
                    "AccessDenied" if demand.action[:3] in ("s3:", "iam") else "AccessDeniedException", text, 403
                )


def demands(call: Call, account: Any) -> Iterator[Demand]:
    """What a request needs: its own action, and those that AWS documents along with it."""
    name = f"{PREFIXES.get(call.service, call.service)}:{call.operation}"
    action = ACTIONS.get(call.name, name)
    context = _context(call, account)
    for resource in _resources(action, call, account):
        yield Demand(action, resource, context)
    for extra in EXTRA.get(name, ()):
        yield from extra(call, account)


def _resources(action: str, call: Call, account: Any) -> Iterator[str]:
    kinds = _definitions()[action.lower()]
    named = [*_named(action, kinds, call, account)]
    required = {kind for kind in kinds if kind.endswith("*")}
    assert named or not required, f"the stand-in of IAM knows no parameter of {call.name} for {required}"
    yield from named or ["*"]


def _named(action: str, kinds: list[str], call: Call, account: Any) -> Iterator[str]:
    service = action.partition(":")[0]
    for kind in kinds:
        kind = kind.rstrip("*")
        if special := SPECIAL.get((service, kind)):
            yield from special(call, account)
        for parameter, form in PARAMETERS.get((service, kind), {}).items():
            found = call.parameters.get(parameter) or []
            for value in [found] if isinstance(found, str) else found:
                if not value.startswith("arn:"):
                    yield arn(call, service, form.format(value))
                elif parameter != "ResourceArn" or f":{kind}/" in value:
                    yield value


def arn(call: Call, service: str, rest: str) -> str:
    """An ARN of the account."""
    place = "::" if service == "s3" else f":{call.region}:123456789012" if service != "iam" else "::123456789012"
    return f"arn:{partition(call.region)}:{service}{place}:{rest}"


def _role(call: Call, account: Any) -> Iterator[str]:
    """By the role's whole ARN, which has its path."""
    name = call.parameters["RoleName"]
    found = _found(account, call, "iam", "get_role", RoleName=name)
    yield found["Role"]["Arn"] if found else arn(call, "iam", f"role/{name}")


def _object(call: Call, _: Any) -> Iterator[str]:
    keys = [call.parameters.get("Key")] if "Key" in call.parameters else []
    keys += [row["Key"] for row in call.parameters.get("Delete", {}).get("Objects", [])]
    yield from (arn(call, "s3", f"{call.parameters['Bucket']}/{key}") for key in keys)


def _build(call: Call, _: Any) -> Iterator[str]:
    """Builds are looked at by what may be done to their project."""
    for identity in call.parameters.get("ids", []):
        yield arn(call, "codebuild", f"project/{identity.partition(':')[0]}")


def _log_group(call: Call, _: Any) -> Iterator[str]:
    """Requests on a group are about `log-group:NAME:log-stream:`, those on its tags about `log-group:NAME`.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    if group := call.parameters.get("logGroupName"):
        stream = call.parameters.get("logStreamName", "")
        yield arn(call, "logs", f"log-group:{group}:log-stream:{stream}")
    if tagged := call.parameters.get("resourceArn"):
        yield tagged


def _key(call: Call, account: Any) -> Iterator[str]:
    """By the key's ARN, whatever it was named by."""
    if given := call.parameters.get("KeyId"):
        yield key_arn(call, account, given)


def key_arn(call: Call, account: Any, given: str) -> str:
    """The ARN of a key that is given by its id, ARN or alias."""
    found = _found(account, call, "kms", "describe_key", KeyId=given)
    return (
        str(found["KeyMetadata"]["Arn"]) if found else given if ":key/" in given else arn(call, "kms", f"key/{given}")
    )


def _target(call: Call, _: Any) -> Iterator[str]:
    yield arn(call, "application-autoscaling", "scalable-target/0ec5abcdef")


SPECIAL = {
    ("iam", "role"): _role,
    ("s3", "object"): _object,
    ("codebuild", "project"): _build,
    ("logs", "log-group"): _log_group,
    ("logs", "log-stream"): _log_group,
    ("kms", "key"): _key,
    ("application-autoscaling", "ScalableTarget"): _target,
}


def _context(call: Call, account: Any) -> dict[str, str]:
    """The keys that conditions of the project's policies may look at."""
    context: dict[str, str] = {}
    if call.name == "iam:CreateRole" and "PermissionsBoundary" in call.parameters:
        context["iam:PermissionsBoundary"] = call.parameters["PermissionsBoundary"]
    elif call.service == "iam" and "RoleName" in call.parameters:
        found = _found(account, call, "iam", "get_role", RoleName=call.parameters["RoleName"])
        if boundary := (found or {}).get("Role", {}).get("PermissionsBoundary"):
            context["iam:PermissionsBoundary"] = boundary["PermissionsBoundaryArn"]
    if "Prefix" in call.parameters:
        context["s3:prefix"] = call.parameters["Prefix"]
    return context


def _found(account: Any, call: Call, service: str, operation: str, **parameters: Any) -> Any:
    client = account.client(service, call.region)
    try:
        return getattr(client, operation)(**parameters)
    except client.exceptions.ClientError:
        return None


# What AWS asks for besides the request's own action.


def _passed(parameter: str, service: str) -> Any:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""

    def passed(call: Call, _: Any) -> Iterator[Demand]:
        if role := call.parameters.get(parameter):
            yield Demand("iam:PassRole", role, {"iam:PassedToService": f"{service}.amazonaws.com"})

    return passed


def _tagged(action: str) -> Any:
    """Who makes something with tags must be allowed to tag it; the dependent actions of the reference above."""

    def tagged(call: Call, account: Any) -> Iterator[Demand]:
        if call.parameters.get("Tags") or call.parameters.get("tags"):
            name = f"{PREFIXES.get(call.service, call.service)}:{call.operation}"
            yield from (Demand(action, resource) for resource in _resources(name, call, account))

    return tagged


def _grant(call: Call, account: Any) -> Iterator[Demand]:
    """An endpoint whose configuration names a key: kms:CreateGrant and kms:DescribeKey of the caller.

    https://docs.aws.amazon.com/sagemaker/latest/dg/api-permissions-reference.html
    """
    config = account.endpoints.configs.get(call.parameters["EndpointConfigName"], {})
    if key := config.get("KmsKeyId"):
        grant = {"kms:GrantIsForAWSResource": "true", "kms:ViaService": f"sagemaker.{call.region}.amazonaws.com"}
        yield Demand("kms:CreateGrant", key_arn(call, account, key), grant)
        yield Demand("kms:DescribeKey", key_arn(call, account, key))


def _scaled(call: Call, _: Any) -> Iterator[Demand]:
    """Application Auto Scaling asks, as the caller, about names of its own choice; AWS documents the rights on `*`.

    https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html and
    https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html; the name:
    https://github.com/aws-controllers-k8s/community/issues/2110
    """
    needed = {
        "endpoint": ("DescribeEndpoint", "DescribeEndpointConfig", "UpdateEndpointWeightsAndCapacities"),
        "inference-component": ("DescribeInferenceComponent", "UpdateInferenceComponentRuntimeConfig"),
    }
    for action in needed[call.parameters["ResourceId"].partition("/")[0]]:
        yield Demand(f"sagemaker:{action}", "*")
    for action in ("PutMetricAlarm", "DescribeAlarms", "DeleteAlarms"):
        yield Demand(f"cloudwatch:{action}", "*")
    linked = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    linked += "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    service = {"iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"}
    yield Demand("iam:CreateServiceLinkedRole", arn(call, "iam", f"role/{linked}"), service)


def _readable(call: Call, account: Any) -> Iterator[Demand]:
    """SageMaker reads the model's data as the role, if the verbs made it; the text is SageMaker's own.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms and
    https://github.com/philschmid/llm-sagemaker-sample/issues/2
    """
    yield from ()
    container = call.parameters.get("PrimaryContainer", {})
    source = container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri", "")
    url = container.get("ModelDataUrl") or source
    role = call.parameters["ExecutionRoleArn"]
    policies = inline_policies(call, account, role.rpartition("/")[2])
    if not url or not policies:
        return
    bucket, _, key = url.removeprefix("s3://").partition("/")
    needed = [Demand("s3:GetObject", f"arn:{partition(call.region)}:s3:::{bucket}/{key}")]
    encryption = _found(account, call, "s3", "get_bucket_encryption", Bucket=bucket) or {}
    for rule in encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", []):
        if encryption_key := rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID"):
            through = {"kms:ViaService": f"s3.{call.region}.amazonaws.com"}
            through["kms:EncryptionContext:aws:s3:arn"] = f"arn:{partition(call.region)}:s3:::{bucket}/{key}"
            needed.append(Demand("kms:Decrypt", encryption_key, through))
    if not all(Caller(policies).allows(demand) for demand in needed):
        raise ServiceError(
            "ValidationException", f"Could not access model data at {url}. Please ensure that the role ..."
        )


def inline_policies(call: Call, account: Any, role: str) -> list[Document]:
    """What the verbs attached to a role."""
    names = (_found(account, call, "iam", "list_role_policies", RoleName=role) or {"PolicyNames": []})["PolicyNames"]
    return [
        _found(account, call, "iam", "get_role_policy", RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in names
    ]


EXTRA: dict[str, list[Any]] = {
    "sagemaker:CreateModel": [_passed("ExecutionRoleArn", "sagemaker"), _tagged("sagemaker:AddTags"), _readable],
    "sagemaker:CreateEndpointConfig": [_passed("ExecutionRoleArn", "sagemaker"), _tagged("sagemaker:AddTags")],
    "sagemaker:CreateInferenceComponent": [_tagged("sagemaker:AddTags")],
    "sagemaker:CreateEndpoint": [_tagged("sagemaker:AddTags"), _grant],
    "sagemaker:UpdateEndpoint": [_grant],
    "sagemaker:CreateTransformJob": [_tagged("sagemaker:AddTags")],
    "sagemaker:CreateModelPackageGroup": [_tagged("sagemaker:AddTags")],
    "codebuild:CreateProject": [_passed("serviceRole", "codebuild")],
    "codebuild:UpdateProject": [_passed("serviceRole", "codebuild")],
    "ecr:CreateRepository": [_tagged("ecr:TagResource")],
    "iam:CreateRole": [_tagged("iam:TagRole")],
    "cloudwatch:PutMetricAlarm": [_tagged("cloudwatch:TagResource")],
    "logs:CreateLogGroup": [_tagged("logs:TagResource")],
    "application-autoscaling:RegisterScalableTarget": [_scaled],
    "application-autoscaling:PutScalingPolicy": [_scaled],
}


def _fits(statement: Document, demand: Demand) -> bool:
    """Whether a statement is about this: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html"""
    return (
        any(_like(pattern.lower(), demand.action.lower()) for pattern in _listed(statement["Action"]))
        and any(_like(pattern, demand.resource) for pattern in _listed(statement["Resource"]))
        and all(
            any(OPERATORS[operator](value, demand.context.get(key)) for value in _listed(values))  # type: ignore[no-untyped-call]
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _like(pattern: str, text: str) -> bool:
    return bool(_expression(pattern).fullmatch(text))


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"([*?])", pattern)
    return re.compile("".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts))


# a key that the request doesn't have fits no condition
OPERATORS = {
    "StringEquals": lambda wanted, found: found == wanted,
    "StringLike": lambda wanted, found: found is not None and _like(wanted, found),
    "ArnEquals": lambda wanted, found: found == wanted,
    "ArnLike": lambda wanted, found: found is not None and _like(wanted, found),
    "Bool": lambda wanted, found: found == wanted,
}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@cache
def _definitions() -> dict[str, list[str]]:
    """The kinds of resources of each action, those that it can't do without with a star."""
    package = find_spec("parliament")
    assert package
    assert package.origin
    text = Path(package.origin).with_name("iam_definition.json").read_text()
    return {
        f"{service['prefix']}:{privilege['privilege']}".lower(): [
            row["resource_type"] for row in privilege["resource_types"] if row["resource_type"]
        ]
        for service in json.loads(text)
        for privilege in service["privileges"]
    }
