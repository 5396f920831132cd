"""Yours: override load, decode, predict or encode where your model differs; updates of the template leave it alone."""

from __future__ import annotations

from serving.handlers.mlflow import MlflowHandler


class ModelHandler(MlflowHandler):
    """Serves the MLflow model in `model/` as `mlflow models serve` serves it.

    It answers the model's predict. For another method, save the model with it:

        mlflow.sklearn.save_model(model, "model", pyfunc_predict_fn="predict_proba")
    """
