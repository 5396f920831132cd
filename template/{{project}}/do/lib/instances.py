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
    """What the image has to fit: `platform` as Docker names it, `memory_mib` of the whole instance."""

    name: str
    platform: str
    memory_mib: int


def chosen() -> Instance | None:
    """The type that the project is deployed on (INSTANCE_TYPE); None for one newer than this project's list."""
    name = config.load()["INSTANCE_TYPE"]
    row = json.loads(TYPES.read_text()).get(name)
    return Instance(name, PLATFORMS[row["architecture"]], row["memory_mib"]) if row else None
