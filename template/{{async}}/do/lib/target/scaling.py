"""By what autoscaling chooses the number of instances, down to none, see scaling.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lib import config
from lib.aws import names

TABLE = Path(__file__).with_name("scaling.yml")
NAMESPACE = "AWS/SageMaker"
COOLDOWN = 300  # seconds between two steps: an instance takes about as long to start


def policies() -> list[dict[str, Any]]:
    """The policies, as PutScalingPolicy takes them: the second one is for an endpoint without an instance."""
    row = _table()["backlog"]
    backlog = {
        "MetricName": row["MetricName"],
        "Namespace": NAMESPACE,
        "Dimensions": _dimensions(),
        "Statistic": "Average",
    }
    follow = {
        "PolicyName": names.project(),
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": float(row["target"]),
            "CustomizedMetricSpecification": backlog,
        },
    }
    wake = {
        "PolicyName": names.wake(),
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": COOLDOWN,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        },
    }
    return [follow, wake] if _sleeps() else [follow]


def alarms(policies: Mapping[str, str]) -> list[dict[str, Any]]:
    """The alarms that carry out policies, whose ARNs are given by name."""
    if not _sleeps():
        return []
    wake = {
        "AlarmName": names.wake(),
        "Namespace": NAMESPACE,
        "Dimensions": _dimensions(),
        **_table()["wake"],
        "AlarmActions": [policies.get(names.wake(), "")],
        "Tags": names.tag_list(),
    }
    return [wake]


def _sleeps() -> bool:
    """Whether the endpoint has no instance while there is nothing to do."""
    return config.load()["MIN_INSTANCES"] == "0"


def _dimensions() -> list[dict[str, str]]:
    return [{"Name": "EndpointName", "Value": names.project()}]


def _table() -> dict[str, Any]:
    return dict(yaml.safe_load(TABLE.read_text(encoding="utf-8")))
