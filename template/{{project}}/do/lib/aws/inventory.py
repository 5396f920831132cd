"""Everything that this project has in AWS, in the order in which it can be removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from lib.aws import bucket, deployment, endpoint, names, requests, roles, scaling
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError

DELETED_AT_ONCE = 1000  # objects in one request to S3


@dataclass(frozen=True)
class Resource:
    """Something in AWS: its kind in words, how it is, since when, and how it is removed."""

    kind: str
    name: str
    remove: Callable[[], object]
    state: str = ""
    created: datetime | None = None


def endpoint_and_models(aws: AwsClient) -> Iterator[Resource]:
    """What do/deploy makes."""
    target = scaling.registered(aws)
    if target:
        state = f"{target['MinCapacity']} to {target['MaxCapacity']} instances"
        yield Resource("autoscaling", target["ResourceId"], partial(scaling.disable, aws), state)
    found = endpoint.find(aws)
    if found:
        state = f"{found.status}, {found.instances} instances, {found.config}"
        yield Resource("endpoint", names.project(), partial(deployment.remove, aws), state, found.created)
    for kind, listed, key in (
        ("endpoint configuration", "EndpointConfigs", "EndpointConfig"),
        ("model", "Models", "Model"),
    ):
        yield from _by_content(aws, kind, listed, key)
    yield from _alarms(aws)
    yield from _role(aws, "sagemaker")


def build_project(aws: AwsClient) -> Iterator[Resource]:
    """What do/submit makes to build with."""
    found = aws.read("codebuild", "BatchGetProjects", names=[names.project()])["projects"]
    for project in found:
        if names.is_ours(project.get("tags", [])):
            remove = partial(aws.change, "codebuild", "DeleteProject", name=project["name"])
            yield Resource("build project", project["name"], remove, created=project.get("created"))
    yield from _role(aws, "codebuild")


def images(aws: AwsClient) -> Iterator[Resource]:
    """The image repository, with all images in it."""
    found = aws.find("ecr", "DescribeRepositories", repositoryNames=[names.project()])
    for repository in found["repositories"] if found else ():
        tags = aws.read("ecr", "ListTagsForResource", resourceArn=repository["repositoryArn"])["tags"]
        if names.is_ours(tags):
            name = repository["repositoryName"]
            count = len(list(aws.pages("ecr", "ListImages", "imageIds", repositoryName=name)))
            remove = partial(aws.change, "ecr", "DeleteRepository", repositoryName=name, force=True)
            yield Resource("image repository", name, remove, f"{count} images", repository.get("createdAt"))


def project_bucket(aws: AwsClient) -> Iterator[Resource]:
    """The bucket of sources and models, with all versions of all objects."""
    name = names.bucket(aws.identity.account, aws.region)
    if bucket.exists(aws, name):
        tags = aws.find("s3", "GetBucketTagging", Bucket=name) or {"TagSet": []}
        if names.is_ours(tags["TagSet"]):
            yield Resource("bucket", name, partial(_remove_bucket, aws, name))


def registry(aws: AwsClient) -> Iterator[Resource]:
    """The group of model packages, with all packages in it."""
    found = aws.find("sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=names.project())
    if found and _is_ours(aws, found["ModelPackageGroupArn"]):
        remove = partial(_remove_packages, aws)
        yield Resource("model package group", names.project(), remove, created=found["CreationTime"])


def log_groups(aws: AwsClient) -> Iterator[Resource]:
    """What the endpoint and the builds have written."""
    for kind in ("endpoint", "build"):
        group = names.log_group(kind)
        for found in aws.pages("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=group):
            if found["logGroupName"] == group:
                yield Resource("log group", group, partial(aws.change, "logs", "DeleteLogGroup", logGroupName=group))


# what can be named on the command line of do/clean, in the order of removal
GROUPS: dict[str, Callable[[AwsClient], Iterator[Resource]]] = {
    "endpoint": endpoint_and_models,
    "registry": registry,
    "build": build_project,
    "images": images,
    "bucket": project_bucket,
    "logs": log_groups,
}


def _by_content(aws: AwsClient, kind: str, listed: str, key: str) -> Iterator[Resource]:
    """Models or endpoint configurations, which are named after their content."""
    for row in aws.pages("sagemaker", f"List{listed}", listed, NameContains=names.project()):
        name = row[f"{key}Name"]
        if names.is_by_content(name) and _is_ours(aws, row[f"{key}Arn"]):
            remove = partial(aws.change, "sagemaker", f"Delete{key}", **{f"{key}Name": name})
            yield Resource(kind, name, remove, created=row["CreationTime"])


def _alarms(aws: AwsClient) -> Iterator[Resource]:
    wanted = [parameters["AlarmName"] for parameters in requests.alarms_of_endpoint()]
    for alarm in aws.pages("cloudwatch", "DescribeAlarms", "MetricAlarms", AlarmNames=wanted):
        tags = aws.read("cloudwatch", "ListTagsForResource", ResourceARN=alarm["AlarmArn"])["Tags"]
        if names.is_ours(tags):
            remove = partial(aws.change, "cloudwatch", "DeleteAlarms", AlarmNames=[alarm["AlarmName"]])
            yield Resource("alarm", alarm["AlarmName"], remove, alarm["StateValue"])


def _role(aws: AwsClient, purpose: str) -> Iterator[Resource]:
    found = aws.find("iam", "GetRole", RoleName=names.role(purpose))
    if found and names.is_ours(found["Role"].get("Tags", [])):
        remove = partial(roles.remove, aws, purpose)
        yield Resource("role", names.role(purpose), remove, created=found["Role"]["CreateDate"])


def _is_ours(aws: AwsClient, arn: str) -> bool:
    return names.is_ours(list(aws.pages("sagemaker", "ListTags", "Tags", ResourceArn=arn)))


def _remove_bucket(aws: AwsClient, name: str) -> None:
    while batch := list(islice(_versions(aws, name), DELETED_AT_ONCE)):
        answer = aws.change("s3", "DeleteObjects", Bucket=name, Delete={"Objects": batch, "Quiet": True})
        for error in answer.get("Errors", ()):  # S3 answers 200 all the same
            raise VerbError(f"can't delete {error['Key']} in {name}: {error['Message']}", ExitCode.AWS_ERROR)
        if aws.dry_run:
            break
    aws.change("s3", "DeleteBucket", Bucket=name)


def _versions(aws: AwsClient, name: str) -> Iterator[dict[str, Any]]:
    """Every version of every object, and the marks of those that were deleted."""
    for kind in ("Versions", "DeleteMarkers"):
        for found in aws.pages("s3", "ListObjectVersions", kind, Bucket=name):
            yield {"Key": found["Key"], "VersionId": found["VersionId"]}


def _remove_packages(aws: AwsClient) -> None:
    group = names.project()
    for package in aws.pages("sagemaker", "ListModelPackages", "ModelPackageSummaryList", ModelPackageGroupName=group):
        aws.change("sagemaker", "DeleteModelPackage", ModelPackageName=package["ModelPackageArn"])
    aws.change("sagemaker", "DeleteModelPackageGroup", ModelPackageGroupName=group)
