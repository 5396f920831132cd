"""Reads messages of Protocol Buffers without their definitions (protobuf.dev/programming-guides/encoding)."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(message: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The number and the value of each field: an integer, or bytes that may be a message. Raises ValueError."""
    view, position = memoryview(message), 0
    while position < len(view):
        key, position = _varint(view, position)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ValueError("no field has the number 0")
        if kind == VARINT:
            value, position = _varint(view, position)
            yield number, value
            continue
        if kind == BYTES:
            size, position = _varint(view, position)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"no field has the type {kind}")
        if position + size > len(view):
            raise ValueError("a field ends after the message")
        yield number, view[position : position + size]
        position += size


def messages(message: bytes | memoryview, *path: int) -> Iterator[memoryview]:
    """The fields of type bytes at a path of field numbers."""
    for number, value in fields(message):
        if number == path[0] and isinstance(value, memoryview):
            if len(path) == 1:
                yield value
            else:
                yield from messages(value, *path[1:])


def texts(message: bytes | memoryview, *path: int) -> list[str]:
    """The texts at a path of field numbers."""
    return [bytes(value).decode("utf-8", errors="replace") for value in messages(message, *path)]


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(view) or shift > 63:
            raise ValueError("a number is cut off")
        byte = view[position]
        result |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return result, position
