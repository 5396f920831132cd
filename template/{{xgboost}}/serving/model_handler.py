"""Yours: override load, decode, predict or encode where your model differs; updates of the template leave it alone."""

from __future__ import annotations

from serving.handlers.xgboost import XgboostHandler


class ModelHandler(XgboostHandler):
    """Serves the booster in `model/` as XGBoost predicts it.

    To take missing values (JSON null, empty CSV cells, NaN), for example:

        allow_missing = True
    """
