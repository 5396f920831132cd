"""A fast and exact `predict` for scikit-learn's forests.

scikit-learn needs milliseconds of Python for one row. Its own gradient boosting walks many trees in a single compiled
call, which gives a forest's sums as well, 200 times faster for one row. treelite, which is 100 times faster, takes its
place where that doesn't fit.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from serving.handlers.base import equals_exactly, fast_path

log = logging.getLogger(__name__)

Predict = Callable[[np.ndarray], np.ndarray]

REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor)
CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier)
CHECKED_ROWS = 256
MOST_CLASSES = 3  # of a classifier whose trees are copied for each class
LARGEST = float(np.finfo(np.float32).max)  # scikit-learn's trees refuse what doesn't fit into float32


def exact_forest(model: Any, exact: Predict, missing: bool = False) -> Predict | None:
    """`exact` made fast; None for other models, and where the answers differ in a single bit.

    Only the four classes it is proven for, and one output: subclasses may predict as they like. `missing`: rows may
    hold NaN.
    """
    if type(model) not in REGRESSORS + CLASSIFIERS or model.n_outputs_ != 1:
        return None
    few_outputs = type(model) in REGRESSORS or model.n_classes_ <= MOST_CLASSES
    for find in (_stages, _treelite) if few_outputs else (_treelite,):
        fast = fast_path(
            partial(_answers, model, find, exact, missing), f"{type(model).__name__} by {find.__name__[1:]}"
        )
        if fast and all(equals_exactly(fast, exact, _probes(model, gaps)) for gaps in {False, missing}):
            return fast
    log.warning("the fast path differs from %s.predict: not used", type(model).__name__)
    return None


def _answers(model: Any, find: Callable[[Any, bool], Predict], exact: Predict, missing: bool) -> Predict:
    """What the forest answers, from the means of its trees' values; `exact` has the word on rows too large for it."""
    walk = find(model, missing)
    if type(model) in REGRESSORS:
        return lambda rows: exact(rows) if _is_too_large(rows) else walk(rows)[:, 0]
    return lambda rows: exact(rows) if _is_too_large(rows) else model.classes_.take(walk(rows).argmax(axis=1), axis=0)


def _is_too_large(rows: np.ndarray) -> bool:
    """Whether a value doesn't fit into float32; one cheap sum of squares shows that none does not."""
    return not np.vdot(rows, rows) < LARGEST and bool((np.abs(rows) > LARGEST).any())


def _stages(model: Any, missing: bool) -> Predict:
    """The means of the trees' values by gradient boosting's compiled function, which takes a tree for each output.

    It knows nothing of gaps, so a forest's trees are asked one by one for rows that have some.
    """
    from sklearn.ensemble._gradient_boosting import predict_stages

    outputs = model.n_classes_ if type(model) in CLASSIFIERS else 1
    trees = np.empty((len(model.estimators_), outputs), dtype=object)
    for i, estimator in enumerate(model.estimators_):
        for k in range(outputs):
            trees[i, k] = estimator if outputs == 1 else SimpleNamespace(tree_=_of_class(estimator.tree_, k))

    def walk(rows: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        sums = np.zeros((len(rows), outputs))
        if missing and math.isnan(np.vdot(rows, rows)):
            for estimator in model.estimators_:
                sums += estimator.tree_.predict(rows).reshape(len(rows), outputs)
        else:
            predict_stages(trees, rows, 1.0, sums)
        return sums / len(trees)

    return walk


def _of_class(tree: Any, number: int) -> Any:
    """The same tree with one class's share as its value. Raises ValueError for a tree that keeps counts."""
    state = tree.__getstate__()
    if not np.allclose(state["values"].sum(axis=2), 1):
        raise ValueError("before scikit-learn 1.3, trees keep counts")  # probes could miss where their sums mislead
    alone = type(tree)(tree.n_features, np.ones(1, dtype=np.intp), 1)
    alone.__setstate__(state | {"values": np.ascontiguousarray(state["values"][:, :, number : number + 1])})
    return alone


def _treelite(model: Any, missing: bool) -> Predict:
    """The means of the trees' values. Rows are rounded, as scikit-learn compares float32 with float64 thresholds."""
    import treelite

    forest = treelite.sklearn.import_model(model)
    return lambda rows: treelite.gtil.predict(forest, rows.astype(np.float32).astype(np.float64), nthread=1)[:, 0]


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
