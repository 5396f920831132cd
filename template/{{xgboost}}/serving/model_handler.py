"""Yours: override load, decode, predict or encode where your model differs; updates of the template leave it alone."""

from __future__ import annotations

from serving.handlers.xgboost import XgboostHandler


class ModelHandler(XgboostHandler):
    """Serves the booster in `model/` as XGBoost predicts it: for a classifier, the probabilities.

    For the most likely class in place of the probabilities, for example:

        def predict(self, model, rows):
            return super().predict(model, rows).argmax(axis=1)
    """
