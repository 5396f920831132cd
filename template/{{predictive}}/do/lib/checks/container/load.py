"""Checks of large bodies, slow clients, many clients and many requests."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, closing

from lib.checks.container.subject import Subject
from lib.checks.container.suite import check
from lib.checks.container.traffic import Caller, at_once, many, steady, summary
from lib.checks.http.reference import Reference
from lib.checks.results import Observation, expect

LIMIT = 25 * 1024 * 1024
TOO_LARGE = 26 * 1024 * 1024
LARGE_BODIES = 3  # of each size
STEADY_THREADS = 4
SLOW_CLIENTS = 100
SLOW_SECONDS = 4
CONNECTIONS = 200
REQUESTS = 10_000
WARM_UP = 4_000
THREADS = 16
WARM_UP_THREADS = 64  # the server has started every thread that fewer callers can need, and each has its memory
GROWTH = 0.10


@check
def a_body_of_25_MB_is_accepted_and_one_of_26_MB_refused_while_others_are_served(
    subject: Subject, reference: Reference
) -> Observation:
    caller = Caller(subject.shared().port, reference)
    with steady(caller, STEADY_THREADS) as problems:
        statuses = [send_padded(caller, size) for size in (LIMIT, TOO_LARGE) for _ in range(LARGE_BODIES)]
    wanted = [200] * LARGE_BODIES + [413] * LARGE_BODIES
    return expect(
        statuses == wanted and not problems,
        f"{wanted}, and no problem for others",
        f"{statuses}, and {summary(problems)} for others",
    )


@check
def clients_that_send_a_byte_a_second_hold_up_nobody(subject: Subject, reference: Reference) -> Observation:
    caller = Caller(subject.shared().port, reference)
    done = threading.Event()
    trickle = threading.Thread(target=send_slowly, args=(caller, done))
    trickle.start()
    try:
        slowest, problems = ask_for(SLOW_SECONDS, caller)
    finally:
        done.set()
        trickle.join()
    return expect(
        not problems and slowest < 1,
        f"answers within 1 s beside {SLOW_CLIENTS} such clients",
        f"the slowest after {slowest:.2f} s, {summary(problems)}",
    )


@check
def of_200_connections_at_once_none_is_lost(subject: Subject, reference: Reference) -> Observation:
    caller = Caller(subject.shared().port, reference)
    together = threading.Barrier(CONNECTIONS, timeout=60)

    def ask(number: int) -> list[str]:
        with closing(caller.connect()) as connection:
            together.wait()
            return [problem for problem in [caller.ask(number, connection)] if problem]

    problems = [problem for found in at_once(CONNECTIONS, ask) for problem in found]
    return expect(not problems, f"{CONNECTIONS} answers, each to its own request", summary(problems))


@check
def ten_thousand_requests_leave_no_memory_behind(subject: Subject, reference: Reference) -> Observation:
    started = subject.shared()
    caller = Caller(started.port, reference)
    problems = many(WARM_UP, WARM_UP_THREADS, caller)
    before = started.container.memory()
    problems += many(REQUESTS, THREADS, caller)
    growth = started.container.memory() / before - 1
    return expect(
        growth <= GROWTH and not problems,
        f"at most {GROWTH:.0%} more than the {before / 2**20:.0f} MiB before",
        f"{growth:+.1%}, {summary(problems)}",
    )


def send_padded(caller: Caller, size: int) -> int:
    """The status for a good request that blanks make this large; 0 without an answer."""
    try:
        with closing(caller.connect()) as connection:
            return connection.post(caller.requests[0][0].ljust(size))[0]
    except OSError:
        return 0


def send_slowly(caller: Caller, done: threading.Event) -> None:
    """Begin many requests, and send one more byte of each every second."""
    head = b"POST /invocations HTTP/1.1\r\nHost: slow\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_connection(("127.0.0.1", caller.port))) for _ in range(SLOW_CLIENTS)
        ]
        for one in sockets:
            one.sendall(head)
        while not done.wait(1):
            for one in sockets:
                one.sendall(b" ")


def ask_for(seconds: float, caller: Caller) -> tuple[float, list[str]]:
    """How long the slowest answer took, and the problems, of requests sent one after the other for some time."""
    slowest, problems, number = 0.0, [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        if problem := caller.ask(number):
            problems.append(problem)
        slowest = max(slowest, time.monotonic() - began)
        number += 1
    return slowest, problems
