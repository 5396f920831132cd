"""An endpoint with an inference component: the model's copies, their updates, none of them while nobody asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aws.conftest import Make, Project, push
from tests.aws.replays import bring
from tests.aws.runtime import ComponentRuntime
from tests.aws.service.account import Account
from tests.aws.test_clean import has
from tests.verbs.conftest import refusal
from tests.verbs.contract_server import RightServer, running

ROWS = '{"instances": [[1, 2, 3], [4, 5, 6]]}'
LOG = "/aws/sagemaker/InferenceComponents/my-model"
ASLEEP = {"MIN_INSTANCES": "0", "MAX_INSTANCES": "1", "MIN_COPIES": "0", "MAX_COPIES": "2"}


@pytest.fixture
def project(make: Make, aws: Account) -> Project:
    """A project with its image in ECR."""
    made = make(deploy_target="inference_components")
    push(made, aws)
    return made


@pytest.fixture
def deployed(project: Project) -> Project:
    """One whose component is InService."""
    bring(project, "deploy")
    return project


def succeed(project: Project, verb: str, *arguments: str, stdin: str = "", **environment: str) -> str:
    done = project.verb(verb, *arguments, stdin=stdin, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def failure(project: Project, verb: str, code: int) -> str:
    """The last line of a verb that fails, after those that tell how it went."""
    done = project.verb(verb)
    assert done.returncode == code, done.stderr
    return done.stderr.splitlines()[-1]


def made(aws: Account) -> list[str]:
    """What was done to the component, the endpoint and the model, in order."""
    return [name.partition(":")[2] for name in aws.changes() if name.startswith("sagemaker:") and "Tags" not in name]


def component(aws: Account) -> dict[str, Any]:
    return dict(aws.components.components["my-model"])


# what is deployed


def test_the_endpoint_has_instances_and_the_component_the_model(aws: Account, project: Project) -> None:
    project.set(COPY_MEMORY_MB="2048", COPY_CPUS="0.5", MIN_COPIES="2", MAX_INSTANCES="3")

    succeed(project, "deploy")

    (config,) = aws.called("sagemaker:CreateEndpointConfig")
    (variant,) = config["ProductionVariants"]
    assert "ModelName" not in variant
    assert variant["ManagedInstanceScaling"] == {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 3}
    (created,) = aws.called("sagemaker:CreateInferenceComponent")
    (model,) = aws.called("sagemaker:CreateModel")
    assert config["ExecutionRoleArn"] == model["ExecutionRoleArn"]
    assert created["Specification"]["ModelName"] == model["ModelName"]
    assert created["Specification"]["ComputeResourceRequirements"] == {
        "MinMemoryRequiredInMb": 2048,
        "NumberOfCpuCoresRequired": 0.5,
    }
    assert created["RuntimeConfig"] == {"CopyCount": 2}


def test_a_copy_of_a_language_model_has_the_gpus_that_its_engine_uses(aws: Account, make: Make) -> None:
    project = make(
        deploy_target="inference_components", model_kind="generative", model_server="vllm", model_id="Qwen/Qwen3-4B"
    )
    push(project, aws)

    succeed(project, "deploy")

    (created,) = aws.called("sagemaker:CreateInferenceComponent")
    assert created["Specification"]["ComputeResourceRequirements"]["NumberOfAcceleratorDevicesRequired"] == 1


def test_a_second_deployment_changes_nothing(aws: Account, deployed: Project) -> None:
    deployed.set(**ASLEEP)
    succeed(deployed, "deploy")
    aws.calls.clear()

    assert "nothing to change" in succeed(deployed, "deploy")
    assert aws.changes() == []


def test_a_copy_that_no_instance_has_room_for_is_refused_before_anything_is_made(
    aws: Account, project: Project
) -> None:
    project.set(COPY_MEMORY_MB="9000")

    assert refusal(project.verb("deploy"), 3) == (
        "do/deploy: COPY_MEMORY_MB=9000 doesn't fit on ml.m5.large, which has 8192 MB of memory: run do/config set "
        "COPY_MEMORY_MB with less, or do/update --keep-version --data instance_type=..."
    )
    assert aws.changes() == []


def test_copies_need_instances(project: Project) -> None:
    project.set(MIN_INSTANCES="0", MAX_INSTANCES="1")

    assert refusal(project.verb("deploy"), 3) == (
        "do/deploy: MIN_INSTANCES=0 leaves no room for MIN_COPIES=1: set MIN_COPIES 0, or MIN_INSTANCES 1"
    )


# changes


def test_a_new_model_replaces_the_copies_and_leaves_the_endpoint(aws: Account, deployed: Project) -> None:
    first = component(aws)["Specification"]["ModelName"]
    deployed.set(CONTAINER_ENVIRONMENT="A=b")
    aws.calls.clear()

    succeed(deployed, "deploy")

    assert made(aws) == ["CreateModel", "UpdateInferenceComponent"]
    second = component(aws)["Specification"]["ModelName"]
    assert second != first
    for expected in (first, second):  # and back again
        assert f"my-model serves {expected} again" in succeed(deployed, "rollback")
        assert component(aws)["Specification"]["ModelName"] == expected


def test_more_copies_are_not_an_update_of_the_model(aws: Account, deployed: Project) -> None:
    deployed.set(MIN_COPIES="2")
    aws.calls.clear()

    succeed(deployed, "deploy")

    assert made(aws) == ["UpdateInferenceComponentRuntimeConfig"]


def test_an_update_that_sagemaker_takes_back_is_told_with_its_reason(aws: Account, deployed: Project) -> None:
    aws.components.rolls_back = "The container did not pass the ping health check."
    deployed.set(CONTAINER_ENVIRONMENT="A=b")

    assert failure(deployed, "deploy", 1).startswith(
        "do/deploy: rolled back to what it served before: The container did not pass the ping health check; likely"
    )


# what goes wrong


def test_a_component_that_failed_is_made_again_and_the_endpoint_stays(aws: Account, project: Project) -> None:
    aws.components.end("Failed", "", ["ModuleNotFoundError: No module named 'x'"])
    line = failure(project, "deploy", 4)
    assert "a package that the model or its handler needs is not in the image" in line
    aws.components.end("InService")
    aws.calls.clear()

    succeed(project, "deploy")

    assert made(aws) == ["DeleteInferenceComponent", "CreateInferenceComponent"]


def test_a_container_that_ends_again_and_again_is_not_waited_for(aws: Account, project: Project) -> None:
    """SageMaker leaves such a component in Creating for up to an hour."""
    aws.components.end("Creating", "", ["serve: nginx ended with 1; stopping: the model has no predict"] * 3)

    line = failure(project, "deploy", 4)

    assert "is Creating with 0 copies" in line
    assert "the model has no predict" in line


def test_what_an_interruption_left_out_is_made_the_next_time(aws: Account, project: Project) -> None:
    project.set(**ASLEEP)
    for operation in ("sagemaker:CreateInferenceComponent", "cloudwatch:PutMetricAlarm"):
        aws.refuse(operation)
        assert project.verb("deploy").returncode == 4
    aws.lose_answer("application-autoscaling:PutScalingPolicy")

    succeed(project, "deploy")

    assert component(aws)["copies"] == 1
    assert [alarm["AlarmName"] for alarm in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]] == [
        "my-model-wake"
    ]


def test_an_endpoint_with_a_component_is_not_turned_into_a_real_time_one(
    aws: Account, make: Make, deployed: Project
) -> None:
    other = make("other", deploy_target="realtime", project_name="my-model")  # whose image is the same

    line = refusal(other.verb("deploy"), 3)

    assert line.startswith("do/deploy: my-model was deployed with deploy_target=inference_components, and an update")
    succeed(other, "clean", "--aws", "--yes")
    assert has(aws) == ["repository", "log group"]


# requests, and down to no copy


def test_the_first_request_to_a_component_that_sleeps_waits_for_a_copy(aws: Account, project: Project) -> None:
    project.set(**ASLEEP)
    bring(project, "deploy")
    follow, wake = aws.called("application-autoscaling:PutScalingPolicy")
    assert follow["ResourceId"] == "inference-component/my-model"
    assert wake["StepScalingPolicyConfiguration"]["MetricAggregationType"] == "Maximum"
    aws.components.scale("my-model", 0)

    with running(ComponentRuntime(RightServer(), aws)) as url:
        done = project.verb("invoke", "--endpoint", "--file", "-", stdin=ROWS, AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME=url)

    assert "waiting until a copy of the model runs" in done.stderr
    assert len(json.loads(done.stdout)["predictions"]) == 2


def test_status_and_logs_are_those_of_the_component(aws: Account, deployed: Project) -> None:
    aws.write_log(LOG, "main/copy-1", ["hello"])

    assert "hello" in succeed(deployed, "logs", "--endpoint")
    assert "inference component  my-model  InService, 1 copies, my-model-" in succeed(deployed, "status")


# the end


def test_the_component_goes_before_its_endpoint_and_nothing_stays(aws: Account, project: Project) -> None:
    project.set(**ASLEEP)
    bring(project, "deploy")
    aws.calls.clear()

    succeed(project, "clean", "--all", "--yes")

    assert made(aws)[:2] == ["DeleteInferenceComponent", "DeleteEndpoint"]
    assert has(aws) == []
