"""How the plain server predicts: a function for each framework it is measured with, by the catalog's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

# The environments that it is measured in besides the plain one: those with the one setting that it suffers without.
TUNED = {"xgboost": {"plain Flask, OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"}}}


def sklearn(model_file: Path) -> Callable[[np.ndarray], np.ndarray]:
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
