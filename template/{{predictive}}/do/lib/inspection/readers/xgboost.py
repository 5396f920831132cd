"""XGBoost's models: JSON, and UBJSON, the same document in binary."""

from __future__ import annotations

import json
import re
import struct
from typing import Any, BinaryIO

from ..findings import Findings, Unreadable

FRAMEWORK = "xgboost"
HEAD = 4096  # bytes in which a document of XGBoost names its parts
JSON_PARTS = re.compile(rb'\A\s*\{\s*"(learner|version|Config|Model)"\s*:')
OLD_BINARY = b"binf"  # how save_model began a file that it didn't name json or ubj, before XGBoost 2.1
DUMP = re.compile(rb'\A\s*\[\s*\{\s*"(nodeid|leaf)"')
# `{`, then the first key with its length in 8 bytes
UBJ_BEGIN = re.compile(rb"\A\{[LlIiU].{1,8}?(learner|version|Config|Model)", re.DOTALL)
NUMBERS = {"i": "b", "U": "B", "I": "h", "l": "i", "L": "q", "d": "f", "D": "d", "C": "c"}


def read(name: str, file: BinaryIO) -> Findings | None:
    """The version that saved it, and the columns with their types."""
    begin = file.read(HEAD)
    file.seek(0)
    if DUMP.match(begin):
        raise Unreadable(f"{name}: it is what dump_model writes, which XGBoost can't load; use save_model")
    if begin.startswith(OLD_BINARY):
        raise Unreadable(
            f"{name}: it is in the old binary format, which XGBoost 3.1 and later can't load; save it as json"
        )
    try:
        if JSON_PARTS.match(begin):
            return _findings(json.load(file), "json")
        if UBJ_BEGIN.match(begin):
            return _findings(_Ubj(file).value(file.read(1)), "ubj")
    except (ValueError, KeyError, IndexError, struct.error, RecursionError):
        raise Unreadable(f"{name}: it begins like a model of XGBoost, and is cut off or damaged") from None
    return None


def _findings(document: dict[str, Any], model_format: str) -> Findings | None:
    document = document.get("Model", document)  # XGBoost wraps the model where it saves a configuration as well
    if "learner" not in document:
        return None
    learner = document["learner"]
    names, types = learner.get("feature_names") or [], learner.get("feature_types") or []
    return Findings(
        framework=FRAMEWORK,
        model_format=model_format,
        also=("model",),
        package="xgboost",
        loaded_by="no older",  # XGBoost's guide on saving models: newer versions load what older ones saved
        version=".".join(str(part) for part in document.get("version", [])),
        columns=dict(zip(names, [*types, *[""] * (len(names) - len(types))], strict=False)),
    )


class _Ubj:
    """Reads UBJSON (ubjson.org, draft 12) and passes over its arrays of numbers, which hold the trees."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def value(self, marker: bytes) -> Any:
        kind = marker.decode("latin-1")
        if kind in NUMBERS:
            return struct.unpack(f">{NUMBERS[kind]}", self._read(struct.calcsize(NUMBERS[kind])))[0]
        if kind == "S":
            return self._text()
        if kind in "ZTF":
            return {"Z": None, "T": True, "F": False}[kind]
        if kind == "{":
            return self._object()
        if kind == "[":
            return self._array()
        raise ValueError(f"no type {kind!r}")

    def _read(self, size: int) -> bytes:
        content = self._file.read(size)
        if size < 0 or len(content) < size:
            raise ValueError("cut off")
        return content

    def _text(self) -> str:
        return self._read(int(self.value(self._read(1)))).decode()

    def _object(self) -> dict[str, Any]:
        result = {}
        while (marker := self._read(1)) != b"}":
            key = self._read(int(self.value(marker))).decode()
            result[key] = self.value(self._read(1))
        return result

    def _array(self) -> list[Any]:
        marker = self._read(1)
        if marker == b"$":  # of one type
            kind = self._read(1).decode("latin-1")
            self._expect(b"#")
            count = int(self.value(self._read(1)))
            self._file.seek(count * struct.calcsize(NUMBERS[kind]), 1)
            return []
        if marker == b"#":
            return [self.value(self._read(1)) for _ in range(int(self.value(self._read(1))))]
        result = []
        while marker != b"]":
            result.append(self.value(marker))
            marker = self._read(1)
        return result

    def _expect(self, marker: bytes) -> None:
        if self._read(1) != marker:
            raise ValueError("no count")
