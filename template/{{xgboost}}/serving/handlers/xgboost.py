"""XGBoost models: a Booster saved with `save_model` (json, ubj or model)."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from serving.codecs import RowFormat
from serving.handlers.base import Handler, equals_exactly, find_model

log = logging.getLogger(__name__)

CHECKED_ROWS = 64


class XgboostHandler(Handler):
    """Loads `model/*.json`, `*.ubj` or `*.model` and answers what `Booster.predict` answers."""

    _in_place = False

    def load(self, model_dir: Path) -> xgboost.Booster:
        """The booster, with as many threads as this process should use."""
        booster = xgboost.Booster(model_file=str(find_model(model_dir, (".json", ".ubj", ".model"))))
        booster.set_param({"nthread": int(os.environ.get("OMP_NUM_THREADS", "1"))})
        return booster

    def describe(self, model: xgboost.Booster) -> RowFormat:
        """From what was stored with the model when it was trained."""
        return RowFormat((model.num_features(),), tuple(model.feature_names or ()))

    def prepare(self, model: xgboost.Booster) -> None:
        """Predicting in place saves building a DMatrix for each request; used where it answers the same."""
        rows = np.random.default_rng(0).normal(size=(CHECKED_ROWS, model.num_features()))
        self._in_place = equals_exactly(
            lambda rows: self._predict_in_place(model, rows), lambda rows: self._predict_matrix(model, rows), rows
        )
        if not self._in_place:
            log.warning("inplace_predict differs from predict for this booster: not used")

    def predict(self, model: xgboost.Booster, rows: np.ndarray) -> Any:
        """`Booster.predict`, or what gives the same numbers faster."""
        return self._predict_in_place(model, rows) if self._in_place else self._predict_matrix(model, rows)

    def _predict_in_place(self, model: xgboost.Booster, rows: np.ndarray) -> np.ndarray:
        # the columns were checked when the request was decoded; an array has no names to validate
        return model.inplace_predict(rows, validate_features=False)

    def _predict_matrix(self, model: xgboost.Booster, rows: np.ndarray) -> np.ndarray:
        return model.predict(xgboost.DMatrix(rows, feature_names=model.feature_names))
