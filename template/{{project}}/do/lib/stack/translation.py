"""Calls of AWS's APIs as resources of CloudFormation, see resources.yml."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lib.aws.requests import Parameters
from lib.aws.tables import read_table
from lib.stack.recording import ACCOUNT, PARTITION, Call, policy_arn

TABLE = Path(__file__).with_name("resources.yml")
CONDITIONS = {"storage": "MakesStorage", "serving": "HasImage"}
# what names a resource in its call
NAMES = ("repositoryName", "name", "RoleName", "logGroupName", "PolicyName", "AlarmName", "ModelName")
SMALL = ("ecr:", "codebuild:", "logs:")  # services whose APIs write names small, which CloudFormation writes large
RENAMED = {
    "Buildspec": "BuildSpec",
    "FilterType": "ImageTagMutabilityExclusionFilterType",
    "Filter": "ImageTagMutabilityExclusionFilterValue",
}
PLACEHOLDER = re.compile(r"\$\{(?!(?:KmsKeyArn|AWS::(?:AccountId|Partition|Region|URLSuffix))\})")

Resource = dict[str, Any]


class Stack:
    """The resources of a stack, by their ids.

    `texts` has what stands for a text anywhere, and `of_policies` for one in the policy of a name only.
    """

    def __init__(self, texts: dict[str, str], of_policies: dict[str, dict[str, str]]) -> None:
        self.of_policies = of_policies
        self.resources: dict[str, Resource] = {}
        self._texts = texts
        self._table = read_table(TABLE)
        self._whole: dict[str, dict[str, Any]] = {}  # references by the text that they replace
        self._ids: dict[str, str] = {}  # of roles and log groups by their names

    def add(self, calls: Sequence[Call]) -> None:
        """Make resources of what creates something, and their properties of the rest."""
        for call in calls:
            if call.name in self._table:
                self._create(call)
            else:
                REST[call.name](self, call.parameters)
        for resource in self.resources.values():
            there = [name for name in resource.pop("DependsOn", ()) if name in self.resources]
            if there:
                resource["DependsOn"] = there

    def properties(self, resource_id: str) -> Parameters:
        """The properties of a resource that there is."""
        properties: Parameters = self.resources[resource_id]["Properties"]
        return properties

    def named(self, name: str) -> Parameters:
        """The properties of the role or the log group of this name."""
        return self.properties(self._ids[name])

    def value(self, value: Any) -> Any:
        """A value, with references to what differs between stacks and to other resources."""
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if not isinstance(value, str):
            return value
        return self._whole.get(value) or self.text(value)

    def document(self, value: Any, texts: dict[str, str] | None = None) -> Any:
        """A policy, in which a reference to another resource could go around in circles."""
        if isinstance(value, dict):
            return {key: self.document(item, texts) for key, item in value.items()}
        if isinstance(value, list):
            return [self.document(item, texts) for item in value]
        return self.text(value, texts) if isinstance(value, str) else value

    def text(self, value: str, texts: dict[str, str] | None = None) -> Any:
        """A text as it is, or with references in it."""
        filled = PLACEHOLDER.sub("${!", value)
        for text, reference in {**self._texts, **(texts or {})}.items():
            filled = re.sub(rf"(?<![\w.-]){re.escape(text)}(?![\w.-])", reference.replace("\\", r"\\"), filled)
        if alone := re.fullmatch(r"\$\{([\w:]+)\}", filled):
            return {"Ref": alone[1]}
        return {"Fn::Sub": filled} if re.search(r"\$\{(?!!)", filled) else value

    def _create(self, call: Call) -> None:
        row, parameters = self._table[call.name], call.parameters
        name = str(next((parameters[key] for key in NAMES if key in parameters), ""))
        word = re.search(row["word"], name) if "word" in row else None
        resource_id = f"{word[1][0].upper()}{word[1][1:]}{row['id']}" if word else row["id"]
        self._ids[name] = resource_id
        content = {key: value for key, value in parameters.items() if key not in row.get("without", ())}
        if call.name.startswith(SMALL):
            content = _large(content)
        translate: Callable[[Stack, Any], Parameters] = SPECIAL.get(call.name, Stack.value)
        properties = translate(self, content)
        for key, attribute in row.get("refers", {}).items():
            properties[key] = _reference(attribute)
        resource: Resource = {"Type": row["type"]}
        # the build's role and log group are of use before there is an image
        if when := "storage" if resource_id.startswith("Codebuild") else row.get("when"):
            resource["Condition"] = CONDITIONS[when]
        if row.get("kept"):
            resource |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        if row.get("after"):
            resource["DependsOn"] = row["after"]
        self.resources[resource_id] = {**resource, "Properties": properties}
        self._refer(call, resource_id, name)

    def _refer(self, call: Call, resource_id: str, name: str) -> None:
        """Let later calls that name this resource refer to it."""
        texts = {
            "sagemaker:CreateModel": (name, f"{resource_id}.ModelName"),
            "sagemaker:CreateEndpointConfig": (
                call.parameters.get("EndpointConfigName", ""),
                f"{resource_id}.EndpointConfigName",
            ),
            "iam:CreateRole": (f"arn:{PARTITION}:iam::{ACCOUNT}:role/{name}", f"{resource_id}.Arn"),
            "application-autoscaling:PutScalingPolicy": (policy_arn(name), resource_id),
            "cloudwatch:PutMetricAlarm": (name, resource_id),
        }
        if call.name in texts:
            text, attribute = texts[call.name]
            self._whole[text] = _reference(attribute)


def uses(document: Any) -> Iterator[str]:
    """The names that a document refers to."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "Ref":
                yield value
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{([\w:]+)\}", value)
            else:
                yield from uses(value)
    elif isinstance(document, list):
        for item in document:
            yield from uses(item)


def _reference(attribute: str) -> dict[str, Any]:
    resource_id, _, name = attribute.partition(".")
    return {"Fn::GetAtt": [resource_id, name]} if name else {"Ref": resource_id}


def _large(value: Any) -> Any:
    """Parameters with names as CloudFormation writes them."""
    if isinstance(value, list):
        return [_large(item) for item in value]
    if not isinstance(value, dict):
        return value
    upper = {
        f"{key[0].upper()}{key[1:]}": item if key == "tags" and isinstance(item, dict) else _large(item)
        for key, item in value.items()
    }
    return {RENAMED.get(key, key): item for key, item in upper.items()}


def _role(stack: Stack, content: Parameters) -> Parameters:
    trust = stack.document(json.loads(content["AssumeRolePolicyDocument"]))
    return {**stack.value(content), "AssumeRolePolicyDocument": trust, "Policies": []}


def _role_policy(stack: Stack, call: Parameters) -> None:
    texts = stack.of_policies.get(call["PolicyName"])
    document = stack.document(json.loads(call["PolicyDocument"]), texts)
    policies = stack.named(call["RoleName"])["Policies"]
    policies.append({"PolicyName": call["PolicyName"], "PolicyDocument": document})


def _log_group(stack: Stack, content: Parameters) -> Parameters:
    tags = [{"Key": key, "Value": value} for key, value in content["Tags"].items()]
    return {"LogGroupName": content["LogGroupName"], "Tags": tags}


def _repository_lifecycle(stack: Stack, call: Parameters) -> None:
    stack.properties("Repository")["LifecyclePolicy"] = {"LifecyclePolicyText": call["lifecyclePolicyText"]}


def _lifecycle(stack: Stack, call: Parameters) -> None:
    rules = [_lifecycle_rule(rule) for rule in call["LifecycleConfiguration"]["Rules"]]
    stack.properties("Bucket")["LifecycleConfiguration"] = {"Rules": rules}


def _lifecycle_rule(rule: Parameters) -> Parameters:
    """A rule without a prefix is for the whole bucket, and CloudFormation has days without a level between."""
    content = {
        "Id": rule["ID"],
        **{key: item for key, item in rule.items() if key not in {"ID", "Filter", "Expiration"}},
    }
    if prefix := rule["Filter"]["Prefix"]:
        content["Prefix"] = prefix
    if "Expiration" in rule:
        content["ExpirationInDays"] = rule["Expiration"]["Days"]
    return content


def _encryption(stack: Stack, call: Parameters) -> None:
    rules = call["ServerSideEncryptionConfiguration"]["Rules"]
    default = [{"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]} for rule in rules]
    stack.properties("Bucket")["BucketEncryption"] = {"ServerSideEncryptionConfiguration": default}


def _bucket_policy(stack: Stack, call: Parameters) -> None:
    stack.resources["BucketPolicy"] = {
        "Type": "AWS::S3::BucketPolicy",
        "Condition": CONDITIONS["storage"],
        "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": stack.document(json.loads(call["Policy"]))},
    }


def _into(resource_id: str, *keys: str) -> Callable[[Stack, Parameters], None]:
    """Parameters that become properties of a resource: those that `keys` name, or all."""

    def add(stack: Stack, call: Parameters) -> None:
        chosen = {key: value for key, value in call.items() if not keys or key in keys}
        stack.properties(resource_id).update(stack.value(chosen))

    return add


# what differs from its call by more than names
SPECIAL: dict[str, Callable[[Stack, Parameters], Parameters]] = {
    "iam:CreateRole": _role,
    "logs:CreateLogGroup": _log_group,
    "s3:CreateBucket": lambda stack, _: {"BucketName": {"Ref": "BucketName"}},
}
# what adds to a resource
REST: dict[str, Callable[[Stack, Parameters], None]] = {
    "iam:PutRolePolicy": _role_policy,
    "logs:PutRetentionPolicy": lambda stack, call: stack.named(call["logGroupName"]).update(
        RetentionInDays=call["retentionInDays"]
    ),
    "ecr:PutLifecyclePolicy": _repository_lifecycle,
    "s3:PutBucketTagging": lambda stack, call: stack.properties("Bucket").update(Tags=call["Tagging"]["TagSet"]),
    "s3:PutBucketLifecycleConfiguration": _lifecycle,
    "s3:PutPublicAccessBlock": _into("Bucket", "PublicAccessBlockConfiguration"),
    "s3:PutBucketEncryption": _encryption,
    "s3:PutBucketVersioning": _into("Bucket", "VersioningConfiguration"),
    "s3:PutBucketPolicy": _bucket_policy,
    "sagemaker:UpdateEndpoint": _into("Endpoint"),
    "sagemaker:UpdateInferenceComponent": _into("InferenceComponent"),
}
