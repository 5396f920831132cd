"""The IAM roles that the verbs make for SageMaker and CodeBuild, from the documents in iam/."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from lib.aws import names, policies
from lib.aws.client import AwsClient
from lib.aws.errors import AwsError
from lib.aws.plan import Step
from lib.aws.redaction import redacted
from lib.cli import ExitCode, VerbError

DENIED = {"AccessDenied", "AccessDeniedException"}


def arn(aws: AwsClient, purpose: str) -> str:
    """The ARN of the role for `sagemaker` or `codebuild`, whether or not it is there."""
    return policies.iam_arn(aws, f"role/{names.role(purpose)}")


def steps(aws: AwsClient, purpose: str) -> list[Step]:
    """What makes the role, or brings it up to date with iam/. Raises VerbError for somebody else's role."""
    description = policies.table()[purpose]["description"]
    return [
        *_role_steps(aws, names.role(purpose), description, policies.trust(aws, purpose)),
        *_policy_steps(aws, names.role(purpose), policies.of(aws, purpose)),
    ]


def remove(aws: AwsClient, purpose: str) -> None:
    """Remove the role with its policies, where it is there and this project's."""
    name = names.role(purpose)
    found = aws.find("iam", "GetRole", RoleName=name)
    if not found:
        return
    names.require_ours(f"role {name}", found["Role"].get("Tags", []))
    listed = aws.pages("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name)
    if theirs := [policy["PolicyArn"] for policy in listed]:
        raise VerbError(
            f"somebody has attached policies to it: run aws iam detach-role-policy --role-name {name} --policy-arn "
            f"{redacted(theirs[0])}{f' and for {len(theirs) - 1} more' if theirs[1:] else ''}, then the same again",
            ExitCode.AWS_ERROR,
        )
    for policy in _attached(aws, name):
        aws.change("iam", "DeleteRolePolicy", RoleName=name, PolicyName=policy)
    aws.change("iam", "DeleteRole", RoleName=name)


def _role_steps(aws: AwsClient, name: str, description: str, trust: dict[str, Any]) -> Iterator[Step]:
    found = aws.find("iam", "GetRole", RoleName=name)
    policy = json.dumps(trust)
    if not found:
        create = partial(
            aws.change,
            "iam",
            "CreateRole",
            RoleName=name,
            AssumeRolePolicyDocument=policy,
            Description=f"{description} ({names.project()})",
            Tags=names.tag_list(),
            **_boundary(aws),
        )
        yield Step(f"create the role {name}", create)
        return
    names.require_ours(f"role {name}", found["Role"].get("Tags", []))
    if found["Role"]["AssumeRolePolicyDocument"] != trust:
        update = partial(aws.change, "iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=policy)
        yield Step(f"change who may assume the role {name}", update)


def _boundary(aws: AwsClient) -> dict[str, str]:
    """The boundary of a new role, where an administrator has made one: see docs/deploying.md of the template."""
    policy = policies.iam_arn(aws, f"policy/{names.boundary()}")
    try:
        return {"PermissionsBoundary": policy} if aws.find("iam", "GetPolicy", PolicyArn=policy) else {}
    except AwsError as error:
        if error.code not in DENIED:
            raise
        return {}


def _policy_steps(aws: AwsClient, role: str, documents: dict[str, dict[str, Any]]) -> Iterator[Step]:
    attached = _attached(aws, role)
    for name, document in documents.items():
        if attached.get(name) != document:
            policy = {"RoleName": role, "PolicyName": name, "PolicyDocument": json.dumps(document)}
            put = partial(aws.change, "iam", "PutRolePolicy", **policy)
            yield Step(f"let the role {role} do what iam/{name}.json allows", put)
    for name in sorted(attached.keys() - documents.keys()):
        delete = partial(aws.change, "iam", "DeleteRolePolicy", RoleName=role, PolicyName=name)
        yield Step(f"remove the policy {name} from the role {role}: it is not in iam/", delete)


def _attached(aws: AwsClient, role: str) -> dict[str, dict[str, Any]]:
    """The policies in a role by name; none where it isn't there."""
    listed = aws.find("iam", "ListRolePolicies", RoleName=role) or {"PolicyNames": []}
    return {
        name: aws.read("iam", "GetRolePolicy", RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in listed["PolicyNames"]
    }
