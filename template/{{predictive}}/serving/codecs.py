"""Request bodies to rows, predictions to response bodies: JSON, CSV, JSON Lines and NPY."""

from __future__ import annotations

import csv
import functools
import io
import math
from collections.abc import Callable, Iterator
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
ROW_KEYS = ("instances", "inputs", "data", "dataframe_records")
SPLIT = "dataframe_split"  # MLflow's name for pandas' split form, as `dataframe_records` is for records
BOM = b"\xef\xbb\xbf"  # Windows puts it before text
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None")  # CSV cells that stand for no value
BOOLEANS = {"True": 1.0, "true": 1.0, "False": 0.0, "false": 0.0}  # as pandas writes columns of them
TOO_LARGE = "{} is too large an integer: it would be rounded"
MOST_DIMENSIONS = 32  # of an NPY array; numpy itself stops at 64
PLAIN = b"0123456789.+-eE,\n"  # what CSV consists of that holds numbers and nothing else
LARGEST_EXACT = 2**53  # from here on, float64 no longer holds every whole number


@dataclass(frozen=True)
class RowFormat:
    """What the model was trained with: the shape of one row, its columns' names, and what each of them holds.

    `names` and `kinds` are empty if the model doesn't tell. A kind is one of those in `tables`, or None (unknown).
    """

    shape: tuple[int, ...]
    names: tuple[str, ...] = ()
    kinds: tuple[str | None, ...] = ()
    categories: tuple[tuple[Any, ...], ...] = ()  # of each column, as far as they are known; None: it may be missing
    rows: int | None = None  # how many a request must have; None: any number
    without_blanks: bool = False  # the names have _ for each blank of those that the model was trained with

    def __str__(self) -> str:
        if len(self.shape) != 1:
            return f"rows of shape {list(self.shape)}"
        return f"{self.shape[0]} column{'s' if self.shape[0] != 1 else ''}" + (
            f" ({', '.join(self.names)})" if self.names else ""
        )


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
    ranges = _ranges(header)
    wishes = [(*_wish(known, ranges), known) for known in KNOWN]
    quality, _, known = max(wishes, key=lambda wish: (wish[0], -wish[1]))
    if quality > 0:
        return known
    raise NotAcceptable(f"none of {header[:200]!r} can be written; accept {', '.join(KNOWN)}")


def _wish(known: str, ranges: dict[str, tuple[float, int]]) -> tuple[float, int]:
    """How much a type is wanted, and its place in the header: the most specific range of media types has the word.

    https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
    """
    for name in (known, f"{known.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0, 0


def _ranges(header: str) -> dict[str, tuple[float, int]]:
    """The quality of each media type or range of an Accept header, and its place there."""
    found = {}
    for place, part in enumerate(header.split(",")):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        found[ALIASES.get(name, name)] = (_quality(parameters), place)
    return found


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
    # without a quotation mark inside the rows there is no text in them, which numpy would blow up to arrays of strings
    document = load_json(body)
    marks_of_the_key = 2 if isinstance(document, dict) else 0
    return _to_array(rows_of(document), row_format, may_hold_text=body.count(b'"') > marks_of_the_key)


def rows_in(body: bytes, media_type: str) -> list[Any]:
    """The rows of a JSON or JSON Lines body, as they were sent: lists, records or single values. Raises BadRequest."""
    if not body:
        raise EmptyBody("the body is empty; send at least one row")
    return rows_of(load_json(body)) if media_type == JSON else _lines_of(body)


def load_json(text: bytes) -> Any:
    try:
        return orjson.loads(text.removeprefix(BOM))
    except orjson.JSONDecodeError as error:
        hint = "; send null for a missing value" if b"NaN" in text else ""
        raise MalformedBody(f"the body is not valid JSON: {error}{hint}") from None


def rows_of(document: Any) -> list[Any]:
    if isinstance(document, dict):
        document = _rows_of_object(document)
    if not isinstance(document, list):
        raise MalformedBody('send {"instances": [[...], ...]} or a list of rows')
    return [row["features"] if _is_features(row) else row for row in document] if _has_features(document) else document


def _rows_of_object(document: dict[str, Any]) -> Any:
    """The rows of a document with one of ROW_KEYS, or of pandas' split form. What would not be used is refused."""
    if document.keys() == {SPLIT} and isinstance(document[SPLIT], dict):
        document = document[SPLIT]
    keys = document.keys()
    if {"columns", "data"} <= keys <= {"columns", "data", "index"}:  # an index names rows, which no model reads
        return _records_of_split(document["columns"], document["data"])
    given = [key for key in ROW_KEYS if key in keys]
    if len(given) == 1 and len(keys) == 1:
        return document[given[0]]
    if not given:
        return None
    unused = [key for key in keys if key != given[0]]
    raise MalformedBody(f"the server makes no use of {', '.join(map(repr, unused))[:200]}; send {given[0]!r} alone")


def _records_of_split(columns: Any, data: Any) -> list[dict[str, Any]]:
    if not (isinstance(columns, list) and all(isinstance(name, str) for name in columns) and isinstance(data, list)):
        raise MalformedBody(
            'send {"columns": ["a", "b"], "data": [[1, 2], ...]} with names of columns and rows of values'
        )
    for line, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise WrongColumns(f"row {line + 1} of 'data' doesn't fit the {len(columns)} names in 'columns'")
    if len(set(columns)) != len(columns):
        raise WrongColumns("a name stands twice in 'columns'")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _has_features(rows: list[Any]) -> bool:
    return bool(rows) and _is_features(rows[0])


def _decode_json_lines(body: bytes, row_format: RowFormat | None) -> np.ndarray:
    return _to_array(_lines_of(body), row_format, may_hold_text=b'"' in body)


def _lines_of(body: bytes) -> list[Any]:
    rows = [load_json(line) for line in body.removeprefix(BOM).splitlines() if line.strip()]
    return [row["features"] if _is_features(row) else row for row in rows]


def _is_features(row: Any) -> bool:
    return isinstance(row, dict) and row.keys() == {"features"}


def _decode_csv(body: bytes, row_format: RowFormat | None) -> np.ndarray:
    array = _plain_csv(body, row_format)
    if array is None:
        array = _to_array(_csv_rows(body, row_format), row_format)
    if row_format and array.ndim == 2 and array.shape[1] == math.prod(row_format.shape):
        return array.reshape(-1, *row_format.shape)
    return array


def _csv_rows(body: bytes, row_format: RowFormat | None) -> list[list[float]]:
    """The numbers of any CSV body. Raises BadRequest and its kinds."""
    cells = csv_cells(body)
    if [] in cells:
        raise WrongColumns(f"row {cells.index([]) + 1} is a blank line{expectation(row_format)}")
    cells = without_header(cells, row_format)
    return [[_number(cell, line, column) for column, cell in enumerate(row)] for line, row in enumerate(cells)]


def _plain_csv(body: bytes, row_format: RowFormat | None) -> np.ndarray | None:
    """The numbers of a CSV body in which nothing has to be explained or refused, else None.

    What is written as in JSON is read as JSON, which does not make millions of strings of a large body.
    """
    text = body.removeprefix(BOM).replace(b"\r\n", b"\n").rstrip(b"\n")
    if row_format and row_format.names:
        header, _, below = text.partition(b"\n")
        if [cell.strip(" ") for cell in header.decode(errors="replace").split(",")] == list(row_format.names):
            text = below
    commas = {line.count(b",") for line in text.split(b"\n")}
    width = math.prod(row_format.shape) if row_format else max(commas) + 1
    if text.translate(None, PLAIN) or commas != {width - 1}:
        return None
    try:
        values = orjson.loads(b"[" + text.replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:
        return None
    numbers = np.fromiter(values, dtype=np.float64, count=len(values))
    sizes = np.abs(numbers)
    # JSON's -0 is a whole number, which has no sign
    signless = sizes.min(initial=1) == 0 and (b"-0," in text or b"-0\n" in text or text.endswith(b"-0"))
    if not values or signless or sizes.max() >= LARGEST_EXACT:
        return None
    return numbers.reshape(-1, width)


def csv_cells(body: bytes) -> list[list[str]]:
    """The cells of a CSV body, row by row. Raises BadRequest."""
    if not body.strip():
        raise EmptyBody("there is no row in the body; send at least one")
    try:
        return list(csv.reader(io.StringIO(body.removeprefix(BOM).decode().rstrip("\r\n"), newline="")))
    except UnicodeDecodeError:
        raise MalformedBody("the CSV body is not UTF-8 text") from None
    except csv.Error as error:
        raise MalformedBody(f"the body is not valid CSV: {error}") from None


def without_header(cells: list[list[str]], row_format: RowFormat | None) -> list[list[str]]:
    """The rows below a header line of exactly the model's columns, in the model's order; all rows without one."""
    names = row_format.names if row_format else ()
    first = header_of(cells[0], row_format)
    if not names or sorted(first) != sorted(names):
        return cells
    if len(cells) == 1:
        raise EmptyBody("there is no row below the header; send at least one")
    order = [first.index(name) for name in names]
    if any(len(row) != len(first) for row in cells):
        raise WrongColumns(f"the rows differ in length{expectation(row_format)}")
    return cells[1:] if order == sorted(order) else [[row[i] for i in order] for row in cells[1:]]


def _number(cell: str, line: int, column: int) -> float:
    """A CSV cell's number; NaN for a missing one. Stricter than float(), which takes underscores and any digits."""
    text = cell.strip()
    if text in MISSING:
        return math.nan
    if text in BOOLEANS:
        return BOOLEANS[text]
    try:
        value = float(text.replace("_", "x") if text.isascii() else "x")
    except ValueError:
        message = f"row {line + 1}, column {column + 1}: {cell[:40]!r} is not a number"
        hint = " (a header line must hold exactly the names of the model's columns)" if line == 0 else ""
        raise NotANumber(message + hint) from None
    if abs(value) >= LARGEST_EXACT and text.lstrip("+-").isdigit() and int(text) != value:
        raise NotANumber(f"row {line + 1}, column {column + 1}: {TOO_LARGE.format(text[:40])}")
    return value


def _decode_npy(body: bytes, row_format: RowFormat | None) -> np.ndarray:
    array = decode_npy(body)
    if (
        array.dtype.kind in "iu"
        and array.size
        and not np.array_equal(array.astype(np.float64).astype(array.dtype), array)
    ):
        raise NotANumber(TOO_LARGE.format("a value of the NPY array"))
    return array


def decode_npy(body: bytes) -> np.ndarray:
    """The array in an NPY body, in its own type; it shares the body's memory. Raises BadRequest for any other bytes."""
    if not body:
        raise EmptyBody("the body is empty; send at least one row")
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read(stream)
    except Exception:  # numpy evaluates the header as a Python literal, which fails in many ways
        raise MalformedBody("the body is not an NPY array") from None
    if dtype.kind not in "fiub":
        raise NotANumber(f"the NPY array has the type {str(dtype)[:40]}; send numbers")
    sound = len(shape) <= MOST_DIMENSIONS and all(type(size) is int and 0 <= size <= len(body) for size in shape)
    # checked before numpy takes the memory that the header claims
    if not sound or len(body) - stream.tell() != math.prod(shape) * dtype.itemsize:
        raise MalformedBody(f"the NPY body's length doesn't fit its shape {str(list(shape))[:100]}")
    array = np.frombuffer(body, dtype, offset=stream.tell())
    return array.reshape(shape[::-1]).T if fortran_order else array.reshape(shape)


def _to_array(rows: list[Any], row_format: RowFormat | None, may_hold_text: bool = False) -> np.ndarray:
    if not rows:
        raise EmptyBody("there is no row in the body; send at least one")
    if isinstance(rows[0], dict):
        rows = by_name(rows, row_format)
    if may_hold_text and _holds_text(rows):
        return _with_missing(rows, row_format)
    try:
        array = np.array(rows)
    except ValueError:
        raise WrongColumns(f"the rows differ in length{expectation(row_format)}") from None
    if array.dtype.kind not in "fiub":
        return _with_missing(rows, row_format)
    return exact_floats(rows, array)


def exact_floats(rows: list[Any], array: np.ndarray) -> np.ndarray:
    """The array made of these rows. Raises NotANumber if float64 can't hold one of their integers."""
    if not _is_moderate(array) and (np.abs(array) >= LARGEST_EXACT).any():
        for value in _values(rows):
            if type(value) is int and abs(value) > LARGEST_EXACT and float(value) != value:
                raise NotANumber(TOO_LARGE.format(str(value)[:40]))
    return array


def _values(rows: Any) -> Iterator[Any]:
    for value in rows:
        if isinstance(value, list):
            yield from _values(value)
        else:
            yield value


def _holds_text(rows: list[Any]) -> bool:
    return any(isinstance(value, str) for value in _values(rows))


def _with_missing(rows: list[Any], row_format: RowFormat | None) -> np.ndarray:
    """Rows in which not every value is a number: null becomes NaN, anything else is refused by its place."""
    if any(isinstance(row, list) and len(row) != len(rows[0]) for row in rows if isinstance(rows[0], list)):
        raise WrongColumns(f"the rows differ in length{expectation(row_format)}")
    for line, row in enumerate(rows):
        if not isinstance(row, list):
            raise MalformedBody("a row must be a list of numbers, or a record of numbers by column name")
        for column, value in enumerate(row):
            if not isinstance(value, int | float | list | None):
                raise NotANumber(f"row {line + 1}, {_column(column, row_format)}: {str(value)[:40]!r} is not a number")
    try:
        return exact_floats(rows, np.array(rows, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        raise NotANumber("a row holds something that is not a number") from None


def by_name(rows: list[Any], row_format: RowFormat | None) -> list[list[Any]]:
    """The values of records in the order of the model's columns. Raises BadRequest."""
    if not row_format or not row_format.names:
        raise WrongColumns("the model was trained without column names; send each row as a list of numbers")
    names = row_format.names
    if row_format.without_blanks:
        rows = [_as_stored(row) for row in rows]
    for line, row in enumerate(rows):
        if not isinstance(row, dict):
            raise MalformedBody("either all rows are records or none is")
        if row.keys() != set(names):
            missing = [name for name in names if name not in row]
            unknown = [name for name in row if name not in names]
            problem = f"lacks {', '.join(missing)}" if missing else f"has unknown columns {', '.join(unknown)[:200]}"
            raise WrongColumns(f"row {line + 1} {problem}{expectation(row_format)}")
    return [[row[name] for name in names] for row in rows]


def _as_stored(row: Any) -> Any:
    """A record by the names that the model has stored; unchanged if two of its names would become one."""
    if not isinstance(row, dict):
        return row
    stored = {name.replace(" ", "_"): value for name, value in row.items()}
    return stored if len(stored) == len(row) else row


def header_of(cells: list[str], row_format: RowFormat | None) -> list[str]:
    """The names in a line, as the model has stored them."""
    names = [cell.strip() for cell in cells]
    return [name.replace(" ", "_") for name in names] if row_format and row_format.without_blanks else names


def _check(array: np.ndarray, row_format: RowFormat | None, allow_missing: bool) -> np.ndarray:
    if array.size == 0:
        raise EmptyBody("there is no value in the body; send at least one row")
    if array.ndim < 2 or (row_format and array.shape[1:] != row_format.shape):
        raise WrongColumns(f"{_seen(array)}{expectation(row_format)}")
    array = np.ascontiguousarray(array, dtype=np.float64)
    if _is_moderate(array):
        return array
    usable = ~np.isinf(array) if allow_missing else np.isfinite(array)
    if not usable.all():
        line, column = np.argwhere(~usable)[0][:2]
        place = f"row {line + 1}, {_column(int(column), row_format)}"
        raise NotANumber(f"{place}: missing, NaN or infinite; send a finite number")
    return array


def _is_moderate(array: np.ndarray) -> bool:
    """Whether all values are finite and none is too large to be exact, where one cheap sum of squares shows it."""
    return array.dtype == np.float64 and bool(np.vdot(array, array) < LARGEST_EXACT)


def _column(index: int, row_format: RowFormat | None) -> str:
    named = row_format is not None and index < len(row_format.names)
    return f"column {index + 1}" + (f" ({row_format.names[index]})" if row_format and named else "")


def _seen(array: np.ndarray) -> str:
    if array.ndim < 2:
        return "a row must be a list, as in [[1, 2], [3, 4]]"
    return f"got rows with {array.shape[1]} columns" if array.ndim == 2 else f"got rows of shape {array.shape[1:]}"


def expectation(row_format: RowFormat | None) -> str:
    """How an error goes on: what the model expects, if it tells."""
    return f"; the model expects {row_format}" if row_format else ""


_DECODERS: dict[str, Callable[[bytes, RowFormat | None], np.ndarray]] = {
    JSON: _decode_json,
    CSV: _decode_csv,
    JSON_LINES: _decode_json_lines,
    NPY: _decode_npy,
}


def encode(predictions: Any, media_type: str) -> bytes:
    """Predictions as a body of one of the KNOWN types: an array or a list with one item a row, or such by name."""
    if isinstance(predictions, dict):
        return _encode_outputs({name: np.asarray(output) for name, output in predictions.items()}, media_type)
    return _ENCODERS[media_type](np.asarray(predictions))


def _encode_outputs(outputs: dict[str, np.ndarray], media_type: str) -> bytes:
    """Several outputs: a record a row in JSON, the outputs side by side in CSV."""
    if media_type == CSV:
        columns = [as_columns(output).reshape(len(output), -1).astype(object) for output in outputs.values()]
        return _encode_csv(np.concatenate(columns, axis=1))
    if media_type == NPY:
        raise NotAcceptable(f"the outputs {', '.join(outputs)} can't be written as one {NPY}; accept {JSON}")
    columns_of_values = [output.tolist() for output in outputs.values()]
    records = [dict(zip(outputs, values, strict=True)) for values in zip(*columns_of_values, strict=True)]
    if media_type == JSON:
        return orjson.dumps({"predictions": records})
    return b"".join(orjson.dumps(record) + b"\n" for record in records)


def _encode_json(array: np.ndarray) -> bytes:
    # tolist makes doubles of float32 values, so that every text format writes the number that the model gave
    return orjson.dumps({"predictions": array.tolist()})


def _encode_json_lines(array: np.ndarray) -> bytes:
    return b"".join(orjson.dumps(value) + b"\n" for value in array.tolist())


def _encode_csv(array: np.ndarray) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(as_columns(array).reshape(len(array), -1).tolist())
    return text.getvalue().encode()


def as_columns(array: np.ndarray) -> np.ndarray:
    """A column for each key if each value is a record, such as probabilities by class; any other array as it is."""
    if array.dtype.kind != "O" or not array.size or not all(isinstance(value, dict) for value in array.flat):
        return array
    return np.array([list(value.values()) for value in array.flat])


def _encode_npy(array: np.ndarray) -> bytes:
    array = as_columns(array)
    if array.dtype.kind in "OUSM":
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
