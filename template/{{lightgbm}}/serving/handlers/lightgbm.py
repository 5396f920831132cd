"""LightGBM models: a Booster saved as text, or a Booster or scikit-learn class saved with pickle or joblib."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from serving import outputs, tables
from serving.codecs import RowFormat
from serving.handlers import load_errors
from serving.handlers.base import Handler, UnusableModel, equals_exactly, fast_path, find_model
from serving.handlers.categories import Categories

log = logging.getLogger(__name__)

CHECKED_ROWS = 64
NUMBERED = re.compile(r"Column_\d+")  # how LightGBM calls the columns of an array
# scikit-learn's classes say it of each array, and rows reach them as arrays whose columns were checked already
warnings.filterwarnings("ignore", "X does not have valid feature names")


class LightgbmHandler(Handler):
    """Loads `model/*.txt`, `*.pkl` or `*.joblib` and answers what the model's own `predict` answers.

    Training that was stopped early answers with the best iteration, as LightGBM itself does. Categories of pandas are
    sent by value; one that training did not meet counts as missing, as it does for LightGBM.
    """

    category_columns: tuple[str, ...] = ()  # of pandas, in the order of training; needed if some of them are ordered
    _categories: Categories | None = None
    _fast: Callable[[np.ndarray], np.ndarray] | None = None

    def load(self, model_dir: Path) -> Any:
        """The model. A pickle runs code when it is loaded: only load what you trust."""
        path = find_model(model_dir, (".txt", ".pkl", ".joblib"))
        try:
            model = _load(path)
        except Exception as error:
            raise UnusableModel(load_errors.explained(path, error)) from error
        if not isinstance(model, lightgbm.Booster | lightgbm.LGBMModel):
            raise UnusableModel(_no_model(path, model))
        if not outputs.has(model, self.output):
            raise UnusableModel(load_errors.without_method(f"{path.name} holds", model, self.output))
        return model

    def describe(self, model: Any) -> RowFormat:
        """From what was stored with the model when it was trained."""
        booster = _booster(model)
        names = booster.feature_name()
        self._categories = Categories.of(booster, self.category_columns)
        named = not all(NUMBERED.fullmatch(name) for name in names)
        kinds = self._categories.kinds if self._categories else ()
        known = self._categories.values if self._categories else ()
        return RowFormat((len(names),), tuple(names) if named else (), kinds, known, without_blanks=True)

    def takes_missing(self, model: Any) -> bool:
        """LightGBM's trees know which way a missing value goes."""
        return True

    def decode(self, body: bytes, content_type: str) -> Any:
        """The rows as numbers, with the codes of categories in place of their values."""
        if not self._categories:
            return super().decode(body, content_type)
        return self._categories.encode(tables.decode(body, content_type, self.row_format))

    def prepare(self, model: Any) -> None:
        """The labels of a classifier without scikit-learn's checks of each call; used if they are the same."""
        if isinstance(model, lightgbm.LGBMClassifier) and self.output == "predict":
            self._fast = fast_path(lambda: self._exact_labels(model), type(model).__name__)

    def predict(self, model: Any, rows: np.ndarray) -> Any:
        """`model.predict` (or what SERVING_OUTPUT names), or what gives the same answers faster."""
        return self._fast(rows) if self._fast else self.predict_output(model, rows, self.output)

    def outputs(self, model: Any) -> tuple[str, ...]:
        """The model's own methods, and a classifier's labels with their probabilities."""
        return outputs.of_methods(model)

    def predict_output(self, model: Any, rows: np.ndarray, output: str) -> Any:
        """What the model itself answers."""
        return outputs.answered(model, output, lambda method: getattr(model, method)(rows, num_threads=_threads()))

    def _exact_labels(self, model: lightgbm.LGBMClassifier) -> Callable[[np.ndarray], np.ndarray] | None:
        booster, classes = model.booster_, np.asarray(model.classes_)

        def labels(rows: np.ndarray) -> np.ndarray:
            scores = booster.predict(rows, num_threads=_threads())
            likeliest = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 1.0 - scores).astype(int)
            return classes.take(likeliest, axis=0)

        random = np.random.default_rng(0)
        rows = random.normal(size=(CHECKED_ROWS, booster.num_feature()))
        rows[1::2][random.random(rows[1::2].shape) < 0.2] = np.nan
        return (
            labels if equals_exactly(labels, lambda rows: self.predict_output(model, rows, self.output), rows) else None
        )


def _load(path: Path) -> Any:
    if path.suffix == ".txt":
        return lightgbm.Booster(model_file=str(path))
    with warnings.catch_warnings():
        # of scikit-learn only the encoder of labels is in the file, whose form has not changed
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        return joblib.load(path)


def _no_model(path: Path, content: Any) -> str:
    if isinstance(content, lightgbm.CVBooster):
        return f"{path.name} holds the boosters of a cross-validation, which answer apart: save one of its boosters"
    if hasattr(content, "predict"):
        return (
            f"{path.name} holds a {type(content).__name__}, no model of LightGBM itself: choose the framework sklearn"
        )
    return load_errors.without_method(f"{path.name} holds", content, "predict")


def _threads() -> int:
    """How many threads one prediction may use; LightGBM would take all CPUs in each of the server's processes."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def _booster(model: Any) -> lightgbm.Booster:
    return model if isinstance(model, lightgbm.Booster) else model.booster_
