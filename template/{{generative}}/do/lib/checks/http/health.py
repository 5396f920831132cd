"""Checks of /ping, which SageMaker asks every 5 seconds and gives 2 seconds to answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lib.checks.http.http_client import Client
from lib.checks.http.pinging import LIMIT, timed_ping
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check
from lib.checks.results import Observation, expect

PINGS = 5
CALLERS = 4
TOKENS = 64


@check
def ping_answers_200_within_2_seconds(client: Client, reference: Reference) -> Observation:
    status, seconds = timed_ping(client)
    return expect(status == 200 and seconds < LIMIT, "200 within 2 s", f"{status} after {seconds:.3f} s")


@check
def ping_answers_within_2_seconds_while_the_model_writes(client: Client, reference: Reference) -> Observation:
    with ThreadPoolExecutor(CALLERS) as threads:
        busy = [threads.submit(client.invoke, reference.shortest(TOKENS)) for _ in range(CALLERS)]
        pings = [timed_ping(client) for _ in range(PINGS)]
    statuses = sorted({status for status, _ in pings} | {answer.result().status_code for answer in busy})
    slowest = max(seconds for _, seconds in pings)
    return expect(
        statuses == [200] and slowest < LIMIT,
        f"{PINGS} times 200 within 2 s",
        f"{', '.join(map(str, statuses))}, the slowest after {slowest:.3f} s",
    )
