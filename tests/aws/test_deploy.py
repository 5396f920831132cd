"""do/deploy brings the image to an endpoint, updates it, and says what went wrong."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from tests.aws.conftest import Done, Make, Project, push, tags_of
from tests.aws.documents import ADMINISTRATOR
from tests.aws.replays import bring
from tests.aws.service.account import Account
from tests.verbs.conftest import refusal

ROLE = "arn:aws:iam::123456789012:role/service-role/own"
TOKEN = "hf_token-of-the-tests"
TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}


@pytest.fixture
def deployed(pushed: Project, aws: Account) -> Project:
    """A project whose endpoint is InService."""
    bring(pushed, "deploy")
    aws.calls.clear()
    return pushed


def expect_success(done: Done) -> None:
    assert done.returncode == 0, done.stderr


def last_line(done: Done, exit_code: int) -> str:
    """What a verb ended with, after it had told what it did."""
    assert done.returncode == exit_code, done.stderr
    return done.stderr.splitlines()[-1]


def created(aws: Account, what: str) -> Any:
    """The parameters of the only call that created this."""
    (parameters,) = aws.called(f"sagemaker:Create{what}")
    return parameters


# what is made


def test_a_first_deployment_makes_model_configuration_and_endpoint(aws: Account, pushed: Project) -> None:
    done = pushed.verb("deploy")

    assert (done.returncode, done.stdout) == (0, "my-model is InService in us-east-1\n"), done.stderr
    model, config, endpoint = (created(aws, what) for what in ("Model", "EndpointConfig", "Endpoint"))
    (variant,) = config["ProductionVariants"]
    assert model["PrimaryContainer"]["Image"].startswith(
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-model@sha256:"
    )
    assert variant == {
        "VariantName": "main",
        "ModelName": model["ModelName"],
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
        "ContainerStartupHealthCheckTimeoutInSeconds": 600,
        "ModelDataDownloadTimeoutInSeconds": 600,
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    assert (endpoint["EndpointName"], endpoint["EndpointConfigName"]) == ("my-model", config["EndpointConfigName"])


def test_everything_carries_the_projects_tag_and_the_users(aws: Account, pushed: Project) -> None:
    pushed.set(TAGS="team=pricing,stage=test")

    expect_success(pushed.verb("deploy"))

    for what in ("Model", "EndpointConfig", "Endpoint"):
        tags = {tag["Key"]: tag["Value"] for tag in created(aws, what)["Tags"]}
        own = {tag["Key"]: tag["Value"] for tag in tags_of("my-model")}
        assert tags == own | {"team": "pricing", "stage": "test"}


def test_the_plan_is_told_before_and_the_progress_while(aws: Account, pushed: Project) -> None:
    lines = pushed.verb("deploy").stderr.splitlines()

    assert [line.rpartition(" ")[0].partition(" my-model")[0] for line in lines if line.startswith("to do:")] == [
        "to do: create the role",
        "to do: let the role",
        "to do: create the log group",
        "to do: create the model",
        "to do: create the endpoint configuration",
        "to do: create the endpoint",
    ]
    assert [line.split("  ")[-1] for line in lines if " s  " in line] == [
        "my-model is Creating",
        "my-model is InService",
    ]


def test_options_reach_sagemaker(aws: Account, pushed: Project) -> None:
    pushed.set(
        MIN_INSTANCES="2",
        ROUTING_STRATEGY="random",
        VOLUME_SIZE_GB="50",
        STARTUP_TIMEOUT="900",
        DOWNLOAD_TIMEOUT="1200",
        MAX_INSTANCES="2",
        VPC_SUBNETS="subnet-1a,subnet-2b",
        VPC_SECURITY_GROUPS="sg-1a",
        KMS_KEY="arn:aws:kms:us-east-1:123456789012:key/1234",
        NETWORK_ISOLATION="true",
        DATA_CAPTURE_PERCENT="10",
        DATA_CAPTURE_URL="s3://captured/here",
        CONTAINER_ENVIRONMENT="SERVING_WORKERS=2,SERVING_LOG_LEVEL=debug",
    )

    expect_success(pushed.verb("deploy"))

    model, config = created(aws, "Model"), created(aws, "EndpointConfig")
    (variant,) = config["ProductionVariants"]
    assert model["VpcConfig"] == {"Subnets": ["subnet-1a", "subnet-2b"], "SecurityGroupIds": ["sg-1a"]}
    assert model["EnableNetworkIsolation"] is True
    assert model["PrimaryContainer"]["Environment"] == {"SERVING_WORKERS": "2", "SERVING_LOG_LEVEL": "debug"}
    assert variant["InitialInstanceCount"] == 2
    assert variant["VolumeSizeInGB"] == 50
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 900
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 1200
    assert variant["RoutingConfig"] == {"RoutingStrategy": "RANDOM"}
    assert config["KmsKeyId"] == "arn:aws:kms:us-east-1:123456789012:key/1234"
    assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == 10
    assert config["DataCaptureConfig"]["DestinationS3Uri"] == "s3://captured/here"


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("predictive", "SageMakerVariantInvocationsPerInstance"),
        ("generative", "SageMakerVariantConcurrentRequestsPerModelHighResolution"),
    ],
)
def test_instances_follow_the_load_if_there_may_be_more_of_them(
    aws: Account, make: Make, kind: str, metric: str
) -> None:
    project = make(model_kind=kind)
    push(project, aws)
    project.set(MIN_INSTANCES="2", MAX_INSTANCES="4")

    expect_success(project.verb("deploy"))

    (target,) = aws.called("application-autoscaling:RegisterScalableTarget")
    (policy,) = aws.called("application-autoscaling:PutScalingPolicy")
    assert (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) == (
        "endpoint/my-model/variant/main",
        2,
        4,
    )
    assert policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": metric
    }


# models of the Hugging Face Hub


@pytest.fixture
def gated(make: Make, aws: Account) -> Project:
    """A project whose model needs a token, with its image in ECR."""
    project = make(model_kind="generative", model_id="Qwen/Qwen3-4B", settings={"HF_TOKEN_SECRET": "team/hf-token"})
    aws.client("secretsmanager").create_secret(Name="team/hf-token", SecretString=TOKEN)
    push(project, aws)
    return project


def test_the_token_reaches_the_container_by_the_name_of_its_secret(aws: Account, gated: Project) -> None:
    done = gated.verb("deploy", "-v")

    expect_success(done)
    environment = created(aws, "Model")["PrimaryContainer"]["Environment"]
    assert environment["HF_TOKEN_SECRET"] == "team/hf-token"
    assert "HF_TOKEN" not in environment
    assert TOKEN not in done.stdout + done.stderr + repr(aws.calls)


def test_the_role_may_read_the_secret_of_the_token_and_no_other(aws: Account, gated: Project) -> None:
    expect_success(gated.verb("deploy"))

    attached = aws.client("iam").get_role_policy(RoleName="my-model-sagemaker-use1", PolicyName="sagemaker-hf-token")
    (statement,) = attached["PolicyDocument"]["Statement"]
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert statement["Resource"] == "arn:aws:secretsmanager:us-east-1:123456789012:secret:team/hf-token-??????"


def test_without_a_token_the_role_may_read_no_secret(aws: Account, gated: Project) -> None:
    gated.set(HF_TOKEN_SECRET="")

    expect_success(gated.verb("deploy"))

    policies = aws.client("iam").list_role_policies(RoleName="my-model-sagemaker-use1")["PolicyNames"]
    assert policies == ["sagemaker"]
    assert "HF_TOKEN_SECRET" not in created(aws, "Model")["PrimaryContainer"]["Environment"]


def test_instances_start_with_the_driver_that_the_images_cuda_needs(aws: Account, gated: Project) -> None:
    expect_success(gated.verb("deploy"))

    (variant,) = created(aws, "EndpointConfig")["ProductionVariants"]
    assert variant["InferenceAmiVersion"] == "al2023-ami-sagemaker-inference-gpu-4-1"


# again


def test_a_second_deployment_with_no_change_does_nothing_and_says_so(aws: Account, deployed: Project) -> None:
    done = deployed.verb("deploy")

    assert (done.returncode, done.stdout) == (0, "my-model is InService in us-east-1: nothing to change\n")
    assert aws.changes() == []


def test_a_changed_setting_updates_the_endpoint_with_the_same_model(aws: Account, deployed: Project) -> None:
    deployed.set(VOLUME_SIZE_GB="50")

    expect_success(deployed.verb("deploy"))

    assert aws.called("sagemaker:CreateModel") == []
    (update,) = aws.called("sagemaker:UpdateEndpoint")
    assert update["EndpointConfigName"] == created(aws, "EndpointConfig")["EndpointConfigName"]


def test_a_changed_image_updates_the_endpoint_with_a_model_of_its_own(aws: Account, deployed: Project) -> None:
    (deployed.path / "model" / "model.pkl").write_bytes(b"another model")
    digest = push(deployed, aws)

    expect_success(deployed.verb("deploy"))

    assert created(aws, "Model")["PrimaryContainer"]["Image"].endswith(f"@{digest}")
    assert len(aws.called("sagemaker:UpdateEndpoint")) == 1


def test_an_update_is_blue_green_and_watched_by_alarms_that_are_there_first(aws: Account, deployed: Project) -> None:
    deployed.set(STARTUP_TIMEOUT="700")

    expect_success(deployed.verb("deploy"))

    (update,) = aws.called("sagemaker:UpdateEndpoint")
    alarms = aws.called("cloudwatch:PutMetricAlarm")
    configuration = update["DeploymentConfig"]
    assert configuration["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
    expected = [f"{update['EndpointConfigName']}-{what}" for what in ("errors", "latency")]
    assert [alarm["AlarmName"] for alarm in alarms] == expected
    assert configuration["AutoRollbackConfiguration"]["Alarms"] == [{"AlarmName": name} for name in expected]
    names = [call.name for call in aws.calls]
    assert names.index("cloudwatch:PutMetricAlarm") < names.index("sagemaker:UpdateEndpoint")


SECONDS = 1_000_000  # of ModelLatency, which is in microseconds
FAILING = {"Invocation5XXErrors": 0.2}


def measured_from_now_on(aws: Account, before: dict[str, float], after: dict[str, float]) -> None:
    """What CloudWatch measures of the configurations that there are, and of those to come."""
    present = {*aws.endpoints.configs}
    aws.endpoints.measured = lambda config: before if config["EndpointConfigName"] in present else after


@pytest.mark.parametrize(
    ("kind", "before", "after", "exit_code"),
    [
        ("predictive", FAILING, {}, 0),
        ("predictive", {"ModelLatency": 50 * SECONDS}, {}, 0),
        ("predictive", {}, FAILING, 1),
        ("predictive", {}, {"ModelLatency": 50 * SECONDS}, 1),
        ("generative", {}, {"ModelLatency": 100 * SECONDS}, 0),
        ("generative", {}, {"ModelLatency": 300 * SECONDS}, 1),
    ],
)
def test_an_update_is_rolled_back_if_the_new_instances_fail_and_never_for_the_old_ones(
    aws: Account, make: Make, kind: str, before: dict[str, float], after: dict[str, float], exit_code: int
) -> None:
    project = make(model_kind=kind)
    push(project, aws)
    expect_success(project.verb("deploy"))
    measured_from_now_on(aws, before, after)
    project.set(STARTUP_TIMEOUT="700")

    done = project.verb("deploy")

    assert done.returncode == exit_code, done.stderr


def test_an_alarm_that_has_tripped_is_told_before_an_update_and_does_not_end_it(
    aws: Account, deployed: Project
) -> None:
    measured_from_now_on(aws, {}, FAILING)
    deployed.set(STARTUP_TIMEOUT="700")
    assert deployed.verb("deploy").returncode == 1
    tripped = aws.called("cloudwatch:PutMetricAlarm")[0]["AlarmName"]
    aws.client("cloudwatch").set_alarm_state(AlarmName=tripped, StateValue="ALARM", StateReason="of the test")
    aws.endpoints.measured = lambda config: {}

    done = deployed.verb("deploy")

    expect_success(done)
    assert f"note: the alarm {tripped} has tripped; it does not hold up this update" in done.stderr.splitlines()


def test_only_the_alarms_of_what_is_served_stay(aws: Account, deployed: Project) -> None:
    for timeout in ("700", "800"):
        deployed.set(STARTUP_TIMEOUT=timeout)
        expect_success(deployed.verb("deploy"))

    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    served = aws.endpoints.endpoints["my-model"].config
    assert [alarm["AlarmName"] for alarm in alarms] == [f"{served}-errors", f"{served}-latency"]


@pytest.mark.parametrize(
    ("strategy", "policy"),
    [
        ("blue-green", {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}),
        ("linear", {"Type": "LINEAR", "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 1}}),
        ("rolling", {"Type": "CAPACITY_PERCENT", "Value": 50}),
    ],
)
def test_several_instances_are_replaced_bit_by_bit(
    aws: Account, pushed: Project, strategy: str, policy: dict[str, Any]
) -> None:
    pushed.set(MIN_INSTANCES="2", MAX_INSTANCES="2", DEPLOYMENT_STRATEGY=strategy)
    bring(pushed, "deploy")
    pushed.set(STARTUP_TIMEOUT="700")

    expect_success(pushed.verb("deploy"))

    configuration = aws.called("sagemaker:UpdateEndpoint")[0]["DeploymentConfig"]
    if strategy == "rolling":
        assert configuration["RollingUpdatePolicy"]["MaximumBatchSize"] == policy
    else:
        routing = configuration["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
        assert routing | policy == routing


def test_an_update_leaves_the_number_of_instances_to_autoscaling(aws: Account, pushed: Project) -> None:
    pushed.set(MAX_INSTANCES="3")
    bring(pushed, "deploy")
    pushed.set(STARTUP_TIMEOUT="700")

    expect_success(pushed.verb("deploy"))

    (update,) = aws.called("sagemaker:UpdateEndpoint")
    assert update["RetainAllVariantProperties"] is True
    assert len(aws.called("application-autoscaling:RegisterScalableTarget")) == 1


def test_autoscaling_ends_before_the_update_that_does_without(aws: Account, pushed: Project) -> None:
    pushed.set(MAX_INSTANCES="3")
    bring(pushed, "deploy")
    pushed.set(MIN_INSTANCES="3")
    aws.calls.clear()

    expect_success(pushed.verb("deploy"))

    changes = aws.changes()
    assert changes.index("application-autoscaling:DeregisterScalableTarget") < changes.index("sagemaker:UpdateEndpoint")
    assert "application-autoscaling:RegisterScalableTarget" not in changes


# what goes wrong in AWS


def test_an_update_that_rolls_back_is_told_with_its_cause_and_ends_with_1(aws: Account, deployed: Project) -> None:
    aws.endpoints.end("RolledBack", "One or more configured alarms were triggered: my-model-errors.")
    deployed.set(STARTUP_TIMEOUT="700")

    done = deployed.verb("deploy")

    assert last_line(done, 1) == (
        "do/deploy: rolled back to what it served before: One or more configured alarms were triggered: "
        "my-model-errors; likely the new instances returned errors, or were slow: run do/logs --endpoint, then fix the "
        "model and run do/deploy"
    )


def test_an_endpoint_that_fails_its_health_check_is_told_with_its_last_log_lines(aws: Account, pushed: Project) -> None:
    reason = "The primary container for production variant main did not pass the ping health check."
    aws.endpoints.end("Failed", reason, [*(f"line {number}" for number in range(30)), "MemoryError: 8 GB"])

    done = pushed.verb("deploy")

    assert last_line(done, 4) == (
        f"do/deploy: the endpoint is Failed: {reason[:-1]}; likely the model does not fit into the memory: "
        "run do/config set CONTAINER_ENVIRONMENT SERVING_WORKERS=1 for one process, or do/update --keep-version "
        "--data instance_type=... for a type with more memory"
    )
    assert [line for line in done.stderr.splitlines() if line.startswith("  ")][-1] == "  MemoryError: 8 GB"
    assert "line 11" in done.stderr
    assert "line 10" not in done.stderr


def test_a_failed_endpoint_is_deleted_and_created_anew(aws: Account, pushed: Project) -> None:
    aws.endpoints.end("Failed", "no reason")
    pushed.verb("deploy")
    aws.endpoints.end("InService")
    aws.calls.clear()

    expect_success(pushed.verb("deploy"))

    assert aws.changes() == ["sagemaker:DeleteEndpoint", "sagemaker:CreateEndpoint"]


def test_a_role_that_is_not_known_everywhere_yet_is_tried_again(aws: Account, pushed: Project) -> None:
    role = "arn:aws:iam::123456789012:role/my-model-sagemaker-use1"
    said = f"Could not assume role {role}. Please ensure that the role exists"
    aws.refuse("sagemaker:CreateModel", times=4, code="ValidationException", message=said)

    done = pushed.verb("deploy")

    expect_success(done)
    assert len(aws.called("sagemaker:CreateModel")) == 5
    assert done.stderr.count("waiting until SageMaker can assume the role") == 1


def test_throttling_is_waited_out(aws: Account, pushed: Project) -> None:
    aws.refuse("sagemaker:CreateEndpointConfig", times=2, code="ThrottlingException", message="Rate exceeded")

    expect_success(pushed.verb("deploy"))

    assert len(aws.called("sagemaker:CreateEndpointConfig")) == 3


def test_throttling_without_end_is_one_line(aws: Account, pushed: Project) -> None:
    aws.refuse("sagemaker:DescribeModel", times=-1, code="ThrottlingException", message="Rate exceeded")

    assert refusal(pushed.verb("deploy", AWS_MAX_ATTEMPTS="2"), 4) == (
        "do/deploy: AWS has throttled sagemaker:DescribeModel repeatedly: wait a few minutes and run the command again "
        "(Rate exceeded)"
    )


@pytest.mark.parametrize("operation", ["sagemaker:CreateModel", "cloudwatch:PutMetricAlarm"])
def test_a_deployment_that_was_killed_goes_on_when_typed_again(aws: Account, deployed: Project, operation: str) -> None:
    deployed.set(CONTAINER_ENVIRONMENT="A=1")
    running = deployed.start("deploy")
    aws.after(operation, lambda call: running.kill())
    running.communicate()
    aws.after(operation, lambda call: None)

    expect_success(deployed.verb("deploy"))

    assert len(aws.called("sagemaker:CreateModel")) == len(aws.called("sagemaker:CreateEndpointConfig")) == 1
    assert len(aws.called("sagemaker:UpdateEndpoint")) == 1


def test_a_deployment_that_was_interrupted_while_it_waited_is_waited_for(aws: Account, pushed: Project) -> None:
    running = pushed.start("deploy")
    aws.after("sagemaker:CreateEndpoint", lambda call: os.kill(running.pid, signal.SIGINT))
    running.communicate()
    aws.calls.clear()

    done = pushed.verb("deploy")

    assert (running.returncode, done.returncode) == (130, 0)
    assert done.stdout == "my-model is InService in us-east-1: nothing to change\n"
    assert aws.changes() == []


# what is looked at first


def test_expired_credentials_are_one_line_that_says_what_to_type(aws: Account, pushed: Project) -> None:
    aws.refuse("sts:GetCallerIdentity", times=-1, code="ExpiredToken", message="The security token is expired")

    assert refusal(pushed.verb("deploy"), 2) == (
        "do/deploy: the AWS credentials have expired: run aws sso login, or get new ones the way you got these "
        "(The security token is expired)"
    )


def test_no_credentials_are_one_line_that_says_what_to_type(aws: Account, pushed: Project) -> None:
    done = pushed.verb("deploy", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")

    assert refusal(done, 2).startswith("do/deploy: no AWS credentials found: run aws configure")


def test_an_action_that_is_not_allowed_is_named(aws: Account, pushed: Project) -> None:
    aws.refuse("ecr:DescribeImages", times=-1, message="User: arn:aws:iam::123456789012:user/x is not authorized")

    line = last_line(pushed.verb("deploy"), 4)

    assert line.startswith("do/deploy: you are not allowed to call ecr:DescribeImages: ask an administrator for iam/")
    assert " or iam/caller.json, which do/iam prints (" in line
    assert "123456789012" not in line


def test_a_dockerfile_that_is_missing_is_one_line(aws: Account, pushed: Project) -> None:
    (pushed.path / "Dockerfile").unlink()

    assert refusal(pushed.verb("deploy"), 5) == "do/deploy: Dockerfile is missing: run git checkout Dockerfile"


def test_an_image_that_is_not_in_ecr_is_told_before_anything_is_made(aws: Account, pushed: Project) -> None:
    (pushed.path / "model" / "model.pkl").write_bytes(b"changed since")

    line = last_line(pushed.verb("deploy"), 5)

    assert line.endswith(" is not in ECR: run do/submit")
    assert aws.changes() == []


def test_an_image_for_another_processor_is_told_before_anything_is_made(aws: Account, project: Project) -> None:
    digest = push(project, aws, architecture="arm64")

    assert last_line(project.verb("deploy"), 3) == (
        "do/deploy: the image in ECR is for linux/arm64, but ml.m5.large needs linux/amd64: run "
        f"aws ecr batch-delete-image --repository-name my-model --image-ids imageDigest={digest} --region us-east-1, "
        "then do/submit"
    )
    assert aws.changes() == []


def test_an_image_that_docker_built_for_another_processor_is_told_too(make: Make) -> None:
    project = make(build_with="docker")
    expect_success(project.verb("push", STAND_IN_ARCHITECTURE="arm64"))

    line = last_line(project.verb("deploy"), 3)

    assert line.startswith("do/deploy: the image in ECR is for linux/arm64, but ml.m5.large needs")
    assert line.endswith("then do/build, then do/push")


def test_an_image_for_arm64_runs_on_an_instance_with_such_a_processor(aws: Account, make: Make) -> None:
    project = make(instance_type="ml.m6g.large")
    (project.path / "model" / "model.pkl").write_bytes(b"model")
    expect_success(project.verb("submit"))

    expect_success(project.verb("deploy"))


@pytest.mark.parametrize(
    ("store", "why"),
    [
        ("http://127.0.0.1:1", "the download from ECR failed: ConnectError"),
        ("{aws}/layers/expired", "the download from ECR was answered 404"),
    ],
    ids=["unreachable", "refused"],
)
def test_a_platform_that_can_not_be_downloaded_is_passed_over_with_a_note(
    aws: Account, pushed: Project, store: str, why: str
) -> None:
    aws.layers.url = store.format(aws=aws.url)

    done = pushed.verb("deploy")

    expect_success(done)
    assert f"note: the image's platform can't be seen here ({why})" in done.stderr.splitlines()
    assert "X-Amz-Signature" not in done.stderr


@pytest.mark.parametrize("operation", ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"])
def test_a_platform_that_may_not_be_read_is_passed_over_with_a_note(
    aws: Account, pushed: Project, operation: str
) -> None:
    aws.refuse(operation, times=-1)

    done = pushed.verb("deploy")

    expect_success(done)
    assert (
        "note: the image's platform can't be seen here "
        "(ecr:BatchGetImage or ecr:GetDownloadUrlForLayer is not allowed)\n" in done.stderr
    )


def test_a_deployment_with_no_change_does_not_look_at_the_image(aws: Account, deployed: Project) -> None:
    expect_success(deployed.verb("deploy"))

    assert aws.called("ecr:GetDownloadUrlForLayer") == []


def test_a_quota_that_is_too_small_is_told_before_anything_is_made(aws: Account, pushed: Project) -> None:
    aws.quotas.values["ml.m5.large for endpoint usage"] = 0

    line = last_line(pushed.verb("deploy"), 2)

    assert line.startswith(
        "do/deploy: the account's quota 'ml.m5.large for endpoint usage' is 0 in us-east-1, and 1 are needed: ask for"
    )
    assert aws.changes() == []


def test_aws_s_default_counts_for_a_quota_that_has_no_applied_value(aws: Account, pushed: Project) -> None:
    del aws.quotas.values["ml.m5.large for endpoint usage"]
    aws.quotas.defaults["ml.m5.large for endpoint usage"] = 0

    line = last_line(pushed.verb("deploy", "--dry-run"), 2)

    assert line.startswith("do/deploy: the account's quota 'ml.m5.large for endpoint usage' is 0 in us-east-1, and 1")


def test_a_quota_that_aws_does_not_list_is_named(aws: Account, pushed: Project) -> None:
    aws.quotas.values.clear()

    done = pushed.verb("deploy", "--dry-run")

    expect_success(done)
    assert "note: AWS lists no quota 'ml.m5.large for endpoint usage' in us-east-1, so whether" in done.stderr


def test_a_model_that_the_instance_cannot_hold_is_refused_before_anything_is_made(
    aws: Account, pushed: Project
) -> None:
    instances = pushed.path / "do/lib/instances.json"
    rows = json.loads(instances.read_text())
    rows["ml.m5.large"]["memory_mib"] = 0  # smaller than any model
    instances.write_text(json.dumps(rows))

    line = last_line(pushed.verb("deploy"), 3)

    assert line.startswith(
        "do/deploy: the model doesn't fit into memory: 1 MiB; 2 processes share one copy, and ml.m5."
    )
    assert aws.changes() == []


def test_an_update_needs_room_for_the_old_instances_beside_the_new_ones(aws: Account, deployed: Project) -> None:
    aws.quotas.values["ml.m5.large for endpoint usage"] = 1
    deployed.set(STARTUP_TIMEOUT="700")

    assert "and 2 are needed" in last_line(deployed.verb("deploy"), 2)


def test_what_may_not_be_read_is_passed_over_with_a_note(aws: Account, pushed: Project) -> None:
    aws.client("iam").create_role(RoleName="own", Path="/service-role/", AssumeRolePolicyDocument=json.dumps(TRUST))
    pushed.set(ROLE_ARN=ROLE)
    aws.refuse("iam:GetRole", times=-1, code="AccessDenied")
    aws.refuse("service-quotas:ListServiceQuotas", times=-1)

    done = pushed.verb("deploy")

    expect_success(done)
    assert "note: whether SageMaker can assume the role own can't be seen here" in done.stderr
    assert "note: the quotas of the account can't be seen here" in done.stderr


def test_a_role_of_the_users_own_is_taken(aws: Account, pushed: Project) -> None:
    aws.client("iam").create_role(RoleName="own", Path="/service-role/", AssumeRolePolicyDocument=json.dumps(TRUST))
    pushed.set(ROLE_ARN=ROLE)

    expect_success(pushed.verb("deploy"))

    assert created(aws, "Model")["ExecutionRoleArn"] == ROLE
    assert aws.called("iam:CreateRole") == []


@pytest.mark.parametrize(
    ("arn", "principal", "why"),
    [
        (ROLE, "", "there is no role own"),
        (ROLE, "lambda.amazonaws.com", "the role own does not trust sagemaker.amazonaws.com"),
        (ROLE.replace("1234", "9999"), "", "it is of another account than the credentials"),
        (
            ROLE.replace("service-role/", ""),
            "sagemaker.amazonaws.com",
            "the role own is arn:aws:iam::ACCOUNT:role/service-role/own",
        ),
    ],
)
def test_a_role_that_sagemaker_can_not_take_is_refused(
    aws: Account, pushed: Project, arn: str, principal: str, why: str
) -> None:
    if principal:
        trust = json.dumps(TRUST).replace("sagemaker.amazonaws.com", principal)
        aws.client("iam").create_role(RoleName="own", Path="/service-role/", AssumeRolePolicyDocument=trust)
    pushed.set(ROLE_ARN=arn)
    pushed.documents = [ADMINISTRATOR]  # the project's own policies let its owner look at no other role

    assert refusal(pushed.verb("deploy"), 3) == (f"do/deploy: ROLE_ARN is wrong: {why}: run do/config set ROLE_ARN ...")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"MIN_INSTANCES": "3", "MAX_INSTANCES": "1"}, "MAX_INSTANCES=1 is less than MIN_INSTANCES=3: "),
        ({"DEPLOYMENT_STRATEGY": "rolling"}, "DEPLOYMENT_STRATEGY=rolling needs two instances: "),
        ({"DEPLOYMENT_STRATEGY": "linear"}, "DEPLOYMENT_STRATEGY=linear needs two instances: "),
        ({"VPC_SUBNETS": "subnet-1"}, "VPC_SUBNETS needs a security group: "),
        ({"DATA_CAPTURE_PERCENT": "5"}, "DATA_CAPTURE_PERCENT needs a place in S3: "),
        ({"ROLE_ARN": "arn:aws-cn:iam::123456789012:role/r"}, "ROLE_ARN is in the partition aws-cn, but "),
    ],
)
def test_settings_that_do_not_go_together_are_refused(pushed: Project, settings: dict[str, str], line: str) -> None:
    pushed.set(**settings)

    assert refusal(pushed.verb("deploy"), 3).startswith(f"do/deploy: {line}")


# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"VOLUME_SIZE_GB": "50"}, "ml.m5d.large has a disk of its own, and SageMaker adds none: set VOLUME_SIZE_GB 0"),
        ({"KMS_KEY": "alias/k"}, "ml.m5d.large encrypts its own disk, and SageMaker takes no KMS_KEY for it: set "),
    ],
)
def test_types_with_a_disk_of_their_own_take_neither_a_volume_nor_a_key(
    pushed: Project, settings: dict[str, str], line: str
) -> None:
    pushed.set(**settings)

    assert refusal(pushed.verb("deploy", INSTANCE_TYPE="ml.m5d.large"), 3).startswith(f"do/deploy: {line}")


def test_an_endpoint_of_the_same_name_that_is_not_the_projects_is_left_alone(aws: Account, pushed: Project) -> None:
    bring(pushed, "deploy")
    (tags,) = (tags for arn, tags in aws.endpoints.tags.items() if arn.endswith(":endpoint/my-model"))
    tags["mcc-template:project"] = "somebody-elses"
    pushed.set(STARTUP_TIMEOUT="700")

    line = last_line(pushed.verb("deploy"), 4)

    assert line.startswith("do/deploy: the endpoint my-model was not made by this project: choose another PROJECT_NAME")
    assert aws.called("sagemaker:UpdateEndpoint") == []


# forms


def test_a_dry_run_prints_every_call_with_its_parameters_and_makes_none(aws: Account, pushed: Project) -> None:
    done = pushed.verb("deploy", "--dry-run")

    expect_success(done)
    assert aws.changes() == []
    calls = [line.removeprefix("would call ") for line in done.stdout.splitlines() if line.startswith("would call")]
    assert calls == [
        "iam CreateRole",
        "iam PutRolePolicy",
        "logs CreateLogGroup",
        "logs PutRetentionPolicy",
        "sagemaker CreateModel",
        "sagemaker CreateEndpointConfig",
        "sagemaker CreateEndpoint",
    ]
    assert '"InstanceType": "ml.m5.large"' in done.stdout
    assert "123456789012" not in done.stdout + done.stderr


def test_what_a_dry_run_shows_is_what_is_then_done(aws: Account, deployed: Project) -> None:
    deployed.set(MIN_INSTANCES="2", MAX_INSTANCES="5", CONTAINER_ENVIRONMENT="A=1")
    shown = deployed.verb("deploy", "--dry-run").stdout
    aws.calls.clear()

    expect_success(deployed.verb("deploy"))

    planned = [line.split()[2:] for line in shown.splitlines() if line.startswith("would call")]
    assert [":".join(call) for call in planned] == aws.changes()


def test_a_dry_run_with_nothing_to_change_says_so(deployed: Project) -> None:
    assert deployed.verb("deploy", "--dry-run").stdout == "nothing to change\n"


def test_json_is_one_document(aws: Account, pushed: Project) -> None:
    document = json.loads(pushed.verb("deploy", "--json").stdout)

    assert {key: document[key] for key in ("endpoint", "region", "status", "changed", "instances")} == {
        "endpoint": "my-model",
        "region": "us-east-1",
        "status": "InService",
        "changed": True,
        "instances": 1,
    }
    assert document["endpoint_config"] == document["wanted_endpoint_config"]


def test_json_tells_of_a_rollback(aws: Account, deployed: Project) -> None:
    aws.endpoints.end("RolledBack", "alarm")
    deployed.set(STARTUP_TIMEOUT="700")

    done = deployed.verb("deploy", "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["endpoint_config"] != document["wanted_endpoint_config"]
    assert document["error"].startswith("rolled back to what it served before")


# partitions and names


@pytest.mark.parametrize(
    ("region", "code", "partition", "registry"),
    [
        ("cn-north-1", "cnn1", "aws-cn", "dkr.ecr.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "usgw1", "aws-us-gov", "dkr.ecr.us-gov-west-1.amazonaws.com"),
    ],
)
def test_each_partition_has_its_own_names(
    aws: Account, make: Make, region: str, code: str, partition: str, registry: str
) -> None:
    project = make(aws_region=region)
    push(project, aws)

    expect_success(project.verb("deploy"))

    model = created(aws, "Model")
    assert model["PrimaryContainer"]["Image"].startswith(f"123456789012.{registry}/my-model@sha256:")
    assert model["ExecutionRoleArn"] == f"arn:{partition}:iam::123456789012:role/my-model-sagemaker-{code}"


def test_the_longest_project_name_deploys(aws: Account, make: Make) -> None:
    project = make(project_name="m" * 46)
    push(project, aws)

    expect_success(project.verb("deploy"))
    project.set(STARTUP_TIMEOUT="700", MAX_INSTANCES="2")
    expect_success(project.verb("deploy"))


def test_a_call_that_is_logged_shows_its_parameters_but_no_account(aws: Account, pushed: Project) -> None:
    done = pushed.verb("deploy", "-v")

    assert '+ sagemaker CreateEndpoint {"EndpointName": "my-model"' in done.stderr
    assert "123456789012" not in done.stdout + done.stderr


def test_what_the_scan_of_the_image_found_is_said_before_a_deployment(pushed: Project, aws: Account) -> None:
    """https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-basic.html"""
    aws.scans.counts = {"CRITICAL": 2, "HIGH": 5, "LOW": 100}

    done = pushed.verb("deploy")

    assert done.returncode == 0, done.stderr
    assert "note: ECR's scan found 2 critical and 5 high vulnerabilities in the image: " in done.stderr
    assert "do/submit --rebuild builds it with patched packages" in done.stderr
