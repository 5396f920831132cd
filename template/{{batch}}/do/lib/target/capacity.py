"""On what transform jobs run: instances of INSTANCE_TYPE, which start with a job and stop at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib import config
from lib.machine import INSTANCE_ADVICE, Machine, of_instance_type

LARGEST_IMAGE: int | None = None  # SageMaker documents no limit: the disk of the instance, which has 30 GB, is one
# SageMaker documents no limit for transform jobs: this is the one of endpoints whose configuration has none
# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
START_SECONDS = 480
MEMORY_ADVICE = INSTANCE_ADVICE

# autoscaling, of which there is none
DIMENSION = ""
UNIT = "instances"


def machine() -> Machine:
    """What the image has to fit."""
    return of_instance_type()


def start_seconds() -> int:
    """How long the container may take to answer /ping."""
    return START_SECONDS


def start_advice(seconds: int) -> str:
    """What to do about a container that takes so long to start."""
    return f"run do/update --keep-version --data instance_type=... for a faster type ({START_SECONDS} s is the limit)"


def bounds() -> tuple[int, int]:
    """Between which numbers of instances autoscaling chooses: it has nothing to choose."""
    return 0, 0


def quotas(present: Mapping[str, Any]) -> dict[str, int]:
    """How much of the account's quotas a job needs, by their names."""
    configuration = config.load()
    name = f"{configuration['INSTANCE_TYPE']} for transform job usage"
    return {name: int(configuration["TRANSFORM_INSTANCES"])}


def quota_advice() -> str:
    """What to do instead of asking for a higher quota."""
    return "run do/config set TRANSFORM_INSTANCES with less, or do/update --keep-version --data instance_type=..."


def variant(model_name: str) -> dict[str, Any]:
    """What the production variant of an endpoint would say of it: there is no endpoint."""
    return {}
