"""Forwards a port as an API server does: streams of SPDY/3.1 within the connection of kubectl, two for each of its own.

The protocol is portforward.k8s.io of https://github.com/kubernetes/kubernetes (client-go/tools/portforward), and its
frames are those of https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1. kubectl closes the stream for
errors at once and sends data on the other one, so their headers needn't be read.
"""

from __future__ import annotations

import socket
import struct
import threading
import zlib
from contextlib import suppress
from io import BufferedIOBase

HEADERS = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": "portforward.k8s.io"}
CONTROL = 0x8003
SYN_STREAM, SYN_REPLY, PING, GOAWAY = 1, 2, 6, 7
FIN = 1
NO_HEADERS = bytes(4)


class Forwarding:
    """The streams of one connection of kubectl, each pair of which is a connection to a port here."""

    def __init__(self, reader: BufferedIOBase, writer: BufferedIOBase, port: int) -> None:
        self.reader, self.writer, self.port = reader, writer, port
        self.lock = threading.Lock()
        self.compressor = zlib.compressobj()  # one for all headers of the connection
        self.connections: dict[int, socket.socket] = {}

    def serve(self) -> None:
        """Answer until kubectl goes."""
        try:
            self._read()
        finally:
            for connection in self.connections.values():
                with suppress(OSError):  # the other side may have closed it
                    connection.shutdown(socket.SHUT_RDWR)  # a mere close waits for the thread that reads
                connection.close()

    def _read(self) -> None:
        while len(head := self.reader.read(8)) == 8:
            first, rest = struct.unpack(">II", head)
            flags, size = rest >> 24, rest & 0xFFFFFF
            body = self.reader.read(size)
            if len(body) < size:  # kubectl was killed
                return
            if first >> 16 == CONTROL:
                self._control(first & 0xFFFF, body)
            else:
                self._data(first, flags, body)

    def _control(self, kind: int, body: bytes) -> None:
        if kind == PING:
            self._send_control(PING, body)
        if kind == SYN_STREAM:
            with self.lock:
                block = self.compressor.compress(NO_HEADERS) + self.compressor.flush(zlib.Z_SYNC_FLUSH)
            self._send_control(SYN_REPLY, body[:4] + block)

    def _data(self, stream: int, flags: int, body: bytes) -> None:
        """Pass on what kubectl sends; a stream that it closes before any data is one for errors."""
        if body and stream not in self.connections:
            self.connections[stream] = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._answer, args=(stream,), daemon=True).start()
        connection = self.connections.get(stream)
        with suppress(OSError):  # the other side has closed it
            if connection and body:
                connection.sendall(body)
            if connection and flags & FIN:
                connection.shutdown(socket.SHUT_WR)
        if not connection and flags & FIN:
            self._end(stream)  # there was no error

    def _answer(self, stream: int) -> None:
        """Pass on what comes back."""
        with suppress(OSError):  # kubectl has gone
            while piece := self.connections[stream].recv(65536):
                self._send(struct.pack(">II", stream, len(piece)) + piece)
            self._end(stream)

    def _end(self, stream: int) -> None:
        self._send(struct.pack(">II", stream, FIN << 24))

    def _send_control(self, kind: int, body: bytes) -> None:
        self._send(struct.pack(">II", CONTROL << 16 | kind, len(body)) + body)

    def _send(self, frame: bytes) -> None:
        with self.lock:
            self.writer.write(frame)
            self.writer.flush()
