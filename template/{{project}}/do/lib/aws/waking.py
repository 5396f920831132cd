"""What starts the first instance or copy of an endpoint that has none: an alarm, and the policy that it carries out.

Target tracking can't: without an instance or a copy, its metric has no value. The row `wake` of the target's
scaling.yml says what the alarm sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.aws import names
from lib.target import capacity

NAMESPACE = "AWS/SageMaker"


def policies(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The policy, as PutScalingPolicy takes it; none where something always runs, or nothing can wake it."""
    if not _sleeps(table):
        return []
    step = {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": table["wake"]["aggregation"],
        "Cooldown": table["wake"]["cooldown"],
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    }
    return [{"PolicyName": names.wake(), "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": step}]


def alarms(table: Mapping[str, Any], policies: Mapping[str, str]) -> list[dict[str, Any]]:
    """The alarm, as PutMetricAlarm takes it; `policies` has ARNs by name."""
    if not _sleeps(table):
        return []
    wake = {
        "AlarmName": names.wake(),
        "Namespace": NAMESPACE,
        "Dimensions": [{"Name": table["wake"]["dimension"], "Value": names.project()}],
        **table["wake"]["alarm"],
        "AlarmActions": [policies.get(names.wake(), "")],
        "Tags": names.tag_list(),
    }
    return [wake]


def _sleeps(table: Mapping[str, Any]) -> bool:
    """Whether nothing runs while nobody asks, and something can wake it."""
    return "wake" in table and capacity.bounds()[0] == 0
