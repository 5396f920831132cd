"""By what autoscaling chooses the number of instances, down to none, see scaling.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.aws import names, waking
from lib.aws.tables import read_table

TABLE = Path(__file__).with_name("scaling.yml")


def policies() -> list[dict[str, Any]]:
    """The policies, as PutScalingPolicy takes them: the second one is for an endpoint without an instance."""
    table = _table()
    backlog = {
        "MetricName": table["backlog"]["MetricName"],
        "Namespace": waking.NAMESPACE,
        "Dimensions": [{"Name": "EndpointName", "Value": names.project()}],
        "Statistic": "Average",
    }
    follow = {
        "PolicyName": names.project(),
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": float(table["backlog"]["target"]),
            "CustomizedMetricSpecification": backlog,
        },
    }
    return [follow, *waking.policies(table)]


def alarms(policies: Mapping[str, str]) -> list[dict[str, Any]]:
    """The alarms that carry out policies, whose ARNs are given by name."""
    return waking.alarms(_table(), policies)


def _table() -> dict[str, Any]:
    return dict(read_table(TABLE))
