"""Answers that get lost, two verbs at once, and what AWS needs time for: all end in what was wanted."""

from __future__ import annotations

import pytest

from tests.aws.conftest import Project
from tests.aws.service.account import Account
from tests.aws.test_clean import has
from tests.aws.test_deploy import expect_success

# a verb, the settings that change before it, and requests that AWS refuses or repeats if they are sent again
LOST: list[tuple[str, dict[str, str], list[str]]] = [
    (
        "submit",
        {},
        [
            *("iam:CreateRole", "ecr:CreateRepository", "s3:CreateBucket", "logs:CreateLogGroup"),
            *("codebuild:CreateProject", "codebuild:StartBuild"),
        ],
    ),
    (
        "deploy",
        {"MAX_INSTANCES": "2"},
        [
            *("iam:CreateRole", "logs:CreateLogGroup", "sagemaker:CreateModel", "sagemaker:CreateEndpointConfig"),
            *("sagemaker:CreateEndpoint", "application-autoscaling:RegisterScalableTarget"),
        ],
    ),
    ("deploy", {"STARTUP_TIMEOUT": "700"}, ["sagemaker:UpdateEndpoint", "cloudwatch:PutMetricAlarm"]),
    ("deploy", {"STARTUP_TIMEOUT": "800"}, ["cloudwatch:DeleteAlarms"]),
    ("rollback", {}, ["sagemaker:UpdateEndpoint"]),
    (
        "clean --all --yes",
        {},
        [
            *("application-autoscaling:DeregisterScalableTarget", "sagemaker:DeleteEndpoint"),
            *("sagemaker:DeleteEndpointConfig", "sagemaker:DeleteModel", "iam:DeleteRolePolicy", "iam:DeleteRole"),
            *("codebuild:DeleteProject", "ecr:DeleteRepository", "s3:DeleteObjects", "s3:DeleteBucket"),
            "logs:DeleteLogGroup",
        ],
    ),
]


def test_lost_answers_change_nothing_of_what_is_reached(aws: Account, project: Project) -> None:
    for command, settings, operations in LOST:
        project.set(**settings)
        for operation in operations:
            aws.lose_answer(operation)

        expect_success(project.verb(*command.split()))

        assert +aws.lost == {}, f"do/{command} does not send these"
        if command == "rollback":
            assert served(aws) == "700"
            assert alarms(aws) == []

    assert aws.builds.count == 1
    assert has(aws) == []


def served(aws: Account) -> str:
    """STARTUP_TIMEOUT of what the endpoint serves."""
    config = aws.endpoints.configs[aws.endpoints.endpoints["my-model"].config]
    return str(config["ProductionVariants"][0]["ContainerStartupHealthCheckTimeoutInSeconds"])


def alarms(aws: Account) -> list[str]:
    return [alarm["AlarmName"] for alarm in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]]


# what AWS says for a while: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html (eventual consistency),
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html, and the texts from issues
UNREADABLE = (
    "Could not access model data at s3://bucket/model.tar.gz. Please ensure that the role exists and that its trust "
    'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com"'
)
DELAYS: dict[str, list[tuple[str, str, str]]] = {
    "submit": [
        ("iam:PutRolePolicy", "NoSuchEntity", "The role with name my-model-codebuild-use1 cannot be found."),
        ("s3:PutBucketTagging", "NoSuchBucket", "The specified bucket does not exist"),
        ("s3:PutBucketPolicy", "OperationAborted", "A conflicting conditional operation is currently in progress"),
        ("logs:CreateLogGroup", "OperationAbortedException", "Multiple concurrent requests were in conflict"),
        ("codebuild:CreateProject", "InvalidInputException", "CodeBuild is not authorized to perform: sts:AssumeRole"),
    ],
    "deploy": [
        ("iam:PutRolePolicy", "ConcurrentModification", "Another request modifies the role"),
        ("sagemaker:CreateModel", "ValidationException", UNREADABLE),
        ("sagemaker:CreateEndpointConfig", "ValidationException", 'Could not find model "arn".'),
        ("sagemaker:CreateEndpoint", "ValidationException", 'Could not find endpoint configuration "arn".'),
        ("application-autoscaling:RegisterScalableTarget", "ConcurrentUpdateException", "There is a pending update"),
    ],
}


def test_what_aws_needs_time_for_is_waited_for(aws: Account, project: Project) -> None:
    project.set(MAX_INSTANCES="2")
    for verb, refusals in DELAYS.items():
        for operation, code, message in refusals:
            aws.refuse(operation, times=3, code=code, message=message)

        done = project.verb(verb)

        expect_success(done)
        for operation, _, _ in refusals:
            assert len(aws.called(operation)) > 3, operation
        assert done.stderr.count("waiting until") == len(refusals)


@pytest.mark.parametrize("verb", ["submit", "deploy"])
def test_the_same_verb_twice_at_once_ends_well_twice(aws: Account, project: Project, verb: str) -> None:
    if verb == "deploy":
        expect_success(project.verb("submit"))
    both = [project.start(verb) for _ in range(2)]

    errors = [running.communicate()[1] for running in both]

    assert [running.returncode for running in both] == [0, 0], errors
    assert len(aws.client("ecr").list_images(repositoryName="my-model")["imageIds"]) == 1
    assert len(aws.endpoints.endpoints) == (verb == "deploy")


def test_autoscaling_that_was_interrupted_half_way_is_completed(aws: Account, pushed: Project) -> None:
    pushed.set(MAX_INSTANCES="2")
    aws.refuse("application-autoscaling:PutScalingPolicy", times=1)
    assert pushed.verb("deploy").returncode == 4

    expect_success(pushed.verb("deploy"))

    assert len(aws.called("application-autoscaling:PutScalingPolicy")) == 2
    aws.calls.clear()
    expect_success(pushed.verb("deploy"))
    assert aws.changes() == []


def test_a_submission_without_a_model_makes_nothing(aws: Account, project: Project) -> None:
    (project.path / "model" / "model.pkl").unlink()

    assert project.verb("submit").returncode == 5
    assert aws.changes() == []
