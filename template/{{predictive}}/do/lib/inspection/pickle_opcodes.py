"""Reads a pickle as data: what it would import, call and set, without doing any of it.

A pickle is a program for a stack machine. `read` follows its opcodes, as pickletools decodes them, and notes each call
and each state instead of making an object. joblib writes the bytes of arrays between the opcodes; they are passed over.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import pickletools
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from .findings import Unreadable

LONGEST_KEPT = 1_000_000  # bytes of a constant; longer ones are the content of arrays
MOST_OPCODES = 20_000_000  # some minutes' work; the largest models have fewer, since arrays are one opcode
LARGEST_ITEM = 4096  # bytes of one element of an array

# How joblib and others pack a pickle: by the first bytes.
PACKED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x5d\x00": lzma.LZMAFile,
}
ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
LZ4 = b"\x04\x22\x4d\x18"  # how a frame of lz4 begins

MARK = object()


@dataclass(frozen=True, eq=False)
class Global:
    """A class or function that the pickle refers to."""

    module: str
    name: str


@dataclass(eq=False)
class Made:
    """What the pickle would make: the call, and the state that it sets. Its items, if it is a list or a mapping."""

    by: Any
    arguments: Any = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)

    def is_a(self, *names: str) -> bool:
        """Whether it is made by a class or function of one of these names."""
        return isinstance(self.by, Global) and self.by.name in names


@dataclass
class Pickle:
    """What a pickle refers to and holds."""

    globals: list[Global]
    made: list[Made]  # in the order in which the pickle makes them
    content: Any
    is_packed: bool


def unpacked(file: BinaryIO) -> tuple[BinaryIO, bool]:
    """The pickle itself, and whether it was packed."""
    begin = file.read(8)
    file.seek(0)
    for magic, opener in PACKED.items():
        if begin.startswith(magic):
            return opener(file), True
    if ZLIB.match(begin):
        return _Zlib(file), True  # type: ignore[return-value]
    return file, False


class _Zlib:
    """The content of a zlib frame, as far as pickletools needs a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._unpacker, self._buffer = file, zlib.decompressobj(), bytearray()

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size and self._fill():
            pass
        result = bytes(self._buffer[:size])
        del self._buffer[:size]
        return result

    def readline(self) -> bytes:
        while b"\n" not in self._buffer and self._fill():
            pass
        return self.read(self._buffer.find(b"\n") + 1 or len(self._buffer))

    def _fill(self) -> bool:
        block = self._file.read(1 << 16)
        self._buffer += self._unpacker.decompress(block) if block else b""
        return bool(block)


def read(file: BinaryIO) -> Pickle:
    """Follow the opcodes of a pickle. Raises Unreadable where it is none, or is cut off."""
    stream, is_packed = unpacked(file)
    machine = _Machine(stream)
    try:
        content = machine.run()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, OSError, zlib.error, lzma.LZMAError):
        raise Unreadable("it is cut off, or no pickle") from None
    return Pickle(machine.globals, machine.made, content, is_packed)


class _Machine:
    """The stack machine that a pickle is written for, which makes nothing but notes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self.globals: list[Global] = []
        self.made: list[Made] = []

    def run(self) -> Any:
        """What is on the stack at the end."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self._stream)):
            if count > MOST_OPCODES:
                raise ValueError("too long")
            if action := getattr(self, f"_{opcode.name.lower()}", None):
                action(argument)
            elif opcode.arg is not None and len(opcode.stack_after) == 1 and not opcode.stack_before:
                self._stack.append(_short(argument))  # a number or a text
            else:
                raise ValueError(opcode.name)
        return self._stack.pop()

    # constants and containers

    def _none(self, _: Any) -> None:
        self._stack.append(None)

    def _newtrue(self, _: Any) -> None:
        self._stack.append(True)

    def _newfalse(self, _: Any) -> None:
        self._stack.append(False)

    def _empty_list(self, _: Any) -> None:
        self._stack.append([])

    def _empty_tuple(self, _: Any) -> None:
        self._stack.append(())

    def _empty_dict(self, _: Any) -> None:
        self._stack.append({})

    def _empty_set(self, _: Any) -> None:
        self._stack.append([])

    def _list(self, _: Any) -> None:
        self._stack.append(self._since_mark())

    def _tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._since_mark()))

    def _frozenset(self, _: Any) -> None:
        self._stack.append(self._since_mark())

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append({})
        self._set(items)

    def _tuple1(self, _: Any) -> None:
        self._stack[-1:] = [tuple(self._stack[-1:])]

    def _tuple2(self, _: Any) -> None:
        self._stack[-2:] = [tuple(self._stack[-2:])]

    def _tuple3(self, _: Any) -> None:
        self._stack[-3:] = [tuple(self._stack[-3:])]

    def _append(self, _: Any) -> None:
        self._extend([self._stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._since_mark())

    def _additems(self, _: Any) -> None:
        self._extend(self._since_mark())

    def _setitem(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value])

    def _setitems(self, _: Any) -> None:
        self._set(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        (target.items if isinstance(target, Made) else target).extend(items)

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Made):
            target.items.extend(zip(items[::2], items[1::2], strict=True))
        else:
            target.update(zip(items[::2], items[1::2], strict=True))

    # the stack and the memo

    def _mark(self, _: Any) -> None:
        self._stack.append(MARK)

    def _since_mark(self) -> list[Any]:
        items = []
        while (item := self._stack.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def _pop(self, _: Any) -> None:
        self._stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._since_mark()

    def _dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _put(self, index: Any) -> None:
        self._memo[index] = self._stack[-1]

    _binput = _long_binput = _put

    def _get(self, index: Any) -> None:
        self._stack.append(self._memo[index])

    _binget = _long_binget = _get

    def _proto(self, _: Any) -> None:
        pass

    _frame = _stop = _readonly_buffer = _proto

    # what the pickle would import, call and set

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._refer(module, name)

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._refer(module, name)

    def _refer(self, module: str, name: str) -> None:
        self.globals.append(Global(str(module), str(name)))
        self._stack.append(self.globals[-1])

    def _reduce(self, _: Any) -> None:
        arguments, by = self._stack.pop(), self._stack.pop()
        self._make(by, arguments)

    _newobj = _reduce

    def _newobj_ex(self, _: Any) -> None:
        self._stack.pop()
        self._reduce(None)

    def _inst(self, argument: str) -> None:
        arguments = self._since_mark()
        self._global(argument)
        self._make(self._stack.pop(), tuple(arguments))

    def _obj(self, _: Any) -> None:
        by, *arguments = self._since_mark()
        self._make(by, tuple(arguments))

    def _persid(self, _: Any) -> None:
        self._stack.append(None)

    def _binpersid(self, _: Any) -> None:
        self._stack[-1] = None

    def _next_buffer(self, _: Any) -> None:
        self._stack.append(b"")

    def _make(self, by: Any, arguments: Any) -> None:
        self.made.append(Made(by, arguments))
        self._stack.append(self.made[-1])

    def _build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Made):
            target.state = state
            if target.is_a("NumpyArrayWrapper"):
                target.items = self._joblib_array(state)

    def _joblib_array(self, state: dict[str, Any]) -> list[Any]:
        """Pass over the array that joblib writes after its description; its elements, where they are pickled."""
        kind = _dtype(state["dtype"])
        if kind.startswith("O"):
            nested = _Machine(self._stream)
            content = nested.run()
            self.globals += nested.globals
            self.made += nested.made
            return elements(content)
        if state.get("numpy_array_alignment_bytes"):
            self._skip(self._stream.read(1)[0])
        self._skip(math.prod(state["shape"]) * _item_size(state["dtype"], kind))
        return []

    def _skip(self, size: int) -> None:
        while size > 0:
            block = self._stream.read(min(size, 1 << 20))
            if not block:
                raise EOFError
            size -= len(block)


def _short(value: Any) -> Any:
    return None if isinstance(value, (bytes, bytearray, str)) and len(value) > LONGEST_KEPT else value


def _dtype(dtype: Any) -> str:
    """The code of a numpy type, such as f8, O or U5."""
    code = dtype.arguments[0]
    return str(code.decode() if isinstance(code, bytes) else code)


def _item_size(dtype: Made, kind: str) -> int:
    """The bytes of an element. A type's state has them in place of -1 where its code doesn't tell."""
    told = dtype.state[5] if isinstance(dtype.state, tuple) and len(dtype.state) > 5 else -1
    digits = re.sub(r"\D", "", kind)
    size = told if told > 0 else int(digits or 1) * (4 if kind.startswith("U") else 1)
    if not 0 < size <= LARGEST_ITEM:
        raise ValueError(kind)
    return size


def elements(value: Any) -> list[Any]:
    """The elements of an array of Python objects; empty for anything else."""
    if isinstance(value, list):
        return value
    if isinstance(value, Made):
        if value.is_a("NumpyArrayWrapper"):
            return value.items
        if value.is_a("_reconstruct") and isinstance(value.state, tuple) and isinstance(value.state[-1], list):
            return value.state[-1]
    return []


def states(pickle: Pickle) -> Iterator[tuple[Made, dict[str, Any]]]:
    """What the pickle makes, with the attributes that it sets."""
    for made in pickle.made:
        state = made.state
        if isinstance(state, tuple) and state and isinstance(state[0], dict):
            state = state[0]
        if isinstance(state, dict):
            yield made, state
