"""/invocations as plain WSGI: the framework's own route would double what a small request costs.

Requests come here before they reach the framework. It knows the route as well, for whatever an owner adds to it.
"""

from __future__ import annotations

import functools
import select
import socket
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from serving import service
from serving.batching import Caller
from serving.thread_batching import ThreadBatcher

PATH = "/invocations"

Environ = dict[str, Any]


class Headers:
    """A request's headers."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def get(self, key: str, /) -> str | None:
        """A header's value."""
        value: str | None = self._environ.get(variable(key))
        return value


@functools.cache  # of the few names that the service asks for
def variable(header: str) -> str:
    """What WSGI calls a header."""
    name = header.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


class HotRoute:
    """Predicts: a WSGI application that answers whatever fails, too."""

    def __init__(self, of: service.Service[ThreadBatcher]) -> None:
        self._service = of

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = Headers(environ)
        try:
            reply = self.predict(headers, environ["wsgi.input"].read(), environ["gunicorn.socket"])
        except Exception as error:
            reply = service.refusal(error, PATH, headers)
        length = ("Content-Length", str(len(reply.body)))
        start_response(status_line(reply.status), [*reply.headers.items(), length])
        return [reply.body]

    def predict(self, headers: service.Headers, body: bytes, connection: socket.socket) -> service.Reply:
        """The predictions for a request. Raises ServingError."""
        invocation = self._service.begin(headers, body)
        caller = Caller(invocation.request_id, lambda: has_hung_up(connection))
        return self._service.finish(invocation, self._service.batcher.predict(invocation.rows, caller))


@functools.cache  # of a few hundred
def status_line(status: int) -> str:
    """A status as WSGI wants it."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"


def has_hung_up(connection: socket.socket) -> bool:
    """Whether the caller has closed the connection."""
    hung_up = select.poll()
    hung_up.register(connection, getattr(select, "POLLRDHUP", 0))  # and POLLHUP, which can't be left out
    return bool(hung_up.poll(0))
