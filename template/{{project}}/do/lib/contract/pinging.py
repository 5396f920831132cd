"""How long an answer of /ping takes, which SageMaker asks every 5 seconds and gives 2 seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lib.contract.suite import NoAnswer

if TYPE_CHECKING:
    from lib.contract.service import Service

LIMIT = 2.0  # seconds


def timed_ping(service: Service, pause: float = 0) -> tuple[int, float]:
    """The status of a ping (0: no answer) and how many seconds it took, after so many seconds' pause."""
    time.sleep(pause)
    began = time.monotonic()
    try:
        status = service.get("/ping").status_code
    except NoAnswer:
        status = 0
    return status, time.monotonic() - began
