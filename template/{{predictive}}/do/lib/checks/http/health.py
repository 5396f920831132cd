"""Checks of /ping, which SageMaker asks every 5 seconds and gives 2 seconds to answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from lib.checks.http.http_client import Client
from lib.checks.http.pinging import LIMIT, timed_ping
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check
from lib.checks.results import Observation, expect

LOAD_THREADS = 8
LOAD_ROWS = 100
LOAD_BYTES = 1024 * 1024
LOAD_REQUESTS = 200  # by each thread at most, so that the load ends by itself
PINGS = 10


@check
def ping_answers_200_within_2_seconds(client: Client, reference: Reference) -> Observation:
    status, seconds = timed_ping(client)
    return expect(status == 200 and seconds < LIMIT, "200 within 2 s", f"{status} after {seconds:.3f} s")


@check
def ping_answers_within_2_seconds_under_load(client: Client, reference: Reference) -> Observation:
    stop = threading.Event()
    body, _ = reference.repeated(LOAD_ROWS, LOAD_BYTES)
    with ThreadPoolExecutor(LOAD_THREADS) as threads:
        for _ in range(LOAD_THREADS):
            threads.submit(keep_busy, client, body, stop)
        try:
            pings = [timed_ping(client, pause=0.1) for _ in range(PINGS)]
        finally:
            stop.set()
    statuses = sorted({status for status, _ in pings})
    slowest = max(seconds for _, seconds in pings)
    return expect(
        statuses == [200] and slowest < LIMIT,
        f"{PINGS} times 200 within 2 s",
        f"{', '.join(map(str, statuses))}, the slowest after {slowest:.3f} s",
    )


def keep_busy(client: Client, body: bytes, stop: threading.Event) -> None:
    """Send requests until told to stop."""
    for _ in range(LOAD_REQUESTS):
        if stop.is_set():
            return
        client.invoke(body)
