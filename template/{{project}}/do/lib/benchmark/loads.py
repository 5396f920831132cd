"""When requests are sent, and what is known of each: in a closed loop, or in an open one.

Closed: each connection sends its next request when it has the answer to the last one. Open: requests are due at a
constant rate, whether or not there are answers. Latency counts from when a request was due, so a server that stalls
pays for all requests that had to wait meanwhile (no coordinated omission).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

clock = time.perf_counter


@dataclass(frozen=True)
class Load:
    """How many connections there are, and how many requests a second are due (None: a closed loop)."""

    connections: int
    rate: float | None = None

    @property
    def name(self) -> str:
        """For people, and to find the same load in another result."""
        connections = f"{self.connections} connection{'s' if self.connections > 1 else ''}"
        return f"{self.rate:g} requests/s on {connections}" if self.rate else connections


@dataclass(frozen=True)
class Request:
    """What is sent to /invocations."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Answer(NamedTuple):
    """An answer's status, and its body in the parts in which it came, each with its time."""

    status: int
    pieces: list[tuple[float, bytes]]

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(piece for _, piece in self.pieces)


class Exchange(NamedTuple):
    """A request of the workload, by its number there: when it was due, when its answer was there, and that."""

    number: int
    due: float
    ended: float
    answer: Answer | None
    problem: str = ""  # why there is no answer


class Schedule:
    """When the requests of a round are due. `take` is the only thing that changes it."""

    def __init__(self, load: Load, seconds: float, count: int | None) -> None:
        self.rate = load.rate
        self.count = count
        self.began = clock()
        self.ends = self.began + seconds
        self.taken = 0

    def due(self, now: float) -> float | None:
        """When the next request is due: in a closed loop now. None if there are no more."""
        due = self.began + self.taken / self.rate if self.rate else now
        return None if due >= self.ends or self.taken == self.count else due

    def take(self) -> int:
        """Take the next request: how many were taken before it."""
        self.taken += 1
        return self.taken - 1


class Connections(Protocol):
    """Open connections to a target."""

    def send_all(self, schedule: Schedule, prepared: Sequence[Any], observe: Callable[[Exchange], Any]) -> list[Any]:
        """Send prepared requests in turn as the schedule says; what `observe` makes of each, when all are answered."""


class Target(Protocol):
    """What is measured."""

    name: str

    def prepare(self, request: Request) -> Any:
        """A request in the form in which it is sent."""

    def connected(self, count: int) -> AbstractContextManager[Connections]:
        """`count` connections, open already, so that the first request isn't slower than the others."""


@dataclass
class Round:
    """What was seen of each request under a load, how long that took, and how much of a CPU the client took."""

    seen: list[Any]
    seconds: float
    client_cpu: float


def run(
    target: Target,
    load: Load,
    requests: Sequence[Request],
    observe: Callable[[Exchange], Any],
    seconds: float,
    count: int | None = None,
) -> Round:
    """Put a load on a target for a number of seconds, or for `count` requests if that takes less."""
    prepared = [target.prepare(request) for request in requests]
    gc.collect()
    gc.disable()  # its pauses would be taken for the server's
    try:
        with target.connected(load.connections) as connections:
            schedule, cpu = Schedule(load, seconds, count), time.process_time()
            seen = connections.send_all(schedule, prepared, observe)
            took = clock() - schedule.began
            return Round(seen, took, (time.process_time() - cpu) / took)
    finally:
        gc.enable()
