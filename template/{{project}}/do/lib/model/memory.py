"""Whether the model, in all of the server's processes, fits into the memory that there is in AWS.

Before it is loaded only its size on disk is known, which is the least that it takes: what is refused here could never
run. do/test measures what it really takes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from lib import config
from lib.cli import ExitCode, VerbError
from lib.machine import Machine
from lib.model import artifacts
from lib.target import capacity

KNOWN = Path(__file__).with_name("memory.json")  # how many copies the processes hold; only where this server loads it
TEXT = (".json", ".txt")  # numbers take less room in memory than written out
TEXT_SHARE = 0.2
START_MARGIN = 4  # an instance's start may take so many times longer than one here, where the files are warm


@dataclass(frozen=True)
class Load:
    """What the server's processes hold of the model: `size` in bytes of one copy, `copies` of it."""

    size: int
    processes: int
    copies: int
    machine: Machine

    @property
    def fits(self) -> bool:
        """Whether the machine can hold it, with nothing beside it."""
        return self.size * self.copies <= self.machine.memory_mib << 20

    @property
    def problem(self) -> str:
        """Why the machine can't hold it, and what to do."""
        return f"the model doesn't fit into memory: {self}: {capacity.MEMORY_ADVICE}"

    def __str__(self) -> str:
        held = "share one copy" if self.copies == 1 else "hold a copy each"
        several = f"{self.processes} processes {held}" if self.processes > 1 else "one process holds it"
        return f"{shown(self.size)}; {several}, and {self.machine.name} has {shown(self.machine.memory_mib << 20)}"


def on_disk() -> Load | None:
    """The least that the model in model/ takes; None if that can't be told."""
    files = artifacts.contents()
    return of(sum(_least(path) for path in files)) if files else None


def of(size: int) -> Load | None:
    """The load of a model of this size; None where the server doesn't decide how often it is in memory."""
    copies = json.loads(KNOWN.read_text())["copies"] if KNOWN.exists() else "unknown"
    if copies == "unknown":
        return None
    machine = capacity.machine()
    processes = workers() or machine.vcpu
    return Load(size, processes, 1 if copies == "one" else processes, machine)


def workers() -> int:
    """The number of processes that CONTAINER_ENVIRONMENT asks for; 0 if the server decides."""
    pairs = dict(pair.strip().partition("=")[::2] for pair in config.load()["CONTAINER_ENVIRONMENT"].split(","))
    text = pairs.get("SERVING_WORKERS", "")
    return int(text) if text.isdecimal() else 0


def require() -> None:
    """Raise VerbError for a model that doesn't fit."""
    load = on_disk()
    if load and not load.fits:
        raise VerbError(load.problem, ExitCode.BAD_CONFIGURATION)


def advice(size: int, seconds: float) -> list[str]:
    """What to do about a model that took this memory and time to load here; nothing for most."""
    load, limit = of(size), capacity.start_seconds()
    notes = [load.problem] if load and not load.fits else []
    if seconds * START_MARGIN > limit:
        advice = capacity.start_advice(int(seconds * START_MARGIN))
        notes.append(f"the model took {seconds:.0f} s to load here: {advice}")
    return notes


def shown(size: int) -> str:
    """Bytes as people read them."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{math.ceil(size / 2**20)} MiB"


def _least(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(int(file.stat().st_size * (TEXT_SHARE if file.suffix in TEXT else 1)) for file in files)
