"""Reads an answer of HTTP/1.1 as its bytes come."""

from __future__ import annotations

from lib.benchmark.loads import Answer

LENGTH = b"\r\ncontent-length:"


class HttpResponse:
    """An answer that is being read."""

    def __init__(self) -> None:
        self.status = 0
        self.pieces: list[tuple[float, bytes]] = []
        self.closes = False  # whether the server closes the connection after it
        self.complete = False
        self._unread = b""
        self._missing = 0  # bytes of the body; less than 0 if it ends where the connection does
        self._chunked = False

    @property
    def answer(self) -> Answer:
        """What has been read."""
        return Answer(self.status, self.pieces)

    def feed(self, data: bytes, now: float) -> None:
        """Read on. Raises ValueError for what isn't HTTP."""
        if not self.status:
            head, found, body = (self._unread + data).partition(b"\r\n\r\n")
            if not found:
                self._unread = head
                return
            self._read_head(head)
            data, self._unread = body, b""
        if self._chunked:
            self._read_chunks(data, now)
            return
        if data:
            self.pieces.append((now, data))
        if self._missing >= 0:
            self._missing -= len(data)
            self.complete = self._missing <= 0

    def end(self) -> bool:
        """The server has closed the connection; whether the answer is complete."""
        self.closes = True
        self.complete = self.complete or (self.status > 0 and not self._chunked and self._missing < 0)
        return self.complete

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1."):
            raise ValueError(head[:20])
        self.status = int(head[9:12])
        head = head.lower() + b"\r\n"
        self.closes = b"\r\nconnection: close" in head
        self._chunked = b"\r\ntransfer-encoding: chunked" in head
        start = head.find(LENGTH)
        self._missing = int(head[start + len(LENGTH) : head.index(b"\r\n", start + 2)]) if start >= 0 else -1

    def _read_chunks(self, data: bytes, now: float) -> None:
        """Keep each chunk once all of it is there."""
        unread = self._unread + data
        while True:
            line, found, rest = unread.partition(b"\r\n")
            size = int(line.partition(b";")[0], 16) if found else 0
            if not found or len(rest) < size + 2:
                break
            if size == 0:
                self.complete = True
                break
            self.pieces.append((now, rest[:size]))
            unread = rest[size + 2 :]
        self._unread = unread
