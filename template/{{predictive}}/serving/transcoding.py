"""Bodies that are first turned into one of the four types that handlers decode: charsets, header lines, LibSVM, Arrow.

Parquet and Arrow are read where the owner has put pyarrow into requirements.in.
"""

from __future__ import annotations

import csv
import functools
import importlib.util
import io
import math
from typing import Any

import orjson

from serving import codecs
from serving.codecs import RowFormat
from serving.errors import BodyTooLarge, EmptyBody, MalformedBody, NotANumber, UnsupportedContentType, WrongColumns

LIBSVM = "text/libsvm"
PARQUET = "application/vnd.apache.parquet"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"
ALIASES = {"text/x-libsvm": LIBSVM, "application/x-parquet": PARQUET}
OF_PYARROW = (PARQUET, ARROW_STREAM, ARROW_FILE)
TEXTS = (codecs.JSON, codecs.CSV, codecs.JSON_LINES, LIBSVM)
MOST_VALUES = 25_000_000  # in one request; a small sparse or compressed body can stand for any number
PANDAS_INDEX = "__index_level_"  # how pandas calls an index in a file of columns


@functools.lru_cache(maxsize=256)
def content_type(header: str | None, also: tuple[str, ...] = ()) -> str:
    """The content type of a request: one of codecs.KNOWN, of `also` or of pyarrow's, with the parameters that matter.

    Raises UnsupportedContentType.
    """
    name, *parts = (part.strip() for part in (header or "").split(";"))
    name = ALIASES.get(name.lower(), name.lower())
    if name in OF_PYARROW:
        if not importlib.util.find_spec("pyarrow"):
            raise UnsupportedContentType(f"{name} is read with the package pyarrow, which this server doesn't have")
        return name
    name = name if name in also else codecs.content_type(header)
    parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in (p.partition("=") for p in parts)}
    charset = _charset(parameters.get("charset", ""))
    kept = f"; charset={charset}" if charset and name in TEXTS else ""
    return name + kept + ("; header=present" if name == codecs.CSV and parameters.get("header") == "present" else "")


def _charset(name: str) -> str:
    """The charset if a text must be translated from it. Raises UnsupportedContentType for one that Python lacks."""
    if name.lower() in ("", "utf-8", "utf8", "us-ascii", "ascii"):
        return ""
    try:
        b" ".decode(name, errors="replace")
    except LookupError:
        raise UnsupportedContentType(f"the charset {name[:40]!r} is unknown; send UTF-8") from None
    return name


def plain(body: bytes, given: str, row_format: RowFormat | None) -> tuple[bytes, str]:
    """The body as one of codecs.KNOWN, and which; `given` is what `content_type` gave. Raises BadRequest."""
    if given in codecs.KNOWN:
        return body, given
    name, *parameters = given.split("; ")
    if not body:
        raise EmptyBody("the body is empty; send at least one row")
    if name in OF_PYARROW:
        return _of_columns(_arrow_table(body, name), row_format), codecs.JSON
    for parameter in parameters:
        if parameter.startswith("charset="):
            body = _in_utf8(body, parameter.removeprefix("charset="))
    if name == LIBSVM:
        return _dense(body, row_format), codecs.JSON
    return (_below_header(body, row_format) if "header=present" in parameters else body), name


def _in_utf8(body: bytes, charset: str) -> bytes:
    try:
        return body.decode(charset).encode()
    except UnicodeError:
        raise MalformedBody(f"the body is not {charset} text") from None


def _below_header(body: bytes, row_format: RowFormat | None) -> bytes:
    """CSV without the header line that the request announced; with it if it names the model's columns, in any order."""
    cells = codecs.csv_cells(body)
    names = row_format.names if row_format else ()
    if not names:
        text = io.StringIO()
        csv.writer(text).writerows(cells[1:])
        return text.getvalue().encode()
    first = codecs.header_of(cells[0], row_format)
    if sorted(first) != sorted(names):
        raise WrongColumns(f"the header line is {', '.join(first)[:200]}{codecs.expectation(row_format)}")
    return body


def _dense(body: bytes, row_format: RowFormat | None) -> bytes:
    """LibSVM's lines (`1 0:2.5 7:1`, the label may be missing) as rows in JSON; what is left out is a missing value.

    Columns count from 0, as XGBoost counts them when it reads such a file.
    """
    if not row_format:
        raise MalformedBody("the model doesn't tell its columns, so sparse rows can't be read")
    width = math.prod(row_format.shape)
    lines = [line for line in body.decode(errors="replace").splitlines() if line.strip()]
    if len(lines) * width > MOST_VALUES:
        raise BodyTooLarge(f"{len(lines)} rows of {width} columns are more than this server takes at once")
    rows = [_sparse_row(line, number + 1, width, row_format) for number, line in enumerate(lines)]
    return orjson.dumps({"instances": rows})


def _sparse_row(line: str, number: int, width: int, row_format: RowFormat) -> list[float | None]:
    row: list[float | None] = [None] * width
    tokens = line.partition("#")[0].split()
    for token in tokens[1:] if tokens and ":" not in tokens[0] else tokens:
        index, _, text = token.partition(":")
        if index == "qid":
            continue
        if not (index.isascii() and index.isdigit()):
            raise MalformedBody(f"row {number}: {token[:40]!r} is no index and value, as in 3:0.5")
        if int(index) >= width:
            raise WrongColumns(
                f"row {number}: there is no column {index[:20]}, counted from 0{codecs.expectation(row_format)}"
            )
        row[int(index)] = _number(text, number, token)
    return row


def _number(text: str, number: int, token: str) -> float | None:
    try:
        value = float(text if text.isascii() and "_" not in text else "x")
    except ValueError:
        raise NotANumber(f"row {number}: the value of {token[:40]!r} is not a number") from None
    if math.isinf(value):
        raise NotANumber(f"row {number}: the value of {token[:40]!r} is infinite")
    return None if math.isnan(value) else value


def _arrow_table(body: bytes, name: str) -> Any:
    import pyarrow
    from pyarrow import ipc, parquet

    source = pyarrow.BufferReader(body)
    try:
        if name == PARQUET:
            file = parquet.ParquetFile(source)
            _check_size(file.metadata.num_rows, file.metadata.num_columns)
            table = file.read()
        else:
            table = (ipc.open_stream if name == ARROW_STREAM else ipc.open_file)(source).read_all()
    except (pyarrow.ArrowException, OSError) as error:
        raise MalformedBody(f"the body is not {name}: {' '.join(str(error).split())[:200]}") from None
    _check_size(table.num_rows, table.num_columns)
    return table.select([column for column in table.column_names if not column.startswith(PANDAS_INDEX)])


def _check_size(rows: int, columns: int) -> None:
    if rows * columns > MOST_VALUES:
        raise BodyTooLarge(f"{rows} rows of {columns} columns are more than this server takes at once")


def _of_columns(table: Any, row_format: RowFormat | None) -> bytes:
    """A table's rows in JSON: with the names of its columns, unless the model has none."""
    columns = [_values(column, name) for name, column in zip(table.column_names, table.columns, strict=True)]
    rows = [list(row) for row in zip(*columns, strict=True)]
    named = not row_format or row_format.names
    return orjson.dumps({"columns": table.column_names, "data": rows} if named else {"instances": rows})


def _values(column: Any, name: str) -> list[Any]:
    """A column's values as JSON says them. Raises NotANumber for what it can't say."""
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    inner = kind
    while types.is_list(inner) or types.is_large_list(inner) or types.is_fixed_size_list(inner):
        inner = inner.value_type
    known = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string)
    if not types.is_null(inner) and not any(is_kind(inner) for is_kind in known):
        raise NotANumber(f"the column {name} holds {kind}; send numbers, text or booleans")
    values: list[Any] = column.to_pylist()
    if any(isinstance(value, float) and math.isinf(value) for value in values):
        raise NotANumber(f"the column {name} holds an infinite value; send finite numbers")
    return values
