"""Requests to tensors: an array for each input of a model, in the input's own type and shape."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from serving import codecs
from serving.codecs import RowFormat
from serving.errors import EmptyBody, MalformedBody, NotANumber, WrongColumns
from serving.tables import Table

TEXT = np.dtype(object)  # the type of an input of texts or bytes
INTEGER = re.compile(r"[+-]?[0-9]+\Z")
BASE64 = {"b64"}  # TensorFlow Serving's way to write bytes in JSON: {"b64": "..."}

Leaves = list[Any]


@dataclass(frozen=True)
class TensorInput:
    """An input of a model. `shape` is that of one row: None is a size that varies, () a single value."""

    name: str
    dtype: np.dtype
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        kind = "text" if self.dtype == TEXT else str(self.dtype)
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        return f"{self.name} ({kind}, rows of shape [{sizes}])"

    @property
    def is_single(self) -> bool:
        """Whether a row of it is one value."""
        return self.shape in ((), (1,))


@dataclass(frozen=True)
class TensorFormat:
    """The inputs of a model. `ordered`: the model itself puts them in order, so that names can be left out.

    `signature`: the name that requests may give as `signature_name`; None for models that have no such names.
    """

    inputs: tuple[TensorInput, ...]
    ordered: bool
    signature: str | None = None

    def __str__(self) -> str:
        return ", ".join(map(str, self.inputs))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(tensor.name for tensor in self.inputs)

    @property
    def is_table(self) -> bool:
        """Whether there are several inputs of one value each, as a table has columns."""
        return len(self.inputs) > 1 and all(tensor.is_single for tensor in self.inputs)

    @property
    def row_format(self) -> RowFormat | None:
        """The rows as a matrix of floating-point numbers, if they are one."""
        if any(tensor.dtype.kind != "f" for tensor in self.inputs):
            return None
        if self.is_table and self.ordered:
            return RowFormat((len(self.inputs),), self.names)
        if len(self.inputs) > 1 or None in self.inputs[0].shape or not self.inputs[0].shape:
            return None
        return RowFormat(tuple(size for size in self.inputs[0].shape if size is not None))


def decode(body: bytes, media_type: str, expected: TensorFormat, allow_missing: bool = False) -> np.ndarray | Table:
    """The tensors in a body: an array if the model has one input, else a Table of them by name.

    JSON is read as TensorFlow Serving reads it: `instances` (or a list) holds rows, `inputs` may hold a list of rows
    for each input. Raises BadRequest and its kinds.
    """
    if not body:
        raise EmptyBody("the body is empty; send at least one row")
    if media_type == codecs.NPY:
        columns = _npy_columns(codecs.decode_npy(body), expected, allow_missing)
    elif media_type == codecs.CSV:
        columns = _csv_columns(codecs.csv_cells(body), expected, allow_missing)
    else:
        columns = {
            tensor.name: _tensor(values, tensor, allow_missing, lenient=len(expected.inputs) > 1)
            for tensor, values in zip(expected.inputs, _json_values(body, media_type, expected), strict=True)
        }
    counts = {len(column) for column in columns.values()}
    if len(counts) > 1:
        told = ", ".join(f"{len(column)} of {name}" for name, column in columns.items())
        raise WrongColumns(f"each input needs one entry a row, got {told}")
    return Table(columns) if len(expected.inputs) > 1 else columns[expected.inputs[0].name]


def split(rows: np.ndarray, expected: TensorFormat) -> dict[str, np.ndarray]:
    """The inputs in a matrix: all of it for a model with one, a column for each for one that reads tables."""
    if len(expected.inputs) == 1:
        return {expected.inputs[0].name: rows}
    if not (expected.is_table and expected.ordered and rows.ndim == 2 and rows.shape[1] == len(expected.inputs)):
        raise WrongColumns(_needs_names(expected))
    return {tensor.name: rows[:, i].reshape(-1, *(1 for _ in tensor.shape)) for i, tensor in enumerate(expected.inputs)}


def converted(array: np.ndarray, tensor: TensorInput, allow_missing: bool = False) -> np.ndarray:
    """An array of numbers in the type of an input. Raises NotANumber for a value that this type can't hold."""
    dtype = tensor.dtype
    if array.dtype == dtype and dtype.kind in "iub":
        return array
    if dtype.kind == "f":
        _refuse_unless(np.isfinite(array) | (np.isnan(array) & allow_missing), array, tensor, "a finite number")
        _refuse_unless(~(np.abs(array) > float(np.finfo(dtype).max)), array, tensor, f"in the range of {dtype}")
    elif dtype.kind == "b":
        _refuse_unless((array == 0) | (array == 1), array, tensor, "true or false")
    elif dtype.kind in "iu":
        if array.dtype.kind == "f":
            whole = np.isfinite(array) & (np.floor(array) == array) & (np.abs(array) <= codecs.LARGEST_EXACT)
            _refuse_unless(whole, array, tensor, "a whole number")
            array = array.astype(np.int64)
        limits = np.iinfo(dtype)
        # compared as Python integers, because numpy compares uint64 with int64 as floats
        if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
            _refuse_unless((array >= limits.min) & (array <= limits.max), array, tensor, f"in the range of {dtype}")
    return array.astype(dtype)


def _refuse_unless(good: np.ndarray, array: np.ndarray, tensor: TensorInput, expected: str) -> None:
    if not good.all():
        place = np.argwhere(~good)[0]
        raise NotANumber(f"row {place[0] + 1} of {tensor.name}: {array[tuple(place)]} is not {expected}")


def _json_values(body: bytes, media_type: str, expected: TensorFormat) -> list[Any]:
    """What is sent for each input, in the order of the inputs."""
    if media_type == codecs.JSON_LINES:
        return _by_rows(codecs.rows_in(body, media_type), expected)
    document = codecs.load_json(body)
    if isinstance(document, dict):
        document = _of_signature(document, expected)
        if document.keys() == {"inputs"} and isinstance(document["inputs"], dict):
            return _by_inputs(document["inputs"], expected)
    return _by_rows(codecs.rows_of(document), expected)


def _of_signature(document: dict[str, Any], expected: TensorFormat) -> dict[str, Any]:
    """A document without the name of the signature that it asks for, which must be the one that is served."""
    if expected.signature is None or "signature_name" not in document:
        return document
    asked = document["signature_name"]
    if asked != expected.signature:
        wanted = f"this server answers {expected.signature}"
        raise MalformedBody(f"signature_name {str(asked)[:40]!r} is not served: {wanted}")
    return {name: value for name, value in document.items() if name != "signature_name"}


def _by_inputs(inputs: dict[str, Any], expected: TensorFormat) -> list[Any]:
    _require_names(inputs, expected, "'inputs'")
    for name, values in inputs.items():
        if not isinstance(values, list):
            raise MalformedBody(f"{name} in 'inputs' must be a list with an entry for each row")
    return [inputs[name] for name in expected.names]


def _by_rows(rows: list[Any], expected: TensorFormat) -> list[Any]:
    if not rows:
        raise EmptyBody("there is no row in the body; send at least one")
    records = [isinstance(row, dict) and not _is_bytes(row, expected) for row in rows]
    if all(records):
        for line, row in enumerate(rows):
            _require_names(row, expected, f"row {line + 1}")
        return [[row[name] for row in rows] for name in expected.names]
    if any(records):
        raise MalformedBody("either all rows are records or none is")
    if len(expected.inputs) == 1:
        return [rows]
    if not (expected.ordered and expected.is_table):
        raise WrongColumns(_needs_names(expected))
    for line, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(expected.inputs):
            count = len(row) if isinstance(row, list) else 1
            raise WrongColumns(f"row {line + 1} has {count} columns; the model expects {expected}")
    return [list(values) for values in zip(*rows, strict=True)]


def _is_bytes(row: dict[str, Any], expected: TensorFormat) -> bool:
    return row.keys() == BASE64 and expected.names != ("b64",) and expected.inputs[0].dtype == TEXT


def _require_names(given: dict[str, Any], expected: TensorFormat, where: str) -> None:
    if given.keys() != set(expected.names):
        missing = [name for name in expected.names if name not in given]
        unknown = [name for name in given if name not in expected.names]
        problem = f"lacks {', '.join(missing)}" if missing else f"has the unknown {', '.join(unknown)[:200]}"
        raise WrongColumns(f"{where} {problem}; the model expects {expected}")


def _needs_names(expected: TensorFormat) -> str:
    record = ", ".join(f'"{name}": ...' for name in expected.names)
    return f'send each row as a record, as in {{"instances": [{{{record}}}]}}; the model expects {expected}'


def _tensor(values: Any, tensor: TensorInput, allow_missing: bool, lenient: bool) -> np.ndarray:
    """The array of nested lists. `lenient`: a row of one value may stand for itself, without brackets."""
    if not values:
        raise EmptyBody("there is no row in the body; send at least one")
    if tensor.shape == (1,) and (lenient or tensor.dtype == TEXT) and not any(isinstance(row, list) for row in values):
        return _typed(values, tensor, (len(values), 1), allow_missing)
    if tensor.shape == () and all(isinstance(row, list) and len(row) == 1 for row in values):  # a column of a table
        values = [row[0] for row in values]
    sizes = [len(values)]
    for wanted in tensor.shape:
        if set(map(type, values)) != {list}:
            raise WrongColumns(f"a row must be a list{_of_depth(tensor)}; the model expects {tensor}")
        lengths = set(map(len, values))
        if len(lengths) > 1:
            raise WrongColumns(f"the rows differ in length; the model expects {tensor}")
        sizes.append(lengths.pop())
        if sizes[-1] == 0:
            raise EmptyBody("there is no value in the body; send at least one row")
        if wanted not in (None, sizes[-1]):
            raise WrongColumns(f"got {_seen(sizes[1:], tensor)}; the model expects {tensor}")
        values = list(chain.from_iterable(values))
    if list in set(map(type, values)):
        raise WrongColumns(f"the rows are nested too deeply; the model expects {tensor}")
    return _typed(values, tensor, tuple(sizes), allow_missing)


def _of_depth(tensor: TensorInput) -> str:
    return f", nested {len(tensor.shape)} deep" if len(tensor.shape) > 1 else ", as in [[1, 2], [3, 4]]"


def _seen(sizes: Sequence[int], tensor: TensorInput) -> str:
    """The rows that came, as far as their shape has been read."""
    if len(tensor.shape) == 1 and len(sizes) == 1:
        return f"rows with {sizes[0]} columns"
    return f"rows of shape [{', '.join(map(str, sizes))}{', ...' if len(sizes) < len(tensor.shape) else ''}]"


def _typed(leaves: Leaves, tensor: TensorInput, shape: tuple[int, ...], allow_missing: bool) -> np.ndarray:
    """The array of an input's values, which are listed in the order of memory."""
    per_row = math.prod(shape[1:])
    if tensor.dtype == TEXT:
        array = np.empty(len(leaves), dtype=object)
        for i, leaf in enumerate(leaves):
            array[i] = _text(leaf, tensor, i // per_row)
        return array.reshape(shape)
    for i, leaf in enumerate(leaves) if set(map(type, leaves)) - {int, float, bool} else ():
        if leaf is None and allow_missing and tensor.dtype.kind == "f":
            continue
        if not isinstance(leaf, int | float):
            told = "missing" if leaf is None else f"{str(leaf)[:40]!r} is not a number"
            raise NotANumber(f"row {i // per_row + 1} of {tensor.name}: {told}")
    try:
        array = np.array([math.nan if leaf is None else leaf for leaf in leaves])
    except OverflowError:
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "fiub":
        raise NotANumber(f"{tensor.name} holds too large an integer")
    if array.dtype.kind == "f" and tensor.dtype == np.uint64 and {*map(type, leaves)} == {int} and min(leaves) >= 0:
        array = np.array(leaves, dtype=np.uint64)  # numpy itself makes floats of large integers beside small ones
    if array.dtype.kind == "f" or tensor.dtype.kind == "f":  # an integer beside a fraction has become a float
        codecs.exact_floats(leaves, array)
    return converted(array.reshape(shape), tensor, allow_missing)


def _text(leaf: Any, tensor: TensorInput, row: int) -> str | bytes:
    if isinstance(leaf, str):
        return leaf
    if isinstance(leaf, dict) and leaf.keys() == BASE64:
        try:
            return base64.b64decode(leaf["b64"], validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise MalformedBody(f"row {row + 1} of {tensor.name}: 'b64' is not base64") from None
    raise NotANumber(f"row {row + 1} of {tensor.name}: {str(leaf)[:40]!r} is not a text")


def _npy_columns(array: np.ndarray, expected: TensorFormat, allow_missing: bool) -> dict[str, np.ndarray]:
    texts = [tensor.name for tensor in expected.inputs if tensor.dtype == TEXT]
    if texts:
        raise NotANumber(f"{', '.join(texts)} holds texts, which {codecs.NPY} can't; send {codecs.JSON}")
    if array.ndim == 0 or not array.size:
        raise EmptyBody("there is no value in the body; send at least one row")
    columns = split(array, expected)
    for tensor in expected.inputs:
        sizes = columns[tensor.name].shape[1:]
        if len(sizes) != len(tensor.shape) or any(
            wanted not in (None, size) for size, wanted in zip(sizes, tensor.shape, strict=True)
        ):
            raise WrongColumns(f"got {_seen(sizes, tensor)}; the model expects {tensor}")
        if tensor.dtype.kind == "f" and array.dtype.kind in "iu":
            _refuse_unless(array.astype(np.float64).astype(array.dtype) == array, array, tensor, "exact in float64")
    return {tensor.name: converted(columns[tensor.name], tensor, allow_missing) for tensor in expected.inputs}


def _csv_columns(cells: list[list[str]], expected: TensorFormat, allow_missing: bool) -> dict[str, np.ndarray]:
    """The inputs from rows of cells: a column for each input of single values, else one input's values in a row."""
    if [] in cells:
        raise WrongColumns(f"row {cells.index([]) + 1} is a blank line; the model expects {expected}")
    if all(tensor.is_single for tensor in expected.inputs):
        rows = codecs.without_header(cells, RowFormat((len(expected.inputs),), expected.names))
        if rows is cells and expected.is_table and not expected.ordered and sorted(cells[0]) != sorted(expected.names):
            raise WrongColumns(f"the first line must name the columns; the model expects {expected}")
        cells = rows
    if len({len(row) for row in cells}) > 1:
        raise WrongColumns(f"the rows differ in length; the model expects {expected}")
    columns, start = {}, 0
    for tensor, shape in zip(expected.inputs, _shapes_of(len(cells[0]), expected), strict=True):
        stop = start + math.prod(shape)
        leaves = [_cell(cell, tensor, line) for line, row in enumerate(cells) for cell in row[start:stop]]
        columns[tensor.name] = _typed(leaves, tensor, (len(cells), *shape), allow_missing)
        start = stop
    return columns


def _shapes_of(width: int, expected: TensorFormat) -> list[tuple[int, ...]]:
    """The shape of each input in a row of so many cells."""
    if len(expected.inputs) == 1:
        return [_shape_of(width, expected.inputs[0])]
    if any(None in tensor.shape for tensor in expected.inputs) or not (expected.ordered or expected.is_table):
        raise MalformedBody(f"this model's inputs don't fit into CSV; send {codecs.JSON} or {codecs.JSON_LINES}")
    shapes = [tuple(size or 0 for size in tensor.shape) for tensor in expected.inputs]
    if sum(map(math.prod, shapes)) != width:
        raise WrongColumns(f"got rows with {width} columns; the model expects {expected}")
    return shapes


def _shape_of(width: int, tensor: TensorInput) -> tuple[int, ...]:
    """The shape of one row with so many cells."""
    known = math.prod(size for size in tensor.shape if size is not None)
    if tensor.shape.count(None) > 1:
        raise MalformedBody(f"CSV can't tell the shape of {tensor}; send {codecs.JSON} or {codecs.NPY}")
    if (None in tensor.shape and width % known) or (None not in tensor.shape and width != known):
        raise WrongColumns(f"got rows with {width} columns; the model expects {tensor}")
    return tuple(width // known if size is None else size for size in tensor.shape)


def _cell(cell: str, tensor: TensorInput, line: int) -> Any:
    if tensor.dtype == TEXT:
        return cell
    text = cell.strip()
    if text in codecs.MISSING:
        return None
    if text in codecs.BOOLEANS:
        return bool(codecs.BOOLEANS[text])
    try:
        if INTEGER.match(text):
            return int(text)
        return float(text.replace("_", "x") if text.isascii() else "x")
    except ValueError:
        raise NotANumber(f"row {line + 1} of {tensor.name}: {cell[:40]!r} is not a number") from None
