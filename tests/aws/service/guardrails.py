"""What SageMaker says about the sizes of an update's steps and its waits.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RollingUpdatePolicy.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BlueGreenUpdatePolicy.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.aws.service.protocols import ServiceError

Row = dict[str, Any]

# the least and the most percent of the variant's instances
SIZES = {"CanarySize": (0, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}


def require_valid(variant: Row, deployment: Row) -> None:
    """Raise ServiceError for a way of updating this production variant that SageMaker refuses."""
    if found := next(_problems(variant.get("InitialInstanceCount", 1), deployment), ""):
        raise ServiceError("ValidationException", found)


def _problems(instances: int, deployment: Row) -> Iterator[str]:
    policy: Row = deployment.get("BlueGreenUpdatePolicy") or deployment.get("RollingUpdatePolicy") or {}
    routing: Row = policy.get("TrafficRoutingConfiguration", policy)
    steps = 1
    for name, (least, most) in SIZES.items():
        if size := routing.get(name):
            percent = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / instances
            steps = -(-100 // percent)
            if not least <= percent <= most:
                yield f"{name} must be {least}-{most}% of the variant's total instance count."
    waits = policy.get("TerminationWaitInSeconds", 0) + steps * routing.get("WaitIntervalInSeconds", 0)
    if policy.get("MaximumExecutionTimeoutInSeconds", waits + 1) <= waits:
        yield "MaximumExecutionTimeoutInSeconds must be larger than the total waiting time."
