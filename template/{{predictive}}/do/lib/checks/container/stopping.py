"""Checks that a container stops as SageMaker asks it to."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from statistics import median

from lib.checks.container.subject import Subject
from lib.checks.container.suite import check
from lib.checks.container.traffic import Caller
from lib.checks.http.reference import Reference
from lib.checks.results import Mismatch, Observation, expect
from lib.model.predictions import Predictions

THREADS = 16
LOAD_SECONDS = 3
STOP_SECONDS = 10
REFUSE_SECONDS = 3  # from the order to stop until new requests are refused; Docker may pass it on late
# a request that began this long before the order is in flight; one that begins this long after a refusal is new
MARGIN = 0.25
ENOUGH_SECONDS = 1  # that each request takes beside the others, so that some are in flight when the signal comes
MOST_ROWS = 100_000
MOST_BYTES = 24 * 1024 * 1024


@dataclass(frozen=True)
class Sent:
    """A request of the load: when it began and ended, and its answer; None where it was refused.

    Answers are compared with the model's only when the load is over, since that takes this process longer than it
    takes some servers to predict: it would leave them nothing to do when the signal comes.
    """

    began: float
    ended: float
    answer: tuple[int, bytes] | None


@check
def after_SIGTERM_requests_in_flight_finish_and_new_ones_are_refused(
    subject: Subject, reference: Reference
) -> Observation:
    started = subject.shared()
    caller = Caller(started.port, reference)
    body, expected = enough_rows(caller)
    stop = threading.Event()
    with ThreadPoolExecutor(THREADS) as threads:
        sending = [threads.submit(send_until, stop, caller, body) for _ in range(THREADS)]
        time.sleep(LOAD_SECONDS)
        signalled = time.monotonic()
        started.container.stop()
        seconds = time.monotonic() - signalled
        time.sleep(2 * MARGIN)
        stop.set()
    state = started.container.state()
    code = state.exit_code if state else None
    sent = [one for future in sending for one in future.result()]
    refused = min((one.ended for one in sent if not one.answer and one.began > signalled), default=math.inf)
    in_flight = [one for one in sent if one.began < signalled - MARGIN and (not one.answer or one.ended > refused)]
    new = [one for one in sent if one.began > refused + MARGIN]
    wrong = [problem for one in sent if one.answer and (problem := problem_with(one, caller, expected))]
    wrong += ["one in flight was refused" for one in in_flight if not one.answer]
    wrong += ["a new one was answered" for one in new if one.answer]
    prompt = seconds < STOP_SECONDS and refused - signalled < REFUSE_SECONDS
    return expect(
        code == 0 and prompt and bool(in_flight) and bool(new) and not wrong,
        f"all in flight answered, new ones refused, exit code 0 within {STOP_SECONDS} s",
        f"{len(in_flight)} in flight, {len(new)} new, {wrong[0] if wrong else 'as expected'}, "
        f"refused after {refused - signalled:.1f} s, exit code {code} after {seconds:.1f} s",
    )


def enough_rows(caller: Caller) -> tuple[bytes, Predictions]:
    """A body and its answer, of which THREADS at once take ENOUGH_SECONDS. Raises Mismatch if they aren't answered."""
    count = 1000
    while True:
        load = caller.reference.repeated(count, MOST_BYTES)
        with ThreadPoolExecutor(THREADS) as threads:
            sent = list(threads.map(partial(send, caller), [load[0]] * THREADS))
        for one in sent:
            if problem := problem_with(one, caller, load[1]) if one.answer else "no answer":
                raise Mismatch("an answer", problem)
        if median(one.ended - one.began for one in sent) >= ENOUGH_SECONDS or count >= MOST_ROWS:
            return load
        count *= 2


def send_until(stop: threading.Event, caller: Caller, body: bytes) -> list[Sent]:
    """Send the same request over and over."""
    sent = []
    while not stop.is_set():
        sent.append(send(caller, body))
        if not sent[-1].answer:
            time.sleep(0.05)
    return sent


def send(caller: Caller, body: bytes) -> Sent:
    """Send one request over its own connection."""
    began = time.monotonic()
    try:
        with closing(caller.connect()) as connection:
            answer = connection.post(body)
    except OSError:
        return Sent(began, time.monotonic(), None)
    return Sent(began, time.monotonic(), answer)


def problem_with(one: Sent, caller: Caller, expected: Predictions) -> str:
    """How the answer differs from the model's own predictions, in words; empty if it doesn't."""
    assert one.answer
    return caller.problem(*one.answer, expected)
