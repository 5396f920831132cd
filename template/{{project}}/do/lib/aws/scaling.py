"""Autoscaling of the endpoint's instances."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from lib.aws import alarms, names, requests
from lib.aws.client import AwsClient
from lib.aws.plan import Step
from lib.target import scaling as target_scaling

SERVICE = "application-autoscaling"
# what says by what a policy chooses: it has one of them
CHOSEN_BY = ("TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration")

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
    if requests.is_scaled() and (force or not _is_enabled(aws)):
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
    if waking := _waking(aws):
        yield Step("delete the alarm that starts the first instance", partial(alarms.remove, aws, waking))


def disable(aws: AwsClient) -> None:
    """End autoscaling; its policies and their own alarms go with it."""
    aws.change(SERVICE, "DeregisterScalableTarget", **requests.scalable_target())


def _is_enabled(aws: AwsClient) -> bool:
    """Whether autoscaling knows the endpoint, and by what it chooses; a verb may have been interrupted between."""
    capacity, wanted = requests.capacity(), {row["PolicyName"]: row for row in target_scaling.policies()}
    known = registered(aws)
    if not known or {key: known[key] for key in capacity} != capacity:
        return False
    found = _policies(aws)
    if {row["PolicyName"]: _chosen_by(row) for row in found} != {name: _chosen_by(row) for name, row in wanted.items()}:
        return False
    missing = {alarm["AlarmName"] for alarm in target_scaling.alarms({})} - {alarm.name for alarm in alarms.named(aws)}
    return not missing


def _policies(aws: AwsClient) -> Iterator[dict[str, Any]]:
    return aws.pages(SERVICE, "DescribeScalingPolicies", "ScalingPolicies", **requests.scalable_target())


def _chosen_by(policy: dict[str, Any]) -> dict[str, Any]:
    return {key: policy[key] for key in CHOSEN_BY if policy.get(key)}


def _waking(aws: AwsClient) -> list[str]:
    """The project's alarm that starts the first instance, where there is one."""
    return [alarm.name for alarm in alarms.named(aws) if alarm.name == names.wake() and names.is_ours(alarm.tags)]


def _enable(aws: AwsClient) -> None:
    target, wanted = requests.scalable_target(), target_scaling.policies()
    aws.change(SERVICE, "RegisterScalableTarget", **target, **requests.capacity())
    arns = {}
    for policy in wanted:
        answer = aws.change(SERVICE, "PutScalingPolicy", **target, **policy)
        arns[policy["PolicyName"]] = answer.get("PolicyARN", "")
    for alarm in target_scaling.alarms(arns):
        aws.change("cloudwatch", "PutMetricAlarm", **alarm)
    for name in {policy["PolicyName"] for policy in _policies(aws)} - arns.keys():
        aws.change(SERVICE, "DeleteScalingPolicy", PolicyName=name, **target)
    if not target_scaling.alarms({}):
        alarms.remove(aws, _waking(aws))
