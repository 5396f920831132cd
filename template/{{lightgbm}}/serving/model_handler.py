"""Yours: override load, decode, predict or encode where your model differs; updates of the template leave it alone."""

from __future__ import annotations

from serving.handlers.lightgbm import LightgbmHandler


class ModelHandler(LightgbmHandler):
    """Serves the model in `model/` as LightGBM predicts it: a Booster answers a classifier's probabilities.

    For the most likely class of a Booster in place of the probabilities, for example:

        def predict(self, model, rows):
            return super().predict(model, rows).argmax(axis=1)
    """
