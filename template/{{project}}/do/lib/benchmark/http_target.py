"""Sends requests over HTTP/1.1 at the least cost: sockets, prebuilt bytes and one loop.

A client that takes much CPU time measures itself, or takes it from a server on the same machine. This one takes about
30 microseconds a request; the same on asyncio takes 80 to 100.
"""

from __future__ import annotations

import selectors
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from lib.benchmark.http_connection import HttpConnection
from lib.benchmark.loads import Exchange, Request, Schedule, clock
from lib.cli import ExitCode, VerbError

TIMEOUT = 60.0  # seconds for an answer to begin, and between its parts; SageMaker itself waits as long
PAUSE = 0.1  # seconds after a request without an answer: a server that is gone isn't asked a thousand times a second
LONGEST_WAIT = 0.5  # seconds between two looks at the times


class HttpTarget:
    """A server. Raises VerbError for a URL that isn't http://..."""

    def __init__(self, url: str) -> None:
        parsed = urlsplit(url)
        if parsed.scheme != "http" or not parsed.hostname:
            raise VerbError(f"{url!r} is not a URL such as http://127.0.0.1:8080", ExitCode.BAD_CONFIGURATION)
        self.name = url.rstrip("/")
        self._address = (parsed.hostname, parsed.port or 80)
        self._host = parsed.netloc.rpartition("@")[2]
        self._path = f"{parsed.path.rstrip('/')}/invocations"

    def require_listening(self) -> None:
        """Raise VerbError when nothing listens."""
        connection = HttpConnection(self._address)
        connection.open()
        connection.close()
        if connection.problem:
            raise VerbError(
                f"nothing answers at {self.name}: start the server in another terminal with do/serve, or name it with "
                "--url",
                ExitCode.MISSING_PREREQUISITE,
            )

    def prepare(self, request: Request) -> bytes:
        """A request as it is sent."""
        headers = {"Host": self._host, **request.headers, "Content-Length": str(len(request.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self._path} HTTP/1.1\r\n{lines}\r\n".encode() + request.body

    @contextmanager
    def connected(self, count: int) -> Iterator[HttpConnections]:
        """`count` connections, open already."""
        connections = [HttpConnection(self._address) for _ in range(count)]
        try:
            for connection in connections:
                connection.open()
            yield HttpConnections(connections)
        finally:
            for connection in connections:
                connection.close()


class HttpConnections:
    """Open connections."""

    def __init__(self, connections: Sequence[HttpConnection]) -> None:
        self.connections = connections

    def send_all(self, schedule: Schedule, prepared: Sequence[bytes], observe: Callable[[Exchange], Any]) -> list[Any]:
        """Send the requests in turn as the schedule says; what `observe` makes of each, when all are answered."""
        # select() waits for microseconds; epoll for whole milliseconds, by which requests that are due would be late
        with selectors.SelectSelector() if schedule.rate else selectors.DefaultSelector() as selector:
            return Loop(self.connections, schedule, prepared, observe, selector).run()


class Loop:
    """The requests of a round, on all connections."""

    def __init__(
        self,
        connections: Sequence[HttpConnection],
        schedule: Schedule,
        prepared: Sequence[bytes],
        observe: Callable[[Exchange], Any],
        selector: selectors.BaseSelector,
    ) -> None:
        self.free = deque(connections)
        self.busy: set[HttpConnection] = set()
        self.resting: deque[tuple[float, HttpConnection]] = deque()  # and until when
        self.schedule, self.prepared, self.observe, self.selector = schedule, prepared, observe, selector
        self.seen: list[Any] = []
        self.next_look = 0.0

    def run(self) -> list[Any]:
        """Send all, and wait for the answers."""
        while (due := self._begin_what_is_due()) is not None or self.busy:
            wait = min(due - clock(), LONGEST_WAIT) if due is not None and self.free else LONGEST_WAIT
            for key, events in self.selector.select(PAUSE if self.resting else wait):
                if events & selectors.EVENT_WRITE:
                    key.data.send()
                if events & selectors.EVENT_READ:
                    key.data.receive()
                self._settle(key.data)
            self._look_at_times()
        return self.seen

    def _begin_what_is_due(self) -> float | None:
        """Send requests as long as they are due and a connection is free; when the next is due."""
        while True:
            now = clock()
            due = self.schedule.due(now)
            if due is None or due > now or not self.free:
                return due
            number = self.schedule.take() % len(self.prepared)
            connection = self.free.popleft()
            self.busy.add(connection)
            connection.begin(number, due, self.prepared[number])
            self._settle(connection)

    def _settle(self, connection: HttpConnection) -> None:
        """After anything happened on a connection: is its request over, and what is it waiting for now?"""
        if connection in self.busy and connection.is_over:
            self.seen.append(self.observe(connection.exchange()))
            self.busy.remove(connection)
            if connection.problem:
                self.resting.append((clock() + PAUSE, connection))
            else:
                self.free.append(connection)
        connection.watch(self.selector)

    def _look_at_times(self) -> None:
        """End requests that take too long, and pauses that are over."""
        now = clock()
        while self.resting and self.resting[0][0] <= now:
            self.free.append(self.resting.popleft()[1])
        if now < self.next_look:
            return
        self.next_look = now + LONGEST_WAIT
        for connection in [one for one in self.busy if now - one.last_heard > TIMEOUT]:
            connection.problem = f"no answer in {TIMEOUT:.0f} s"
            self._settle(connection)
