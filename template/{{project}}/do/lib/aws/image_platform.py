"""What an image in ECR runs on: its manifest names its configuration, a file beside its layers, which says so."""

from __future__ import annotations

import json

from lib.aws import names
from lib.aws.client import AwsClient

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
SECONDS = 20  # for a file of some kilobytes


class Unreadable(Exception):
    """The configuration can't be had; the text says why, without its address, with which anyone could read it."""


def of(aws: AwsClient, digest: str) -> str:
    """The platform as Docker names it, such as `linux/amd64`. Raises AwsError and Unreadable."""
    try:
        configuration = json.loads(_downloaded(_address(aws, digest)))
        return f"{configuration['os']}/{configuration['architecture']}"
    except (ValueError, KeyError, TypeError):
        raise Unreadable("what was downloaded from ECR is no configuration of an image") from None


def _address(aws: AwsClient, digest: str) -> str:
    repository = names.project()
    wanted = {"imageIds": [{"imageDigest": digest}], "acceptedMediaTypes": [DOCKER_MANIFEST]}
    found = aws.read("ecr", "BatchGetImage", repositoryName=repository, **wanted)["images"]
    if not found:
        raise Unreadable("ECR has no manifest of it")
    layer = json.loads(found[0]["imageManifest"])["config"]["digest"]
    return str(aws.read("ecr", "GetDownloadUrlForLayer", repositoryName=repository, layerDigest=layer)["downloadUrl"])


def _downloaded(address: str) -> bytes:
    import httpx  # takes a tenth of a second, which most verbs needn't spend

    try:
        response = httpx.get(address, timeout=SECONDS)
    except httpx.HTTPError as error:
        raise Unreadable(f"the download from ECR failed: {type(error).__name__}") from None
    if response.status_code != httpx.codes.OK:
        raise Unreadable(f"the download from ECR was answered {response.status_code}")
    return response.content
