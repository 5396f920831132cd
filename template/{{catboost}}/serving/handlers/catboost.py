"""CatBoost models: saved with `save_model` as cbm or JSON."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import catboost
import numpy as np

from serving import codecs, outputs, tables
from serving.codecs import RowFormat
from serving.errors import BadRequest
from serving.handlers import load_errors
from serving.handlers.base import Handler, UnusableModel, find_model
from serving.tables import NUMBER, TEXT, Readings, Rows, Table


class CatboostHandler(Handler):
    """Loads `model/*.cbm` or `*.json` and answers what CatBoost's scikit-learn classes answer.

    A model with classes is a CatBoostClassifier, any other a CatBoostRegressor, which answers for rankers, too.
    Columns of categories and text reach CatBoost as they were sent.
    """

    _typed = False  # whether columns hold more than numbers

    def load(self, model_dir: Path) -> Any:
        """The model, as the class that knows how to answer for it."""
        path = find_model(model_dir, (".cbm", ".json"))
        try:
            classifier = bool(len(_read(catboost.CatBoost, path).classes_))
            model = _read(catboost.CatBoostClassifier if classifier else catboost.CatBoostRegressor, path)
        except Exception as error:
            raise UnusableModel(load_errors.explained(path, error)) from error
        if not outputs.has(model, self.output):
            raise UnusableModel(load_errors.without_method(f"{path.name} holds", model, self.output))
        return model

    def describe(self, model: Any) -> RowFormat:
        """From what was stored with the model when it was trained. Raises UnusableModel for embeddings."""
        names = model.feature_names_
        kinds: list[str | None] = [NUMBER] * len(names)
        for index in model.get_cat_feature_indices():
            kinds[index] = None  # text or whole numbers
        for index in model.get_text_feature_indices():
            kinds[index] = TEXT
        embeddings = [names[index] for index in model.get_embedding_feature_indices()]
        # CatBoost answers vectors of any length, and crashes at an empty one
        if embeddings and type(self).decode is CatboostHandler.decode:
            raise UnusableModel(
                f"the columns {', '.join(embeddings)} hold embeddings, whose length the model doesn't tell: check it "
                "in decode of serving/model_handler.py"
            )
        self._typed = kinds != [NUMBER] * len(names)
        named = names != [str(index) for index in range(len(names))]  # how CatBoost calls the columns of an array
        return RowFormat((len(names),), tuple(names) if named else (), tuple(kinds) if self._typed else ())

    def takes_missing(self, model: Any) -> bool:
        """CatBoost's trees know which way a missing number goes."""
        return True

    def decode(self, body: bytes, content_type: str) -> Any:
        """The rows as numbers, or with values of their own types if the model has categories or text."""
        if not self._typed or self.row_format is None:
            return super().decode(body, content_type)
        if content_type != codecs.CSV:
            return tables.decode(body, content_type, self.row_format)
        # CatBoost makes text of whole numbers, and cells are text already: "08001"
        row_format = replace(self.row_format, kinds=tuple(kind or TEXT for kind in self.row_format.kinds))
        return _with_booleans(tables.decode(body, content_type, row_format), self.row_format.kinds)

    def predict(self, model: Any, rows: Any) -> Any:
        """`model.predict`, or what SERVING_OUTPUT names."""
        return self.predict_output(model, rows, self.output)

    def outputs(self, model: Any) -> tuple[str, ...]:
        """The model's own methods, and a classifier's labels with their probabilities."""
        return outputs.of_methods(model)

    def predict_output(self, model: Any, rows: Any, output: str) -> Any:
        """What the model itself answers. Raises BadRequest for values that it refuses."""
        if isinstance(rows, Readings):
            return tables.answered(rows, lambda reading: self.predict_output(model, reading, output))[0]
        values = _values(rows) if self._typed else rows
        threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        try:
            return outputs.answered(model, output, lambda method: getattr(model, method)(values, thread_count=threads))
        except catboost.CatBoostError as error:
            if self._typed:  # it refuses values: a gap or a fraction among categories
                raise BadRequest(f"the model can't take these values: {' '.join(str(error).split())[:300]}") from error
            raise


def _read(kind: Any, path: Path) -> Any:
    return kind().load_model(str(path), format="json" if path.suffix == ".json" else "cbm")


def _with_booleans(rows: Rows, kinds: tuple[str | None, ...]) -> Rows:
    """The rows, with the other reading of categories that are all True or False: CatBoost tells text from booleans."""
    if not isinstance(rows, Table):
        return rows
    others = {
        name: np.array([bool(codecs.BOOLEANS[cell]) for cell in column])
        for (name, column), kind in zip(rows.columns.items(), kinds, strict=True)
        if kind is None and {*column.tolist()} <= codecs.BOOLEANS.keys()
    }
    return Readings(rows.columns, others) if others else rows


def _values(rows: Rows) -> np.ndarray:
    """The rows as an array of Python's values, by which CatBoost tells categories from numbers."""
    columns = list(rows.columns.values()) if isinstance(rows, Table) else list(rows.T)
    values = np.empty((len(rows), len(columns)), dtype=object)
    for index, column in enumerate(columns):
        values[:, index] = column.tolist()
    return values
