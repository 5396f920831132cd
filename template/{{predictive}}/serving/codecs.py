"""Request bodies to rows, predictions to response bodies: JSON, CSV, JSON Lines and NPY."""

from __future__ import annotations

import csv
import functools
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from serving.errors import EmptyBody, MalformedBody, NotAcceptable, NotANumber, UnsupportedContentType, WrongColumns

JSON = "application/json"
CSV = "text/csv"
JSON_LINES = "application/jsonlines"
NPY = "application/x-npy"
ALIASES = {"application/x-ndjson": JSON_LINES, "application/x-jsonlines": JSON_LINES}
KNOWN = (JSON, CSV, JSON_LINES, NPY)
ROW_KEYS = ("instances", "inputs", "data")


@dataclass(frozen=True)
class RowFormat:
    """What the model was trained with: the shape of one row, and its columns' names where it has them."""

    shape: tuple[int, ...]
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        if len(self.shape) != 1:
            return f"rows of shape {list(self.shape)}"
        return f"{self.shape[0]} columns" + (f" ({', '.join(self.names)})" if self.names else "")


@functools.lru_cache(maxsize=256)
def content_type(header: str | None) -> str:
    """The content type of a request as one of KNOWN. Raises UnsupportedContentType."""
    name = (header or "").partition(";")[0].strip().lower()
    name = ALIASES.get(name, name)
    if name not in KNOWN:
        given = f"content type {name!r} is not supported" if name else "the Content-Type header is missing"
        raise UnsupportedContentType(f"{given}; send {', '.join(KNOWN)}")
    return name


@functools.lru_cache(maxsize=256)
def accepted_type(header: str | None) -> str:
    """The content type to answer with, as one of KNOWN; JSON where the client has no wish. Raises NotAcceptable."""
    if not header:
        return JSON
    for name in _by_preference(header):
        if name in ("*/*", "application/*"):
            return JSON
        name = CSV if name == "text/*" else ALIASES.get(name, name)
        if name in KNOWN:
            return name
    raise NotAcceptable(f"none of {header[:200]!r} can be written; accept {', '.join(KNOWN)}")


def _by_preference(header: str) -> list[str]:
    """The media types of an Accept header, most wanted first, those with q=0 left out."""
    wanted = []
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        wanted.append((_quality(parameters), name))
    return [name for quality, name in sorted(wanted, key=lambda item: -item[0]) if quality > 0]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = float(parameter[2:])
            except ValueError:
                return 0.0
            return quality if math.isfinite(quality) else 0.0
    return 1.0


def decode(body: bytes, media_type: str, row_format: RowFormat | None, allow_missing: bool = False) -> np.ndarray:
    """The rows of a body: an array of numbers whose first axis counts the rows.

    `row_format` is checked where the model tells it. Missing values (JSON null, empty CSV cells, NaN) become NaN with
    `allow_missing` and are refused without. Raises BadRequest and its kinds.
    """
    if not body:
        raise EmptyBody("the body is empty; send at least one row")
    return _check(_DECODERS[media_type](body, row_format), row_format, allow_missing)


def _decode_json(body: bytes, row_format: RowFormat | None) -> np.ndarray:
    return _to_array(_rows_of(_load_json(body)), row_format)


def _load_json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"the body is not valid JSON: {error}") from None


def _rows_of(document: Any) -> list[Any]:
    if isinstance(document, dict):
        document = next((document[key] for key in ROW_KEYS if key in document), None)
    if not isinstance(document, list):
        raise MalformedBody('send {"instances": [[...], ...]} or a list of rows')
    return document


def _decode_json_lines(body: bytes, row_format: RowFormat | None) -> np.ndarray:
    rows = [_load_json(line) for line in body.splitlines() if line.strip()]
    return _to_array([row["features"] if _is_features(row) else row for row in rows], row_format)


def _is_features(row: Any) -> bool:
    return isinstance(row, dict) and row.keys() == {"features"}


def _decode_csv(body: bytes, row_format: RowFormat | None) -> np.ndarray:
    try:
        cells = list(csv.reader(io.StringIO(body.decode().rstrip("\r\n"), newline="")))
    except UnicodeDecodeError:
        raise MalformedBody("the CSV body is not UTF-8 text") from None
    except csv.Error as error:
        raise MalformedBody(f"the body is not valid CSV: {error}") from None
    if [] in cells:
        raise WrongColumns(f"row {cells.index([]) + 1} is a blank line{_expectation(row_format)}")
    rows = [[_number(cell, line, column) for column, cell in enumerate(row)] for line, row in enumerate(cells)]
    array = _to_array(rows, row_format)
    if row_format and array.ndim == 2 and array.shape[1] == math.prod(row_format.shape):
        return array.reshape(-1, *row_format.shape)
    return array


def _number(cell: str, line: int, column: int) -> float:
    """A CSV cell's number; NaN for an empty one. Stricter than float(), which takes underscores."""
    try:
        return float(cell.replace("_", "x")) if cell.strip() else math.nan
    except ValueError:
        text = f"row {line + 1}, column {column + 1}: {cell[:40]!r} is not a number"
        raise NotANumber(f"{text} (a CSV body has no header line)" if line == 0 else text) from None


def _decode_npy(body: bytes, row_format: RowFormat | None) -> np.ndarray:
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read(stream)
    except ValueError:
        raise MalformedBody("the body is not an NPY array") from None
    if dtype.kind not in "fiub":
        raise NotANumber(f"the NPY array has the type {dtype}; send numbers")
    # checked before numpy takes the memory that the header claims
    if len(body) - stream.tell() != math.prod(shape) * dtype.itemsize:
        raise MalformedBody(f"the NPY body's length doesn't fit its shape {list(shape)}")
    array = np.frombuffer(body, dtype, offset=stream.tell())
    return array.reshape(shape[::-1]).T if fortran_order else array.reshape(shape)


def _to_array(rows: list[Any], row_format: RowFormat | None) -> np.ndarray:
    if not rows:
        raise EmptyBody("there is no row in the body; send at least one")
    if isinstance(rows[0], dict):
        rows = _by_name(rows, row_format)
    try:
        array = np.array(rows)
    except ValueError:
        raise WrongColumns(f"the rows differ in length{_expectation(row_format)}") from None
    return array if array.dtype.kind in "fiub" else _with_missing(rows, row_format)


def _with_missing(rows: list[Any], row_format: RowFormat | None) -> np.ndarray:
    """Rows in which not every value is a number: null becomes NaN, anything else is refused by its place."""
    for line, row in enumerate(rows):
        if not isinstance(row, list):
            raise MalformedBody("a row must be a list of numbers, or a record of numbers by column name")
        for column, value in enumerate(row):
            if not isinstance(value, int | float | list | None):
                raise NotANumber(f"row {line + 1}, {_column(column, row_format)}: {str(value)[:40]!r} is not a number")
    try:
        return np.array(rows, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise NotANumber("a row holds something that is not a number") from None


def _by_name(rows: list[Any], row_format: RowFormat | None) -> list[list[Any]]:
    if not row_format or not row_format.names:
        raise WrongColumns("the model was trained without column names; send each row as a list of numbers")
    names = row_format.names
    for line, row in enumerate(rows):
        if not isinstance(row, dict):
            raise MalformedBody("either all rows are records or none is")
        if row.keys() != set(names):
            missing = [name for name in names if name not in row]
            unknown = [name for name in row if name not in names]
            problem = f"lacks {', '.join(missing)}" if missing else f"has unknown columns {', '.join(unknown)[:200]}"
            raise WrongColumns(f"row {line + 1} {problem}{_expectation(row_format)}")
    return [[row[name] for name in names] for row in rows]


def _check(array: np.ndarray, row_format: RowFormat | None, allow_missing: bool) -> np.ndarray:
    if array.size == 0:
        raise EmptyBody("there is no value in the body; send at least one row")
    if array.ndim < 2 or (row_format and array.shape[1:] != row_format.shape):
        raise WrongColumns(f"{_seen(array)}{_expectation(row_format)}")
    array = np.ascontiguousarray(array, dtype=np.float64)
    usable = ~np.isinf(array) if allow_missing else np.isfinite(array)
    if not usable.all():
        line, column = np.argwhere(~usable)[0][:2]
        place = f"row {line + 1}, {_column(int(column), row_format)}"
        raise NotANumber(f"{place}: missing, NaN or infinite; send a finite number")
    return array


def _column(index: int, row_format: RowFormat | None) -> str:
    named = row_format is not None and index < len(row_format.names)
    return f"column {index + 1}" + (f" ({row_format.names[index]})" if row_format and named else "")


def _seen(array: np.ndarray) -> str:
    if array.ndim < 2:
        return "a row must be a list, as in [[1, 2], [3, 4]]"
    return f"got rows with {array.shape[1]} columns" if array.ndim == 2 else f"got rows of shape {array.shape[1:]}"


def _expectation(row_format: RowFormat | None) -> str:
    return f"; the model expects {row_format}" if row_format else ""


_DECODERS: dict[str, Callable[[bytes, RowFormat | None], np.ndarray]] = {
    JSON: _decode_json,
    CSV: _decode_csv,
    JSON_LINES: _decode_json_lines,
    NPY: _decode_npy,
}


def encode(predictions: Any, media_type: str) -> bytes:
    """Predictions (an array or a list, one item a row) as a body of one of the KNOWN types."""
    return _ENCODERS[media_type](np.asarray(predictions))


def _encode_json(array: np.ndarray) -> bytes:
    # tolist makes doubles of float32 values, so that every text format writes the number that the model gave
    return orjson.dumps({"predictions": array.tolist()})


def _encode_json_lines(array: np.ndarray) -> bytes:
    return b"".join(orjson.dumps(value) + b"\n" for value in array.tolist())


def _encode_csv(array: np.ndarray) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(array.reshape(len(array), -1).tolist())
    return text.getvalue().encode()


def _encode_npy(array: np.ndarray) -> bytes:
    if array.dtype.kind == "O":
        raise NotAcceptable(f"these predictions can't be written as {NPY}; accept {JSON}")
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


_ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {
    JSON: _encode_json,
    CSV: _encode_csv,
    JSON_LINES: _encode_json_lines,
    NPY: _encode_npy,
}
