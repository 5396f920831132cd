"""What a container runs on in AWS; lib/target/capacity.py says which machine that is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """What the image has to fit: `platform` as Docker names it, CPUs and memory of the whole machine."""

    name: str
    platform: str
    vcpu: int
    memory_mib: int
