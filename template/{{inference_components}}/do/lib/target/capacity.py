"""On what the endpoint runs: instances of INSTANCE_TYPE, and the copies of the model that share them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib import config
from lib.machine import INSTANCE_ADVICE, Machine, of_instance_type, require_room_for_a_copy

ROUTING = {"least-outstanding-requests": "LEAST_OUTSTANDING_REQUESTS", "random": "RANDOM"}
AMI = "INFERENCE_AMI_VERSION"
ACCELERATORS = "COPY_ACCELERATORS"
LARGEST_IMAGE: int | None = None  # SageMaker documents no limit: the disk of the instance is one
MEMORY_ADVICE = INSTANCE_ADVICE

# what autoscaling changes, and what its numbers count
DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
UNIT = "copies"


def machine() -> Machine:
    """What the image has to fit."""
    return of_instance_type()


def variant(model_name: str) -> dict[str, Any]:
    """What the production variant of the endpoint configuration says of it: no model, which the component has."""
    configuration = config.load()
    found: dict[str, Any] = {
        "InstanceType": configuration["INSTANCE_TYPE"],
        "InitialInstanceCount": max(1, int(configuration["MIN_INSTANCES"])),
        "RoutingConfig": {"RoutingStrategy": ROUTING[configuration["ROUTING_STRATEGY"]]},
        "ManagedInstanceScaling": {
            "Status": "ENABLED",
            "MinInstanceCount": int(configuration["MIN_INSTANCES"]),
            "MaxInstanceCount": int(configuration["MAX_INSTANCES"]),
        },
    }
    if int(configuration["VOLUME_SIZE_GB"]):
        found["VolumeSizeInGB"] = int(configuration["VOLUME_SIZE_GB"])
    if AMI in configuration:  # only of projects whose image needs a GPU
        found["InferenceAmiVersion"] = configuration[AMI]
    return found


def specification(model_name: str) -> dict[str, Any]:
    """What each copy of the model gets, as CreateInferenceComponent takes it."""
    configuration = config.load()
    resources: dict[str, Any] = {
        "MinMemoryRequiredInMb": int(configuration["COPY_MEMORY_MB"]),
        "NumberOfCpuCoresRequired": float(configuration["COPY_CPUS"]),
    }
    if accelerators := int(configuration.get(ACCELERATORS, 0)):
        resources["NumberOfAcceleratorDevicesRequired"] = float(accelerators)
    return {
        "ModelName": model_name,
        "StartupParameters": {
            "ContainerStartupHealthCheckTimeoutInSeconds": start_seconds(),
            "ModelDataDownloadTimeoutInSeconds": int(configuration["DOWNLOAD_TIMEOUT"]),
        },
        "ComputeResourceRequirements": resources,
    }


def first_copies() -> int:
    """With how many copies a component starts: with one at least, also if they can all go later."""
    return max(1, bounds()[0])


def require_room() -> None:
    """Raise VerbError for a copy that doesn't fit on an instance. SageMaker keeps some of its memory, too."""
    require_room_for_a_copy()


def start_seconds() -> int:
    """How long SageMaker waits for the container to answer /ping."""
    return int(config.load()["STARTUP_TIMEOUT"])


def start_advice(seconds: int) -> str:
    """What to do about a container that takes so long to start."""
    return f"run do/config set STARTUP_TIMEOUT {min(3600, seconds)}"


def bounds() -> tuple[int, int]:
    """Between which numbers of copies autoscaling chooses; twice the same if it doesn't."""
    configuration = config.load()
    return int(configuration["MIN_COPIES"]), int(configuration["MAX_COPIES"])


def quotas(present: Mapping[str, Any]) -> dict[str, int]:
    """How much of the account's quotas is needed at once, by their names: an update has one instance more."""
    most = int(config.load()["MAX_INSTANCES"])
    return {f"{config.load()['INSTANCE_TYPE']} for endpoint usage": most + (1 if present else 0)}


def quota_advice() -> str:
    """What to do instead of asking for a higher quota."""
    return "run do/config set MAX_INSTANCES with less, or do/update --keep-version --data instance_type=..."
