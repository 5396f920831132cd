"""A socket that makes fewer calls to the system than gunicorn asks for."""

from __future__ import annotations

import socket
from typing import Any

MOST_HELD = 1 << 16  # bytes that wait to be sent with others


class FrugalSocket:
    """A socket that sends a response's head and body at once, and knows its timeout.

    gunicorn sends them one by one, and sets timeouts around reads that have nothing to read. Each call to the system
    also gives away Python's lock, for which all threads of a busy server then queue.
    """

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self._held = bytearray()
        self._timeout = self._applied = real.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def gettimeout(self) -> float | None:
        """The timeout of the next call."""
        return self._timeout

    def settimeout(self, seconds: float | None) -> None:
        """Have the next call end after this time."""
        self._timeout = seconds

    def setblocking(self, flag: bool) -> None:
        """Have the next call wait, or not."""
        self._timeout = None if flag else 0.0

    def recv(self, size: int) -> bytes:
        """What has come."""
        self.flush()
        return self._real.recv(size)

    def sendall(self, data: bytes) -> None:
        """Send it, at the latest when the response is complete."""
        self._held += data
        if len(self._held) > MOST_HELD:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        self._apply_timeout()
        held, self._held = self._held, bytearray()
        if held:
            self._real.sendall(held)

    def close(self) -> None:
        """Close it."""
        self._real.close()

    def _apply_timeout(self) -> None:
        if self._timeout != self._applied:
            self._real.settimeout(self._timeout)
            self._applied = self._timeout
