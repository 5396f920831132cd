"""MLflow models: a folder with an MLmodel, answered as MLflow's own scoring server answers."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

# MLflow reports its use over the network when it is imported, unless it is told not to
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow import pyfunc
from mlflow.exceptions import MlflowException
from mlflow.utils.proto_json_utils import NumpyEncoder, _get_jsonable_obj

from serving import codecs
from serving.codecs import RowFormat
from serving.errors import BadRequest, NotAcceptable
from serving.handlers.base import Handler, ModelFileMissing, UnusableModel, raised_by
from serving.handlers.mlflow_requests import Call, Reader, in_one_line
from serving.tables import Undivided

MODEL_FILE = "MLmodel"
# libraries behind the flavors whose own errors of these types speak of the values that they were given
CHECKING = ("sklearn", "xgboost", "lightgbm", "catboost")


class Unwrapped(Undivided):
    """An answer to a request in the form of a chat or a completion, which MLflow doesn't wrap in `predictions`."""

    __slots__ = ()


class MlflowHandler(Handler):
    """Loads the folder under `model/` that has an MLmodel, and answers what `mlflow models serve` answers to it.

    Requests are predicted one by one: any code can be behind an MLflow model, and it may look at all of its rows.
    """

    batching = False
    _reader: Reader | None = None

    def load(self, model_dir: Path) -> pyfunc.PyFuncModel:
        """The model as a Python function. It may hold pickles, which run code: only load what you trust."""
        if self.output != Handler.output:
            raise UnusableModel(
                f"an MLflow model answers predict, not {self.output}: unset SERVING_OUTPUT, and save the model with "
                f"pyfunc_predict_fn={self.output!r}"
            )
        folder = model_folder(model_dir)
        # it compares the installed packages with the model's requirements: do/lock --model has done that
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        try:
            return pyfunc.load_model(str(folder), suppress_warnings=True)
        except Exception as error:
            raise UnusableModel(explained(folder, error)) from error

    def describe(self, model: Any) -> RowFormat | None:
        """From the model's signature. Raises UnusableModel for what is no MLflow model."""
        if not isinstance(model, pyfunc.PyFuncModel):
            if type(self).predict is MlflowHandler.predict:
                raise UnusableModel(
                    f"load() returned a {type(model).__name__}: return what mlflow.pyfunc.load_model returns, or "
                    "override predict and decode in serving/model_handler.py"
                )
            return None
        self._reader = Reader(model.metadata)
        return self._reader.row_format

    def takes_missing(self, model: Any) -> bool:
        """Gaps are handed on where the signature lets them pass, and the model decides."""
        return True

    def decode(self, body: bytes, content_type: str) -> Any:
        """What the model is called with, in MLflow's forms of requests or in the usual ones."""
        if self._reader is None:
            return super().decode(body, content_type)
        return self._reader.read(body, content_type)

    def predict(self, model: Any, rows: Call) -> Any:
        """What the model answers: an array, a dict of arrays if it answers a table, Undivided for anything else."""
        try:
            raw = model.predict(rows.data, params=rows.params) if rows.params else model.predict(rows.data)
        except MlflowException as error:
            raise BadRequest(f"the model can't take these values: {in_one_line(error)}") from error
        except (ValueError, TypeError) as error:
            if raised_by(error, *CHECKING):
                raise BadRequest(f"the model can't take these values: {in_one_line(error)}") from error
            raise
        return Unwrapped(plain(raw), len(rows)) if rows.unwrapped else by_row(raw, len(rows))

    def encode(self, predictions: Any, accept: str) -> bytes:
        """The predictions as MLflow writes them; NaN, which JSON lacks, as null."""
        if not isinstance(predictions, Undivided):
            return super().encode(predictions, accept)
        if accept != codecs.JSON:
            raise NotAcceptable(f"the model's answer has no entry for each row; accept {codecs.JSON}")
        value = predictions.value
        return orjson.dumps(value if isinstance(predictions, Unwrapped) else {"predictions": value})

    def as_data(self, model: Any, rows: Any) -> Any:
        """What the model's own predict takes: a DataFrame, an array, or a dict of arrays."""
        return rows.data if isinstance(rows, Call) else rows

    def predict_data(self, model: Any, data: Any) -> Any:
        """`model.predict` of what an `input_fn` made."""
        return model.predict(data)


def model_folder(model_dir: Path) -> Path:
    """The folder of the one MLflow model; one that lies inside of another is a part of it. Raises ModelFileMissing."""
    files = [path for path in sorted(model_dir.rglob("*")) if path.is_file()]
    folders = [path.parent for path in files if path.name == MODEL_FILE]
    outermost = [folder for folder in folders if not any(other in folder.parents for other in folders)]
    if len(outermost) == 1:
        return outermost[0]
    listed = ", ".join(str(path.relative_to(model_dir)) for path in (outermost or files)[:10]) or "no file"
    if outermost:
        raise ModelFileMissing(f"{model_dir} holds {listed}: leave one, or choose it in load() of model_handler.py")
    raise ModelFileMissing(f"no model in {model_dir}: it should hold one folder with {MODEL_FILE}, and holds {listed}")


def explained(folder: Path, error: Exception) -> str:
    """Why a model can't be loaded, and what to do, in one line."""
    text = in_one_line(error)
    if isinstance(error, ModuleNotFoundError):
        return (
            f"{folder.name} needs the module {error.name}: run do/lock --model, which installs what the model's "
            "requirements.txt lists, or put the package into requirements.in and run do/lock"
        )
    if isinstance(error, MlflowException) and "flavor" in text and "python_function" in text:
        return f"{folder.name} has no flavor python_function, so Python can't call it: save it with one"
    return f"{folder.name} can't be loaded: {type(error).__name__}: {text}"


def plain(raw: Any) -> Any:
    """An answer as MLflow's JSON has it."""
    return json.loads(json.dumps(_get_jsonable_obj(raw, pandas_orient="records"), cls=NumpyEncoder))


def by_row(raw: Any, rows: int) -> Any:
    """An answer with an entry for each row as arrays, by name for a table's columns; any other as Undivided."""
    if isinstance(raw, pd.Series):
        raw = pd.DataFrame(raw)  # as MLflow writes it, too
    if isinstance(raw, pd.DataFrame) and len(raw) == rows and len(raw.columns) and raw.columns.is_unique:
        return {str(name): _column(column) for name, column in raw.items()}
    if isinstance(raw, np.ndarray) and raw.dtype.kind in "biuf" and raw.shape[:1] == (rows,):
        return raw
    value = plain(raw)
    return _objects(value) if isinstance(value, list) and len(value) == rows else Undivided(value, rows)


def _column(column: pd.Series) -> np.ndarray:
    numeric = isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf"
    return column.to_numpy() if numeric else _objects(plain(column.tolist()))


def _objects(values: list[Any]) -> np.ndarray:
    """An array with one object for each value, whatever they are."""
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array
