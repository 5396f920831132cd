"""Yours: override load, decode, predict or encode where your model differs; updates of the template leave it alone."""

from __future__ import annotations

from serving.handlers.tensorflow import TensorflowHandler


class ModelHandler(TensorflowHandler):
    """Serves the model in `model/` as TensorFlow predicts it.

    To answer with the class that is most likely, for example:

        def predict(self, model, rows):
            return super().predict(model, rows).argmax(axis=1)
    """
