"""By what SageMaker's autoscaling would choose how much there is: by nothing, as the cluster scales the pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def policies() -> list[dict[str, Any]]:
    """None."""
    return []


def alarms(policies: Mapping[str, str]) -> list[dict[str, Any]]:
    """None."""
    return []
