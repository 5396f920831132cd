"""XGBoost models: a Booster saved with `save_model` (json, ubj or model)."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from serving import tables
from serving.codecs import RowFormat
from serving.handlers.base import Handler, UnusableModel, equals_exactly, fast_path, find_model
from serving.handlers.categories import Categories

log = logging.getLogger(__name__)

CHECKED_ROWS = 64
VERSION = re.compile(rb'version(?:":\[([\d,]+)\]|\[#L.{7}\x03((?:i.){3}))', re.DOTALL)
WHOLE_NAMES = (3, 4, 0)  # older versions count letters and write bytes: 3.2.0 cuts "Zürich" to "Züri"


class XgboostHandler(Handler):
    """Loads `model/*.json`, `*.ubj` or `*.model` and answers what `Booster.predict` answers.

    A booster that was stopped early answers with its best iteration, as XGBoost's own scikit-learn classes do.
    """

    _in_place = False
    _rounds = (0, 0)  # all of them
    _categories: Categories | None = None

    def load(self, model_dir: Path) -> xgboost.Booster:
        """The booster, with as many threads as this process should use."""
        if self.output != "predict":
            raise UnusableModel(f"SERVING_OUTPUT={self.output}: XGBoost models only know predict; unset it")
        path = find_model(model_dir, (".json", ".ubj", ".model"), names=("xgboost-model",))
        booster = xgboost.Booster(model_file=str(path))
        booster.set_param({"nthread": int(os.environ.get("OMP_NUM_THREADS", "1"))})
        self._rounds = _best_rounds(booster)
        self._categories = _categories_of(booster, path)
        return booster

    def describe(self, model: xgboost.Booster) -> RowFormat:
        """From what was stored with the model when it was trained."""
        kinds = self._categories.kinds if self._categories else ()
        return RowFormat((model.num_features(),), tuple(model.feature_names or ()), kinds)

    def takes_missing(self, model: xgboost.Booster) -> bool:
        """XGBoost's trees know which way a missing value goes."""
        return True

    def decode(self, body: bytes, content_type: str) -> Any:
        """The rows as numbers, with the codes of categories in place of their values."""
        if not self._categories:
            return super().decode(body, content_type)
        return self._categories.encode(tables.decode(body, content_type, self.row_format))

    def prepare(self, model: xgboost.Booster) -> None:
        """Predicting in place saves building a DMatrix for each request; used if it answers the same."""
        self._in_place = bool(fast_path(lambda: self._is_exact_in_place(model), "this booster"))

    def predict(self, model: xgboost.Booster, rows: np.ndarray) -> Any:
        """`Booster.predict`, or what gives the same numbers faster."""
        return self._predict_in_place(model, rows) if self._in_place else self._predict_matrix(model, rows)

    def _is_exact_in_place(self, model: xgboost.Booster) -> bool:
        random = np.random.default_rng(0)
        rows = random.normal(size=(CHECKED_ROWS, model.num_features()))
        if self._categories:
            rows = self._categories.probes(rows, random)
        rows[1::2][random.random(rows[1::2].shape) < 0.2] = np.nan
        exact = equals_exactly(
            lambda rows: self._predict_in_place(model, rows), lambda rows: self._predict_matrix(model, rows), rows
        )
        if not exact:
            log.warning("inplace_predict differs from predict for this booster: not used")
        return exact

    def _predict_in_place(self, model: xgboost.Booster, rows: np.ndarray) -> np.ndarray:
        # the columns were checked when the request was decoded; an array has no names to validate
        return model.inplace_predict(rows, iteration_range=self._rounds, validate_features=False)

    def _predict_matrix(self, model: xgboost.Booster, rows: np.ndarray) -> np.ndarray:
        types = model.feature_types if self._categories else None
        matrix = xgboost.DMatrix(
            rows, feature_names=model.feature_names, feature_types=types, enable_categorical=bool(self._categories)
        )
        return model.predict(matrix, iteration_range=self._rounds)


def _version_of(model: bytes) -> tuple[int, ...]:
    """The version of XGBoost that wrote a JSON or UBJ file, which both hold at their end."""
    found = VERSION.findall(model)
    text, binary = found[-1] if found else (b"0", b"")
    return tuple(binary[1::2]) if binary else tuple(int(part) for part in text.split(b","))


def _best_rounds(booster: xgboost.Booster) -> tuple[int, int]:
    """The rounds that answer: up to the best one if training was stopped early, else all."""
    best = booster.attr("best_iteration")
    if best is None:
        return (0, 0)
    log.info("training was stopped early: predicting with the rounds up to the best one, %s", best)
    return (0, int(best) + 1)


def _categories_of(booster: xgboost.Booster, path: Path) -> Categories | None:
    """The categories of the booster's columns, if it has any. Raises UnusableModel if they are not in the file."""
    types = booster.feature_types or []
    if "c" not in types:
        return None
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    stored = trees.get("gbtree", trees).get("model", {}).get("cats", {}).get("enc", [])
    if len(stored) != len(types):
        raise UnusableModel(
            "the model has columns of categories, but this file doesn't hold their values (XGBoost keeps them since "
            "3.1): train and save it again with a newer XGBoost, or turn values into codes in decode() of "
            "serving/model_handler.py"
        )
    version = _version_of(path.read_bytes())
    texts = [column["values"] for column in stored if "offsets" in column]
    if version < WHOLE_NAMES and any(byte < 0 for text in texts for byte in text):
        saved, needed = (".".join(map(str, numbers)) for numbers in (version, WHOLE_NAMES))
        raise UnusableModel(
            f"the names of the model's categories are not ASCII, and XGBoost {saved}, which saved it, cuts them: "
            f"train and save it again with XGBoost {needed} or newer"
        )
    return Categories(types, stored, booster.feature_names or [])
