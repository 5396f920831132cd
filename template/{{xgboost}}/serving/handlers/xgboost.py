"""XGBoost models: a Booster saved with `save_model` (json, ubj or model)."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from serving import tables, transcoding
from serving.codecs import RowFormat
from serving.handlers.base import Handler, UnusableModel, equals_exactly, fast_path, find_model
from serving.handlers.c_api import Predict, dense_predict
from serving.handlers.categories import Categories

log = logging.getLogger(__name__)

CHECKED_ROWS = 64
OF_SKLEARN = "scikit_learn"  # the attribute that the scikit-learn classes write into a model's file
VERSION = re.compile(rb'version(?:":\[([\d,]+)\]|\[#L.{7}\x03((?:i.){3}))', re.DOTALL)
OLD_BINARY = b"binf"  # how save_model began a file that it didn't name json or ubj, before XGBoost 2.1
WHOLE_NAMES = (3, 4, 0)  # older versions count letters and write bytes: 3.2.0 cuts "Zürich" to "Züri"


class XgboostHandler(Handler):
    """Loads `model/*.json`, `*.ubj` or `*.model` and answers what `Booster.predict` answers.

    A booster that was stopped early answers with its best iteration, as XGBoost's own scikit-learn classes do.
    """

    also_reads = (transcoding.LIBSVM,)
    _fast: Predict | None = None
    _rounds = (0, 0)  # all of them
    _categories: Categories | None = None
    _version: tuple[int, ...] = WHOLE_NAMES  # of XGBoost, that saved the model

    def load(self, model_dir: Path) -> xgboost.Booster:
        """The booster, with as many threads as this process should use."""
        if self.output != "predict":
            raise UnusableModel(f"SERVING_OUTPUT={self.output}: XGBoost models only know predict; unset it")
        path = find_model(model_dir, (".json", ".ubj", ".model"), names=("xgboost-model",))
        with path.open("rb") as file:
            if file.read(len(OLD_BINARY)) == OLD_BINARY:
                raise UnusableModel(
                    f"{path.name} is in XGBoost's old binary format, which 3.1 and later can't read: load it with "
                    'the version that saved it, and save it with save_model("model.json")'
                )
        booster = xgboost.Booster(model_file=str(path))
        booster.set_param({"nthread": int(os.environ.get("OMP_NUM_THREADS", "1"))})
        self._version = _version_of(path.read_bytes())
        return booster

    def describe(self, model: xgboost.Booster) -> RowFormat:
        """From what was stored with the model when it was trained. Raises UnusableModel if it is no Booster."""
        if not isinstance(model, xgboost.Booster):
            raise UnusableModel(
                f"what was loaded is a {type(model).__name__}, not a Booster: return one from load() in "
                "serving/model_handler.py (or model_fn), or define predict_fn in code/inference.py"
            )
        self._rounds = _best_rounds(model)
        self._categories = _categories_of(model, self._version)
        kinds = self._categories.kinds if self._categories else ()
        known = self._categories.values if self._categories else ()
        return RowFormat((model.num_features(),), tuple(model.feature_names or ()), kinds, known)

    def takes_missing(self, model: xgboost.Booster) -> bool:
        """XGBoost's trees know which way a missing value goes."""
        return True

    def decode(self, body: bytes, content_type: str) -> Any:
        """The rows as numbers, with the codes of categories in place of their values."""
        if not self._categories:
            return super().decode(body, content_type)
        return self._categories.encode(tables.decode(body, content_type, self.row_format))

    def prepare(self, model: xgboost.Booster) -> None:
        """Predicting in place saves building a DMatrix for each request; used if it answers the same.

        XGBoost's scikit-learn classes use it, too, where DART's sums differ from a DMatrix's in their last digit.
        """
        for find in (dense_predict, _in_place):
            self._fast = fast_path(partial(self._if_exact, model, find), f"this booster by {find.__name__}")
            if self._fast:
                break
        self.compiled = True

    def predict(self, model: xgboost.Booster, rows: np.ndarray) -> Any:
        """`Booster.predict`, or what gives the same numbers faster."""
        return self._fast(rows) if self._fast else self._predict_matrix(model, rows)

    def as_data(self, model: Any, rows: Any) -> Any:
        """A DMatrix, with the model's names if it is a Booster with as many columns."""
        names = getattr(model, "feature_names", None)
        fitting = isinstance(model, xgboost.Booster) and names and len(names) == rows.shape[1]
        return xgboost.DMatrix(rows, feature_names=names if fitting else None)

    def predict_data(self, model: Any, data: Any) -> Any:
        """The answer to a DMatrix, or to what one can be made of."""
        matrix = data if isinstance(data, xgboost.DMatrix) else xgboost.DMatrix(data, enable_categorical=True)
        return model.predict(matrix, iteration_range=self._rounds, validate_features=False)

    def _if_exact(self, model: xgboost.Booster, find: Callable[[xgboost.Booster, Any], Predict]) -> Predict | None:
        """A way to predict if it answers what the model does."""
        fast = find(model, self._rounds)
        random = np.random.default_rng(0)
        rows = random.normal(size=(CHECKED_ROWS, model.num_features()))
        if self._categories:
            rows = self._categories.probes(rows, random)
        rows[1::2][random.random(rows[1::2].shape) < 0.2] = np.nan
        own = _in_place(model, self._rounds) if model.attr(OF_SKLEARN) else partial(self._predict_matrix, model)
        if equals_exactly(fast, own, rows):
            return fast
        log.warning("inplace_predict differs from predict for this booster: not used")
        return None

    def _predict_matrix(self, model: xgboost.Booster, rows: np.ndarray) -> np.ndarray:
        types = model.feature_types if self._categories else None
        matrix = xgboost.DMatrix(
            rows, feature_names=model.feature_names, feature_types=types, enable_categorical=bool(self._categories)
        )
        return model.predict(matrix, iteration_range=self._rounds)


def _in_place(booster: xgboost.Booster, rounds: tuple[int, int]) -> Predict:
    # the columns were checked when the request was decoded; an array has no names to validate
    return lambda rows: booster.inplace_predict(rows, iteration_range=rounds, validate_features=False)


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


def _categories_of(booster: xgboost.Booster, version: tuple[int, ...]) -> Categories | None:
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
    texts = [column["values"] for column in stored if "offsets" in column]
    if version < WHOLE_NAMES and any(byte < 0 for text in texts for byte in text):
        saved, needed = (".".join(map(str, numbers)) for numbers in (version, WHOLE_NAMES))
        raise UnusableModel(
            f"the names of the model's categories are not ASCII, and XGBoost {saved}, which saved it, cuts them: "
            f"train and save it again with XGBoost {needed} or newer"
        )
    return Categories(types, stored, booster.feature_names or [])
