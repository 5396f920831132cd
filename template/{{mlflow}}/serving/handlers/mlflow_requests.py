"""What an MLflow model is called with: MLflow's own forms of requests, and those that every server here reads.

MLflow's forms are read by MLflow itself, so that values get the types that `mlflow models serve` gives them. The usual
forms are checked against the signature first, where MLflow would round, cut off or ignore what doesn't fit.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import orjson
import pandas as pd
from mlflow.pyfunc import scoring_server
from mlflow.types import DataType
from mlflow.types.schema import ColSpec

from serving import codecs, tables
from serving.codecs import RowFormat
from serving.errors import EmptyBody, MalformedBody, NotANumber, WrongColumns
from serving.handlers import tensors
from serving.handlers.tensors import TensorFormat, TensorInput

DATAFRAMES = ("dataframe_split", "dataframe_records")
TENSORS = ("instances", "inputs")
PARAMS = "params"
CHATS = ("messages", "prompt", "input")  # forms of chats, completions and embeddings, which may have any other key
# what stands in a document that only MLflow can read; "input is the beginning of "inputs", too
MARKS = (b'"dataframe_', b'"params"', b'"messages"', b'"prompt"', b'"input')
# the types of columns whose rows can be checked here; MLflow itself checks the others
SINGLE = {
    DataType.boolean: np.dtype(np.bool_),
    DataType.integer: np.dtype(np.int32),
    DataType.long: np.dtype(np.int64),
    DataType.float: np.dtype(np.float32),
    DataType.double: np.dtype(np.float64),
    DataType.string: tensors.TEXT,
}
DOUBLE = np.dtype(np.float64)
ONLY = "inputs"  # the name of an input that has none


class Call:
    """What the model is called with, and how many rows it has. `unwrapped`: a chat, which is answered as it is."""

    __slots__ = ("_rows", "data", "params", "unwrapped")

    def __init__(self, data: Any, params: dict[str, Any] | None = None, unwrapped: bool = False) -> None:
        self.data = data
        self.params = params
        self.unwrapped = unwrapped
        self._rows = 1 if unwrapped else _count(data)
        if not self._rows:
            raise EmptyBody("there is no row in the body; send at least one")

    def __len__(self) -> int:
        return self._rows


class Reader:
    """Reads requests to a model, by its signature."""

    def __init__(self, metadata: Any) -> None:
        """`metadata`: what the MLmodel says."""
        self._metadata = metadata
        self._schema = metadata.get_input_schema()
        params = metadata.get_params_schema()
        self._params = {spec.name for spec in params.params} if params else set()
        # then the model's own code checks what it gets; since MLflow 2.20
        self._is_hinted = getattr(metadata, "_is_signature_from_type_hint", bool)()
        self._tensors = _tensor_format(self._schema)
        self._names = tuple(self._schema.input_names()) if self._schema and self._schema.has_input_names() else ()
        self._columns = _columns(self._schema)
        self.row_format = self._row_format()

    def _row_format(self) -> RowFormat | None:
        """The rows that the signature describes; None if they are no table of single values."""
        if self._tensors:
            return self._tensors.row_format
        if not self._columns:
            return None
        kinds = tuple(_kind(dtype) for dtype in self._columns.values())
        return RowFormat((len(self._names),), self._names, () if self._is_matrix else kinds)

    @property
    def _is_matrix(self) -> bool:
        return bool(self._columns) and all(dtype == DOUBLE for dtype in (self._columns or {}).values())

    def read(self, body: bytes, content_type: str) -> Call:
        """A request. Raises BadRequest and its kinds."""
        if not body:
            raise EmptyBody("the body is empty; send at least one row")
        may_be_mlflows = any(mark in body for mark in MARKS) or not self._is_checked or len(self._names) == 1
        if content_type == codecs.JSON and may_be_mlflows:
            document = codecs.load_json(body)
            if isinstance(document, dict):
                return self._document(document)
        return Call(self._usual(body, content_type))

    @property
    def _is_checked(self) -> bool:
        """Whether the signature is one that the usual forms are checked against."""
        return bool(self._tensors or self._columns)

    def _document(self, document: dict[str, Any]) -> Call:
        """A JSON document, which may be in one of MLflow's forms, with or without parameters."""
        if any(key in document for key in CHATS):
            return self._parsed(document)
        params = self._known_params(document.pop(PARAMS, None))
        if self._is_mlflows(document):
            call = self._parsed(document)
            return Call(call.data, params)
        return Call(self._usual(orjson.dumps(document), codecs.JSON), params)

    def _is_mlflows(self, document: dict[str, Any]) -> bool:
        """Whether MLflow reads it: a DataFrame, or rows that can't be checked here."""
        forms = [key for key in (*DATAFRAMES, *TENSORS) if key in document]
        if len(forms) != 1:
            return False  # which is refused
        if unused := document.keys() - {*forms}:
            raise MalformedBody(f"the server makes no use of {', '.join(map(repr, unused))[:200]}; send {forms[0]!r}")
        rows = document[forms[0]]
        if forms[0] in DATAFRAMES:
            return True
        if not self._is_checked:
            # MLflow makes one array of lists, in which numbers beside text become text: columns are read one by one
            in_lists = isinstance(rows, list) and bool(rows) and all(isinstance(row, list) for row in rows)
            return not (in_lists and self._names and not self._schema.is_tensor_spec())
        columnwise = forms[0] == "inputs" and isinstance(rows, dict)
        single = isinstance(rows, list) and bool(rows) and not any(isinstance(row, list | dict) for row in rows)
        return self._tensors is None and (columnwise or (single and len(self._names) == 1))

    def _parsed(self, document: dict[str, Any]) -> Call:
        """A document as MLflow's scoring server parses it. Raises BadRequest."""
        try:
            parsed = scoring_server._parse_json_data(document, self._metadata, self._schema)
        except Exception as error:  # whatever it is, it is about the request
            raise MalformedBody(f"MLflow can't read the request: {in_one_line(error)}") from None
        return Call(parsed.data, parsed.params, parsed.is_unified_llm_input)

    def _known_params(self, params: Any) -> dict[str, Any] | None:
        """The request's parameters. MLflow would ignore those that the signature lacks. Raises MalformedBody."""
        if params is None:
            return None
        if not isinstance(params, dict):
            raise MalformedBody("'params' must be an object with the parameters by name")
        if unknown := params.keys() - self._params:
            known = ", ".join(sorted(self._params)) or "none"
            raise MalformedBody(
                f"the model's signature has no parameter {', '.join(sorted(unknown))[:200]}; it has {known}"
            )
        return params

    def _usual(self, body: bytes, content_type: str) -> Any:
        """Rows in the forms that every server here reads, in the types of the signature."""
        if self._tensors:
            decoded = tensors.decode(body, content_type, self._tensors, allow_missing=True)
            columns = decoded.columns if isinstance(decoded, tables.Table) else {self._tensors.names[0]: decoded}
            return columns if self._names else decoded
        if self._is_matrix:
            rows = codecs.decode(body, content_type, self.row_format, allow_missing=True)
            return pd.DataFrame(rows, columns=list(self._names))
        if self._columns:
            return self._typed(tables.decode(body, content_type, self.row_format))
        return self._unchecked(body, content_type)

    def _typed(self, rows: tables.Rows) -> pd.DataFrame:
        """Rows whose columns have the signature's types. Raises NotANumber for a value that doesn't fit."""
        assert self._columns
        assert isinstance(rows, tables.Table)
        return pd.DataFrame(
            {name: _cast(rows.columns[name], name, dtype) for name, dtype in self._columns.items()},
            columns=list(self._columns),
        )

    def _unchecked(self, body: bytes, content_type: str) -> Any:
        """Rows for a model without a signature, or with one that only MLflow can check."""
        if content_type == codecs.NPY:
            array = codecs.decode_npy(body)
            return pd.DataFrame(array, columns=list(self._names)) if self._names and array.ndim == 2 else array
        if content_type == codecs.CSV:
            return self._csv(body)
        rows = codecs.rows_in(body, content_type)
        if not rows:
            raise EmptyBody("there is no row in the body; send at least one")
        if self._is_hinted:
            return self._parsed({"inputs": rows}).data
        if all(isinstance(row, dict) for row in rows):
            return self._parsed({"dataframe_records": rows}).data
        if not any(isinstance(row, list | dict) for row in rows):
            return self._parsed({"instances": rows}).data
        if not all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows):
            raise MalformedBody("rows must be lists of the same length, or records by column name")
        if not self._names and (numbers := _numbers(rows)) is not None:
            return numbers
        if self._names and len(rows[0]) != len(self._names):
            raise WrongColumns(f"got rows with {len(rows[0])} columns; the model expects {', '.join(self._names)}")
        return self._parsed({"dataframe_split": {"columns": self._names or None, "data": rows}}).data

    def _csv(self, body: bytes) -> pd.DataFrame:
        """CSV whose first line names the columns, as MLflow reads it."""
        first = [cell.strip() for cell in codecs.csv_cells(body)[0]]
        required = {*self._schema.required_input_names()} if self._names else set()
        counted = first == [str(index) for index in range(len(first))]  # how pandas writes columns without names
        if not required <= {*first} or (not self._names and not counted and any(map(_is_number, first))):
            expected = ", ".join(self._names) or "any"
            raise WrongColumns(f"the first line must name the columns ({expected}), as MLflow reads CSV")
        try:
            text = body.removeprefix(codecs.BOM).decode()
            return scoring_server.parse_csv_input(io.StringIO(text), self._schema if self._names else None)
        except Exception as error:
            raise MalformedBody(f"MLflow can't read the CSV: {in_one_line(error)}") from None


def _tensor_format(schema: Any) -> TensorFormat | None:
    """The tensors of a signature; None if it has none, or one of a type or shape that can't be checked here."""
    if schema is None or not schema.is_tensor_spec():
        return None
    inputs = [(spec.name or ONLY, np.dtype(spec.type), spec.shape) for spec in schema.inputs]
    if any(len(shape) < 1 or shape[0] != -1 or dtype.kind not in "biuf" for _, dtype, shape in inputs):
        return None
    sizes = [tuple(None if size == -1 else int(size) for size in shape[1:]) for _, _, shape in inputs]
    return TensorFormat(
        tuple(TensorInput(name, dtype, size) for (name, dtype, _), size in zip(inputs, sizes, strict=True)),
        ordered=True,
    )


def _columns(schema: Any) -> dict[str, np.dtype] | None:
    """The types of a signature's columns; None unless all are named, needed, and hold single values."""
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return None
    specs: list[ColSpec] = schema.inputs
    if not all(spec.required and isinstance(spec.type, DataType) and spec.type in SINGLE for spec in specs):
        return None
    return {str(spec.name): SINGLE[spec.type] for spec in specs}


def _kind(dtype: np.dtype) -> str | None:
    if dtype == tensors.TEXT:
        return tables.TEXT
    return None if dtype.kind == "b" else tables.NUMBER


def _cast(column: np.ndarray, name: str, dtype: np.dtype) -> Any:
    """A column in the type of the signature; gaps among texts as pandas has them. Raises NotANumber."""
    if dtype == tensors.TEXT:
        return [None if value != value else value for value in column.tolist()]
    if dtype.kind == "b":
        if column.dtype.kind != "b":
            raise NotANumber(f"the column {name} needs true or false in each row")
        return column
    if column.dtype.kind not in "iufb":
        raise NotANumber(f"the column {name} needs a number in each row")
    return tensors.converted(column, TensorInput(name, dtype, ()), allow_missing=dtype.kind == "f")


def _numbers(rows: list[list[Any]]) -> np.ndarray | None:
    """Rows of nothing but numbers as one array; None for any others."""
    try:
        array = np.array(rows)
    except ValueError:
        return None
    return codecs.exact_floats(rows, array) if array.dtype.kind in "biuf" else None


def _is_number(cell: str) -> bool:
    try:
        return not math.isnan(float(cell))
    except ValueError:
        return False


def _count(data: Any) -> int:
    """How many rows there are in what a model is called with."""
    if isinstance(data, dict):
        return max((_count(column) for column in data.values()), default=0)
    if isinstance(data, np.ndarray):
        return len(data) if data.ndim else 1
    return len(data) if isinstance(data, list | pd.DataFrame) else 1


def in_one_line(error: Exception) -> str:
    """What an error says, without the advice that MLflow adds for its users of other versions."""
    text = str(getattr(error, "message", None) or error).partition("IMPORTANT:")[0]
    return " ".join(text.split())[:300] or type(error).__name__
