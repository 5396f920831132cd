"""On what the endpoint runs: instances of INSTANCE_TYPE, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib import config
from lib.machine import INSTANCE_ADVICE, Machine, of_instance_type
from lib.target import updates

ROUTING = {"least-outstanding-requests": "LEAST_OUTSTANDING_REQUESTS", "random": "RANDOM"}
AMI = "INFERENCE_AMI_VERSION"
LARGEST_IMAGE: int | None = None  # SageMaker documents no limit: the disk of the instance is one
MEMORY_ADVICE = INSTANCE_ADVICE

# what autoscaling changes, and what its numbers count
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
UNIT = "instances"


def machine() -> Machine:
    """What the image has to fit."""
    return of_instance_type()


def variant(model_name: str) -> dict[str, Any]:
    """What the production variant of the endpoint configuration says of it."""
    configuration = config.load()
    found: dict[str, Any] = {
        "ModelName": model_name,
        "InstanceType": configuration["INSTANCE_TYPE"],
        "InitialInstanceCount": _first_instances(),
        "InitialVariantWeight": 1.0,
        "ContainerStartupHealthCheckTimeoutInSeconds": start_seconds(),
        "ModelDataDownloadTimeoutInSeconds": int(configuration["DOWNLOAD_TIMEOUT"]),
        "RoutingConfig": {"RoutingStrategy": ROUTING[configuration["ROUTING_STRATEGY"]]},
    }
    if int(configuration["VOLUME_SIZE_GB"]):
        found["VolumeSizeInGB"] = int(configuration["VOLUME_SIZE_GB"])
    if AMI in configuration:  # only of projects whose image needs a GPU
        found["InferenceAmiVersion"] = configuration[AMI]
    return found


def start_seconds() -> int:
    """How long SageMaker waits for the container to answer /ping."""
    return int(config.load()["STARTUP_TIMEOUT"])


def start_advice(seconds: int) -> str:
    """What to do about a container that takes so long to start."""
    return f"run do/config set STARTUP_TIMEOUT {min(3600, seconds)}"


def bounds() -> tuple[int, int]:
    """Between which numbers of instances autoscaling chooses; twice the same if it doesn't."""
    configuration = config.load()
    return int(configuration["MIN_INSTANCES"]), int(configuration["MAX_INSTANCES"])


def quotas(present: Mapping[str, Any]) -> dict[str, int]:
    """How much of the account's quotas is needed at once, by their names: old instances run beside the new ones.

    `present` is the production variant that serves now, as DescribeEndpoint has it; empty if there is none.
    """
    needed = updates.instances_at_once(int(present.get("CurrentInstanceCount", 0)), _first_instances())
    return {f"{config.load()['INSTANCE_TYPE']} for endpoint usage": needed}


def quota_advice() -> str:
    """What to do instead of asking for a higher quota."""
    return "run do/update --keep-version --data instance_type=... with another type"


def _first_instances() -> int:
    """With how many instances a configuration starts: with one at least, also if they can all go later."""
    return max(1, int(config.load()["MIN_INSTANCES"]))
