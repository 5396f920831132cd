"""TensorFlow models: Keras files (keras, h5) and SavedModel directories."""

from __future__ import annotations

import base64
import logging
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from serving.handlers import tensorflow_calls, tensorflow_files, tensors
from serving.handlers.programs import Interface, Program, objects
from serving.handlers.tensor_handler import TensorHandler

log = logging.getLogger(__name__)

NODE = re.compile(r"\{\{.*?\}\}|\[Op:.*")  # where in its graph TensorFlow failed


class TensorflowHandler(TensorHandler):
    """Loads `model/*.keras`, `*.h5` or a SavedModel directory, and runs it as one compiled function.

    TensorFlow is imported in the worker (it can't be forked).
    """

    signature: str | None = None  # of a SavedModel; SERVING_SIGNATURE overrides it

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

    def _interface_of(self, model: Any) -> Interface:
        return tensorflow_calls.interface_of(model, os.environ.get("SERVING_SIGNATURE") or self.signature)

    def _program_of(self, interface: Interface, output: str | None) -> Program:
        """One compiled function for any number of rows: `keras.predict` costs tens of milliseconds a call."""
        assert isinstance(interface, tensorflow_calls.Signature)
        return tensorflow_calls.compiled(interface, output)

    def _refusal(self, error: Exception) -> str | None:
        import tensorflow as tf

        return _reason(error) if isinstance(error, tf.errors.InvalidArgumentError) else None

    def _tensor(self, column: np.ndarray, wanted: tensors.TensorInput) -> Any:
        return tensorflow_calls.tensor(column, wanted)

    def _array(self, output: Any) -> np.ndarray:
        """An output as numpy has it; texts as strings."""
        import tensorflow as tf

        if isinstance(output, tf.SparseTensor):
            output = tf.sparse.to_dense(output)
        if isinstance(output, tf.RaggedTensor):
            return objects(output.to_list())
        array = np.asarray(output)
        if array.dtype.kind == "O":
            return objects([_text(value) for value in array.ravel()]).reshape(array.shape)
        return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array


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
