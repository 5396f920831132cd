"""Requests as many clients send them at once: each with its own connection, checked against the model's answers."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx

from lib.checks.http.expectations import expect_answer
from lib.checks.http.reference import Reference
from lib.checks.results import Mismatch
from lib.model.documents import JSON
from lib.model.predictions import Predictions

TIMEOUT = 60  # seconds, as SageMaker's own
HEAD = f"POST /invocations HTTP/1.1\r\nHost: check\r\nContent-Type: {JSON}\r\nContent-Length: {{}}\r\n\r\n"


class Connection:
    """One connection to the server, that stays open. Far quicker than an HTTP library, so that the load is real."""

    def __init__(self, port: int) -> None:
        """Connect. Raises OSError."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)

    def post(self, body: bytes) -> tuple[int, bytes]:
        """The status and body of the answer to a request. Raises OSError."""
        self.socket.sendall(HEAD.format(len(body)).encode() + body)
        head, _, answer = self._receive(b"", lambda data: b"\r\n\r\n" in data).partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        if not length:
            raise OSError(f"an answer without its length: {head[:80]!r}")
        return int(head.split()[1]), self._receive(answer, lambda data: len(data) >= int(length[1]))

    def close(self) -> None:
        self.socket.close()

    def _receive(self, data: bytes, complete: Callable[[bytes], bool]) -> bytes:
        while not complete(data):
            chunk = self.socket.recv(1 << 20)
            if not chunk:
                raise OSError("the connection was closed")
            data += chunk
        return data


class Caller:
    """Sends single rows, each of which has its own right answer."""

    def __init__(self, port: int, reference: Reference) -> None:
        self.port = port
        self.reference = reference
        self.requests = [reference.request(chosen=[number]) for number in range(reference.count)]
        self._right: dict[int, bytes] = {}  # answers that were compared with the model's already

    def connect(self) -> Connection:
        """A connection of its own. Raises OSError."""
        return Connection(self.port)

    def ask(self, number: int, connection: Connection | None = None) -> str:
        """What is wrong with the answer to request `number`; empty where it is the model's own."""
        chosen = number % len(self.requests)
        sent, expected = self.requests[chosen]
        try:
            if connection:
                status, body = connection.post(sent)
            else:
                with closing(self.connect()) as own:
                    status, body = own.post(sent)
        except OSError as error:
            return f"no answer ({type(error).__name__}: {error})"
        if status == 200 and body == self._right.get(chosen):
            return ""
        problem = self.problem(status, body, expected)
        if not problem:
            self._right[chosen] = body
        return problem

    def problem(self, status: int, body: bytes, expected: Predictions) -> str:
        """How an answer differs from these predictions, in words; empty if it doesn't."""
        try:
            expect_answer(
                httpx.Response(status, content=body, headers={"content-type": JSON}), self.reference, expected
            )
        except Mismatch as mismatch:
            return mismatch.observation.seen
        return ""


def many(count: int, threads: int, caller: Caller) -> list[str]:
    """Send `count` requests over that many connections, which stay open; the problems."""

    def share(first: int) -> list[str]:
        with closing(caller.connect()) as connection:
            problems = [caller.ask(number, connection) for number in range(first, count, threads)]
        return [problem for problem in problems if problem]

    return [problem for found in at_once(threads, share) for problem in found]


def at_once(count: int, function: Callable[[int], list[str]]) -> Iterator[list[str]]:
    """The results of so many calls in as many threads, each with its number."""
    with ThreadPoolExecutor(count) as threads:
        yield from threads.map(function, range(count))


@contextmanager
def steady(caller: Caller, threads: int) -> Iterator[list[str]]:
    """While the context lasts, requests one after the other in some threads; the list fills with their problems."""
    problems: list[str] = []
    done = threading.Event()

    def work(first: int) -> None:
        number = first
        while not done.is_set():
            if problem := caller.ask(number):
                problems.append(problem)
            number += threads

    with ThreadPoolExecutor(threads) as pool:
        for first in range(threads):
            pool.submit(work, first)
        try:
            yield problems
        finally:
            done.set()


def summary(problems: list[str]) -> str:
    """Problems in a few words."""
    return f"{len(problems)} problems, such as {problems[0]}" if problems else "no problem"
