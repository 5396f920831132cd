"""An asynchronous endpoint: answers in S3, no instance while nobody asks, and an instance as soon as somebody does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.conftest import REQUIREMENTS, Make, Project, push
from tests.aws.replays import bring
from tests.aws.runtime import Listening
from tests.aws.service.account import Account
from tests.aws.test_clean import has
from tests.engines import contract_server as engine
from tests.exhaustive import exhaustive
from tests.verbs.conftest import refusal, stamp, train
from tests.verbs.contract_server import RightServer
from tests.verbs.faults import WrongInTheLastBit
from tests.verbs.test_sagemaker_runtime import CONTAINER, client_at, free_port

ROWS = '{"instances": [[1, 2, 3], [4, 5, 6]]}'
FOLLOW, WAKE = "my-model", "my-model-wake"


@pytest.fixture
def project(make: Make, aws: Account) -> Project:
    """An asynchronous project with its image in ECR."""
    made = make(deploy_target="async")
    push(made, aws)
    return made


@pytest.fixture
def deployed(project: Project, aws: Account) -> Project:
    """One whose endpoint is InService."""
    bring(project, "deploy")
    aws.asynchronous.container = RightServer()
    return project


def succeed(project: Project, verb: str, *arguments: str, stdin: str = "") -> str:
    done = project.verb(verb, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def created(aws: Account) -> dict[str, Any]:
    """The last endpoint configuration."""
    return aws.called("sagemaker:CreateEndpointConfig")[-1]


def policies(aws: Account) -> list[str]:
    found = aws.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="sagemaker")
    return sorted(policy["PolicyName"] for policy in found["ScalingPolicies"])


def alarms(aws: Account) -> list[dict[str, Any]]:
    return list(aws.client("cloudwatch").describe_alarms()["MetricAlarms"])


# what is deployed


def test_answers_and_failures_go_to_two_places_in_the_projects_bucket(aws: Account, project: Project) -> None:
    succeed(project, "deploy")

    output = created(aws)["AsyncInferenceConfig"]["OutputConfig"]
    (bucket,) = (row["Name"] for row in aws.client("s3").list_buckets()["Buckets"])
    assert output["S3OutputPath"] == f"s3://{bucket}/async/output/"
    assert output["S3FailurePath"] == f"s3://{bucket}/async/failure/"
    rules = aws.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {"async/": 30}.items() <= {
        rule["Filter"].get("Prefix"): rule.get("Expiration", {}).get("Days") for rule in rules
    }.items()


def test_the_container_may_take_as_long_and_as_much_as_a_request(aws: Account, project: Project) -> None:
    project.set(INVOCATION_TIMEOUT="1800", MAX_BODY_MB="500")

    succeed(project, "deploy")

    environment = aws.called("sagemaker:CreateModel")[-1]["PrimaryContainer"]["Environment"]
    assert environment == {"SERVING_REQUEST_TIMEOUT": "1800", "SERVING_MAX_BODY_MB": "500"}


def test_topics_and_the_number_of_requests_at_once_are_settings(aws: Account, project: Project) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:answers"
    project.set(SUCCESS_TOPIC=topic, MAX_CONCURRENT_INVOCATIONS="4")

    succeed(project, "deploy")

    config = created(aws)["AsyncInferenceConfig"]
    assert config["OutputConfig"]["NotificationConfig"] == {"SuccessTopic": topic}
    assert config["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 4}
    found = aws.client("iam").get_role_policy(RoleName="my-model-sagemaker-use1", PolicyName="sagemaker-success-topic")
    assert found["PolicyDocument"]["Statement"][0]["Resource"] == topic


def test_a_second_deployment_changes_nothing(aws: Account, project: Project) -> None:
    project.set(MIN_INSTANCES="0", MAX_INSTANCES="2")
    bring(project, "deploy")
    aws.calls.clear()

    assert "nothing to change" in succeed(project, "deploy")
    assert aws.changes() == []


def test_an_update_is_watched_for_errors_and_not_for_slow_answers(aws: Account, deployed: Project) -> None:
    deployed.set(STARTUP_TIMEOUT="700")

    succeed(deployed, "deploy")

    assert [alarm["AlarmName"].rpartition("-")[2] for alarm in alarms(aws)] == ["errors"]


def test_a_real_time_endpoint_is_not_turned_into_an_asynchronous_one(
    aws: Account, make: Make, project: Project
) -> None:
    bring(project, "deploy")
    other = make("other", deploy_target="realtime", project_name="my-model")  # whose image is the same

    line = refusal(other.verb("deploy"), 3)

    assert line == (
        "do/deploy: my-model was deployed with deploy_target=async, and an update can't make it realtime: run "
        "do/clean --aws, then do/deploy, or do/update --keep-version --data deploy_target=async"
    )


# on this machine


@pytest.fixture
def here(deployed: Project, verbs_environment: Path) -> Iterator[tuple[Any, str]]:
    """A client of do/serve --sagemaker in front of a container that does what it is told, and the project's bucket."""
    (deployed.path / "model" / "model.pkl").write_bytes(b"model")
    (deployed.path / "serving" / "serve").write_text(CONTAINER)
    stamp(verbs_environment, deployed.path / "requirements.txt", REQUIREMENTS)
    (deployed.path / ".venv").symlink_to(verbs_environment)
    port = free_port()
    verb = deployed.start("serve", "--sagemaker", "--port", str(port))
    assert verb.stderr
    assert "SageMaker runtime" in verb.stderr.readline()
    with closing(client_at(port + 1)) as client:
        yield client, deployed.aws.client("s3").list_buckets()["Buckets"][0]["Name"]
    verb.terminate()
    verb.communicate(timeout=30)


def awaited(aws: Account, url: str) -> bytes:
    """The content of an object, once it is there."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    s3 = aws.client("s3")
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def test_here_responses_and_failures_come_to_the_places_that_the_application_is_told(
    aws: Account, here: tuple[Any, str]
) -> None:
    client, bucket = here
    aws.client("s3").put_object(Bucket=bucket, Key="async/input/rows.csv", Body=b"1,2\n")

    found = client.invoke_endpoint_async(
        EndpointName="my-model", InputLocation=f"s3://{bucket}/async/input/rows.csv", InferenceId="mine"
    )
    refused = client.invoke_endpoint_async(EndpointName="my-model", Body=b"refuse")

    assert (found["ResponseMetadata"]["HTTPStatusCode"], found["InferenceId"]) == (202, "mine")
    assert found["OutputLocation"].startswith(f"s3://{bucket}/async/output/")
    assert awaited(aws, found["OutputLocation"]) == b"4"
    assert b'Received client error (400) from primary with message "{' in awaited(aws, refused["FailureLocation"])


def test_here_what_asynchronous_endpoints_do_not_take_is_a_validation_error(here: tuple[Any, str]) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("invoke_endpoint", {"Body": b""}, "does not take InvokeEndpoint, only InvokeEndpointAsync"),
        ("invoke_endpoint_async", {}, "either a Body or an InputLocation"),
        ("invoke_endpoint_async", {"Body": bytes(128_001)}, "oversize body"),
        ("invoke_endpoint_async", {"Body": b"1", "RequestTTLSeconds": 21_601}, "a number from 60 to 21600"),
    ]
    for operation, parameters, said in cases:
        with pytest.raises(ClientError, match=said) as error:
            getattr(here[0], operation)(EndpointName="my-model", **parameters)
        assert error.value.response["Error"]["Code"] == "ValidationError"


# down to no instance


def test_an_endpoint_that_may_sleep_is_woken_by_the_first_request(aws: Account, project: Project) -> None:
    project.set(MIN_INSTANCES="0", MAX_INSTANCES="2")

    succeed(project, "deploy")

    assert created(aws)["ProductionVariants"][0]["InitialInstanceCount"] == 1
    (target,) = aws.called("application-autoscaling:RegisterScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 2)
    follow, wake = aws.called("application-autoscaling:PutScalingPolicy")
    metric = follow["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["MetricName"]) == ("AWS/SageMaker", "ApproximateBacklogSizePerInstance")
    assert metric["Dimensions"] == [{"Name": "EndpointName", "Value": "my-model"}]
    step = wake["StepScalingPolicyConfiguration"]
    assert (step["AdjustmentType"], step["StepAdjustments"]) == (
        "ChangeInCapacity",
        [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    )
    (alarm,) = alarms(aws)
    assert (alarm["AlarmName"], alarm["MetricName"]) == (WAKE, "HasBacklogWithoutCapacity")
    assert alarm["Dimensions"] == metric["Dimensions"]
    (arn,) = alarm["AlarmActions"]
    assert arn.endswith(f"policyName/{WAKE}")


def test_an_endpoint_that_always_has_an_instance_needs_no_alarm_to_wake_it(aws: Account, project: Project) -> None:
    project.set(MIN_INSTANCES="0", MAX_INSTANCES="2")
    bring(project, "deploy")
    project.set(MIN_INSTANCES="1")

    succeed(project, "deploy")

    assert policies(aws) == [FOLLOW]
    assert WAKE not in [alarm["AlarmName"] for alarm in alarms(aws)]


def test_what_an_interruption_left_out_is_made_the_next_time(aws: Account, project: Project) -> None:
    project.set(MIN_INSTANCES="0", MAX_INSTANCES="2")
    aws.refuse("cloudwatch:PutMetricAlarm")
    assert project.verb("deploy").returncode == 4

    succeed(project, "deploy")

    assert [alarm["AlarmName"] for alarm in alarms(aws)] == [WAKE]


def test_a_real_time_endpoint_needs_an_instance(make: Make) -> None:
    project = make()
    project.set(MIN_INSTANCES="0", MAX_INSTANCES="1")

    assert refusal(project.verb("deploy"), 3) == (
        "do/deploy: MIN_INSTANCES=0 leaves nobody to answer: set MIN_INSTANCES 1, or take deploy_target=async"
    )


# requests


def test_a_request_goes_through_s3_and_its_answer_is_printed(aws: Account, deployed: Project) -> None:
    answer = succeed(deployed, "invoke", "--endpoint", "--file", "-", stdin=ROWS)

    (sent,) = aws.called("sagemaker-runtime:InvokeEndpointAsync")
    assert len(json.loads(answer)["predictions"]) == 2
    assert "/async/input/" in sent["InputLocation"]
    assert sent["InvocationTimeoutSeconds"] == 900
    assert aws.asynchronous.requests[-1].body.decode() == ROWS


def test_what_the_container_refuses_is_one_line_with_its_message(deployed: Project) -> None:
    line = refusal(deployed.verb("invoke", "--endpoint", "--file", "-", stdin="[[1, 2]]"), 1)

    assert line.startswith("do/invoke: the server answered 400: the model expects 3 columns (code wrong_columns")


def test_an_answer_that_does_not_come_says_where_it_will_be(aws: Account, deployed: Project) -> None:
    aws.asynchronous.container = None
    (deployed.path / "rows.json").write_text(ROWS)
    started = deployed.start("invoke", "--endpoint", "--file", "rows.json")
    assert started.stderr
    line = started.stderr.readline()
    started.kill()
    started.communicate()

    assert "waiting for the answer, which SageMaker writes to s3://" in line


@exhaustive
def test_the_contract_is_checked_through_s3(deployed: Project, aws: Account) -> None:
    train(deployed.path)

    document = json.loads(succeed(deployed, "test", "--endpoint", "--json"))

    outcomes = {check["name"]: check["outcome"] for check in document["checks"]}
    assert document["failed"] == 0
    assert outcomes["predictions are those of the model itself: text/csv in, application/json out"] == "ok"
    aws.asynchronous.container = WrongInTheLastBit()
    assert deployed.verb("test", "--endpoint").returncode == 1


def test_a_language_model_is_asked_for_its_whole_answer_at_once(make: Make, aws: Account) -> None:
    """SageMaker needs the length of an asynchronous answer: https://github.com/deepjavalibrary/djl-serving/issues/2567"""
    project = make(deploy_target="async", model_kind="generative", model_server="vllm", model_id="Qwen/Qwen3-4B")
    push(project, aws)
    succeed(project, "deploy")

    with engine.running(engine.RightServer()) as url:
        aws.asynchronous.container = Listening(url)
        answer = succeed(project, "invoke", "--endpoint", "--max-tokens", "3", "Hello")

    assert json.loads(aws.asynchronous.requests[-1].body)["stream"] is False
    assert json.loads(answer)["choices"][0]["message"]["content"] == "aaa"


# the end


def test_nothing_stays(aws: Account, project: Project) -> None:
    project.set(MIN_INSTANCES="0", MAX_INSTANCES="2")
    bring(project, "deploy")
    aws.asynchronous.container = RightServer()
    succeed(project, "invoke", "--endpoint", "--file", "-", stdin=ROWS)
    assert "alarm" in succeed(project, "status")

    succeed(project, "clean", "--all", "--yes")

    assert has(aws) == []
