"""Checks parameters against botocore's models: more strictly than botocore, which leaves enums and limits to AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import regex

# what lies beyond 16 bits, as Java's patterns have it
JAVA_RANGE, PYTHON_RANGE = r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"


def complaints(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """What is wrong with the parameters of an operation, a line each."""
    check = CHECKS.get(shape.type_name)
    if check:
        yield from check(value, shape, path)


def _structure(value: Any, shape: Any, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{path}.{name} is missing"
    for name, item in value.items():
        if name not in shape.members:
            yield f"{path}.{name} is unknown"
        elif item is not None:
            yield from complaints(item, shape.members[name], f"{path}.{name}")


def _list(value: Any, shape: Any, path: str) -> Iterator[str]:
    yield from _range(len(value), shape, f"{path} has a length of")
    for index, item in enumerate(value):
        yield from complaints(item, shape.member, f"{path}[{index}]")


def _map(value: Any, shape: Any, path: str) -> Iterator[str]:
    yield from _range(len(value), shape, f"{path} has a length of")
    for key, item in value.items():
        yield from complaints(key, shape.key, f"{path}.keys")
        yield from complaints(item, shape.value, f"{path}.{key}")


def _string(value: Any, shape: Any, path: str) -> Iterator[str]:
    yield from _range(len(value), shape, f"{path} has a length of")
    if shape.enum and value not in shape.enum:
        yield f"{path} is {value!r}, none of {', '.join(shape.enum[:20])}"
    pattern = shape.metadata.get("pattern", "").replace(JAVA_RANGE, PYTHON_RANGE)
    if pattern and not regex.search(pattern, value):
        yield f"{path} is {value!r}, which doesn't match {pattern}"


def _number(value: Any, shape: Any, path: str) -> Iterator[str]:
    yield from _range(value, shape, f"{path} is")


def _range(value: float, shape: Any, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield f"{what} {value}, less than {least}"
    if most is not None and value > most:
        yield f"{what} {value}, more than {most}"


CHECKS = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
}
