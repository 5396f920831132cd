"""scikit-learn models: any estimator or pipeline with `predict`, saved with pickle, joblib or skops."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import joblib
import numpy as np
import pandas as pd
from sklearn import exceptions

from serving import codecs, outputs, tables
from serving.codecs import RowFormat
from serving.errors import BadRequest
from serving.handlers import load_errors
from serving.handlers.base import Handler, UnusableModel, fast_path, find_model, raised_by
from serving.handlers.forests import LARGEST, exact_forest
from serving.handlers.inputs import (
    Inputs,
    categories_of,
    column_names,
    has_gaps_of_none,
    inner_names,
    inputs_of,
    is_fitted,
    is_row_by_row,
    kinds_of,
    takes_missing,
    xgboost_categories,
)
from serving.tables import Table

log = logging.getLogger(__name__)

OF_WRONG_ROWS = (ValueError, TypeError, LookupError, AttributeError)  # what code raises that looks columns up by name
# dates for text in ISO 8601, in columns whose kind the model doesn't tell; a Series of pandas for a list
TextAs = Literal["dates", "series"]
ONE_VALUE: dict[Inputs, type] = {"texts": str, "records": dict, "objects": object}  # a row, and not its columns
NEIGHBORS = ("distances", "indices")  # what `kneighbors` answers
ARCHIVE = b"PK\x03\x04"  # how a file of skops begins, a zip archive
RECORDS = 'send records, such as {"instances": [{"a": 1, "b": 2}]}'
OtherVersion = getattr(exceptions, "InconsistentVersionWarning", UserWarning)  # since scikit-learn 1.3


class SklearnHandler(Handler):
    """Loads `model/*.pkl`, `*.joblib` or `*.skops`; one trained with column names gets a DataFrame with them."""

    preload = True
    _fast: Callable[[np.ndarray], np.ndarray] | None = None
    _inputs: Inputs = "numbers"
    _single = False  # whether numbers have to be float32
    _text_as: TextAs | None = None  # what the owner's code turned out to want, where the model doesn't tell
    _settled = False  # whether a first request with text has been answered: what it showed holds for all others
    _told: tuple[str | None, ...] = ()  # what the model itself tells of its columns' kinds
    _categories: tuple[str, ...] = ()  # columns that have to be categories of pandas
    _inner_names: tuple[str, ...] = ()  # the columns of what an estimator of the owner's class holds
    _gaps_of_none = False  # whether missing values are None for the model, and not NaN
    _found = "what was loaded is"  # how an error begins that says what it is

    def load(self, model_dir: Path) -> Any:
        """The model, by its content a pickle or a file of skops. Loading it runs code: only load what you trust."""
        path = find_model(model_dir, (".pkl", ".joblib", ".sav", ".skops"))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", OtherVersion)
            try:
                model = _unpickled(path)
            except Exception as error:
                raise UnusableModel(load_errors.explained(path, error)) from error
        for warning in caught:
            if isinstance(warning.message, OtherVersion):
                log.warning("%s", str(warning.message).partition("\n")[0])
                break
        self._found = f"{path.name} holds"
        return model

    def describe(self, model: Any) -> RowFormat | None:
        """From the attributes that training sets. Raises UnusableModel if it is no model."""
        if type(self).predict is SklearnHandler.predict:
            self._require_usable(model)
        self._inputs = inputs_of(model)
        self._gaps_of_none = has_gaps_of_none(model)
        names = column_names(model)
        self._inner_names = inner_names(model)
        count = getattr(model, "n_features_in_", None) or len(names)
        if not count or self._inputs in ONE_VALUE:
            return None
        self._categories = xgboost_categories(model)
        if self._inputs != "values":
            return RowFormat((int(count),), names)
        self._told = kinds_of(model, count)
        return RowFormat((int(count),), names, self._told, categories_of(model, count))

    def _require_usable(self, model: Any) -> None:
        """Raise UnusableModel for what would start and then fail at each request."""
        if isinstance(model, type) or not outputs.has(model, self.output):
            raise UnusableModel(load_errors.without_method(self._found, model, self.output))
        if _is_of(model, "xgboost", "Booster"):
            raise UnusableModel(
                f"{self._found} a Booster of XGBoost, which takes XGBoost's own matrices: save it with "
                'save_model("model.ubj"), and serve that file'
            )
        if not is_fitted(model):
            raise UnusableModel(f"{self._found} a {type(model).__name__} that is not fitted: fit it, and save it again")

    def takes_missing(self, model: Any) -> bool:
        """By scikit-learn's tags; typed columns are handed on with their gaps, and the model decides."""
        return self._inputs == "values" or takes_missing(model)

    def prepare(self, model: Any) -> None:
        """Find the fast way to predict, if there is one that is exact; batch only what company doesn't change."""
        self.batching = self.batching and is_row_by_row(model, self.output)
        if self._inputs == "numbers":
            self._single = self._wants_single(model)
        if self.output == "predict" and self._inputs == "numbers":
            exact = partial(self._of_numbers, model, output=self.output)
            find = partial(exact_forest, model, exact, bool(self.allow_missing))
            self._fast = fast_path(find, type(model).__name__)
        self.compiled = self._fast is not None
        if self._fast is None:
            log.info("no exact fast path for %s: using its own %s", type(model).__name__, self.output)

    def _wants_single(self, model: Any) -> bool:
        """Whether the model's compiled code only takes float32, as that of k-means does which was trained on such."""
        row = np.zeros((1, *self.row_format.shape)) if self.row_format else None
        try:
            if row is not None:
                self._exact(model, row, self.output)
            return False
        except Exception as error:
            return "Buffer dtype mismatch" in str(error)  # Cython's words

    def decode(self, body: bytes, content_type: str) -> Any:
        """The rows of a request, in the types that the model can tell apart. Raises serving.errors.BadRequest."""
        if self._inputs == "numbers":
            return super().decode(body, content_type)
        if self._inputs == "values" and not (self.row_format is None and _holds_texts(body, content_type)):
            return tables.decode(body, content_type, self.row_format or self._of_header(body, content_type))
        return tables.decode_values(body, content_type, ONE_VALUE.get(self._inputs, str))

    def _of_header(self, body: bytes, content_type: str) -> RowFormat | None:
        """The columns, if a CSV body begins with the names that only the estimators inside the owner's own know."""
        names = self._inner_names
        if not names or content_type != codecs.CSV or sorted(codecs.csv_cells(body)[0]) != sorted(names):
            return None
        return RowFormat((len(names),), names)

    def predict(self, model: Any, rows: Any) -> Any:
        """`model.predict` (or what SERVING_OUTPUT names), or what gives the same numbers faster."""
        return self._fast(rows) if self._fast else self.predict_output(model, rows, self.output)

    def outputs(self, model: Any) -> tuple[str, ...]:
        """The model's own methods, and a classifier's labels with their probabilities."""
        return outputs.of_methods(model)

    def predict_output(self, model: Any, rows: Any, output: str) -> Any:
        """What the model itself answers. Raises BadRequest for values that it refuses."""
        if self._inputs == "numbers":
            return self._of_numbers(model, rows, output)
        if isinstance(rows, tables.Readings):
            answers, kinds = tables.answered(rows, lambda reading: self.predict_output(model, reading, output))
            self._learn(kinds)
            return answers
        if self.row_format is None and isinstance(rows, Table) and {*rows.columns} == {*self._inner_names}:
            rows = Table({name: rows.columns[name] for name in self._inner_names})
        try:
            answers = self._exact(model, rows, output)
        except Exception as error:
            # it refuses the values: an unknown category, a gap, a text for a number
            if isinstance(error, ValueError | TypeError) and raised_by(error, "sklearn", "xgboost"):
                raise BadRequest(_refusal(error)) from error
            if not self._settled and self._works_otherwise(model, rows, output):
                self._settled = True
                return self._exact(model, rows, output)
            if self.row_format is None and not isinstance(rows, Table) and isinstance(error, OF_WRONG_ROWS):
                log.info("the model failed on rows without names", exc_info=error)
                raise BadRequest(f"the model can't take rows without column names: {RECORDS}") from error
            raise
        self._settled = self._settled or self._otherwise(rows) is not None
        if self.row_format is None and isinstance(rows, Table) and not self._in_inner_order(rows):
            self._require_names_to_count(model, rows, output, answers)
        return answers

    def _in_inner_order(self, rows: Table) -> bool:
        """Whether the columns are exactly those of the estimators inside the owner's own, in their order.

        It hands them on by place or by name: both are the same then.
        """
        return tuple(rows.columns) == self._inner_names

    def _of_numbers(self, model: Any, rows: np.ndarray, output: str) -> Any:
        """What the model answers to numbers. Raises BadRequest where it refuses what doesn't fit into its float32."""
        try:
            return self._exact(model, rows, output)
        except ValueError as error:
            if not (np.abs(rows) > LARGEST).any() or not raised_by(error, "sklearn", "xgboost"):
                raise
            raise BadRequest(_refusal(error)) from error

    def _learn(self, kinds: dict[str, str]) -> None:
        """Keep the kinds of columns that a body of CSV showed, so that the next one is read in one way."""
        if kinds and self.row_format:
            known = zip(self.row_format.names, self.row_format.kinds, strict=True)
            self.row_format = replace(self.row_format, kinds=tuple(kinds.get(name, kind) for name, kind in known))

    def _otherwise(self, rows: Any) -> TextAs | None:
        """As what text can be handed to the owner's code that fails on it as it is."""
        if isinstance(rows, Table):
            return "dates"
        return "series" if self._inputs == "texts" else None

    def _works_otherwise(self, model: Any, rows: Any, output: str) -> bool:
        """Whether the owner's code, which failed on these rows, takes them in another form: then all come so."""
        self._text_as = self._otherwise(rows)
        if self._text_as:
            try:
                self._exact(model, rows, output)
            except Exception:
                self._text_as = None
        return self._text_as is not None

    def _require_names_to_count(self, model: Any, rows: Table, output: str, answers: Any) -> None:
        """Raise BadRequest if the model takes columns by place: nothing tells whether the request has its order."""
        turned = Table(dict(reversed(rows.columns.items())))
        try:
            same = codecs.encode(self._exact(model, turned, output), codecs.JSON) == codecs.encode(answers, codecs.JSON)
        except Exception:
            same = False
        if not same:
            raise BadRequest(
                "the model takes its columns by place and doesn't tell their names: send lists of values in the order "
                "of training, or write a record in this order into example_request.json"
            )

    def as_data(self, model: Any, rows: Any) -> Any:
        """An array for a model of numbers, else what the model was trained with."""
        return rows if self._inputs == "numbers" else self._as_trained(rows)

    def predict_data(self, model: Any, data: Any) -> Any:
        """`model.predict`, or what SERVING_OUTPUT names."""
        return self._answered(model, data, self.output)

    def _exact(self, model: Any, rows: Any, output: str) -> Any:
        return self._answered(model, self._as_trained(rows), output)

    def _answered(self, model: Any, data: Any, output: str) -> Any:
        answers = _by_output(outputs.answered(model, output, lambda method: getattr(model, method)(data)))
        return dict(zip(NEIGHBORS, answers, strict=True)) if output == "kneighbors" else answers

    def _dated(self, frame: pd.DataFrame) -> pd.DataFrame:
        told = self._told or (None,) * frame.shape[1]
        texts = [
            name
            for name, kind in zip(frame.columns, told, strict=True)
            if kind is None and any(isinstance(value, str) for value in frame[name])
        ]
        return frame.assign(**{name: _as_dates(frame[name]) for name in texts})

    def _as_trained(self, rows: Any) -> Any:
        """The rows as the model was trained with them: a DataFrame if it knows names, else an array or a list."""
        if isinstance(rows, Table):
            frame = pd.DataFrame(rows.columns)
            frame = self._dated(frame) if self._text_as == "dates" else frame
            frame = frame.astype(dict.fromkeys(self._categories, "category"))
            return frame.astype(object).where(frame.notna(), None) if self._gaps_of_none else frame
        if rows.ndim == 1:  # texts or records
            return pd.Series(rows) if self._text_as == "series" else rows.tolist()
        rows = rows.astype(np.float32) if self._single else rows
        if self.row_format and self.row_format.names:
            return pd.DataFrame(rows, columns=list(self.row_format.names))
        return rows


def _unpickled(path: Path) -> Any:
    with path.open("rb") as file:
        is_archive = file.read(len(ARCHIVE)) == ARCHIVE
    if not is_archive:
        return joblib.load(path)
    from skops import io  # a package that do/lock adds

    return io.load(path, trusted=io.get_untrusted_types(file=path))


def _is_of(model: Any, package: str, name: str) -> bool:
    return type(model).__name__ == name and type(model).__module__.startswith(f"{package}.")


def _refusal(error: Exception) -> str:
    """A model's refusal of values, as one line for the caller."""
    return f"the model can't take these values: {' '.join(str(error).split())[:300]}"


def _as_dates(column: pd.Series) -> pd.Series:
    """Text in ISO 8601 as dates; any other column as it is."""
    try:
        return pd.to_datetime(column, format="ISO8601")
    except (TypeError, ValueError):
        return column


def _by_output(answers: Any) -> Any:
    """Predictions, by output if there are several: scikit-learn gives a list of their probabilities."""
    if isinstance(answers, pd.DataFrame) and answers.columns.is_unique:
        return {str(name): answers[name].to_numpy() for name in answers}
    if hasattr(answers, "toarray"):  # a sparse matrix
        return answers.toarray()
    if isinstance(answers, list) and all(np.ndim(answer) == 2 for answer in answers):
        return {f"output_{number}": answer for number, answer in enumerate(answers)}
    return answers


def _holds_texts(body: bytes, content_type: str) -> bool:
    """Whether a row is a text, and not a list or a record: some models of texts begin with the owner's own code."""
    if content_type not in (codecs.JSON, codecs.JSON_LINES):
        return False
    rows = codecs.rows_in(body, content_type)
    return bool(rows) and isinstance(rows[0], str)
