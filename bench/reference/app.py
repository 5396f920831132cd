"""The plain server that the generated ones are measured against."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from flask import Flask, jsonify, request


def forest(model_file: Path) -> Callable[[np.ndarray], np.ndarray]:
    """scikit-learn's own predict for each request."""
    import joblib

    model = joblib.load(model_file)
    del model.feature_names_in_  # or each request would pay for a warning that an array has no names
    return model.predict


def xgboost(model_file: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A DMatrix for each request."""
    import xgboost

    booster = xgboost.Booster(model_file=str(model_file))
    return lambda rows: booster.predict(xgboost.DMatrix(rows, feature_names=booster.feature_names))


def tensorflow(model_file: Path) -> Callable[[np.ndarray], np.ndarray]:
    """`keras.predict` for each request."""
    import keras

    model = keras.models.load_model(model_file, compile=False)
    return lambda rows: model.predict(rows, verbose=0)


LOADERS = {"forest": forest, "xgboost": xgboost, "tensorflow": tensorflow}


def create_application() -> Flask:
    """The application for the model named by BENCH_MODEL and BENCH_MODEL_FILE."""
    predict = LOADERS[os.environ["BENCH_MODEL"]](Path(os.environ["BENCH_MODEL_FILE"]))
    application = Flask(__name__)

    @application.get("/ping")
    def ping() -> str:
        return ""

    @application.post("/invocations")
    def invocations():  # type: ignore[no-untyped-def]
        rows = np.array(request.get_json()["instances"])
        return jsonify(predictions=predict(rows).tolist())

    return application
