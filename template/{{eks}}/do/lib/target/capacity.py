"""On what the pods run: the cluster's instances of INSTANCE_TYPE, and what each copy of the model reserves there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib import config
from lib.cli import ExitCode, VerbError
from lib.machine import INSTANCE_ADVICE, Machine, of_instance_type, require_room_for_a_copy

ACCELERATORS = "COPY_ACCELERATORS"
LARGEST_IMAGE: int | None = None  # AWS documents no limit: the disk of the instance is one
MEMORY_ADVICE = INSTANCE_ADVICE

# SageMaker's autoscaling, which has nothing to do here: the cluster scales the pods
DIMENSION = ""
UNIT = "copies"


def machine() -> Machine:
    """What the image has to fit."""
    return of_instance_type()


def instance_types() -> list[str]:
    """Those that the pods can run on, the preferred one first. Raises VerbError for one with another processor."""
    configuration = config.load()
    first = configuration["INSTANCE_TYPE"]
    others = [name for name in configuration["OTHER_INSTANCE_TYPES"].split(",") if name]
    for name in others:
        row = config.INSTANCES.get(name)
        if not row or row["architecture"] != config.INSTANCES[first]["architecture"]:
            why = (
                "is not an instance type that the template knows" if not row else f"has another processor than {first}"
            )
            raise VerbError(
                f"OTHER_INSTANCE_TYPES: {name} {why}: run do/config set OTHER_INSTANCE_TYPES without it",
                ExitCode.BAD_CONFIGURATION,
            )
    return list(dict.fromkeys([first, *others]))


def resources() -> dict[str, Any]:
    """What each copy reserves, as Kubernetes takes it: GPUs are limited to what is requested, and need both."""
    configuration = config.load()
    gpus = {"nvidia.com/gpu": count} if (count := int(configuration.get(ACCELERATORS, 0))) else {}
    memory = {"cpu": configuration["COPY_CPUS"], "memory": f"{configuration['COPY_MEMORY_MB']}Mi"}
    return {"requests": {**memory, **gpus}} | ({"limits": gpus} if gpus else {})


def require_room() -> None:
    """Raise VerbError for a copy that doesn't fit on an instance. Kubernetes keeps some of it, too."""
    require_room_for_a_copy()


def copies() -> tuple[int, int]:
    """Between which numbers of copies the cluster chooses; twice the same if it doesn't."""
    configuration = config.load()
    return int(configuration["MIN_COPIES"]), int(configuration["MAX_COPIES"])


def start_seconds() -> int:
    """How long Kubernetes waits for the container to answer /ping."""
    return int(config.load()["STARTUP_TIMEOUT"])


def start_advice(seconds: int) -> str:
    """What to do about a container that takes so long to start."""
    return f"run do/config set STARTUP_TIMEOUT {min(3600, seconds)}"


def bounds() -> tuple[int, int]:
    """Between which numbers SageMaker's autoscaling chooses: it has nothing to choose."""
    return 0, 0


def quotas(present: Mapping[str, Any]) -> dict[str, int]:
    """How much of the account's quotas is needed, by their names: none, as the instances are the cluster's."""
    return {}


def quota_advice() -> str:
    """What to do instead of asking for a higher quota."""
    return "run do/config set MAX_COPIES with less, or do/update --keep-version --data instance_type=..."


def variant(model_name: str) -> dict[str, Any]:
    """What the production variant of an endpoint would say of it: the project makes none."""
    return {}
