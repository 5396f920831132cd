"""How long an update may take: Kubernetes replaces the pods by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib import config


def parameters(
    wanted: Mapping[str, Any], present: Mapping[str, Any], alarms: Sequence[str], is_scaled: bool
) -> dict[str, Any]:
    """What UpdateEndpoint would get: nothing."""
    return {}


def longest() -> int:
    """The seconds that a deployment may take; the cluster gives it up then."""
    return int(config.load()["DEPLOYMENT_TIMEOUT"])
