"""Requests as bytes, for what no HTTP client would send."""

from __future__ import annotations

import io
import json
import re
import socket
from contextlib import suppress
from dataclasses import dataclass

import numpy as np


@dataclass
class Answer:
    """What came back; status 0 if nothing did."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, str]:
        """The error in the one form that all of them have, checked."""
        assert self.headers["content-type"] == "application/json", self
        error = json.loads(self.body)["error"]
        assert set(error) == {"code", "message", "request_id"}, self
        assert self.headers["x-request-id"] == error["request_id"], self
        return dict(error)


def send(port: int, request: bytes, seconds: float = 10) -> Answer:
    """The answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request)
        return receive(connection)


def receive(connection: socket.socket) -> Answer:
    """The next answer on a connection."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        chunk = connection.recv(1 << 16)
        if not chunk:
            return Answer(0, {}, seen)
        seen += chunk
    head, _, body = seen.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        chunk = connection.recv(1 << 16)
        if not chunk:
            break
        body += chunk
    matched = re.match(r"HTTP/1\.1 (\d{3})", first)
    assert matched, first
    return Answer(int(matched[1]), headers, body)


def npy(array: np.ndarray) -> bytes:
    """An array as bytes."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def everything(port: int, request: bytes, patience: float = 0.2, limit: float = 20) -> bytes:
    """All that comes back until the server closes. Who gets nothing for `patience` seconds sends no more.

    Raises TimeoutError if the connection is still open after `limit` seconds.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=limit) as connection:
        with suppress(OSError):  # the server may refuse, and close, before it has read all
            connection.sendall(request)
        seen = b""
        connection.settimeout(patience)
        try:
            while chunk := connection.recv(1 << 16):
                seen += chunk
            return seen
        except TimeoutError:
            pass
        except ConnectionError:
            return seen
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(limit)
        with suppress(ConnectionError):
            while chunk := connection.recv(1 << 16):
                seen += chunk
        return seen
