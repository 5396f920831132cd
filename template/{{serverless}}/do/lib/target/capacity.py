"""On what the endpoint runs: containers that SageMaker starts when requests come, with MEMORY_SIZE_MB each.

https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib import config
from lib.machine import Machine

PLATFORM = "linux/amd64"
LARGEST_IMAGE: int | None = 10 * 10**9  # bytes
START_SECONDS = 180  # for /ping
LARGEST_MEMORY = 6144  # MB
MEMORY_ADVICE = (
    f"run do/config set MEMORY_SIZE_MB with more, {LARGEST_MEMORY} at most, or do/update --keep-version --data "
    "deploy_target=realtime"
)
# of the account, in Service Quotas; the first is 10 in new accounts
CONCURRENCY_QUOTA = "Maximum total concurrency that can be shared across all serverless endpoints"
MEMORY_QUOTA = "Memory size in MB per serverless endpoint"

# what autoscaling changes, and what its numbers count
DIMENSION = "sagemaker:variant:DesiredProvisionedConcurrency"
UNIT = "containers that are kept ready"


def machine() -> Machine:
    """What the image has to fit. How many CPUs there are is not documented, so one is counted on."""
    memory = config.load()["MEMORY_SIZE_MB"]
    return Machine(f"a serverless endpoint with MEMORY_SIZE_MB={memory}", PLATFORM, 1, int(memory))


def variant(model_name: str) -> dict[str, Any]:
    """What the production variant of the endpoint configuration says of it."""
    configuration = config.load()
    serverless = {
        "MemorySizeInMB": int(configuration["MEMORY_SIZE_MB"]),
        "MaxConcurrency": int(configuration["MAX_CONCURRENCY"]),
    }
    if provisioned := int(configuration["PROVISIONED_CONCURRENCY"]):
        serverless["ProvisionedConcurrency"] = provisioned
    return {"ModelName": model_name, "ServerlessConfig": serverless}


def start_seconds() -> int:
    """How long SageMaker waits for the container to answer /ping."""
    return START_SECONDS


def start_advice(seconds: int) -> str:
    """What to do about a container that takes so long to start."""
    return (
        "run do/update --keep-version --data deploy_target=realtime, as SageMaker waits no longer than "
        f"{START_SECONDS} s for a serverless endpoint"
    )


def bounds() -> tuple[int, int]:
    """Between which numbers of ready containers autoscaling chooses; twice the same if it doesn't."""
    configuration = config.load()
    return int(configuration["PROVISIONED_CONCURRENCY"]), int(configuration["MAX_PROVISIONED_CONCURRENCY"])


def quotas(present: Mapping[str, Any]) -> dict[str, int]:
    """How much of the account's quotas is needed, by their names. What serves now (`present`) makes room."""
    configuration = config.load()
    return {
        CONCURRENCY_QUOTA: int(configuration["MAX_CONCURRENCY"]),
        MEMORY_QUOTA: int(configuration["MEMORY_SIZE_MB"]),
    }


def quota_advice() -> str:
    """What to do instead of asking for a higher quota."""
    return "run do/config set MAX_CONCURRENCY or MEMORY_SIZE_MB with less"
