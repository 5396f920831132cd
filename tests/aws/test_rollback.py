"""do/rollback lets the endpoint serve what it served before."""

from __future__ import annotations

import pytest

from tests.aws.conftest import Project
from tests.aws.replays import bring
from tests.aws.service.account import Account
from tests.verbs.conftest import refusal


@pytest.fixture
def updated(pushed: Project, aws: Account) -> Project:
    """A project whose endpoint has been updated once."""
    bring(pushed, "deploy")
    pushed.set(STARTUP_TIMEOUT="700")
    bring(pushed, "deploy")
    return pushed


def served(aws: Account) -> list[int]:
    """The STARTUP_TIMEOUT of each configuration that the endpoint was asked to serve, in order."""
    asked = aws.called("sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint")
    made = {config["EndpointConfigName"]: config for config in aws.called("sagemaker:CreateEndpointConfig")}
    variants = [made[parameters["EndpointConfigName"]]["ProductionVariants"][0] for parameters in asked]
    return [variant["ContainerStartupHealthCheckTimeoutInSeconds"] for variant in variants]


def test_the_endpoint_serves_the_configuration_before_and_a_second_time_the_one_after(
    aws: Account, updated: Project
) -> None:
    first = updated.verb("rollback")
    second = updated.verb("rollback")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.endswith(" again\n")
    assert served(aws) == [600, 700, 600, 700]


def test_an_update_that_sagemaker_rolled_back_is_not_gone_back_to(aws: Account, updated: Project) -> None:
    aws.endpoints.end("RolledBack", "alarm")
    updated.set(STARTUP_TIMEOUT="800")
    assert updated.verb("deploy").returncode == 1
    aws.endpoints.end("InService")

    assert updated.verb("rollback").returncode == 0

    assert served(aws) == [600, 700, 800, 600]


def test_an_endpoint_that_fails_is_rolled_back(aws: Account, updated: Project) -> None:
    cloudwatch = aws.client("cloudwatch")
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="of the test")
    aws.endpoints.measured = lambda config: {"Invocation5XXErrors": 1.0}

    done = updated.verb("rollback")

    assert done.returncode == 0, done.stderr
    assert served(aws) == [600, 700, 600]


def test_the_next_deployment_brings_the_project_as_it_is(aws: Account, updated: Project) -> None:
    updated.verb("rollback")

    assert updated.verb("deploy").returncode == 0

    assert served(aws) == [600, 700, 600, 700]
    assert len(aws.called("sagemaker:CreateEndpointConfig")) == 2


def test_an_update_that_was_killed_is_remembered(aws: Account, pushed: Project) -> None:
    bring(pushed, "deploy")
    pushed.set(STARTUP_TIMEOUT="700")
    running = pushed.start("deploy")
    aws.after("sagemaker:UpdateEndpoint", lambda call: running.kill())
    running.communicate()
    aws.after("sagemaker:UpdateEndpoint", lambda call: None)

    assert pushed.verb("rollback").returncode == 0

    assert served(aws) == [600, 700, 600]


def test_a_dry_run_shows_the_update_and_makes_none(aws: Account, updated: Project) -> None:
    aws.calls.clear()

    done = updated.verb("rollback", "--dry-run")

    assert (done.returncode, aws.changes()) == (0, [])
    assert "would call sagemaker UpdateEndpoint\n" in done.stdout


def test_nothing_before_the_first_configuration_is_said_in_one_line(aws: Account, pushed: Project) -> None:
    bring(pushed, "deploy")

    line = refusal(pushed.verb("rollback"), 5)

    assert line.endswith(" is all that the endpoint has served: run do/deploy")


def test_no_endpoint_is_said_in_one_line(project: Project) -> None:
    assert refusal(project.verb("rollback"), 2) == "do/rollback: there is no endpoint my-model: run do/deploy"


def test_a_configuration_of_one_instance_is_gone_back_to_at_once(aws: Account, pushed: Project) -> None:
    bring(pushed, "deploy")
    pushed.set(MIN_INSTANCES="2", MAX_INSTANCES="2", DEPLOYMENT_STRATEGY="rolling")
    bring(pushed, "deploy")

    assert pushed.verb("rollback").returncode == 0

    policy = aws.called("sagemaker:UpdateEndpoint")[-1]["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
