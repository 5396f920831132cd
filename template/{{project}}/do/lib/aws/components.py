"""The inference components as they are: the copies of the model on the endpoint's instances, and the model's adapters.

An adapter is a component that the model's own one loads, which can't be deleted before its adapters:
https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-adapt.html and multi-lora-adapters-vllm of
https://github.com/huggingface/hub-docs.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeInferenceComponent.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib.aws import names, waiting
from lib.aws.client import AwsClient

LONGEST_DELETION = 1800  # seconds


@dataclass(frozen=True)
class Component:
    """What SageMaker says of it. `copies` run now, and `wanted_copies` should; adapters have none of their own."""

    name: str
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

    @property
    def artifact(self) -> str:
        """Where the weights of an adapter lie in S3."""
        return str(self.specification.get("Container", {}).get("ArtifactUrl", ""))


def find(aws: AwsClient, name: str = "") -> Component | None:
    """The inference component of this name, the project's by default, whoever made it; None if there is none."""
    found = aws.find("sagemaker", "DescribeInferenceComponent", InferenceComponentName=name or names.project())
    return _described(found) if found else None


def adapters(aws: AwsClient) -> Iterator[Component]:
    """The adapters on the endpoint with names of the project's, whoever made them."""
    prefix = names.adapter("")
    listed = aws.pages(
        "sagemaker",
        "ListInferenceComponents",
        "InferenceComponents",
        EndpointNameEquals=names.project(),
        NameContains=prefix,
    )
    for row in listed:
        name = row["InferenceComponentName"]
        if name.startswith(prefix) and (found := find(aws, name)):
            yield found


def tags(aws: AwsClient, found: Component) -> list[dict[str, str]]:
    """Its tags, which say whose it is."""
    return list(aws.pages("sagemaker", "ListTags", "Tags", ResourceArn=found.arn))


def remove(aws: AwsClient, name: str = "") -> None:
    """Delete one, and wait until it is gone: what it is on can't be deleted before."""
    name = name or names.project()
    aws.change("sagemaker", "DeleteInferenceComponent", InferenceComponentName=name)
    if not aws.dry_run:
        waiting.until(
            lambda: find(aws, name), lambda seen: seen is None, lambda seen: told(seen, name), LONGEST_DELETION
        )


def told(component: Component | None, name: str = "") -> str:
    """How it is, in words."""
    what = f"the inference component {name or names.project()}"
    if not component:
        return f"{what} is gone"
    copies = "" if component.artifact else f" with {component.copies} copies"
    return f"{what} is {component.status}{copies}"


def _described(found: dict[str, Any]) -> Component:
    runtime = found.get("RuntimeConfig", {})
    return Component(
        name=found["InferenceComponentName"],
        arn=found["InferenceComponentArn"],
        status=found["InferenceComponentStatus"],
        reason=found.get("FailureReason", ""),
        specification=found.get("Specification", {}),
        copies=int(runtime.get("CurrentCopyCount", 0)),
        wanted_copies=int(runtime.get("DesiredCopyCount", 0)),
        created=found["CreationTime"],
        changed=found["LastModifiedTime"],
    )
