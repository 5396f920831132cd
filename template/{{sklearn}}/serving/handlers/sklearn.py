"""scikit-learn models: any estimator or pipeline with `predict`, saved with pickle or joblib."""

from __future__ import annotations

import logging
import re
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from serving import tables
from serving.codecs import RowFormat
from serving.errors import BadRequest
from serving.handlers.base import Handler, UnusableModel, fast_path, find_model
from serving.handlers.forests import exact_forest
from serving.handlers.inputs import Inputs, inputs_of, is_row_by_row, kinds_of, takes_missing
from serving.tables import Table

log = logging.getLogger(__name__)

SAVED_VERSION = re.compile(rb"_sklearn_version.{1,8}?(\d+\.\d+(?:\.\w+)*)", re.DOTALL)
MISSING_MODULE = re.compile(r"No module named '(\w+)")
NOTEBOOK_CLASS = re.compile(r"Can't get attribute '(\w+)' on <module '([\w.]+)'")


class SklearnHandler(Handler):
    """Loads `model/*.pkl` or `*.joblib`; a model trained with column names gets a DataFrame with these names."""

    preload = True
    _fast: Callable[[np.ndarray], np.ndarray] | None = None
    _inputs: Inputs = "numbers"

    def load(self, model_dir: Path) -> Any:
        """The unpickled model. A pickle runs code when it is loaded: only load what you trust."""
        path = find_model(model_dir, (".pkl", ".joblib", ".sav"))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InconsistentVersionWarning)
            try:
                model = joblib.load(path)
            except Exception as error:
                raise UnusableModel(_explained(path, error)) from error
        for warning in caught:
            if isinstance(warning.message, InconsistentVersionWarning):
                log.warning("%s", str(warning.message).partition("\n")[0])
                break
        if not hasattr(model, self.output):
            raise UnusableModel(_without_method(path, model, self.output))
        return model

    def describe(self, model: Any) -> RowFormat | None:
        """From the attributes that scikit-learn sets when a model is trained."""
        self._inputs = inputs_of(model)
        count = getattr(model, "n_features_in_", None)
        if not count or self._inputs in ("texts", "records"):
            return None
        names = tuple(map(str, getattr(model, "feature_names_in_", ())))
        return RowFormat((int(count),), names, kinds_of(model, count) if self._inputs == "values" else ())

    def takes_missing(self, model: Any) -> bool:
        """By scikit-learn's tags; typed columns are handed on with their gaps, and the model decides."""
        return self._inputs == "values" or takes_missing(model)

    def prepare(self, model: Any) -> None:
        """Find the fast way to predict, if there is one that is exact; batch only what company doesn't change."""
        self.batching = self.batching and is_row_by_row(model, self.output)
        if self.output == "predict" and self._inputs == "numbers":
            find = partial(exact_forest, model, partial(self._exact, model), bool(self.allow_missing))
            self._fast = fast_path(find, type(model).__name__)
        if self._fast is None:
            log.info("no exact fast path for %s: using its own %s", type(model).__name__, self.output)

    def decode(self, body: bytes, content_type: str) -> Any:
        """The rows of a request, in the types that the model can tell apart. Raises serving.errors.BadRequest."""
        if self._inputs == "numbers":
            return super().decode(body, content_type)
        if self._inputs == "values":
            return tables.decode(body, content_type, self.row_format)
        return tables.decode_values(body, content_type, str if self._inputs == "texts" else dict)

    def predict(self, model: Any, rows: Any) -> Any:
        """`model.predict` (or what SERVING_OUTPUT names), or what gives the same numbers faster."""
        if self._fast:
            return self._fast(rows)
        if self._inputs == "numbers":
            return self._exact(model, rows)
        try:
            return self._exact(model, rows)
        except (ValueError, TypeError) as error:
            if _is_of_sklearn(error):  # it refuses the values: an unknown category, a gap, a text for a number
                raise BadRequest(f"the model can't take these values: {' '.join(str(error).split())[:300]}") from error
            raise

    def _exact(self, model: Any, rows: Any) -> Any:
        answers = getattr(model, self.output)(self._as_trained(rows))
        if isinstance(answers, list):  # scikit-learn's way to give the probabilities of several outputs
            return {f"output_{number}": answer for number, answer in enumerate(answers)}
        return answers

    def _as_trained(self, rows: Any) -> Any:
        """The rows as the model was trained with them: a DataFrame if it knows names, else an array or a list."""
        if isinstance(rows, Table):
            return pd.DataFrame(rows.columns)
        if self._inputs in ("texts", "records"):
            return rows.tolist()
        if self.row_format and self.row_format.names:
            return pd.DataFrame(rows, columns=list(self.row_format.names))
        return rows


def _is_of_sklearn(error: Exception) -> bool:
    """Whether scikit-learn itself raised it, whose messages speak of the values and of nothing else."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "sklearn" in Path(frames[-1].filename).parts


def _explained(path: Path, error: Exception) -> str:
    """Why a pickle can't be loaded, and what to do, in one line."""
    content = path.read_bytes()
    if not content:
        return f"{path.name} is empty"
    if content.startswith(b"version https://git-lfs"):
        return f"{path.name} is a pointer of Git LFS, not the model: run git lfs pull"
    text = " ".join(str(error).split())[:300]
    if match := NOTEBOOK_CLASS.search(text):
        name, module = match.groups()
        if module.endswith("__main__"):
            return (
                f"{path.name} needs the class {name}, which was defined in a notebook or script (__main__) and is not "
                "in the file: move it into a module, import it from there, save the model again, and put it into code/"
            )
        return f"{path.name} needs {module}.{name}, which the {module} installed here doesn't have"
    saved = SAVED_VERSION.search(content)
    if saved and saved[1].decode() != sklearn.__version__:
        version = saved[1].decode()
        return (
            f"{path.name} was saved by scikit-learn {version}, and {sklearn.__version__} can't load it ({text}): "
            f"write scikit-learn=={version} into requirements.in and compile it as its first lines say"
        )
    if match := MISSING_MODULE.search(text):
        return (
            f"{path.name} needs the module {match[1]}: put {match[1]}.py into code/ if it is yours, or the package "
            "into requirements.in and compile it as its first lines say"
        )
    return f"{path.name} can't be loaded: {type(error).__name__}: {text}"


def _without_method(path: Path, model: Any, output: str) -> str:
    """What a file without a model holds, and what to do, in one line."""
    kind = type(model).__name__
    if isinstance(model, dict):
        content = f"a dict with {', '.join(map(str, list(model)[:10]))}"
    elif isinstance(model, list | tuple):
        content = f"a {kind} of {', '.join(type(part).__name__ for part in model[:10])}"
    else:
        content = f"a {kind}"
    if output != "predict" and hasattr(model, "predict"):
        return f"{path.name} holds {content}, which has no {output}: unset SERVING_OUTPUT, or name another method"
    return (
        f"{path.name} holds {content}, which has no {output}: return the model from load() in "
        "serving/model_handler.py, or override predict() there"
    )
