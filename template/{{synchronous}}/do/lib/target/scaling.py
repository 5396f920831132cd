"""By what autoscaling chooses how much there is of the endpoint, see scaling.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lib import config
from lib.aws import names

TABLE = Path(__file__).with_name("scaling.yml")


def policies() -> list[dict[str, Any]]:
    """The policies, as PutScalingPolicy takes them."""
    row = yaml.safe_load(TABLE.read_text(encoding="utf-8"))[config.load()["MODEL_KIND"]]
    return [
        {
            "PolicyName": names.project(),
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": float(row["target"]),
                "PredefinedMetricSpecification": {"PredefinedMetricType": row["metric"]},
            },
        }
    ]


def alarms(policies: Mapping[str, str]) -> list[dict[str, Any]]:
    """The alarms that carry out policies, whose ARNs are given by name: none, because autoscaling makes its own."""
    return []
