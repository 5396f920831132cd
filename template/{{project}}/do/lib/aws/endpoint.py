"""The endpoint as it is: its state, and the configurations that it had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lib.aws import names, waiting
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError
from lib.target import updates

HISTORY_TAG = "mcc-template:previous"  # on the endpoint: the hashes of the configurations before this one
HISTORY_LENGTH = 10  # a tag holds 256 characters
# the old instances go on until an update is done, and stay where it was taken back:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
SERVING = {"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"}
MOVING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}


@dataclass(frozen=True)
class Endpoint:
    """What SageMaker says of it. `variant` is its production variant as it serves now; empty while there is none."""

    arn: str
    status: str
    config: str
    reason: str
    variant: dict[str, Any]
    created: datetime
    changed: datetime
    tags: dict[str, str]

    @property
    def instances(self) -> int:
        """How many instances serve now; none if it has no instances."""
        return int(self.variant.get("CurrentInstanceCount", 0))

    @property
    def size(self) -> str:
        """How much there is of it, in words."""
        serverless = self.variant.get("CurrentServerlessConfig")
        if not serverless:
            return f"{self.instances} instances"
        ready = serverless.get("ProvisionedConcurrency", 0)
        return f"{serverless['MemorySizeInMB']} MB, {serverless['MaxConcurrency']} requests at once, {ready} kept ready"

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """The tags in AWS's form."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    @property
    def previous(self) -> list[str]:
        """The names of the configurations that it had before, the last one first."""
        hashes = self.tags.get(HISTORY_TAG, "").split()
        return [name for name in (f"{names.project()}-{digest}" for digest in hashes) if name != self.config]


def find(aws: AwsClient) -> Endpoint | None:
    """The project's endpoint; None if there is none. Raises VerbError for one that the project did not make."""
    found = named(aws)
    if found:
        names.require_ours(f"endpoint {names.project()}", found.tag_list)
    return found


def named(aws: AwsClient) -> Endpoint | None:
    """The endpoint with this project's name, whoever made it; None if there is none."""
    found = _look(aws)
    if not found:
        return None
    return replace(found, tags=names.by_key(aws.pages("sagemaker", "ListTags", "Tags", ResourceArn=found.arn)))


def require_no_stack(found: Endpoint | None) -> None:
    """Raise VerbError for an endpoint that CloudFormation makes, changes and removes, with all that belongs to it."""
    if found and (stack := found.tags.get(names.STACK_TAG)):
        raise VerbError(
            f"the endpoint {names.project()} belongs to the CloudFormation stack {stack}: run do/export and update the "
            "stack, or delete it there first",
            ExitCode.BAD_CONFIGURATION,
        )


def require_unmanaged(found: Endpoint | None) -> None:
    """Raise VerbError for an endpoint that something else makes, changes and removes, for the project."""
    require_no_stack(found)
    if found and (target := found.tags.get(names.MANAGED_TAG)):
        raise VerbError(
            f"the endpoint {names.project()} was deployed with deploy_target={target}, which removes it: run do/update "
            f"--keep-version --data deploy_target={target}, do/clean --aws, then the same again",
            ExitCode.BAD_CONFIGURATION,
        )


def require_serving(aws: AwsClient) -> None:
    """Raise VerbError unless the endpoint answers requests."""
    found = find(aws)
    if not found or found.status not in SERVING:
        state = found.status if found else "not there"
        raise VerbError(f"the endpoint is {state}: run do/deploy", ExitCode.MISSING_PREREQUISITE)


def settled(aws: AwsClient) -> Endpoint | None:
    """The endpoint when nothing moves any more; None if there is none then. Raises VerbError."""
    patience = updates.longest() + 1800
    waiting.until(lambda: _look(aws), lambda seen: not seen or seen.status not in MOVING, _told, patience)
    return find(aws)


def history(endpoint: Endpoint) -> dict[str, str]:
    """The tag that remembers the present configuration, for when another takes its place."""
    before = [endpoint.config, *endpoint.previous][:HISTORY_LENGTH]
    return {"Key": HISTORY_TAG, "Value": " ".join(name.rpartition("-")[2] for name in before)}


def _told(endpoint: Endpoint | None) -> str:
    return f"{names.project()} is {endpoint.status}" if endpoint else f"{names.project()} is gone"


def _look(aws: AwsClient) -> Endpoint | None:
    found = aws.find("sagemaker", "DescribeEndpoint", EndpointName=names.project())
    return _described(found) if found else None


def _described(found: dict[str, Any]) -> Endpoint:
    return Endpoint(
        arn=found["EndpointArn"],
        status=found["EndpointStatus"],
        config=found["EndpointConfigName"],
        reason=found.get("FailureReason", ""),
        variant=next(iter(found.get("ProductionVariants", [])), {}),
        created=found["CreationTime"],
        changed=found["LastModifiedTime"],
        tags={},
    )
