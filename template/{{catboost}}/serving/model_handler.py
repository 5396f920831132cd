"""Yours: override load, decode, predict or encode where your model differs; updates of the template leave it alone."""

from __future__ import annotations

from serving.handlers.catboost import CatboostHandler


class ModelHandler(CatboostHandler):
    """Serves the model in `model/` as CatBoost predicts it: a classifier answers its classes.

    For probabilities in place of classes set SERVING_OUTPUT=predict_proba, or here:

        output = "predict_proba"
    """
