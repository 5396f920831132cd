"""An empty account that is only imagined: it keeps the calls that would fill it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from lib.aws import requests
from lib.aws.client import AwsClient
from lib.aws.requests import Definition, Parameters
from lib.aws.session import Identity, Session
from lib.target import updates

# CloudFormation's own words for what differs between accounts and regions:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
ACCOUNT, PARTITION, REGION, SUFFIX = "${AWS::AccountId}", "${AWS::Partition}", "${AWS::Region}", "${AWS::URLSuffix}"
DIGEST = "sha256:digest-of-the-image"
# of a model package, which only AWS knows
PACKAGED_MODEL = "s3://bucket-of-the-package/model-of-the-package"
KEY_ARN = "${KmsKeyArn}"

# what is there before a deployment
PRESENT: dict[tuple[str, str], dict[str, Any]] = {
    ("ecr", "DescribeImages"): {"imageDetails": [{"imageDigest": DIGEST}]},
    ("s3", "HeadObject"): {"ContentLength": 1},
    ("s3", "ListObjectsV2"): {"Contents": [{"Key": "model"}]},
    ("sagemaker", "DescribeModelPackage"): {
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {"Containers": [{"ModelDataUrl": PACKAGED_MODEL}]},
    },
    ("kms", "DescribeKey"): {"KeyMetadata": {"Arn": KEY_ARN}},
    ("codebuild", "BatchGetProjects"): {"projects": []},
}


class Call(NamedTuple):
    """A request that would change something."""

    name: str  # such as sagemaker:CreateModel
    parameters: Parameters


class Nowhere(Session):
    """A session in whatever account and region a stack is created."""

    @property
    def dns_suffix(self) -> str:
        return SUFFIX


class Recorder(AwsClient):
    """AWS without an account: nothing is there but the image and the model, and `calls` are what would be changed."""

    def __init__(self) -> None:
        self.dry_run = True  # nothing is waited for
        self.session = Nowhere(REGION, None)
        self.session.identity = Identity(ACCOUNT, PARTITION)
        self.calls: list[Call] = []

    def read(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return PRESENT[service, operation]

    def find(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        return PRESENT.get((service, operation))

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        return iter(())

    def change(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        self.calls.append(Call(f"{service}:{operation}", parameters))
        return {"PolicyARN": policy_arn(parameters["PolicyName"])} if operation == "PutScalingPolicy" else {}


def policy_arn(name: str) -> str:
    """What stands for the ARN that autoscaling gives a policy."""
    return f"arn-of-the-policy/{name}"


def record_update(aws: Recorder, config: Definition) -> None:
    """Keep what do/deploy sends when it updates an endpoint that has this configuration."""
    alarms = requests.alarms(config.name)
    for alarm in alarms:
        aws.change("cloudwatch", "PutMetricAlarm", **alarm)
    variant = config.parameters["ProductionVariants"][0]
    present = {"CurrentInstanceCount": variant["InitialInstanceCount"]} if "InitialInstanceCount" in variant else {}
    replaced = updates.parameters(
        config.parameters, present, [alarm["AlarmName"] for alarm in alarms], requests.is_scaled()
    )
    if replaced:
        aws.change("sagemaker", "UpdateEndpoint", **replaced)
