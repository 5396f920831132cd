"""A fast and exact `predict` for scikit-learn's forests.

scikit-learn needs milliseconds of Python for one row; treelite walks the same trees in compiled code, 100 times faster
for a single row and twice for a hundred.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import treelite
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from serving.handlers.base import equals_exactly

log = logging.getLogger(__name__)

Predict = Callable[[np.ndarray], np.ndarray]

REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor)
CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier)
CHECKED_ROWS = 256


def exact_forest(model: Any, exact: Predict, missing: bool = False) -> Predict | None:
    """`exact` made fast; None for other models, and where the answers differ in a single bit.

    Only the four classes it is proven for, and one output: subclasses may predict as they like. `missing`: rows may
    hold NaN.
    """
    if type(model) not in REGRESSORS + CLASSIFIERS or model.n_outputs_ != 1:
        return None
    forest = treelite.sklearn.import_model(model)
    fast = _classes(forest, model.classes_) if type(model) in CLASSIFIERS else _values(forest)
    if not equals_exactly(fast, exact, _probes(model, missing)):
        log.warning("the fast path differs from %s.predict: not used", type(model).__name__)
        return None
    return fast


def _values(forest: treelite.Model) -> Predict:
    return lambda rows: _walk(forest, rows)[:, 0, 0]


def _classes(forest: treelite.Model, classes: np.ndarray) -> Predict:
    return lambda rows: classes.take(_walk(forest, rows)[:, 0].argmax(axis=1), axis=0)


def _walk(forest: treelite.Model, rows: np.ndarray) -> np.ndarray:
    """The forest's output. scikit-learn compares float32 values with float64 thresholds, so the rows are rounded."""
    return treelite.gtil.predict(forest, rows.astype(np.float32).astype(np.float64), nthread=1)


def _probes(model: Any, missing: bool) -> np.ndarray:
    """Rows that meet the forest where it decides: its own thresholds, what lies right beside them, and gaps."""
    random = np.random.default_rng(0)
    columns = []
    for feature in range(model.n_features_in_):
        thresholds = np.concatenate([tree.tree_.threshold[tree.tree_.feature == feature] for tree in model.estimators_])
        thresholds = thresholds[np.isfinite(thresholds)]  # scikit-learn writes infinity for "missing or not"
        values = random.choice(thresholds if len(thresholds) else np.zeros(1), CHECKED_ROWS)
        columns.append(values + random.choice([0.0, -1e-7, 1e-7, -1.0, 1.0], CHECKED_ROWS) * np.maximum(abs(values), 1))
    rows = np.stack(columns, axis=1)
    if missing:
        rows[1::2][random.random(rows[1::2].shape) < 0.3] = np.nan
    return rows
