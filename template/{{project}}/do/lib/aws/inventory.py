"""Everything that AWS has under this project's names, in the order in which it can be removed, and whose it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from lib import config
from lib.aws import alarms, bucket, components, deployment, endpoint, logs, names, roles, scaling, traces, transforms
from lib.aws.client import AwsClient
from lib.aws.resource import Resource, Tags
from lib.cli import ExitCode, VerbError
from lib.target import capacity, product

DELETED_AT_ONCE = 1000  # objects in one request to S3


class Found(NamedTuple):
    """What a look found, and the looks that AWS or a cluster refused."""

    resources: list[Resource]
    refused: list[VerbError]


def require_no_stack(aws: AwsClient) -> None:
    """Raise VerbError where a stack has made the endpoint, and with it the rest of its group, tags included."""
    try:
        found = endpoint.named(aws)
    except VerbError as error:
        if error.exit_code != ExitCode.AWS_ERROR:
            raise
    else:  # what can't be seen is told of with the rest
        endpoint.require_no_stack(found)


def owned(aws: AwsClient, groups: Iterable[str]) -> Found:
    """What this project has of some groups of GROUPS. Goes on past what can't be seen. Raises VerbError."""
    everything = named(aws, groups)
    return everything._replace(resources=[one for one in everything.resources if names.is_ours(one.tags)])


def foreign(aws: AwsClient) -> Found:
    """What has a name of this project's, but was not made by it. Goes on past what can't be seen. Raises VerbError."""
    everything = named(aws, GROUPS)
    return everything._replace(resources=[one for one in everything.resources if not names.is_ours(one.tags)])


def named(aws: AwsClient, groups: Iterable[str]) -> Found:
    """What has a name of this project's, in the order of GROUPS. Raises VerbError where nothing can be seen at all."""
    found = Found([], [])
    for look in (look for group, looks in GROUPS.items() if group in groups for look in looks):
        try:
            found.resources.extend(look(aws))
        except VerbError as error:
            if error.exit_code != ExitCode.AWS_ERROR:  # such as credentials, which the others lack, too
                raise
            found.refused.append(error)
    return found


def _autoscaling(aws: AwsClient) -> Iterator[Resource]:
    target = scaling.registered(aws)
    if not target:
        return
    found = endpoint.named(aws)
    if not found or names.is_ours(found.tag_list):
        state = f"{target['MinCapacity']} to {target['MaxCapacity']} {capacity.UNIT}"
        # without tags of its own: it belongs to the endpoint of its name
        remove = partial(scaling.disable, aws, target)
        yield Resource("autoscaling", target["ResourceId"], remove, names.tag_list(), _nothing, state)


def _components(aws: AwsClient) -> Iterator[Resource]:
    """The inference component after its adapters: none can be deleted before what is on it."""
    if not (found := components.find(aws)):
        return
    for adapter in components.adapters(aws):
        tags, mark = _in_sagemaker(aws, adapter.arn)
        state = f"{adapter.status}, {adapter.artifact}"
        remove = partial(components.remove, aws, adapter.name)
        yield Resource("adapter", adapter.name, remove, tags, mark, state, adapter.created)
    tags, mark = _in_sagemaker(aws, found.arn)
    state = f"{found.status}, {found.copies} copies, {found.model}"
    remove = partial(components.remove, aws)
    yield Resource("inference component", names.project(), remove, tags, mark, state, found.created)


def _endpoint(aws: AwsClient) -> Iterator[Resource]:
    found = endpoint.named(aws)
    # one that this target's own resources have made is removed with them
    if found and found.tags.get(names.MANAGED_TAG) != config.load()["DEPLOY_TARGET"]:
        state = f"{found.status}, {found.size}, {found.config}"
        remove, mark = partial(deployment.remove, aws), partial(_mark_in_sagemaker, aws, found.arn)
        yield Resource("endpoint", names.project(), remove, found.tag_list, mark, state, found.created)


def _configs(aws: AwsClient) -> Iterator[Resource]:
    return _by_content(aws, "endpoint configuration", "EndpointConfigs", "EndpointConfig")


def _models(aws: AwsClient) -> Iterator[Resource]:
    return _by_content(aws, "model", "Models", "Model")


def _transform_jobs(aws: AwsClient) -> Iterator[Resource]:
    """The latest jobs of batch transform."""
    for job in transforms.latest(aws):
        tags, mark = _in_sagemaker(aws, job.arn)
        remove = partial(transforms.stop, aws, job.name)
        yield Resource(
            "transform job", job.name, remove, tags, mark, job.status, job.created, is_over=not job.is_moving
        )


def _build_project(aws: AwsClient) -> Iterator[Resource]:
    boto = aws.session.boto
    if aws.region not in boto.get_available_regions("codebuild", boto.get_partition_for_region(aws.region)):
        return
    found = aws.read("codebuild", "BatchGetProjects", names=[names.project()])["projects"]
    for project in found:
        name, tags = project["name"], project.get("tags", [])
        remove = partial(aws.change, "codebuild", "DeleteProject", name=name)
        merged = [{"key": key, "value": value} for key, value in _with_ours(tags).items()]
        mark = partial(aws.change, "codebuild", "UpdateProject", name=name, tags=merged)
        yield Resource("build project", name, remove, tags, mark, created=project.get("created"))


def _images(aws: AwsClient) -> Iterator[Resource]:
    """The image repository, with all images in it."""
    found = aws.find("ecr", "DescribeRepositories", repositoryNames=[names.project()])
    for repository in found["repositories"] if found else ():
        name, arn = repository["repositoryName"], repository["repositoryArn"]
        tags = aws.read("ecr", "ListTagsForResource", resourceArn=arn)["tags"]
        count = len(list(aws.pages("ecr", "ListImages", "imageIds", repositoryName=name)))
        remove = partial(aws.change, "ecr", "DeleteRepository", repositoryName=name, force=True)
        mark = partial(aws.change, "ecr", "TagResource", resourceArn=arn, tags=names.tag_list())
        yield Resource("image repository", name, remove, tags, mark, f"{count} images", repository.get("createdAt"))


def _project_bucket(aws: AwsClient) -> Iterator[Resource]:
    """The bucket of sources and models, with all versions of all objects."""
    name = names.bucket(aws.identity.account, aws.region)
    if bucket.exists(aws, name):
        tags = (aws.find("s3", "GetBucketTagging", Bucket=name) or {"TagSet": []})["TagSet"]
        merged = [{"Key": key, "Value": value} for key, value in _with_ours(tags).items()]
        mark = partial(aws.change, "s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": merged})
        yield Resource("bucket", name, partial(_remove_bucket, aws, name), tags, mark)


def _registry(aws: AwsClient) -> Iterator[Resource]:
    """The group of model packages, with all packages in it."""
    found = aws.find("sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=names.project())
    if found:
        tags, mark = _in_sagemaker(aws, found["ModelPackageGroupArn"])
        remove = partial(_remove_packages, aws)
        yield Resource("model package group", names.project(), remove, tags, mark, created=found["CreationTime"])


def _log_groups(aws: AwsClient) -> Iterator[Resource]:
    """What the endpoint and the builds have written."""
    for kind in ("endpoint", "component", "build"):
        if logs.exists(aws, kind):
            remove = partial(aws.change, "logs", "DeleteLogGroup", logGroupName=names.log_group(kind))
            mark = partial(aws.change, "logs", "TagResource", resourceArn=logs.arn(aws, kind), tags=names.tags())
            yield Resource("log group", names.log_group(kind), remove, logs.tags(aws, kind), mark)


def _by_content(aws: AwsClient, kind: str, listed: str, key: str) -> Iterator[Resource]:
    """Models or endpoint configurations, which are named after their content."""
    for row in aws.pages("sagemaker", f"List{listed}", listed, NameContains=names.project()):
        name = row[f"{key}Name"]
        if names.is_by_content(name):
            tags, mark = _in_sagemaker(aws, row[f"{key}Arn"])
            remove = partial(_remove_unused, aws, f"Delete{key}", **{f"{key}Name": name})
            yield Resource(kind, name, remove, tags, mark, created=row["CreationTime"])


def _alarms(aws: AwsClient) -> Iterator[Resource]:
    for alarm in alarms.named(aws):
        remove = partial(alarms.remove, aws, [alarm.name])
        mark = partial(aws.change, "cloudwatch", "TagResource", ResourceARN=alarm.arn, Tags=names.tag_list())
        yield Resource("alarm", alarm.name, remove, alarm.tags, mark, alarm.state)


def _role(aws: AwsClient, purpose: str) -> Iterator[Resource]:
    name = names.role(purpose)
    found = aws.find("iam", "GetRole", RoleName=name)
    if found:
        remove = partial(_remove_role, aws, purpose)
        mark = partial(aws.change, "iam", "TagRole", RoleName=name, Tags=names.tag_list())
        yield Resource("role", name, remove, found["Role"].get("Tags", []), mark, created=found["Role"]["CreateDate"])


def _in_sagemaker(aws: AwsClient, arn: str) -> tuple[Tags, Callable[[], object]]:
    """The tags of something in SageMaker, and what marks it."""
    tags = list(aws.pages("sagemaker", "ListTags", "Tags", ResourceArn=arn))
    return tags, partial(_mark_in_sagemaker, aws, arn)


def _mark_in_sagemaker(aws: AwsClient, arn: str) -> None:
    aws.change("sagemaker", "AddTags", ResourceArn=arn, Tags=names.tag_list())


def _with_ours(tags: Tags) -> dict[str, str]:
    """All tags of something whose tags can only be replaced."""
    return names.by_key(tags) | names.tags()


def _nothing() -> None:
    """What marks something that has no tags."""


def _remove_unused(aws: AwsClient, operation: str, **parameters: str) -> None:
    _require_no_endpoint(aws)
    aws.change("sagemaker", operation, **parameters)


def _remove_role(aws: AwsClient, purpose: str) -> None:
    if purpose == "sagemaker" and not aws.dry_run:
        _require_no_endpoint(aws)
        traces.wait_until_gone(aws)
    roles.remove(aws, purpose)


def _require_no_endpoint(aws: AwsClient) -> None:
    """Raise VerbError where the endpoint could not be removed: it needs its configuration, model and role."""
    if not aws.dry_run and endpoint.named(aws):
        raise VerbError("the endpoint, which is still there, needs it", ExitCode.AWS_ERROR)


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


# what can be named on the command line of do/clean, in the order of removal
GROUPS: dict[str, tuple[Callable[[AwsClient], Iterator[Resource]], ...]] = {
    "endpoint": (
        product.resources,
        _transform_jobs,
        _autoscaling,
        _components,
        _endpoint,
        _configs,
        _models,
        _alarms,
        partial(_role, purpose="sagemaker"),
    ),
    "registry": (_registry,),
    "build": (_build_project, partial(_role, purpose="codebuild")),
    "images": (_images,),
    "bucket": (_project_bucket,),
    "logs": (_log_groups,),
}
