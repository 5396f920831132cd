"""The IAM roles that the verbs make for SageMaker and CodeBuild, from the documents in iam/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from lib.aws import names, policies
from lib.aws.client import AwsClient

TABLE = Path(__file__).with_name("roles.yml")


def arn(aws: AwsClient, purpose: str) -> str:
    """The ARN of the role for `sagemaker` or `codebuild`, whether or not it is there."""
    return f"arn:{aws.identity.partition}:iam::{aws.identity.account}:role/{names.role(purpose)}"


def ensure(aws: AwsClient, purpose: str) -> str:
    """The ARN of the role, made first, or brought up to date with iam/. Raises VerbError for somebody else's role."""
    row = yaml.safe_load(TABLE.read_text(encoding="utf-8"))[purpose]
    trust = policies.document(aws, row["trust"])
    _ensure_role(aws, names.role(purpose), row["description"], trust)
    values = policies.values(aws)
    documents = {
        Path(file).stem: policies.document(aws, file)
        for file, needed in row["policies"].items()
        if not needed or values[needed]
    }
    _ensure_policies(aws, names.role(purpose), documents)
    return arn(aws, purpose)


def remove(aws: AwsClient, purpose: str) -> None:
    """Remove the role with its policies, where it is there and this project's."""
    name = names.role(purpose)
    found = aws.find("iam", "GetRole", RoleName=name)
    if not found:
        return
    names.require_ours(f"role {name}", found["Role"].get("Tags", []))
    for policy in _attached(aws, name):
        aws.change("iam", "DeleteRolePolicy", RoleName=name, PolicyName=policy)
    aws.change("iam", "DeleteRole", RoleName=name)


def _ensure_role(aws: AwsClient, name: str, description: str, trust: dict[str, Any]) -> None:
    found = aws.find("iam", "GetRole", RoleName=name)
    if not found:
        aws.change(
            "iam",
            "CreateRole",
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(trust),
            Description=f"{description} ({names.project()})",
            Tags=names.tag_list(),
        )
        return
    names.require_ours(f"role {name}", found["Role"].get("Tags", []))
    if found["Role"]["AssumeRolePolicyDocument"] != trust:
        aws.change("iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=json.dumps(trust))


def _ensure_policies(aws: AwsClient, role: str, documents: dict[str, dict[str, Any]]) -> None:
    attached = _attached(aws, role)
    for name, document in documents.items():
        if attached.get(name) != document:
            aws.change("iam", "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    for name in attached.keys() - documents.keys():
        aws.change("iam", "DeleteRolePolicy", RoleName=role, PolicyName=name)


def _attached(aws: AwsClient, role: str) -> dict[str, dict[str, Any]]:
    """The policies in a role by name; none where it isn't there."""
    listed = aws.find("iam", "ListRolePolicies", RoleName=role) or {"PolicyNames": []}
    return {
        name: aws.read("iam", "GetRolePolicy", RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in listed["PolicyNames"]
    }
