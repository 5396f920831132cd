"""TensorFlow models: Keras files (keras, h5) and SavedModel directories."""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from serving import codecs
from serving.codecs import RowFormat
from serving.errors import BadRequest, NotAcceptable
from serving.handlers import tensorflow_files, tensors
from serving.handlers.base import Handler, UnusableModel
from serving.handlers.tensorflow_calls import ONLY, Interface, Outputs, Program, interface_of, program_of
from serving.tables import Table

log = logging.getLogger(__name__)

NODE = re.compile(r"\{\{.*?\}\}|\[Op:.*")  # where in its graph TensorFlow failed


class Undivided:
    """The outputs of one request that have no entry for each of its rows: nobody can be given a part of them."""

    def __init__(self, outputs: Outputs, rows: int) -> None:
        self.outputs = outputs
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, part: slice) -> Undivided:
        if part != slice(0, self._rows):
            raise ValueError("the model's outputs have no entry for each row")
        return self


class TensorflowHandler(Handler):
    """Loads `model/*.keras`, `*.h5` or a SavedModel directory, and runs it as one compiled function.

    TensorFlow is imported in the worker (it can't be forked). `decode` makes an array for a model with one input, and a
    Table of arrays by name for one with several; `predict` gives one array, or a dict of them by output.
    """

    signature: str | None = None  # of a SavedModel; SERVING_SIGNATURE overrides it
    _interface: Interface | None = None
    _program: Program | None = None

    def load(self, model_dir: Path) -> Any:
        """The Keras model, or the SavedModel with its signatures. Raises ModelFileMissing and UnusableModel."""
        path = tensorflow_files.find(model_dir)
        import tensorflow as tf

        try:
            tf.config.threading.set_intra_op_parallelism_threads(int(os.environ.get("TF_NUM_INTRAOP_THREADS", "1")))
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # own code has already made a tensor
            log.info("TensorFlow was used before the model was loaded: it keeps its number of threads")
        return tensorflow_files.load_saved_model(path) if path.is_dir() else tensorflow_files.load_keras(path)

    def describe(self, model: Any) -> RowFormat | None:
        """From the model's inputs; None unless a row is an array of floating-point numbers of a known shape."""
        try:
            self._interface = interface_of(model, os.environ.get("SERVING_SIGNATURE") or self.signature)
        except UnusableModel as error:
            if type(self).predict is TensorflowHandler.predict:
                raise
            log.info("%s: using predict of model_handler.py", error)
            return None
        log.info("the model's inputs: %s", self._interface.expected)
        return self._interface.expected.row_format

    def prepare(self, model: Any) -> None:
        """Compile one function for any number of rows: `keras.predict` costs tens of milliseconds a call."""
        if self._interface:
            output = None if self.output == Handler.output else self.output
            self._program = program_of(self._interface, output)
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
        """What `model.predict` or the signature answers: an array, or a dict of arrays if there are several outputs."""
        import tensorflow as tf

        if self._interface is None or self._program is None:
            raise ValueError("the model doesn't tell its inputs: call it yourself in predict of model_handler.py")
        columns = self._columns(rows)
        count = len(next(iter(columns.values())))
        if self._interface.rows not in (None, count):
            raise BadRequest(f"the model takes exactly {self._interface.rows} rows a request, got {count}")
        arguments = [_tensor(columns[wanted.name], wanted) for wanted in self._interface.expected.inputs]
        try:
            outputs = self._program.run(arguments)
        except tf.errors.InvalidArgumentError as error:
            raise BadRequest(f"the model can't take these values: {_reason(error)}") from error
        return self._answer({name: _array(output) for name, output in outputs.items()}, count)

    def encode(self, predictions: Any, accept: str) -> bytes:
        """The predictions, a record of outputs a row; `outputs` by name if they are not by row."""
        if not isinstance(predictions, Undivided):
            return super().encode(predictions, accept)
        if accept not in (codecs.JSON, codecs.JSON_LINES):
            raise NotAcceptable(f"the model's outputs have no entry for each row; accept {codecs.JSON}")
        values = {name: output.tolist() for name, output in predictions.outputs.items()}
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
    """Whether no names of inputs or signatures can be in a body."""
    in_json = content_type in (codecs.JSON, codecs.JSON_LINES)
    return not in_json or (body.count(b"{") <= 1 and b"signature_name" not in body)


def _tensor(column: np.ndarray, wanted: tensors.TensorInput) -> Any:
    import tensorflow as tf

    if wanted.dtype == tensors.TEXT:
        return tf.constant(column, tf.string)
    return tf.constant(column.astype(wanted.dtype, copy=False))


def _array(output: Any) -> np.ndarray:
    """An output as numpy has it; texts as strings."""
    import tensorflow as tf

    if isinstance(output, tf.SparseTensor):
        output = tf.sparse.to_dense(output)
    if isinstance(output, tf.RaggedTensor):
        return _objects(output.to_list())
    array = np.asarray(output)
    if array.dtype.kind == "O":
        return _objects([_text(value) for value in array.ravel()]).reshape(array.shape)
    return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array


def _objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        array[i] = value
    return array


def _text(value: Any) -> Any:
    """Text for bytes; in TensorFlow Serving's form where they are none."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


def _reason(error: Exception) -> str:
    """The line of TensorFlow's message that speaks of the values, without its graph and its stack."""
    lines = [line.strip() for line in str(error).splitlines()]
    noise = ("Graph execution error", "Detected at", "File ", "Stack trace", "<stack", "[[", "2 root error")
    told = [line for line in lines if line and not line.startswith(noise)]
    return NODE.sub("", told[-1]).strip()[:200] if told else type(error).__name__
