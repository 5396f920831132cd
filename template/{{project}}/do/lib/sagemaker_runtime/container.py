"""The server behind the stand-in, asked as SageMaker asks a container: POST /invocations, with a time limit."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from lib.local import server as local_server

PIECE_BYTES = 64 * 1024
BROKEN = (OSError, http.client.HTTPException)  # what a connection that breaks raises; TimeoutError is one of them


class Container:
    """The server at a base URL such as http://127.0.0.1:8080."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._has_been_ready = False

    def is_ready(self) -> bool:
        """Whether /ping has answered 200, now or before."""
        self._has_been_ready = self._has_been_ready or local_server.is_ready(self.url)
        return self._has_been_ready

    def post(self, body: Any, headers: Mapping[str, str], seconds: float) -> Response:
        """The response to an invocation, as soon as it begins. Raises TimeoutError, and BROKEN.

        `body` is bytes, or a file to read from if `headers` have its Content-Length.
        """
        return Response(urlsplit(self.url), body, headers, time.monotonic() + seconds)


class Response:
    """A response of the container, to be closed."""

    def __init__(self, url: Any, body: Any, headers: Mapping[str, str], deadline: float) -> None:
        self._deadline = deadline
        self._connection = http.client.HTTPConnection(url.hostname, url.port, timeout=self._remaining())
        try:
            self._connection.connect()
            self._socket: socket.socket = self._connection.sock
            self._connection.request("POST", "/invocations", body, dict(headers))
            self._socket.settimeout(self._remaining())
            self._response = self._connection.getresponse()
        except BaseException:
            self._connection.close()
            raise
        self.status = self._response.status
        self.headers = self._response.headers

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes. Raises TimeoutError, and BROKEN if it ends early."""
        while not self._response.isclosed():
            self._socket.settimeout(self._remaining())
            piece = self._response.read1(PIECE_BYTES)
            if not piece:
                break
            yield piece
        if self._response.length:  # of Content-Length, what is missing
            raise ConnectionError("the response ended early")

    def read(self) -> bytes:
        """The whole body. Raises as `pieces` does."""
        return b"".join(self.pieces())

    def close(self) -> None:
        """End the connection."""
        self._response.close()
        self._connection.close()

    def _remaining(self) -> float:
        """The seconds until the deadline. Raises TimeoutError when it is over."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds
