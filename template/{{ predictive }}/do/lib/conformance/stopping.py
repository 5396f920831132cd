"""Checks that a container stops as SageMaker asks it to."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from lib.conformance.subject import Subject
from lib.conformance.suite import check
from lib.conformance.traffic import Caller
from lib.contract.reference import Reference
from lib.contract.service import JSON, encode
from lib.contract.suite import Mismatch, Observation, expect

THREADS = 16
LOAD_SECONDS = 3
STOP_SECONDS = 10
# a request that began this long before the signal is in flight; one that begins this long after it is new
MARGIN = 0.5
ENOUGH_SECONDS = 0.15  # of work in one request, so that some are in flight when the signal comes
MOST_ROWS = 100_000


@dataclass(frozen=True)
class Sent:
    """A request of the load: when it began and ended, and whether its answer was good, wrong or missing."""

    began: float
    ended: float
    outcome: str


@check
def after_SIGTERM_requests_in_flight_finish_and_new_ones_are_refused(
    subject: Subject, reference: Reference
) -> Observation:
    started = subject.shared()
    caller = Caller(started.port, reference)
    rows = enough_rows(caller)
    stop = threading.Event()
    with ThreadPoolExecutor(THREADS) as threads:
        sending = [threads.submit(send_until, stop, caller, rows) for _ in range(THREADS)]
        time.sleep(LOAD_SECONDS)
        signalled = time.monotonic()
        started.container.stop()
        seconds = time.monotonic() - signalled
        time.sleep(2 * MARGIN)
        stop.set()
    state = started.container.state()
    code = state.exit_code if state else None
    sent = [one for future in sending for one in future.result()]
    in_flight = [one for one in sent if one.began < signalled - MARGIN and one.ended > signalled]
    new = [one for one in sent if one.began > signalled + MARGIN]
    wrong = [one.outcome for one in sent if one.outcome not in ("good", "refused")]
    wrong += [f"in flight: {one.outcome}" for one in in_flight if one.outcome != "good"]
    wrong += [f"new: {one.outcome}" for one in new if one.outcome != "refused"]
    return expect(
        code == 0 and seconds < STOP_SECONDS and bool(in_flight) and bool(new) and not wrong,
        f"all in flight answered, new ones refused, exit code 0 within {STOP_SECONDS} s",
        f"{len(in_flight)} in flight, {len(new)} new, {wrong[0] if wrong else 'as expected'}, "
        f"exit code {code} after {seconds:.1f} s",
    )


def enough_rows(caller: Caller) -> np.ndarray:
    """Rows that keep the model busy for ENOUGH_SECONDS. Raises Mismatch where they aren't answered."""
    count = 1000
    while True:
        rows = np.resize(caller.reference.rows, (count, *caller.reference.rows.shape[1:]))
        began = time.monotonic()
        if (outcome := send(caller, rows, encode(rows, JSON)).outcome) != "good":
            raise Mismatch("an answer", outcome)
        if time.monotonic() - began >= ENOUGH_SECONDS or count >= MOST_ROWS:
            return rows
        count *= 2


def send_until(stop: threading.Event, caller: Caller, rows: np.ndarray) -> list[Sent]:
    """Send the same request over and over."""
    body = encode(rows, JSON)
    sent = []
    while not stop.is_set():
        sent.append(send(caller, rows, body))
        if sent[-1].outcome == "refused":
            time.sleep(0.05)
    return sent


def send(caller: Caller, rows: np.ndarray, body: bytes) -> Sent:
    """Send one request over its own connection."""
    began = time.monotonic()
    try:
        with closing(caller.connect()) as connection:
            status, answer = connection.post(body)
    except OSError:
        return Sent(began, time.monotonic(), "refused")
    expected = np.resize(caller.reference.predictions, (len(rows), *caller.reference.predictions.shape[1:]))
    return Sent(began, time.monotonic(), caller.problem(status, answer, expected) or "good")
