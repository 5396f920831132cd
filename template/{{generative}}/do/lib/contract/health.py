"""Checks of /ping, which SageMaker asks every 5 seconds and gives 2 seconds to answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lib.contract.pinging import LIMIT, timed_ping
from lib.contract.reference import Reference
from lib.contract.service import Service
from lib.contract.suite import Observation, check, expect

PINGS = 5
CALLERS = 4
TOKENS = 64


@check
def ping_answers_200_within_2_seconds(service: Service, reference: Reference) -> Observation:
    status, seconds = timed_ping(service)
    return expect(status == 200 and seconds < LIMIT, "200 within 2 s", f"{status} after {seconds:.3f} s")


@check
def ping_answers_within_2_seconds_while_the_model_writes(service: Service, reference: Reference) -> Observation:
    with ThreadPoolExecutor(CALLERS) as threads:
        busy = [threads.submit(service.invoke, reference.shortest(TOKENS)) for _ in range(CALLERS)]
        pings = [timed_ping(service) for _ in range(PINGS)]
    statuses = sorted({status for status, _ in pings} | {answer.result().status_code for answer in busy})
    slowest = max(seconds for _, seconds in pings)
    return expect(
        statuses == [200] and slowest < LIMIT,
        f"{PINGS} times 200 within 2 s",
        f"{', '.join(map(str, statuses))}, the slowest after {slowest:.3f} s",
    )
