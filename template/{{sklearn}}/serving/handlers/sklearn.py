"""scikit-learn models: any estimator or pipeline with `predict`, saved with pickle or joblib."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.exceptions import InconsistentVersionWarning

from serving.codecs import RowFormat
from serving.handlers.base import Handler, find_model
from serving.handlers.forests import exact_forest

log = logging.getLogger(__name__)


class SklearnHandler(Handler):
    """Loads `model/*.pkl` or `*.joblib`; a model trained with column names gets a DataFrame with these names."""

    preload = True
    _fast: Callable[[np.ndarray], np.ndarray] | None = None

    def load(self, model_dir: Path) -> Any:
        """The unpickled model. A pickle runs code when it is loaded: only load what you trust."""
        path = find_model(model_dir, (".pkl", ".joblib"))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InconsistentVersionWarning)
            model = joblib.load(path)
        for warning in caught:
            if isinstance(warning.message, InconsistentVersionWarning):
                log.warning("%s", str(warning.message).partition("\n")[0])
                break
        return model

    def describe(self, model: Any) -> RowFormat | None:
        """From the attributes that scikit-learn sets when a model is trained."""
        count = getattr(model, "n_features_in_", None)
        names = tuple(map(str, getattr(model, "feature_names_in_", ())))
        return RowFormat((int(count),), names) if count else None

    def prepare(self, model: Any) -> None:
        """Find the fast way to predict, where there is one that is exact."""
        self._fast = exact_forest(model, lambda rows: self._exact(model, rows))
        if self._fast is None:
            log.info("no exact fast path for %s: using its own predict", type(model).__name__)

    def predict(self, model: Any, rows: np.ndarray) -> Any:
        """`model.predict`, or what gives the same numbers faster."""
        return self._fast(rows) if self._fast else self._exact(model, rows)

    def _exact(self, model: Any, rows: np.ndarray) -> Any:
        if self.row_format and self.row_format.names:
            return model.predict(pd.DataFrame(rows, columns=list(self.row_format.names)))
        return model.predict(rows)
