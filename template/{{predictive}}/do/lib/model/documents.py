"""The owner's example request: its rows, and the same rows in every form that a server may read. Needs only numpy."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

JSON = "application/json"
CSV = "text/csv"
JSON_LINES = "application/jsonlines"
NPY = "application/x-npy"
CONTENT_TYPES = (JSON, CSV, JSON_LINES, NPY)

KEYS = ("instances", "inputs", "data")
BARE_LIST = "a bare list"
FEATURES = "features records"
RECORDS, RECORD_LINES = "records", "lines of records"
FORMS = (*CONTENT_TYPES, *KEYS, BARE_LIST, FEATURES, RECORDS, RECORD_LINES)


class Unsendable(Exception):
    """Rows can't be written in a form; the text says why."""


@dataclass(frozen=True)
class Example:
    """A JSON request. `rows` are its rows as JSON values, or None if it has none that can be told apart."""

    body: bytes
    rows: list[Any] | None
    key: str = ""  # where the rows are; empty for a bare list
    others: dict[str, Any] = field(default_factory=dict)  # the document's other keys
    columnar: bool = False  # {"inputs": {"a": [...], "b": [...]}}: the rows of each input

    def document(self, rows: list[Any]) -> Any:
        """Other rows in the document's own form."""
        if not self.key:
            return rows
        content = {name: [row[name] for row in rows] for name in rows[0]} if self.columnar else rows
        return {**self.others, self.key: content}

    def encode(self, rows: list[Any], form: str, columns: Sequence[str] = ()) -> bytes:
        """Rows as a body in one of FORMS. Raises Unsendable."""
        if form == JSON:
            return _json(self.document(rows))
        if form in KEYS:
            return _json({form: rows})
        if form == BARE_LIST:
            return _json(rows)
        if form == FEATURES:
            return _lines({"features": row} for row in rows)
        if form in (RECORDS, RECORD_LINES):
            records = [_record(row, columns) for row in rows]
            return _json({"instances": records}) if form == RECORDS else _lines(records)
        if form == JSON_LINES:
            return _lines(rows)
        lists = [as_list(row, columns) for row in rows]
        return _npy(lists) if form == NPY else _csv(lists)


def content_type_of(form: str) -> str:
    """The content type of a body in one of FORMS."""
    if form in CONTENT_TYPES:
        return form
    return JSON_LINES if form in (FEATURES, RECORD_LINES) else JSON


def read(body: bytes) -> Example:
    """The example in a body: a list of rows, or an object with one. Anything else has no rows of its own."""
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Example(body, None)
    if isinstance(document, list) and document:
        return Example(body, document)
    if not isinstance(document, dict):
        return Example(body, None)
    if isinstance(document.get("columns"), list) and _is_rows(document.get("data")):
        return Example(body, _of_split(document), "instances")
    for key in KEYS:
        others = {name: value for name, value in document.items() if name != key}
        if _is_rows(document.get(key)):
            return Example(body, document[key], key, others)
        if key in document and (rows := _of_columns(document[key])):
            return Example(body, rows, key, others, columnar=True)
    return Example(body, None)


def of_rows(rows: list[Any]) -> Example:
    """The plainest request for some rows."""
    return Example(_json({"instances": rows}), rows, "instances")


def as_list(row: Any, columns: Sequence[str] = ()) -> Any:
    """A row without names: a record's values in the order of the columns, if they are known."""
    if not isinstance(row, dict):
        return row
    return [row[name] for name in columns] if set(columns) == set(row) else list(row.values())


def leaves(value: Any) -> list[Any]:
    """The single values in a row, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list) else [value]


def with_first_leaf(row: Any, value: Any) -> Any:
    """The row with its first single value replaced."""
    if isinstance(row, dict):
        name = next(iter(row))
        return {**row, name: with_first_leaf(row[name], value)}
    return [with_first_leaf(row[0], value), *row[1:]] if isinstance(row, list) else value


def with_width(row: Any, difference: int) -> Any:
    """A list with one value more (1) or fewer (-1) in its last dimension."""
    if row and isinstance(row[0], list):
        return [with_width(part, difference) for part in row]
    return [*row, row[-1]] if difference > 0 else row[:-1]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _of_columns(inputs: Any) -> list[dict[str, Any]]:
    """The rows of an object that holds a list for each input; none if it is anything else."""
    if not isinstance(inputs, dict) or not inputs or not all(isinstance(column, list) for column in inputs.values()):
        return []
    if len({len(column) for column in inputs.values()}) != 1:
        return []
    return [dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)]


def _of_split(document: dict[str, Any]) -> list[Any] | None:
    """The records of pandas' split form; None if its rows don't fit its columns."""
    names, rows = document["columns"], document["data"]
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return [dict(zip(map(str, names), row, strict=True)) for row in rows]


def _record(row: Any, columns: Sequence[str]) -> dict[str, Any]:
    """A row by name, the last column first."""
    if isinstance(row, dict):
        return dict(reversed(row.items()))
    if not columns:
        raise Unsendable("the model was trained without column names")
    if not isinstance(row, list) or len(row) != len(columns):
        raise Unsendable("the example's rows don't fit the names of the model's columns")
    return dict(reversed(list(zip(columns, row, strict=True))))


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


def _lines(rows: Any) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _csv(rows: list[Any]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(["" if cell is None else cell for cell in leaves(row)] for row in rows)
    return text.getvalue().encode()


def _npy(rows: list[Any]) -> bytes:
    if any(isinstance(leaf, str) for row in rows for leaf in leaves(row)):
        raise Unsendable("NPY holds only numbers, and the example has text")
    try:
        array = np.array(rows)
        array = array.astype(np.float64) if array.dtype.kind == "O" else array
    except (TypeError, ValueError, OverflowError):
        raise Unsendable("the example's rows don't make an array of numbers") from None
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()
