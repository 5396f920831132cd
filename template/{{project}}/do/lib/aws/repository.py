"""The project's image repository in ECR."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.aws import names
from lib.aws.client import AwsClient
from lib.aws.image_platform import DOCKER_MANIFEST
from lib.aws.tables import read_table

TABLE = Path(__file__).with_name("repository.yml")


def registry(aws: AwsClient) -> str:
    """The account's registry, as docker names it."""
    return f"{aws.identity.account}.dkr.ecr.{aws.region}.{aws.session.dns_suffix}"


def uri(aws: AwsClient) -> str:
    """The repository, as docker names it."""
    return f"{registry(aws)}/{names.project()}"


def digest(aws: AwsClient, tag: str) -> str | None:
    """The digest (sha256:...) of the image with this tag; None where it isn't there. Raises AwsError."""
    found = aws.find("ecr", "DescribeImages", repositoryName=names.project(), imageIds=[{"imageTag": tag}])
    return str(found["imageDetails"][0]["imageDigest"]) if found else None


@contextmanager
def tag_free(aws: AwsClient, tag: str) -> Iterator[None]:
    """Let another image take a tag, which stands for one image otherwise. Raises VerbError.

    The image that has it gets a second one, because endpoints pull it by its digest for as long as they run. It has
    its tag back if no other took it.
    """
    image = {"repositoryName": names.project(), "imageIds": [{"imageTag": tag}]}
    found = aws.find("ecr", "BatchGetImage", **image, acceptedMediaTypes=[DOCKER_MANIFEST]) or {"images": []}
    if not found["images"]:
        yield
        return
    (old,) = found["images"]
    same = {"repositoryName": names.project(), "imageManifest": old["imageManifest"]}
    same["imageManifestMediaType"] = old["imageManifestMediaType"]
    aside = f"{tag}-{old['imageId']['imageDigest'].partition(':')[2][: names.HASH_LENGTH]}"
    if not digest(aws, aside):
        aws.change("ecr", "PutImage", **same, imageTag=aside)
    aws.change("ecr", "BatchDeleteImage", **image)
    try:
        yield
    finally:
        if not aws.dry_run and not digest(aws, tag):
            aws.change("ecr", "PutImage", **same, imageTag=tag)


def ensure(aws: AwsClient) -> str:
    """The repository as docker names it, made or brought up to date first. Raises VerbError for somebody else's."""
    name = names.project()
    wanted = read_table(TABLE)
    lifecycle = wanted.pop("lifecycle")
    found = aws.find("ecr", "DescribeRepositories", repositoryNames=[name])
    if found:
        _update(aws, found["repositories"][0], wanted)
    else:
        aws.change("ecr", "CreateRepository", repositoryName=name, tags=names.tag_list(), **wanted)
    policy = aws.find("ecr", "GetLifecyclePolicy", repositoryName=name)
    if not policy or json.loads(policy["lifecyclePolicyText"]) != lifecycle:
        aws.change("ecr", "PutLifecyclePolicy", repositoryName=name, lifecyclePolicyText=json.dumps(lifecycle))
    return uri(aws)


def _update(aws: AwsClient, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    name = found["repositoryName"]
    tags = aws.read("ecr", "ListTagsForResource", resourceArn=found["repositoryArn"])["tags"]
    names.require_ours(f"repository {name}", tags)
    mutability = {key: value for key, value in wanted.items() if key.startswith("imageTagMutability")}
    if any(found.get(key) != value for key, value in mutability.items()):
        aws.change("ecr", "PutImageTagMutability", repositoryName=name, **mutability)
    scanning = wanted["imageScanningConfiguration"]
    if found.get("imageScanningConfiguration") != scanning:
        aws.change("ecr", "PutImageScanningConfiguration", repositoryName=name, imageScanningConfiguration=scanning)
