"""Autoscaling of the endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from lib.aws import alarms, names, requests
from lib.aws.client import AwsClient
from lib.aws.plan import Step
from lib.target import capacity
from lib.target import scaling as target_scaling

SERVICE = "application-autoscaling"
# what says by what a policy chooses: it has one of them
CHOSEN_BY = ("TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration")

TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")  # what names something that is scaled


def registered(aws: AwsClient) -> dict[str, Any] | None:
    """What autoscaling knows of the endpoint; None where it knows nothing."""
    listed = aws.pages(
        SERVICE,
        "DescribeScalableTargets",
        "ScalableTargets",
        ServiceNamespace="sagemaker",
        ResourceIds=[*names.scaled().values()],
    )
    return next(iter(listed), None)


def plan_enable(aws: AwsClient, force: bool = False) -> Iterator[Step]:
    """What lets the endpoint follow the load, where the settings say so and it doesn't yet."""
    if requests.is_scaled() and (force or not _is_enabled(aws)):
        least, most = capacity.bounds()
        yield Step(f"let the load choose {least} to {most} {capacity.UNIT}", partial(_enable, aws))


def plan_disable(aws: AwsClient) -> Iterator[Step]:
    """What ends that, where the settings say otherwise, or where an earlier deployment target scaled something else."""
    known = registered(aws)
    if not requests.is_scaled() or (known and known["ScalableDimension"] != capacity.DIMENSION):
        yield from plan_removal(aws)


def plan_removal(aws: AwsClient) -> Iterator[Step]:
    """What ends autoscaling, where there is any."""
    if known := registered(aws):
        yield Step("end autoscaling", partial(disable, aws, known))
    if waking := _waking(aws):
        yield Step("delete the alarm that starts the first of them", partial(alarms.remove, aws, waking))


def disable(aws: AwsClient, known: dict[str, Any]) -> None:
    """End autoscaling of what is `registered`; its policies and their own alarms go with it."""
    aws.change(SERVICE, "DeregisterScalableTarget", **{key: known[key] for key in TARGET})


def _is_enabled(aws: AwsClient) -> bool:
    """Whether autoscaling knows the endpoint, and by what it chooses; a verb may have been interrupted between."""
    expected = {"ScalableDimension": capacity.DIMENSION, **requests.scaling_bounds()}
    wanted = {row["PolicyName"]: row for row in target_scaling.policies()}
    known = registered(aws)
    if not known or {key: known[key] for key in expected} != expected:
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
    aws.change(SERVICE, "RegisterScalableTarget", **target, **requests.scaling_bounds())
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
