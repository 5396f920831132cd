"""A keep-alive connection to a server that is measured; requests are bytes."""

from __future__ import annotations

import selectors
import socket

from lib.benchmark.http_response import HttpResponse
from lib.benchmark.loads import Exchange, clock

CONNECT_SECONDS = 5
MOST_BYTES = 1 << 15  # of one read; memory for more would be mapped each time


class HttpConnection:
    """One connection, with one request in flight at most."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.socket: socket.socket | None = None
        self.response = HttpResponse()
        self.number, self.due, self.last_heard = 0, 0.0, 0.0
        self.unsent: bytes | memoryview = b""
        self.problem = ""  # why there is no answer
        self.watched = 0  # the events that a selector tells of

    @property
    def is_over(self) -> bool:
        """Whether the request has its answer, or will have none."""
        return self.response.complete or bool(self.problem)

    @property
    def is_spent(self) -> bool:
        """Whether no other request can follow on the same connection."""
        return bool(self.problem) or (self.response.complete and (self.response.closes or bool(self.unsent)))

    def open(self) -> None:
        """Connect, if somebody listens; sending tries again."""
        try:
            self.socket = socket.create_connection(self.address, CONNECT_SECONDS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.setblocking(False)
        except OSError as error:
            self.problem = f"can't connect: {error.strerror or error}"

    def close(self) -> None:
        """Close it, if it is open."""
        if self.socket:
            self.socket.close()
        self.socket, self.watched = None, 0

    def begin(self, number: int, due: float, request: bytes) -> None:
        """Send a request, as much of it as goes at once."""
        self.number, self.due, self.last_heard = number, due, clock()
        self.response, self.unsent, self.problem = HttpResponse(), request, ""
        if not self.socket:
            self.open()
        if self.socket:
            self.send()

    def send(self) -> None:
        """Send on."""
        assert self.socket
        try:
            sent = self.socket.send(self.unsent)
            self.unsent = memoryview(self.unsent)[sent:] if sent < len(self.unsent) else b""
        except BlockingIOError:
            pass
        except OSError as error:
            self.problem = f"the connection broke: {error.strerror or error}"

    def receive(self) -> None:
        """Read on."""
        assert self.socket
        try:
            data = self.socket.recv(MOST_BYTES)
            self.last_heard = clock()
            if data:
                self.response.feed(data, self.last_heard)
            elif not self.response.end():
                self.problem = "the server closed the connection"
        except BlockingIOError:
            pass
        except ValueError:
            self.problem = "the answer is not HTTP/1.1"
        except OSError as error:
            self.problem = f"the connection broke: {error.strerror or error}"

    def exchange(self) -> Exchange:
        """What became of the request."""
        if self.problem:
            return Exchange(self.number, self.due, clock(), None, self.problem)
        answer = self.response.answer
        return Exchange(self.number, self.due, answer.pieces[-1][0] if answer.pieces else self.last_heard, answer)

    def watch(self, selector: selectors.BaseSelector) -> None:
        """Let a selector tell of what the connection waits for; close it if it is of no more use."""
        if not self.socket:
            return
        if self.is_spent:
            if self.watched:
                selector.unregister(self.socket)
            self.close()
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.unsent else 0)
        if not self.watched:
            selector.register(self.socket, wanted, self)
        elif wanted != self.watched:
            selector.modify(self.socket, wanted, self)
        self.watched = wanted
