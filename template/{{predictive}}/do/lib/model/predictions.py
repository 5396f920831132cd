"""What a model answers to some rows, and how other answers differ from that. Needs only numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Sums of floats may come out differently if rows are predicted in other groups (matrix products, not trees);
# the sample model's own tolerance, in expected.json, is stricter.
ROUNDING_ERRORS = 64
ONLY = ""  # the name of a model's output if it has one without a name


@dataclass(frozen=True)
class Predictions:
    """One item a row in the array of each output. `tolerances` are absolute; 0 asks for the same bits in its type."""

    outputs: Mapping[str, np.ndarray]
    tolerances: Mapping[str, float]

    @classmethod
    def of(cls, answer: Any, relative_tolerance: float | None = None) -> Predictions:
        """From an array, or a dict of arrays by output. The tolerance is relative to the largest of all predictions.

        Without one, floats may differ by rounding errors.
        """
        outputs = {name: np.asarray(output) for name, output in answer.items()} if isinstance(answer, dict) else {}
        outputs = outputs or {ONLY: np.asarray(answer)}
        return cls(outputs, {name: _tolerance(output, relative_tolerance) for name, output in outputs.items()})

    def __len__(self) -> int:
        return len(next(iter(self.outputs.values())))

    @property
    def is_one_array_of_numbers(self) -> bool:
        """Whether there is one output, and it holds numbers."""
        return list(self.outputs) == [ONLY] and _is_number(self.outputs[ONLY])

    @property
    def is_exact(self) -> bool:
        """Whether only the same numbers will do."""
        return not any(self.tolerances.values())

    def take(self, chosen: Sequence[int]) -> Predictions:
        """Those of some rows."""
        return Predictions({name: output[list(chosen)] for name, output in self.outputs.items()}, self.tolerances)

    def difference(self, seen: Any) -> str:
        """How the predictions of an answer differ from these, in words; empty if they agree."""
        if ONLY in self.outputs:
            return self._difference_of(ONLY, seen)
        try:
            columns = {name: [row[name] for row in seen] for name in self.outputs}
        except (TypeError, KeyError, IndexError):
            return f"{str(seen)[:80]}, which are not records of {', '.join(self.outputs)}"
        surplus = [name for row in seen for name in row if name not in self.outputs]
        if surplus:
            return f"records with the output {surplus[0]}, which the model doesn't have"
        return self.difference_in(columns)

    def difference_in(self, outputs: Mapping[str, Any]) -> str:
        """The same for predictions by output."""
        for name in self.outputs:
            if difference := self._difference_of(name, outputs[name]):
                return f"{name}: {difference}" if name else difference
        return ""

    def difference_in_csv(self, cells: list[list[str]]) -> str:
        """The same for an answer in CSV, whose cells hold a row's values of all outputs side by side."""
        if len(cells) != len(self):
            return f"{len(cells)} lines instead of {len(self)}"
        start = 0
        for name, output in self.outputs.items():
            width = _as_columns(output[:1]).size
            part = [row[start : start + width] for row in cells]
            start += width
            difference = _difference_in_width(part, width) or self._difference_of_cells(name, part)
            if difference:
                return f"{name}: {difference}" if name else difference
        return _difference_in_width(cells, start)

    def _difference_of_cells(self, name: str, cells: list[list[str]]) -> str:
        expected = _as_columns(self.outputs[name])
        if _is_number(expected):
            values = [[_number(cell) for cell in row] for row in cells]
            if any(value is None for row in values for value in row):
                return f"{str(cells)[:80]}, which are not all numbers"
            return _first_difference(np.array(values).reshape(expected.shape), expected, self.tolerances[name])
        texts = np.array(["" if value is None else str(value) for value in expected.ravel().tolist()], dtype=object)
        return _first_difference(np.array(cells, dtype=object).reshape(expected.shape), texts.reshape(expected.shape))

    def _difference_of(self, name: str, seen: Any) -> str:
        expected = self.outputs[name]
        if (columns := _as_columns(expected)) is not expected:
            return _difference_of_records(seen, expected, columns, self.tolerances[name])
        number = _is_number(expected)
        try:
            array = np.asarray(seen, dtype=None if number else object)
            if number and array.dtype.kind == "O" and expected.dtype.kind == "f" and np.isnan(expected).any():
                array = array.astype(np.float64)  # JSON has null for NaN
        except (TypeError, ValueError):
            return f"predictions of different lengths: {str(seen)[:80]}"
        if number and array.dtype.kind not in "biuf":
            return f"{str(seen)[:80]}, which are not all numbers"
        if array.shape != expected.shape:
            return f"predictions of shape {list(array.shape)} instead of {list(expected.shape)}"
        return _first_difference(array, expected, self.tolerances[name])


def _difference_of_records(seen: Any, expected: np.ndarray, columns: np.ndarray, tolerance: float) -> str:
    keys = [list(record) for record in expected.flat]
    if [list(record) if isinstance(record, dict) else record for record in seen] != keys:
        return f"{str(seen)[:80]}, which are not records of {', '.join(keys[0])}"
    return _first_difference(_as_columns(np.asarray(seen, dtype=object)), columns, tolerance)


def _tolerance(output: np.ndarray, relative: float | None) -> float:
    output = _as_columns(output)
    if output.dtype.kind != "f":
        return 0.0
    relative = float(ROUNDING_ERRORS * np.finfo(output.dtype).eps) if relative is None else relative
    finite = np.abs(output[np.isfinite(output)])
    return relative * float(finite.max()) if finite.size else 0.0


def _first_difference(array: np.ndarray, expected: np.ndarray, tolerance: float = 0) -> str:
    agree = _agree(array, expected, tolerance)
    if agree.all():
        return ""
    first = tuple(np.argwhere(~agree)[0])
    return f"{array[first]} instead of {expected[first]} for row {first[0] + 1}"


def _agree(array: np.ndarray, expected: np.ndarray, tolerance: float) -> np.ndarray:
    if expected.dtype.kind != "f":
        return np.asarray(array == expected)
    with np.errstate(over="ignore", invalid="ignore"):
        same = array.astype(expected.dtype) == expected  # any text that stands for the same float32 will do
        near = np.abs(array.astype(np.float64) - expected.astype(np.float64)) <= tolerance
    return np.asarray(same | near | (np.isnan(array.astype(np.float64)) & np.isnan(expected)))


def _difference_in_width(cells: list[list[str]], width: int) -> str:
    wrong = next((row for row in cells if len(row) != width), None)
    return f"{len(wrong)} cells in a line instead of {width}" if wrong is not None else ""


def _as_columns(output: np.ndarray) -> np.ndarray:
    """A column for each key if each value is a record, as CSV has them; any other output as it is."""
    if output.dtype.kind != "O" or not output.size or not all(isinstance(value, dict) for value in output.flat):
        return output
    return np.array([list(value.values()) for value in output.flat])


def _is_number(array: np.ndarray) -> bool:
    return array.dtype.kind in "biuf"


def _number(cell: str) -> float | bool | None:
    if cell in ("True", "False"):
        return cell == "True"
    try:
        return float(cell)
    except ValueError:
        return None
