"""A serverless endpoint: no instances, containers that can be kept ready, and what SageMaker doesn't do for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aws.conftest import Make, Project, push
from tests.aws.replays import bring
from tests.aws.runtime import Runtime
from tests.aws.service.account import Account
from tests.aws.service.serverless import DIMENSION
from tests.aws.test_clean import has
from tests.exhaustive import exhaustive
from tests.verbs.conftest import refusal, train
from tests.verbs.contract_server import RightServer, running

ROWS = '{"instances": [[1, 2, 3], [4, 5, 6]]}'
CONCURRENCY_QUOTA = "Maximum total concurrency that can be shared across all serverless endpoints"


@pytest.fixture
def project(make: Make, aws: Account) -> Project:
    """A serverless project with its image in ECR."""
    made = make(deploy_target="serverless")
    push(made, aws)
    return made


def succeed(project: Project, verb: str, *arguments: str, stdin: str = "", **environment: str) -> str:
    done = project.verb(verb, *arguments, stdin=stdin, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def created(aws: Account) -> dict[str, Any]:
    """The last endpoint configuration."""
    return aws.called("sagemaker:CreateEndpointConfig")[-1]


# what is deployed


def test_memory_and_concurrency_are_settings_and_nothing_is_asked_of_instances(aws: Account, project: Project) -> None:
    """The stand-in refuses what SageMaker refuses: instances, disks, timeouts, networks, captured data, alarms."""
    project.set(MEMORY_SIZE_MB="3072", MAX_CONCURRENCY="7")

    succeed(project, "deploy")

    (variant,) = created(aws)["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 3072, "MaxConcurrency": 7}
    assert {*variant} == {"VariantName", "ModelName", "ServerlessConfig"}
    environment = aws.called("sagemaker:CreateModel")[-1]["PrimaryContainer"]["Environment"]
    assert environment["SERVING_WORKERS"] == environment["OMP_NUM_THREADS"] == "1"
    assert environment["SERVING_MAX_BODY_MB"] == "4"


def test_an_update_is_neither_watched_nor_shifted_and_can_be_taken_back_and_removed(
    aws: Account, project: Project
) -> None:
    bring(project, "deploy")
    project.set(MEMORY_SIZE_MB="1024")

    bring(project, "deploy")

    assert {*aws.called("sagemaker:UpdateEndpoint")[-1]} == {"EndpointName", "EndpointConfigName"}
    assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert "1024 MB, 5 requests at once, 0 kept ready" in succeed(project, "status")
    succeed(project, "rollback")
    assert "2048 MB, 5 requests at once, 0 kept ready" in succeed(project, "status")
    succeed(project, "clean", "--all", "--yes")
    assert has(aws) == []


def test_a_dry_run_prints_each_call_and_makes_none(aws: Account, project: Project) -> None:
    project.set(PROVISIONED_CONCURRENCY="1", MAX_PROVISIONED_CONCURRENCY="4")

    done = project.verb("deploy", "--dry-run")

    assert done.returncode == 0, done.stderr
    for text in ("ServerlessConfig", "CreateEndpoint", "RegisterScalableTarget", "PutScalingPolicy"):
        assert text in done.stdout + done.stderr
    assert aws.changes() == []


# containers that are kept ready


def test_ready_containers_follow_the_load_and_no_longer_once_their_number_is_fixed(
    aws: Account, project: Project
) -> None:
    project.set(PROVISIONED_CONCURRENCY="1", MAX_PROVISIONED_CONCURRENCY="4")
    bring(project, "deploy")

    assert created(aws)["ProductionVariants"][0]["ServerlessConfig"]["ProvisionedConcurrency"] == 1
    (target,) = aws.called("application-autoscaling:RegisterScalableTarget")
    assert (target["ScalableDimension"], target["MinCapacity"], target["MaxCapacity"]) == (DIMENSION, 1, 4)
    assert "1 to 4 containers that are kept ready" in succeed(project, "status")
    assert "nothing to change" in succeed(project, "deploy")
    project.set(PROVISIONED_CONCURRENCY="2", MAX_PROVISIONED_CONCURRENCY="2")
    succeed(project, "deploy")
    assert aws.provisioned_concurrency.targets == {}


# what can't work


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (("MEMORY_SIZE_MB", "1536"), "choose 1024 or 2048 or 3072 or 4096 or 5120 or 6144"),
        (("MAX_CONCURRENCY", "201"), "give a whole number from 1 to 200"),
        (("MAX_BODY_MB", "5"), "give a whole number from 1 to 4"),
        (("PROVISIONED_CONCURRENCY", "6"), "MAX_PROVISIONED_CONCURRENCY=6 is more than MAX_CONCURRENCY=5: set"),
        (("MAX_PROVISIONED_CONCURRENCY", "2"), "MAX_PROVISIONED_CONCURRENCY has nothing to start from: set"),
    ],
)
def test_values_that_sagemaker_refuses_are_refused_with_the_number(
    project: Project, settings: tuple[str, str], line: str
) -> None:
    assert line in refusal(project.verb("config", "set", *settings), 3)


def test_a_quota_that_is_too_small_is_told_before_anything_is_made(aws: Account, project: Project) -> None:
    aws.quotas.values[CONCURRENCY_QUOTA] = 3

    line = project.verb("deploy").stderr.splitlines()[-1]

    assert line == (
        f"do/deploy: the account's quota '{CONCURRENCY_QUOTA}' is 3 in us-east-1, and 5 are needed: ask for more in "
        "Service Quotas, or run do/config set MAX_CONCURRENCY or MEMORY_SIZE_MB with less"
    )
    assert aws.changes() == []


def test_an_image_that_is_too_large_is_refused_before_anything_is_made(aws: Account, make: Make) -> None:
    """The image may have 10 GB: https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html"""
    project = make(deploy_target="serverless")
    repository, _, tag = project.verb("build", "--dry-run").stdout.split()[2].partition(":")
    aws.client("ecr").create_repository(repositoryName=repository)
    aws.put_image(repository, tag, size=11 * 10**9)

    line = refusal(project.verb("deploy"), 3)

    assert "has 11.00 GB in ECR, and a serverless endpoint with MEMORY_SIZE_MB=2048 takes images of up to 10" in line
    assert aws.changes() == []


@exhaustive
def test_an_image_for_another_processor_is_refused(aws: Account, make: Make) -> None:
    project = make(deploy_target="serverless")
    push(project, aws, architecture="arm64")

    line = project.verb("deploy").stderr.splitlines()[-1]

    assert "is for linux/arm64, but a serverless endpoint with MEMORY_SIZE_MB=2048 needs linux/amd64" in line


# beside other targets


@pytest.mark.parametrize("before", ["realtime", pytest.param("async", marks=exhaustive)])
def test_an_endpoint_with_instances_is_not_turned_into_a_serverless_one(aws: Account, make: Make, before: str) -> None:
    """SageMaker refuses it: https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-update.html"""
    first = make(deploy_target=before)
    push(first, aws)
    succeed(first, "deploy")
    other = make("other", deploy_target="serverless", project_name="my-model")

    line = refusal(other.verb("deploy"), 3)

    assert line == (
        f"do/deploy: my-model was deployed with deploy_target={before}, and an update can't make it serverless: run "
        f"do/clean --aws, then do/deploy, or do/update --keep-version --data deploy_target={before}"
    )


def test_a_serverless_endpoint_becomes_a_real_time_one_but_not_back(aws: Account, make: Make, project: Project) -> None:
    project.set(PROVISIONED_CONCURRENCY="1", MAX_PROVISIONED_CONCURRENCY="4")
    bring(project, "deploy")
    other = make("other", deploy_target="realtime", project_name="my-model")  # whose image is the same

    succeed(other, "deploy")

    assert aws.provisioned_concurrency.targets == {}
    assert created(aws)["ProductionVariants"][0]["InstanceType"] == "ml.m5.large"
    assert "was deployed with deploy_target=realtime" in refusal(other.verb("rollback"), 3)


# requests


def test_a_request_is_answered_and_one_of_more_than_4_MB_is_not_sent(project: Project) -> None:
    runtime = Runtime(RightServer())
    with running(runtime) as url:
        answer = succeed(project, "invoke", "--endpoint", "--file", "-", stdin=ROWS, AWS_ENDPOINT_URL=url)
        large = project.verb("invoke", "--endpoint", "--file", "-", stdin=ROWS.ljust(5 * 2**20), AWS_ENDPOINT_URL=url)

    assert len(json.loads(answer)["predictions"]) == 2
    assert refusal(large, 3).startswith("do/invoke: the request has 5.0 MiB, and the endpoint takes 4: ")
    assert len(runtime.requests) == 1


@exhaustive
def test_the_contract_is_checked_with_bodies_of_at_most_4_MB(aws: Account, project: Project) -> None:
    bring(project, "deploy")
    train(project.path)
    runtime = Runtime(RightServer())
    with running(runtime) as url:
        checked = succeed(project, "test", "--endpoint", "--json", AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=url)

    assert json.loads(checked)["failed"] == 0
    assert max(len(request.body) for request in runtime.requests) <= 4 * 2**20


@exhaustive
def test_the_log_is_that_of_the_endpoint(aws: Account, project: Project) -> None:
    bring(project, "deploy")
    aws.write_log("/aws/sagemaker/Endpoints/my-model", "main/containers", ["hello"])

    assert "hello" in succeed(project, "logs", "--endpoint")
