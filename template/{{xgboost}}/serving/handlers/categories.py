"""The categories of an XGBoost model's columns: requests hold their values, the trees know their codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from serving.errors import BadRequest
from serving.tables import NUMBER, TEXT, Rows, Table


class Categories:
    """Turns rows with values of categories into the matrix of numbers that the booster predicts from."""

    def __init__(self, types: Sequence[str], stored: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
        """`types` and `stored` as the model file has them, for each column: `c` for categories, and their values."""
        self.names = names
        self.codes = [
            {value: code for code, value in enumerate(_values(column))} if kind == "c" else None
            for kind, column in zip(types, stored, strict=True)
        ]
        self.kinds = tuple(_kind(codes) for codes in self.codes)
        self.values = tuple((*codes, None) if codes else () for codes in self.codes)  # a value may be missing

    def encode(self, rows: Rows) -> np.ndarray:
        """The rows as float64. Raises BadRequest for a value that is no category of its column."""
        columns = list(rows.columns.values()) if isinstance(rows, Table) else list(rows.T)
        return np.stack([self._encoded(i, column) for i, column in enumerate(columns)], axis=1)

    def probes(self, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The rows with codes in place of the columns of categories."""
        for i, codes in enumerate(self.codes):
            if codes is not None:
                rows[:, i] = random.integers(0, max(len(codes), 1), len(rows))
        return rows

    def _encoded(self, index: int, column: np.ndarray) -> np.ndarray:
        codes = self.codes[index]
        if codes is None:
            return column.astype(np.float64)
        return np.array([self._code(index, codes, line, value) for line, value in enumerate(column.tolist())])

    def _code(self, index: int, codes: dict[Any, int], line: int, value: Any) -> float:
        if value is None or value != value:
            return math.nan
        if value not in codes:
            known = ", ".join(map(repr, list(codes)[:10]))
            name = f" ({self.names[index]})" if self.names else ""
            place = f"row {line + 1}, column {index + 1}{name}"
            raise BadRequest(f"{place}: {str(value)[:40]!r} is no category of the model; it knows {known}"[:500])
        return codes[value]


def _values(column: dict[str, Any]) -> list[Any]:
    """The categories in the order of their codes: numbers as they are, text as bytes with the offset of each."""
    values = column["values"]
    if "offsets" not in column:
        return list(values)
    text, offsets = bytes(byte % 256 for byte in values), column["offsets"]
    return [text[start:end].decode() for start, end in pairwise(offsets)]


def _kind(codes: dict[Any, int] | None) -> str:
    return TEXT if codes and isinstance(next(iter(codes)), str) else NUMBER
