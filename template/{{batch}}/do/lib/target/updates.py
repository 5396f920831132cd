"""How an update would replace what serves, and how long to wait for an endpoint of an earlier deployment target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 28800  # seconds, the API's limit: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BlueGreenUpdatePolicy.html


def parameters(
    wanted: Mapping[str, Any], present: Mapping[str, Any], alarms: Sequence[str], is_scaled: bool
) -> dict[str, Any]:
    """What UpdateEndpoint would get: nothing."""
    return {}


def longest() -> int:
    """The seconds that an update may take."""
    return LONGEST
