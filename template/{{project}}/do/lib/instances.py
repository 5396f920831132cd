"""The instance types of SageMaker hosting: their processor and memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lib import config

TYPES = Path(__file__).with_name("instances.json")
PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}


@dataclass(frozen=True)
class Instance:
    """What the image has to fit: `platform` as Docker names it, CPUs and memory of the whole instance."""

    name: str
    platform: str
    vcpu: int
    memory_mib: int


def chosen() -> Instance:
    """The type that the project is deployed on (INSTANCE_TYPE). Raises VerbError for one that is not in the list."""
    name = config.load()["INSTANCE_TYPE"]
    row = json.loads(TYPES.read_text())[name]
    return Instance(name, PLATFORMS[row["architecture"]], row["vcpu"], row["memory_mib"])
