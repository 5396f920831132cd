"""The project's model package group in the SageMaker Model Registry, and its versions."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from lib import config
from lib.aws import bucket, model_data, names
from lib.aws.client import AwsClient
from lib.model import artifacts

APPROVED = "Approved"
WAITING = "PendingManualApproval"
CONTENT_TYPES = {
    "predictive": ["application/json", "text/csv", "application/jsonlines", "application/x-npy"],
    "generative": ["application/json"],
}


class Version(NamedTuple):
    """A version in the group."""

    number: str
    approval: str


def ensure_group(aws: AwsClient) -> None:
    """Make the group if there is none. Raises VerbError for somebody else's."""
    name = names.project()
    found = aws.find("sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=name)
    if found:
        tags = aws.read("sagemaker", "ListTags", ResourceArn=found["ModelPackageGroupArn"])["Tags"]
        names.require_ours(f"model package group {name}", tags)
        return
    aws.change(
        "sagemaker",
        "CreateModelPackageGroup",
        ModelPackageGroupName=name,
        ModelPackageGroupDescription=f"The versions of {name}",
        Tags=names.tag_list(),
    )


def ensure_package(aws: AwsClient, image: str, approve: bool) -> Version:
    """The version with this image and the model of the project as it is: the newest one, else a new one."""
    container = {"Image": image, **model_data.parameters(aws)}
    newest = _newest(aws)
    if newest and _holds(newest, container):
        return _approved(aws, newest) if approve else _version(newest)
    created = aws.change(
        "sagemaker",
        "CreateModelPackage",
        ModelPackageGroupName=names.project(),
        ModelPackageDescription=f"{names.project()} by its image's digest",
        InferenceSpecification=_specification(container),
        ModelApprovalStatus=APPROVED if approve else WAITING,
        **_metrics(aws),
    )
    return Version(str(created.get("ModelPackageArn", "")).rpartition("/")[2], APPROVED if approve else WAITING)


def _newest(aws: AwsClient) -> dict[str, Any] | None:
    listed = aws.find(
        "sagemaker",
        "ListModelPackages",
        ModelPackageGroupName=names.project(),
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=1,
    )
    if not listed or not listed["ModelPackageSummaryList"]:
        return None
    arn = listed["ModelPackageSummaryList"][0]["ModelPackageArn"]
    return aws.read("sagemaker", "DescribeModelPackage", ModelPackageName=arn)


def _holds(package: dict[str, Any], container: dict[str, Any]) -> bool:
    """Whether a version has this image and model data, and no other."""
    (found,) = package["InferenceSpecification"]["Containers"]
    return {key: found[key] for key in ("Image", "ModelDataUrl", "ModelDataSource") if key in found} == container


def _approved(aws: AwsClient, package: dict[str, Any]) -> Version:
    if package["ModelApprovalStatus"] != APPROVED:
        arn = package["ModelPackageArn"]
        aws.change("sagemaker", "UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus=APPROVED)
    return _version(package)._replace(approval=APPROVED)


def _version(package: dict[str, Any]) -> Version:
    return Version(str(package["ModelPackageVersion"]), str(package["ModelApprovalStatus"]))


def _specification(container: dict[str, Any]) -> dict[str, Any]:
    configuration = config.load()
    content_types = CONTENT_TYPES[configuration["MODEL_KIND"]]
    known = configuration.get("INSTANCE_TYPE")
    instance_types = {"SupportedRealtimeInferenceInstanceTypes": [known]} if known else {}
    return {
        "Containers": [container],
        "SupportedContentTypes": content_types,
        "SupportedResponseMIMETypes": content_types,
        **instance_types,
    }


def _metrics(aws: AwsClient) -> dict[str, Any]:
    """What is known of the sample model's quality, kept in the bucket because the registry takes only its place."""
    found = artifacts.metrics()
    if not found:
        return {}
    name = bucket.ensure(aws)
    key = f"metrics/{artifacts.digest(artifacts.artifact())[: names.HASH_LENGTH]}.json"
    report = {"regression_metrics": {metric: {"value": value} for metric, value in found.items()}}
    aws.change(
        "s3",
        "PutObject",
        Bucket=name,
        Key=key,
        Body=json.dumps(report).encode(),
        ContentType="application/json",
        ExpectedBucketOwner=aws.identity.account,
    )
    quality = {"ContentType": "application/json", "S3Uri": f"s3://{name}/{key}"}
    return {"ModelMetrics": {"ModelQuality": {"Statistics": quality}}}
