"""Autoscaling of the endpoint's instances."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from lib.aws import requests
from lib.aws.client import AwsClient
from lib.aws.plan import Step

SERVICE = "application-autoscaling"

# while autoscaling chooses the number of instances, an update leaves it as it is, but takes over the rest
KEEP_COUNT = {
    "RetainAllVariantProperties": True,
    "ExcludeRetainedVariantProperties": [
        {"VariantPropertyType": "DesiredWeight"},
        {"VariantPropertyType": "DataCaptureConfig"},
    ],
}


def registered(aws: AwsClient) -> dict[str, Any] | None:
    """What autoscaling knows of the endpoint; None where it knows nothing."""
    target = requests.scalable_target()
    listed = aws.pages(
        SERVICE,
        "DescribeScalableTargets",
        "ScalableTargets",
        ServiceNamespace=target["ServiceNamespace"],
        ResourceIds=[target["ResourceId"]],
    )
    return next(iter(listed), None)


def plan_enable(aws: AwsClient, force: bool = False) -> Iterator[Step]:
    """What lets the number of instances follow the load, where the settings say so and it doesn't yet."""
    capacity = requests.capacity()
    known = {} if force else registered(aws) or {}
    if requests.is_scaled() and {key: known.get(key) for key in capacity} != capacity:
        yield Step(
            "let the load choose {MinCapacity} to {MaxCapacity} instances".format(**capacity), partial(_enable, aws)
        )


def plan_disable(aws: AwsClient) -> Iterator[Step]:
    """What ends that, where the settings say otherwise."""
    if not requests.is_scaled():
        yield from plan_removal(aws)


def plan_removal(aws: AwsClient) -> Iterator[Step]:
    """What ends autoscaling, where there is any."""
    if registered(aws):
        yield Step("end autoscaling", partial(disable, aws))


def disable(aws: AwsClient) -> None:
    """End autoscaling; its policy and alarms go with it."""
    aws.change(SERVICE, "DeregisterScalableTarget", **requests.scalable_target())


def _enable(aws: AwsClient) -> None:
    target = requests.scalable_target()
    aws.change(SERVICE, "RegisterScalableTarget", **target, **requests.capacity())
    aws.change(SERVICE, "PutScalingPolicy", **target, **requests.scaling_policy())
