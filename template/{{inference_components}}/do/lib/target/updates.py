"""How an update replaces the instances: SageMaker does it by itself, and moves the copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib import config

LONGEST = 28800  # seconds, the API's limits
SHORTEST = 600
BATCHES = 2  # at most, of the copies that an update replaces one after the other


def parameters(
    wanted: Mapping[str, Any], present: Mapping[str, Any], alarms: Sequence[str], is_scaled: bool
) -> dict[str, Any]:
    """What UpdateEndpoint gets beside the name of the endpoint configuration `wanted`: nothing."""
    return {}


def longest() -> int:
    """The seconds that an update may take: batches of copies that start, and half an hour for instances."""
    configuration = config.load()
    batch = int(configuration["STARTUP_TIMEOUT"]) + int(configuration["DOWNLOAD_TIMEOUT"])
    return max(SHORTEST, min((BATCHES + 1) * batch + 1800, LONGEST))
