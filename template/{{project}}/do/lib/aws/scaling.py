"""Autoscaling of the endpoint's instances."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from lib.aws import definitions
from lib.aws.calls import Aws
from lib.aws.steps import Step

SERVICE = "application-autoscaling"

# while autoscaling chooses the number of instances, an update leaves it as it is, but takes over the rest
KEEP_COUNT = {
    "RetainAllVariantProperties": True,
    "ExcludeRetainedVariantProperties": [
        {"VariantPropertyType": "DesiredWeight"},
        {"VariantPropertyType": "DataCaptureConfig"},
    ],
}


def registered(aws: Aws) -> dict[str, Any] | None:
    """What autoscaling knows of the endpoint; None where it knows nothing."""
    target = definitions.scalable_target()
    listed = aws.pages(
        SERVICE,
        "DescribeScalableTargets",
        "ScalableTargets",
        ServiceNamespace=target["ServiceNamespace"],
        ResourceIds=[target["ResourceId"]],
    )
    return next(iter(listed), None)


def begin(aws: Aws, anew: bool = False) -> Iterator[Step]:
    """What lets the number of instances follow the load, where the settings say so and it doesn't yet."""
    capacity = definitions.capacity()
    known = {} if anew else registered(aws) or {}
    if definitions.is_scaled() and {key: known.get(key) for key in capacity} != capacity:
        yield Step("let the load choose {MinCapacity} to {MaxCapacity} instances".format(**capacity), partial(_on, aws))


def end(aws: Aws) -> Iterator[Step]:
    """What ends that, where the settings say otherwise."""
    if not definitions.is_scaled():
        yield from stop(aws)


def stop(aws: Aws) -> Iterator[Step]:
    """What ends autoscaling, where there is any."""
    if registered(aws):
        yield Step("end autoscaling", partial(deregister, aws))


def deregister(aws: Aws) -> None:
    """End autoscaling; its policy and alarms go with it."""
    aws.change(SERVICE, "DeregisterScalableTarget", **definitions.scalable_target())


def _on(aws: Aws) -> None:
    target = definitions.scalable_target()
    aws.change(SERVICE, "RegisterScalableTarget", **target, **definitions.capacity())
    aws.change(SERVICE, "PutScalingPolicy", **target, **definitions.scaling_policy())
