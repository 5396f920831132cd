"""Yours: override load, decode, predict or encode where your model differs; updates of the template leave it alone."""

from __future__ import annotations

from serving.handlers.sklearn import SklearnHandler


class ModelHandler(SklearnHandler):
    """Serves the model in `model/` as scikit-learn predicts it.

    For probabilities in place of classes set SERVING_OUTPUT=predict_proba, or here:

        output = "predict_proba"
    """
