"""What the handlers of models of tensors share: named inputs of types and shapes of their own, outputs by name."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from serving import codecs
from serving.codecs import RowFormat
from serving.errors import BadRequest, NotAcceptable
from serving.handlers import tensors
from serving.handlers.base import Handler, UnusableModel
from serving.handlers.programs import ONLY, Call, Interface, Program, only
from serving.tables import Table, Undivided

log = logging.getLogger(__name__)


class TensorHandler(Handler):
    """Reads what a model's interface asks for and runs its program.

    `decode` makes an array for a model with one input, and a Table of arrays by name for one with several; `predict`
    gives one array, or a dict of them by output. A framework says how its models are described and run.
    """

    _interface: Interface | None = None
    _program: Program | None = None

    @abstractmethod
    def _interface_of(self, model: Any) -> Interface:
        """What the model reads and how it is called. Raises UnusableModel."""

    @abstractmethod
    def _program_of(self, interface: Interface, output: str | None) -> Program:
        """How the model is run. `output`: the one that is asked for, None for all. Raises UnusableModel."""

    @abstractmethod
    def _refusal(self, error: Exception) -> str | None:
        """What the model says of values that it can't take; None for an error that isn't the caller's."""

    def _tensor(self, column: np.ndarray, wanted: tensors.TensorInput) -> Any:
        """An input as the framework takes it."""
        return column if wanted.dtype == tensors.TEXT else column.astype(wanted.dtype, copy=False)

    def _array(self, output: Any) -> np.ndarray:
        """An output as numpy has it."""
        return np.asarray(output)

    def describe(self, model: Any) -> RowFormat | None:
        """From the model's inputs; None unless a row is an array of floating-point numbers of a known shape."""
        try:
            self._interface = self._interface_of(model)
        except UnusableModel as error:
            if type(self).predict is TensorHandler.predict:
                raise
            log.info("%s: using predict of model_handler.py", error)
            return None
        log.info("the model's inputs: %s", self._interface.expected)
        row_format = self._interface.expected.row_format
        return row_format and replace(row_format, rows=self._interface.rows)

    def prepare(self, model: Any) -> None:
        """Find out how the model is run, and whether requests may be run together."""
        if self._interface:
            output = None if self.output == Handler.output else self.output
            self._program = self._program_of(self._interface, output)
            self.batching = self.batching and self._program.batching

    def decode(self, body: bytes, content_type: str) -> Any:
        """The rows of a request in the types of the model's inputs. Raises serving.errors.BadRequest."""
        if self._interface is None:
            return super().decode(body, content_type)
        # a matrix in its simplest forms, as most requests are
        if self.row_format and not self.row_format.names and _is_plain(body, content_type):
            rows = super().decode(body, content_type)
            only = self._interface.expected.inputs[0]
            with np.errstate(over="ignore"):
                typed = rows.astype(only.dtype, copy=False)
            # what has become infinite is refused with its place
            return typed if np.isfinite(typed).all() else tensors.converted(rows, only, allow_missing=True)
        return tensors.decode(body, content_type, self._interface.expected, bool(self.allow_missing))

    def predict(self, model: Any, rows: Any) -> Any:
        """What the model itself answers: an array, or a dict of arrays if there are several outputs."""
        if self._interface is None or self._program is None:
            raise ValueError("the model doesn't tell its inputs: call it yourself in predict of model_handler.py")
        return self._run(rows, self._program.run)

    def outputs(self, model: Any) -> tuple[str, ...]:
        """The model's outputs by name, and `predict` for all of them."""
        return self._program.outputs if self._program else ()

    def predict_output(self, model: Any, rows: Any, output: str) -> Any:
        """One of the model's outputs, or all of them."""
        assert self._program
        run = self._program.run_all
        return self._run(rows, run if output == Handler.output else only(output, run))

    def _run(self, rows: Any, run: Call) -> Any:
        assert self._interface
        columns = self._columns(rows)
        count = len(next(iter(columns.values())))
        fixed = self._interface.rows
        if fixed not in (None, count):
            raise BadRequest(f"the model takes exactly {fixed} row{'s' if fixed != 1 else ''} a request, got {count}")
        arguments = [self._tensor(columns[wanted.name], wanted) for wanted in self._interface.expected.inputs]
        try:
            outputs = run(arguments)
        except Exception as error:
            reason = self._refusal(error)
            if reason is None:
                raise
            raise BadRequest(f"the model can't take these values: {reason}") from error
        return self._answer({name: self._array(output) for name, output in outputs.items()}, count)

    def predict_data(self, model: Any, data: Any) -> Any:
        """The same for what an `input_fn` made: an array, or arrays by input."""
        return self.predict(model, data)

    def encode(self, predictions: Any, accept: str) -> bytes:
        """The predictions, a record of outputs a row; `outputs` by name if they are not by row."""
        if not isinstance(predictions, Undivided):
            return super().encode(predictions, accept)
        if accept not in (codecs.JSON, codecs.JSON_LINES):
            raise NotAcceptable(f"the model's outputs have no entry for each row; accept {codecs.JSON}")
        values = {name: output.tolist() for name, output in predictions.value.items()}
        return orjson.dumps({"outputs": values[ONLY] if values.keys() == {ONLY} else values})

    def _columns(self, rows: Any) -> Mapping[str, np.ndarray]:
        assert self._interface
        if isinstance(rows, Table):
            return rows.columns
        return rows if isinstance(rows, Mapping) else tensors.split(np.asarray(rows), self._interface.expected)

    def _answer(self, outputs: dict[str, np.ndarray], rows: int) -> Any:
        assert self._program
        if self._program.by_row is False or any(output.shape[:1] != (rows,) for output in outputs.values()):
            return Undivided(outputs, rows)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _is_plain(body: bytes, content_type: str) -> bool:
    """Whether no names of inputs or signatures can be in a body: the only object in it is the document itself."""
    if content_type not in (codecs.JSON, codecs.JSON_LINES):
        return True
    objects = body.count(b"{")
    is_document = objects == 1 and content_type == codecs.JSON and body.lstrip().startswith(b"{")
    return (not objects or is_document) and b"signature_name" not in body
