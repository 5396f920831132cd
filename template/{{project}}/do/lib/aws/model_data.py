"""Where SageMaker finds the model, where it does not lie in the image."""

from __future__ import annotations

from typing import Any

from lib import config
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError


def parameters(aws: AwsClient) -> dict[str, Any]:
    """What the container's definition says about it. Raises VerbError where it can't be had."""
    source = config.load()["MODEL_SOURCE"]
    if source == "s3":
        return _of_s3(aws, config.load()["MODEL_DATA_URL"])
    if source == "registry":
        return _of_registry(aws, config.load()["MODEL_PACKAGE_ARN"])
    return {}


def url(aws: AwsClient) -> str:
    """Where the model lies in S3; empty where it lies in the image. Raises VerbError where a package can't be had."""
    configuration = config.load()
    if not configuration.get("MODEL_PACKAGE_ARN"):
        return configuration.get("MODEL_DATA_URL", "")
    found = parameters(aws)
    source = found.get("ModelDataSource", {}).get("S3DataSource", {})
    return str(found.get("ModelDataUrl") or source.get("S3Uri", ""))


def _of_s3(aws: AwsClient, url: str) -> dict[str, Any]:
    """An archive, or the files under a prefix, which ends with a slash."""
    if not url:
        raise VerbError(
            "MODEL_DATA_URL is empty: run do/upload, or do/config set MODEL_DATA_URL s3://...",
            ExitCode.BAD_CONFIGURATION,
        )
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.endswith("/"):
        _require(aws.find("s3", "HeadObject", Bucket=bucket, Key=key), url)
        return {"ModelDataUrl": url}
    listed = aws.find("s3", "ListObjectsV2", Bucket=bucket, Prefix=key, MaxKeys=1)
    _require(listed and listed.get("Contents"), url)
    source = {"S3Uri": url, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"ModelDataSource": {"S3DataSource": source}}


def _of_registry(aws: AwsClient, arn: str) -> dict[str, Any]:
    """The model of an approved package."""
    if not arn:
        raise VerbError(
            "MODEL_PACKAGE_ARN is empty: run do/config set MODEL_PACKAGE_ARN with the ARN of a model package",
            ExitCode.BAD_CONFIGURATION,
        )
    package = aws.find("sagemaker", "DescribeModelPackage", ModelPackageName=arn)
    if not package:
        raise VerbError("there is no model package as in MODEL_PACKAGE_ARN", ExitCode.MISSING_FILE)
    approval = package.get("ModelApprovalStatus", "without an approval status")
    if approval != "Approved":
        raise VerbError(
            f"the model package is {approval}, and only an Approved one is deployed: have it approved in the "
            "Model Registry, or run do/config set MODEL_PACKAGE_ARN with another",
            ExitCode.BAD_CONFIGURATION,
        )
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        raise VerbError(
            f"the model package has {len(containers) or 'no'} containers with a model, and this project serves one: "
            "register one with do/register, and run do/config set MODEL_PACKAGE_ARN with its ARN",
            ExitCode.BAD_CONFIGURATION,
        )
    found = {key: containers[0][key] for key in ("ModelDataUrl", "ModelDataSource") if containers[0].get(key)}
    if not found:
        raise VerbError("the model package has no model data: register it with do/register", ExitCode.MISSING_FILE)
    return found


def _require(found: Any, url: str) -> None:
    if not found:
        raise VerbError(f"there is nothing at {url}: run do/upload", ExitCode.MISSING_FILE)
