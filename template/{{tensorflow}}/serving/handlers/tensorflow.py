"""TensorFlow models: Keras files (keras, h5) and SavedModel directories."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serving.codecs import RowFormat
from serving.handlers.base import Handler, ModelFileMissing, find_model

if TYPE_CHECKING:
    import tensorflow

log = logging.getLogger(__name__)

CHECKED_ROWS = 8


class TensorflowHandler(Handler):
    """Loads `model/*.keras`, `*.h5` or a SavedModel directory, and runs it as one compiled function.

    TensorFlow is imported in the worker (it can't be forked). Models with several inputs or outputs need their own
    `predict`.
    """

    _run: Callable[[Any], Any]
    _dtype: Any = np.float32

    def load(self, model_dir: Path) -> Any:
        """The Keras model, or the SavedModel's `serving_default` signature."""
        import tensorflow as tf

        threads = int(os.environ.get("TF_NUM_INTRAOP_THREADS", "1"))
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        saved_models = [path.parent for path in sorted(model_dir.glob("**/saved_model.pb"))]
        if not saved_models:
            return tf.keras.models.load_model(find_model(model_dir, (".keras", ".h5")), compile=False)
        if len(saved_models) > 1:
            raise ModelFileMissing(f"{model_dir} holds {len(saved_models)} SavedModels: leave one")
        return tf.saved_model.load(str(saved_models[0]))

    def describe(self, model: Any) -> RowFormat | None:
        """From the model's input."""
        shape = tuple(self._input(model).shape[1:])
        return RowFormat(tuple(map(int, shape))) if None not in shape else None

    def prepare(self, model: Any) -> None:
        """Compile one function for any number of rows: `keras.predict` costs tens of milliseconds a call."""
        import tensorflow as tf

        signature = tf.TensorSpec([None, *self._input(model).shape[1:]], self._input(model).dtype)
        self._dtype = np.dtype(tf.as_dtype(signature.dtype).as_numpy_dtype)
        saved_model = _is_saved_model(model)
        call = self._signature(model) if saved_model else lambda rows: model(rows, training=False)
        self._run = tf.function(call, input_signature=[signature]).get_concrete_function()
        # also the first call, which is slow, is not a client's
        rows = np.random.default_rng(0).normal(size=(CHECKED_ROWS, *(size or 1 for size in signature.shape[1:])))
        compiled = self.predict(model, rows)
        if not saved_model and not np.array_equal(compiled, model.predict(rows, verbose=0)):
            log.warning("the compiled function differs from %s.predict: not used", type(model).__name__)
            self._run = lambda rows: model.predict(rows, verbose=0)

    def predict(self, model: Any, rows: np.ndarray) -> np.ndarray:
        """What `model.predict` answers."""
        import tensorflow as tf

        return np.asarray(self._run(tf.constant(rows.astype(self._dtype, copy=False))))

    def _input(self, model: Any) -> tensorflow.TensorSpec:
        if _is_saved_model(model):
            inputs = list(model.signatures["serving_default"].structured_input_signature[1].values())
        else:
            inputs = model.inputs
        if len(inputs) != 1:
            raise ValueError(f"the model has {len(inputs)} inputs: override predict and decode in model_handler.py")
        return inputs[0]

    def _signature(self, model: Any) -> Callable[[Any], Any]:
        signature = model.signatures["serving_default"]
        (name,) = signature.structured_input_signature[1]
        outputs = list(signature.structured_outputs)
        if len(outputs) != 1:
            raise ValueError(f"the model has the outputs {', '.join(outputs)}: override predict in model_handler.py")
        return lambda rows: signature(**{name: rows})[outputs[0]]


def _is_saved_model(model: Any) -> bool:
    return hasattr(model, "signatures")
