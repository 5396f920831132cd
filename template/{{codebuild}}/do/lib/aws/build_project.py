"""The CodeBuild project that builds the image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib import config
from lib.aws import names, policies
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError
from lib.image import images

KEY_SECRET = "NGC_KEY_SECRET"  # a setting of projects with TensorRT-LLM
MACHINES = Path(__file__).with_name("build_machines.json")  # by the image's platform

NVIDIA = "nvcr.io"


def require_region(aws: AwsClient) -> None:
    """Raise VerbError in a region that has no CodeBuild."""
    partition = aws.session.boto.get_partition_for_region(aws.region)
    if aws.region not in aws.session.boto.get_available_regions("codebuild", partition):
        raise VerbError(
            f"CodeBuild is not available in {aws.region}: choose another region with do/update --keep-version --data "
            "aws_region=..., or build on your machine with do/update --keep-version --data build_with=docker",
            ExitCode.BAD_CONFIGURATION,
        )


def require_base_image(aws: AwsClient) -> None:
    """Raise VerbError for a base image that no build could pull."""
    image = images.base()
    configuration = config.load()
    if image.startswith(f"{NVIDIA}/") and KEY_SECRET in configuration and not configuration[KEY_SECRET]:
        raise VerbError(
            f"the base image is in {NVIDIA}, NVIDIA's registry, and {KEY_SECRET} is empty: store your key with "
            "aws secretsmanager create-secret --name ngc-key --secret-string ..., then type "
            f"do/config set {KEY_SECRET} ngc-key",
            ExitCode.BAD_CONFIGURATION,
        )
    place = policies.ECR_IMAGE.match(image)
    partition = aws.session.boto.get_partition_for_region(place["region"]) if place else aws.identity.partition
    if partition != aws.identity.partition:
        raise VerbError(
            f"the base image is in {partition}, which credentials for {aws.identity.partition} can't read: copy it to "
            "a repository of yours, and name that in the Dockerfile",
            ExitCode.BAD_CONFIGURATION,
        )


def ensure(aws: AwsClient, role: str, uri: str, bucket: str) -> None:
    """Make the project, or bring it up to date with do/config. Raises VerbError for somebody else's."""
    wanted = definition(aws, role, uri, bucket)
    found = aws.read("codebuild", "BatchGetProjects", names=[wanted["name"]])["projects"]
    operation = "CreateProject"
    if found:
        names.require_ours(f"build project {wanted['name']}", found[0].get("tags", []))
        if _is_current(found[0], wanted):
            return
        operation = "UpdateProject"
    aws.change("codebuild", operation, **wanted)


def definition(aws: AwsClient, role: str, uri: str, bucket: str) -> dict[str, Any]:
    """What the project should be."""
    configuration = config.load()
    machine = json.loads(MACHINES.read_text(encoding="utf-8"))[images.platform()]
    return {
        "name": names.project(),
        "description": f"Builds the image of {names.project()}",
        # a build names its own source; the buildspec is the one in that
        "source": {"type": "S3", "location": f"{bucket}/source/", "buildspec": "buildspec.yml"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {
            "type": machine["type"],
            "image": machine["image"],
            "computeType": configuration["CODEBUILD_COMPUTE_TYPE"],
            "privilegedMode": True,  # for docker
            "imagePullCredentialsType": "CODEBUILD",
            "environmentVariables": [
                {"name": "REPOSITORY_URI", "value": uri, "type": "PLAINTEXT"},
                *_key_of_the_base_image(configuration),
            ],
        },
        "serviceRole": role,
        "timeoutInMinutes": 120,
        "queuedTimeoutInMinutes": 60,
        "logsConfig": {"cloudWatchLogs": {"status": "ENABLED", "groupName": names.log_group("build")}},
        "tags": names.tag_list("key", "value"),
    }


def _key_of_the_base_image(configuration: Mapping[str, str]) -> list[dict[str, str]]:
    """The key for NVIDIA's registry, by reference: CodeBuild reads the secret when a build starts."""
    if KEY_SECRET not in configuration or not configuration[KEY_SECRET]:
        return []
    return [{"name": "NGC_API_KEY", "value": configuration[KEY_SECRET], "type": "SECRETS_MANAGER"}]


def _is_current(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there; AWS adds more to it."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_is_current(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_is_current, found, wanted))
    return bool(found == wanted)
