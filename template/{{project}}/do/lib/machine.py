"""What a container runs on in AWS; lib/target/capacity.py says which machine that is."""

from __future__ import annotations

from dataclasses import dataclass

from lib import config
from lib.cli import ExitCode, VerbError

PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
# what to do about a model that doesn't fit into an instance's memory
INSTANCE_ADVICE = (
    "run do/config set CONTAINER_ENVIRONMENT SERVING_WORKERS=1 for one process, or do/update --keep-version --data "
    "instance_type=... for a type with more memory"
)


@dataclass(frozen=True)
class Machine:
    """What the image has to fit: `platform` as Docker names it, CPUs and memory of the whole machine."""

    name: str
    platform: str
    vcpu: int
    memory_mib: int


def of_instance_type() -> Machine:
    """The instance of INSTANCE_TYPE."""
    name = config.load()["INSTANCE_TYPE"]
    row = config.INSTANCES[name]
    return Machine(name, PLATFORMS[row["architecture"]], row["vcpu"], row["memory_mib"])


def require_room_for_a_copy() -> None:
    """Raise VerbError for a copy of the model that reserves more than an instance has."""
    instance, configuration = of_instance_type(), config.load()
    needed = {
        "COPY_MEMORY_MB": (instance.memory_mib, "MB of memory"),
        "COPY_CPUS": (instance.vcpu, "CPUs"),
    }
    for key, (most, unit) in needed.items():
        if float(configuration[key]) > most:
            raise VerbError(
                f"{key}={configuration[key]} doesn't fit on {instance.name}, which has {most} {unit}: run do/config "
                f"set {key} with less, or do/update --keep-version --data instance_type=...",
                ExitCode.BAD_CONFIGURATION,
            )
