"""By what autoscaling would choose the number of instances: nothing, as each job says how many it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def policies() -> list[dict[str, Any]]:
    """None."""
    return []


def alarms(policies: Mapping[str, str]) -> list[dict[str, Any]]:
    """None."""
    return []
