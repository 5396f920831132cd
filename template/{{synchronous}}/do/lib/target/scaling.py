"""By what autoscaling chooses how much there is of the endpoint, see scaling.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib import config
from lib.aws import names, waking
from lib.aws.tables import read_table

TABLE = Path(__file__).with_name("scaling.yml")


def policies() -> list[dict[str, Any]]:
    """The policies, as PutScalingPolicy takes them: a second one is for an endpoint that can sleep."""
    table = _table()
    row = table[config.load()["MODEL_KIND"]]
    follow = {
        "PolicyName": names.project(),
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": float(row["target"]),
            "PredefinedMetricSpecification": {"PredefinedMetricType": row["metric"]},
        },
    }
    return [follow, *waking.policies(table)]


def alarms(policies: Mapping[str, str]) -> list[dict[str, Any]]:
    """The alarms that carry out policies, whose ARNs are given by name; autoscaling makes the others."""
    return waking.alarms(_table(), policies)


def _table() -> dict[str, Any]:
    return dict(read_table(TABLE))
