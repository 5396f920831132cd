"""How long an answer of /ping takes, which SageMaker asks every 5 seconds and gives 2 seconds."""

from __future__ import annotations

import time
from typing import Any, Protocol

from lib.checks.results import NoAnswer

LIMIT = 2.0  # seconds


class Pinged(Protocol):
    """A client of the server under test."""

    def get(self, path: str) -> Any:
        """The answer to a plain GET, with its `status_code`. Raises NoAnswer."""


def timed_ping(client: Pinged, pause: float = 0) -> tuple[int, float]:
    """The status of a ping (0: no answer) and how many seconds it took, after a pause in seconds."""
    time.sleep(pause)
    began = time.monotonic()
    try:
        status = client.get("/ping").status_code
    except NoAnswer:
        status = 0
    return status, time.monotonic() - began
