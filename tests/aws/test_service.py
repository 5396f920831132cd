"""The stand-in of AWS reads, checks and answers requests as AWS does."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.aws.service import serverless
from tests.aws.service.account import Account
from tests.aws.service.http_server import HttpServer
from tests.aws.service.protocols import ServiceError

ROLE = "arn:aws:iam::123456789012:role/r"
PROJECT: dict[str, Any] = {
    "name": "p1",
    "source": {"type": "S3", "location": "bucket-1/source.zip"},
    "artifacts": {"type": "NO_ARTIFACTS"},
    "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
    "serviceRole": ROLE,
}
VARIANT = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.g7e.2xlarge", "InitialInstanceCount": 1}


@pytest.fixture
def client(aws: Account, http_server: HttpServer) -> Any:
    """A function that makes a client as verbs have it."""

    def client(service: str, region: str = "us-east-1") -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=http_server.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"max_attempts": 1, "mode": "standard"}),
        )

    return client


def test_calls_of_every_protocol_are_recorded_with_their_parameters(aws: Account, client: Any) -> None:
    client("sts").get_caller_identity()
    client("iam").create_role(RoleName="r", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    client("ecr").create_repository(repositoryName="r1", tags=[{"Key": "a", "Value": "b"}])
    client("codebuild").create_project(**PROJECT)
    client("s3").create_bucket(Bucket="bucket-1")
    client("s3").put_object(Bucket="bucket-1", Key="a/b c.txt", Body=b"hello")
    client("s3").put_public_access_block(Bucket="bucket-1", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    client("s3").list_objects_v2(Bucket="bucket-1", Prefix="a/")
    client("cloudwatch").describe_alarms(AlarmNames=["x"])

    assert [(call.name, call.parameters) for call in aws.calls] == [
        ("sts:GetCallerIdentity", {}),
        ("iam:CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": '{"Version":"2012-10-17","Statement":[]}'}),
        ("ecr:CreateRepository", {"repositoryName": "r1", "tags": [{"Key": "a", "Value": "b"}]}),
        ("codebuild:CreateProject", PROJECT),
        ("s3:CreateBucket", {"Bucket": "bucket-1"}),
        ("s3:PutObject", aws.calls[5].parameters),
        ("s3:PutPublicAccessBlock", aws.calls[6].parameters),
        ("s3:ListObjectsV2", aws.calls[7].parameters),
        ("cloudwatch:DescribeAlarms", {"AlarmNames": ["x"]}),
    ]
    assert aws.calls[5].parameters["Key"] == "a/b c.txt"
    assert aws.calls[6].parameters["PublicAccessBlockConfiguration"] == {"BlockPublicAcls": True}


def test_an_enum_that_aws_does_not_have_fails_the_test(aws: Account, client: Any) -> None:
    environment = PROJECT["environment"] | {"computeType": "BUILD_GENERAL1_HUGE"}
    with pytest.raises(ClientError, match="is 'BUILD_GENERAL1_HUGE', none of BUILD_GENERAL1_SMALL"):
        client("codebuild").create_project(**PROJECT | {"environment": environment})

    assert len(aws.wrong) == 1
    aws.wrong.clear()


@pytest.mark.parametrize("service", ["iam", "codebuild", "ecr", "s3"])
def test_a_refusal_reaches_the_caller_in_every_protocol(aws: Account, client: Any, service: str) -> None:
    name, method = {
        "iam": ("iam:ListRoles", "list_roles"),
        "codebuild": ("codebuild:ListProjects", "list_projects"),
        "ecr": ("ecr:DescribeRepositories", "describe_repositories"),
        "s3": ("s3:ListBuckets", "list_buckets"),
    }[service]
    aws.refuse(name, times=1, code="NoWay", message="not <now>")

    with pytest.raises(ClientError) as caught:
        getattr(client(service), method)()
    getattr(client(service), method)()

    assert caught.value.response["Error"] == caught.value.response["Error"] | {"Code": "NoWay", "Message": "not <now>"}


def test_an_endpoint_is_created_on_an_instance_that_moto_does_not_know_and_updated(aws: Account, client: Any) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i"})
    for name in ("c1", "c2"):
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[VARIANT])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c1")
    states = [sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] for _ in range(4)]
    aws.endpoints.end("RolledBack", "alarm")
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="c2")
    looks = [sagemaker.describe_endpoint(EndpointName="e") for _ in range(5)]

    assert states == ["Creating", "Creating", "InService", "InService"]
    assert [look["EndpointStatus"] for look in looks[1:4]] == ["Updating", "RollingBack", "InService"]
    assert looks[-1]["EndpointConfigName"] == "c1"


@pytest.mark.parametrize(
    "policy",
    [
        {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
        for routing in (
            {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 2}, "WaitIntervalInSeconds": 60},
            {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 9}, "WaitIntervalInSeconds": 60},
            {"Type": "LINEAR", "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 2}, "WaitIntervalInSeconds": 60},
        )
    ]
    + [
        {
            "RollingUpdatePolicy": {
                "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 60},
                "WaitIntervalInSeconds": 60,
            }
        },
        {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 600},
                "MaximumExecutionTimeoutInSeconds": 600,
            }
        },
    ],
    ids=["canary", "small step", "large step", "large batch", "short time"],
)
def test_here_steps_and_waits_beyond_sagemakers_limits_are_a_validation_error(
    aws: Account, client: Any, policy: dict[str, Any]
) -> None:
    sagemaker = client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i"})
    for name in ("c1", "c2"):
        variant = {**VARIANT, "InitialInstanceCount": 3}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c1")
    while sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] != "InService":
        pass

    with pytest.raises(ClientError, match="ValidationException"):
        sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="c2", DeploymentConfig=policy)


@pytest.mark.parametrize(
    ("variant", "config", "model"),
    [
        ({"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}, {}, {}),
        ({"ContainerStartupHealthCheckTimeoutInSeconds": 180}, {}, {}),
        ({"ServerlessConfig": {"MemorySizeInMB": 1536, "MaxConcurrency": 5}}, {}, {}),
        ({"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 5, "ProvisionedConcurrency": 6}}, {}, {}),
        ({}, {"DataCaptureConfig": {"EnableCapture": True}}, {}),
        ({}, {"KmsKeyId": "alias/mine"}, {}),
        ({}, {}, {"VpcConfig": {"Subnets": ["subnet-1"]}}),
        ({}, {}, {"EnableNetworkIsolation": True}),
    ],
)
def test_what_sagemaker_does_not_do_for_a_serverless_endpoint_is_refused(
    variant: dict[str, Any], config: dict[str, Any], model: dict[str, Any]
) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html"""
    right = {"VariantName": "main", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 5}}
    serverless.require_valid({"ProductionVariants": [right]}, {})

    with pytest.raises(ServiceError):
        serverless.require_valid({"ProductionVariants": [right | variant], **config}, model)


def test_a_build_goes_through_its_phases_writes_its_log_and_fails_where_the_test_says(
    aws: Account, client: Any
) -> None:
    client("iam").create_role(RoleName="r", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    codebuild = client("codebuild")
    codebuild.create_project(**PROJECT)
    codebuild.update_project(name="p1", description="changed")
    aws.builds.fail("BUILD", "exit status 1", ["no space left"])
    identity = codebuild.start_build(projectName="p1")["build"]["id"]
    looks = [codebuild.batch_get_builds(ids=[identity])["builds"][0] for _ in range(8)]
    events = client("logs").get_log_events(
        logGroupName=looks[-1]["logs"]["groupName"], logStreamName=looks[-1]["logs"]["streamName"]
    )["events"]

    assert [look["buildStatus"] for look in looks] == ["IN_PROGRESS"] * 6 + ["FAILED"] * 2
    assert looks[-1]["phases"][-1]["contexts"][0]["message"] == "exit status 1"
    assert [event["message"] for event in events] == ["no space left"]
    assert codebuild.batch_get_projects(names=["p1"])["projects"][0]["description"] == "changed"
