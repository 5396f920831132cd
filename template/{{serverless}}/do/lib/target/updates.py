"""How an update replaces what serves: SageMaker does it by itself, and takes no alarms to watch it.

https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-update.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 1800  # seconds, far more than it takes


def parameters(
    wanted: Mapping[str, Any], present: Mapping[str, Any], alarms: Sequence[str], is_scaled: bool
) -> dict[str, Any]:
    """What UpdateEndpoint gets beside the name of the endpoint configuration `wanted`: nothing."""
    return {}


def longest() -> int:
    """The seconds that an update may take."""
    return LONGEST
