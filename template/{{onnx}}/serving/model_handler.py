"""Yours: override load, decode, predict or encode where your model differs; updates of the template leave it alone."""

from __future__ import annotations

from serving.handlers.onnx import OnnxHandler


class ModelHandler(OnnxHandler):
    """Serves the model in `model/` as ONNX Runtime runs it: all of its outputs, by name.

    To answer with the most likely class of a network in place of its scores, for example:

        def predict(self, model, rows):
            return super().predict(model, rows).argmax(axis=1)
    """
