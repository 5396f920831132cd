"""The inference component as it is: the copies of the model that run on the endpoint's instances.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeInferenceComponent.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib.aws import names, waiting
from lib.aws.client import AwsClient

LONGEST_DELETION = 1800  # seconds


@dataclass(frozen=True)
class Component:
    """What SageMaker says of it. `copies` run now, and `wanted_copies` should."""

    arn: str
    status: str
    reason: str
    specification: dict[str, Any]
    copies: int
    wanted_copies: int
    created: datetime
    changed: datetime

    @property
    def model(self) -> str:
        """The name of the model that it has."""
        return str(self.specification.get("ModelName", ""))


def find(aws: AwsClient) -> Component | None:
    """The inference component with the project's name, whoever made it; None if there is none."""
    found = aws.find("sagemaker", "DescribeInferenceComponent", InferenceComponentName=names.project())
    return _described(found) if found else None


def remove(aws: AwsClient) -> None:
    """Delete it, and wait until it is gone, because the endpoint can't be deleted before."""
    aws.change("sagemaker", "DeleteInferenceComponent", InferenceComponentName=names.project())
    if not aws.dry_run:
        waiting.until(lambda: find(aws), lambda seen: seen is None, told, LONGEST_DELETION)


def told(component: Component | None) -> str:
    """How it is, in words."""
    if not component:
        return f"the inference component {names.project()} is gone"
    return f"the inference component {names.project()} is {component.status} with {component.copies} copies"


def _described(found: dict[str, Any]) -> Component:
    runtime = found.get("RuntimeConfig", {})
    return Component(
        arn=found["InferenceComponentArn"],
        status=found["InferenceComponentStatus"],
        reason=found.get("FailureReason", ""),
        specification=found.get("Specification", {}),
        copies=int(runtime.get("CurrentCopyCount", 0)),
        wanted_copies=int(runtime.get("DesiredCopyCount", 0)),
        created=found["CreationTime"],
        changed=found["LastModifiedTime"],
    )
