"""The whole life of a project in AWS, as the README tells it: from nothing to an endpoint, and back to nothing."""

from __future__ import annotations

import json

import pytest

from tests.aws.conftest import Make, Project
from tests.aws.runtime import Runtime
from tests.aws.service.account import Account
from tests.aws.test_clean import has
from tests.verbs.conftest import train
from tests.verbs.contract_server import RightServer, running

# how the image comes to ECR; the stand-in of docker has every image already
WAYS = {"codebuild": [("submit",)], "docker": [("push",)]}


@pytest.mark.parametrize("build_with", WAYS)
def test_from_an_empty_account_to_an_endpoint_and_back(aws: Account, make: Make, build_with: str) -> None:
    project = make(build_with=build_with)
    train(project.path)

    for way in WAYS[build_with]:
        do(project, *way)
    do(project, "deploy")
    first = served(aws)

    with running(Runtime(RightServer())) as url:
        project.variables["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = url
        assert len(json.loads(do(project, "invoke", "--endpoint"))["predictions"]) == 5

    project.set(CONTAINER_ENVIRONMENT="SERVING_WORKERS=2")
    do(project, "deploy")
    assert served(aws) != first
    do(project, "rollback")
    assert served(aws) == first

    assert "InService" in do(project, "status")
    do(project, "clean", "--all", "--yes")
    assert has(aws) == []


def do(project: Project, verb: str, *arguments: str) -> str:
    """What a verb prints, which must end well."""
    done = project.verb(verb, *arguments)
    assert done.returncode == 0, f"do/{verb}: {done.stderr}"
    return done.stdout


def served(aws: Account) -> str:
    """The configuration that the endpoint serves."""
    return aws.endpoints.endpoints["my-model"].config
