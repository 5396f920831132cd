"""Rows whose columns have types of their own: integers stay integers, text stays text.

A `Table` is what a request's rows become where a matrix of float64 would lose something. `codecs` reads the bodies of
purely numeric models; this module reads all others, with the same forms of documents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from serving import codecs
from serving.codecs import RowFormat
from serving.errors import BadRequest, EmptyBody, MalformedBody, NotANumber, WrongColumns

TEXT, NUMBER, BOOLEAN, DATE = "text", "number", "boolean", "date"  # what a column holds, as far as it is known

Form = tuple[Any, ...]


class Table:
    """Columns by name, in order: one array each, whose first axis counts the rows."""

    __slots__ = ("columns",)

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self.columns = dict(columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, rows: slice) -> Table:
        return Table({name: column[rows] for name, column in self.columns.items()})

    def tolist(self) -> list[dict[str, Any]]:
        """The rows as records."""
        values = {name: column.tolist() for name, column in self.columns.items()}
        return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


class Readings(Table):
    """Rows of CSV with columns that can be read in two ways, because neither the model nor an example tells their kind.

    `others` holds the second way for each of these columns: "3000" is a number or text, "True" a boolean or text.
    """

    __slots__ = ("others",)

    def __init__(self, columns: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> None:
        super().__init__(columns)
        self.others = dict(others)


Rows = np.ndarray | Table


class Undivided:
    """A request or an answer with this many rows that can't be split."""

    __slots__ = ("_rows", "value")

    def __init__(self, value: Any, rows: int) -> None:
        self.value = value
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, part: slice) -> Undivided:
        if part != slice(0, self._rows):
            raise ValueError("the model's outputs have no entry for each row")
        return self


class Selected:
    """The rows of a request that asks for another output than the server's own; they are predicted alone."""

    __slots__ = ("output", "rows")

    def __init__(self, rows: Any, output: str) -> None:
        self.rows = rows
        self.output = output

    def __len__(self) -> int:
        return len(self.rows)


def form(rows: Any) -> Form:
    """What two requests must share to be predicted together, so that company never changes a value's type."""
    if isinstance(rows, Selected | Readings):
        return (object(),)  # equal to no other
    if isinstance(rows, Table):
        return tuple((name, column.dtype, column.shape[1:]) for name, column in rows.columns.items())
    return rows.dtype, rows.shape[1:]


def stack(parts: Sequence[Any]) -> Any:
    """The rows of several requests of one form, in order."""
    if isinstance(parts[0], Table):
        return Table({name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns})
    return np.concatenate(parts)


def with_example(row_format: RowFormat | None, example: Table) -> RowFormat:
    """What the model tells of its columns, completed by what an example request holds in them."""
    shown = tuple(_kind_of(column) for column in example.columns.values())
    if not row_format:
        return RowFormat((len(shown),), tuple(example.columns), shown)
    known = row_format.kinds or (None,) * len(shown)
    return replace(row_format, kinds=tuple(kind or other for kind, other in zip(known, shown, strict=True)))


def _kind_of(column: np.ndarray) -> str | None:
    if column.dtype.kind == "b":
        return BOOLEAN
    if column.dtype.kind in "iuf":
        return None if np.isnan(column.astype(np.float64)).all() else NUMBER
    given = [value for value in column.tolist() if value == value]
    return TEXT if given and all(isinstance(value, str) for value in given) else None


def decode(body: bytes, media_type: str, row_format: RowFormat | None) -> Rows:
    """The rows of a body with the types that they were sent with. Raises BadRequest and its kinds.

    A Table if the model or the request names the columns, else an array: of numbers, or of objects where one is text.
    """
    if media_type == codecs.NPY:
        return _from_matrix(codecs.decode_npy(body), row_format)
    names, rows = read(body, media_type, row_format)
    if not names:
        return _untyped(rows, row_format)
    columns = {name: _column([row[i] for row in rows], i, row_format, name) for i, name in enumerate(names)}
    others = _other_readings(body, row_format, columns) if media_type == codecs.CSV else {}
    return Readings(columns, others) if others else Table(columns)


def answered(rows: Readings, ask: Callable[[Table], Any]) -> tuple[Any, dict[str, str]]:
    """What the model answers, and the kinds of the columns of which it takes only one reading.

    Raises BadRequest if it takes both and answers them differently, and whatever `ask` raises if it takes neither.
    """
    chosen, answer = _first_taken(rows, ask)
    others = {name: rows.columns[name] if chosen.columns[name] is text else text for name, text in rows.others.items()}
    kinds = {}
    for name, other in others.items():
        column = chosen.columns[name]
        second = _attempt(ask, Table({**chosen.columns, name: other}))
        if isinstance(second, Exception):
            kinds[name] = _kind_of(column) or TEXT
        elif not _same(answer, second):
            values = " and ".join(repr(one.tolist()[0]) for one in (column, other))
            raise BadRequest(
                f"CSV doesn't tell what column {name} holds, and the model answers {values} differently: send JSON, or "
                "write a record into example_request.json"
            )
    return answer, kinds


def _first_taken(rows: Readings, ask: Callable[[Table], Any]) -> tuple[Table, Any]:
    """The first combination of readings that the model takes, and its answer; raises what the first one raised."""
    singles = [{name: other} for name, other in rows.others.items()]
    combinations = [Table({**rows.columns, **others}) for others in ({}, rows.others, *singles)]
    answers = ((combination, _attempt(ask, combination)) for combination in combinations)
    failed = []
    for combination, answer in answers:
        if not isinstance(answer, Exception):
            return combination, answer
        failed.append(answer)
    raise failed[0]


def _attempt(ask: Callable[[Table], Any], rows: Table) -> Any:
    """The answer, or the exception that came instead."""
    try:
        return ask(rows)
    except Exception as error:
        return error


def _same(first: Any, second: Any) -> bool:
    return codecs.encode(first, codecs.JSON) == codecs.encode(second, codecs.JSON)


def decode_values(body: bytes, media_type: str, kinds: type) -> np.ndarray:
    """One value a row as an array of objects: texts (`str`), records (`dict`), or what the model reads (`object`)."""
    if media_type == codecs.CSV and kinds is not dict:
        rows: list[Any] = [row for row in codecs.csv_cells(body) if row]
    elif media_type in (codecs.JSON, codecs.JSON_LINES):
        rows = codecs.rows_in(body, media_type)
    else:
        wanted = "texts" if kinds is str else "records" if kinds is dict else "values of its own kind"
        raise MalformedBody(f"the model reads {wanted}; send {codecs.JSON}")
    values = np.empty(len(rows), dtype=object)
    for line, row in enumerate(rows):
        values[line] = _only_value(row) if kinds is str or media_type == codecs.CSV else row
        if not isinstance(values[line], kinds):
            expected = "one text" if kinds is str else "a record"
            raise MalformedBody(f"row {line + 1}: the model expects {expected} a row, got {str(row)[:40]!r}")
    if not rows:
        raise EmptyBody("there is no row in the body; send at least one")
    return values


def _only_value(row: Any) -> Any:
    if isinstance(row, list) and len(row) == 1:
        return row[0]
    return next(iter(row.values())) if isinstance(row, dict) and len(row) == 1 else row


def read(body: bytes, media_type: str, row_format: RowFormat | None) -> tuple[tuple[str, ...], list[list[Any]]]:
    """The names of the columns (none if neither model nor request has any) and the rows' values in their order."""
    known = row_format.names if row_format else ()
    if media_type == codecs.CSV:
        names, rows = known, _csv_rows(body, row_format)
    else:
        names, rows = _named(codecs.rows_in(body, media_type), row_format)
    width = len(names) or (row_format.shape[0] if row_format else len(rows[0]))
    for line, row in enumerate(rows):
        if len(row) != width:
            raise WrongColumns(f"row {line + 1} has {len(row)} columns{codecs.expectation(row_format)}")
    return names, rows


def _named(rows: list[Any], row_format: RowFormat | None) -> tuple[tuple[str, ...], list[list[Any]]]:
    if not rows:
        raise EmptyBody("there is no row in the body; send at least one")
    names = row_format.names if row_format else ()
    if isinstance(rows[0], dict):
        if not row_format:  # the model doesn't tell its columns, so the request does
            row_format = RowFormat((len(rows[0]),), tuple(rows[0]))
            names = row_format.names
        return names, codecs.by_name(rows, row_format)
    for row in rows:
        if not isinstance(row, list):
            raise MalformedBody("a row must be a list of values, or a record of values by column name")
    return names, rows


def _csv_rows(body: bytes, row_format: RowFormat | None) -> list[list[Any]]:
    cells = codecs.csv_cells(body)
    if [] in cells:
        raise WrongColumns(f"row {cells.index([]) + 1} is a blank line{codecs.expectation(row_format)}")
    cells = codecs.without_header(cells, row_format)
    if not cells:
        raise EmptyBody("there is no row below the header; send at least one")
    widths = {len(row) for row in cells}
    if len(widths) > 1:
        raise WrongColumns(f"the rows differ in length{codecs.expectation(row_format)}")
    columns = [_parsed(column, row_format, i) for i, column in enumerate(zip(*cells, strict=True))]
    return [list(row) for row in zip(*columns, strict=True)]


def _other_readings(
    body: bytes, row_format: RowFormat | None, columns: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The columns of unknown kind that were not read as text, as the text that their cells are."""
    unsure = [
        index
        for index, column in enumerate(columns.values())
        if _kind(row_format, index) is None and column.dtype.kind in "iufb"
    ]
    if not unsure:
        return {}
    names = [*columns]
    cells = codecs.without_header(codecs.csv_cells(body), row_format)
    # "NA" may be a country; an empty cell is missing in both readings
    return {names[index]: _objects([row[index] or None for row in cells]) for index in unsure if _any(cells, index)}


def _any(cells: list[list[str]], index: int) -> bool:
    return any(row[index] for row in cells)


def _parsed(cells: tuple[str, ...], row_format: RowFormat | None, index: int) -> list[Any]:
    """A column's cells as the values that they stand for: those of its kind, else the narrowest that takes them all."""
    kind = _kind(row_format, index)
    known = row_format.categories[index] if row_format and index < len(row_format.categories) else ()
    if "" in known and "" in cells:
        return _with_empty_text(cells, known, index)
    if kind != TEXT:
        missing = [cell.strip() in codecs.MISSING for cell in cells]
        for parse in (_integer, _number, _boolean):
            try:
                return [None if gone else parse(cell.strip()) for cell, gone in zip(cells, missing, strict=True)]
            except ValueError:
                continue
    return [cell or None for cell in cells]


def _with_empty_text(cells: tuple[str, ...], known: tuple[Any, ...], index: int) -> list[Any]:
    """Cells of a column with the category "". Raises NotANumber if an empty one may as well be a missing value."""
    if None in known:
        raise NotANumber(
            f"row {cells.index('') + 1}, column {index + 1}: the model knows empty text and missing values, which are "
            "the same in CSV: send JSON"
        )
    return list(cells)


def _integer(cell: str) -> int:
    if not cell.isascii() or "_" in cell or "." in cell:
        raise ValueError(cell)
    return int(cell)


def _number(cell: str) -> float:
    value = float(cell)
    if not cell.isascii() or "_" in cell:
        raise ValueError(cell)
    if abs(value) > codecs.LARGEST_EXACT and cell.lstrip("+-").isdigit() and int(cell) != value:
        raise NotANumber(f"{cell[:40]} is too large to stand beside fractions or gaps without being rounded")
    return value


def _boolean(cell: str) -> bool:
    if cell not in codecs.BOOLEANS:
        raise ValueError(cell)
    return bool(codecs.BOOLEANS[cell])


def _kind(row_format: RowFormat | None, index: int) -> str | None:
    return row_format.kinds[index] if row_format and index < len(row_format.kinds) else None


def _column(values: list[Any], index: int, row_format: RowFormat | None, name: str) -> np.ndarray:
    """A column's values in the one type that holds them exactly; gaps are NaN."""
    kind = _kind(row_format, index)
    if kind == DATE:
        return _dates(values, index, name)
    types = {type(value) for value in values}
    for line, value in enumerate(values):
        wrong = isinstance(value, list | dict) or (kind == TEXT and not isinstance(value, str | None))
        if wrong or (kind in (NUMBER, BOOLEAN) and isinstance(value, str)):
            expected = {TEXT: "text", NUMBER: "a number", BOOLEAN: "true or false"}.get(kind or "", "a single value")
            raise NotANumber(f"row {line + 1}, column {index + 1} ({name}): {str(value)[:40]!r} is not {expected}")
    if types == {bool}:
        return np.array(values, dtype=bool)
    if types == {int}:
        return _integers(values)
    if types <= {int, float, type(None)} and kind != TEXT:
        return _numbers(values, index, name)
    return _objects(values)


def _objects(values: list[Any]) -> np.ndarray:
    """A column of values of any types; gaps are NaN."""
    column = np.empty(len(values), dtype=object)
    column[:] = [math.nan if value is None else value for value in values]
    return column


def _dates(values: list[Any], index: int, name: str) -> np.ndarray:
    """Dates as text in ISO 8601, without a time zone: the model was trained on such."""
    dates: list[datetime | None] = []
    for line, value in enumerate(values):
        date = None if value is None else _date(value)
        dates.append(date)
        if value is not None and date is None:
            place = f"row {line + 1}, column {index + 1} ({name})"
            raise NotANumber(
                f"{place}: {str(value)[:40]!r} is not a date without time zone such as 2026-01-31T12:30:00"
            )
    return np.array(dates, dtype="datetime64[us]")


def _date(value: Any) -> datetime | None:
    try:
        date = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return None if date.tzinfo else date


def _integers(values: list[int]) -> np.ndarray:
    for dtype in (np.int64, np.uint64):
        try:
            return np.array(values, dtype=dtype)
        except OverflowError:
            continue
    raise NotANumber(f"{str(max(values, key=abs))[:40]} is too large an integer")


def _numbers(values: list[Any], index: int, name: str) -> np.ndarray:
    rounded = [value for value in values if type(value) is int and abs(value) > codecs.LARGEST_EXACT]
    if any(float(value) != value for value in rounded):
        place = f"column {index + 1} ({name})"
        raise NotANumber(f"{place}: {rounded[0]} is too large to stand beside fractions or gaps without being rounded")
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _untyped(rows: list[list[Any]], row_format: RowFormat | None) -> np.ndarray:
    """Rows without names: one array for all values, as numpy makes it of numbers; of objects where one is text."""
    columns = [
        _column([row[i] for row in rows], i, row_format, f"{i + 1}") if rows[0] else np.empty(0)
        for i in range(len(rows[0]))
    ]
    if not columns:
        raise EmptyBody("there is no value in the body; send at least one row")
    types = {column.dtype for column in columns}
    if len(types) == 1:
        return np.stack(columns, axis=1)
    if all(dtype.kind in "fiub" for dtype in types):
        return codecs.exact_floats(rows, np.array([[_nan(value) for value in row] for row in rows], dtype=np.float64))
    mixed = np.empty((len(rows), len(columns)), dtype=object)
    for i, column in enumerate(columns):
        mixed[:, i] = column.tolist()
    return mixed


def _nan(value: Any) -> Any:
    return math.nan if value is None else value


def _from_matrix(array: np.ndarray, row_format: RowFormat | None) -> Rows:
    """The rows of an NPY body, whose columns all have the array's own type."""
    if array.ndim != 2 or not array.size or (row_format and array.shape[1:] != row_format.shape):
        raise WrongColumns(f"got an array of shape {list(array.shape)}{codecs.expectation(row_format)}")
    names = row_format.names if row_format else ()
    return Table({name: array[:, i] for i, name in enumerate(names)}) if names else array
