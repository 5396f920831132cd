"""Models as MLflow users save them, each with requests and what MLflow's own scoring server answers to them.

Run in a rendered project, by the Python of its .venv: prints {case: "" or what differs} as JSON. For requests in the
forms that MLflow doesn't read, the answer is that of the model's own `predict`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import lightgbm
import mlflow
import mlflow.lightgbm
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc import PythonModel, scoring_server
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

sys.path.insert(0, str(Path(__file__).parent))

from comparing import Answer, csv_of, plain, serve

JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"
random = np.random.default_rng(0)
N = 40
X = random.normal(size=(N, 3)).round(3)
Y = X @ [1.0, -2.0, 0.5]
TABLE = pd.DataFrame(X, columns=["a", "b", "c"])
PEOPLE = pd.DataFrame(
    {
        "age": random.integers(18, 90, N),
        "city": random.choice(["Genève", "Bern", "Basel"], N),
        "zip": random.choice(["08001", "3000"], N),
        "income": (X[:, 0] * 1000).round(2),
        "member": Y > 0,
    }
)
DAYS = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=6), "note": ["a", None, "c"] * 2, "x": np.arange(6.0)})
KIND = np.where(Y > 1, "up", np.where(Y > 0, "mid", "down"))
NO_PACKAGES: dict[str, Any] = {"pip_requirements": ["numpy"]}
QUICK: dict[str, Any] = {"serialization_format": "cloudpickle", **NO_PACKAGES}


class Scaled(PythonModel):
    """With a parameter, and a table as its answer."""

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        from owners_scale import scaled  # of code_paths

        values = scaled(model_input["a"], (params or {}).get("factor", 1.0))
        return pd.DataFrame({"scaled": values, "label": np.where(values > 0, "yes", "no"), "on": pd.Timestamp(0)})


class Pair(PythonModel):
    """With two tensors by name."""

    def predict(self, context: Any, model_input: Any) -> Any:
        return model_input["image"].sum(axis=(1, 2)) + model_input["weight"][:, 0]


class Whole(PythonModel):
    """With one answer to all rows, in a form of its own."""

    def predict(self, context: Any, model_input: Any) -> Any:
        return {"rows": len(model_input), "mean": np.float32(model_input.to_numpy().mean()), "gap": float("nan")}


class Upper(PythonModel):
    """Whose type hint is its signature."""

    def predict(self, model_input: list[str]) -> list[str]:
        return [text.upper() for text in model_input]


class Later(PythonModel):
    """With days, and a column that may be left out."""

    def predict(self, context: Any, model_input: pd.DataFrame) -> pd.Series:
        notes = model_input["note"].fillna("none") if "note" in model_input else "none"
        return (model_input["day"] + pd.Timedelta(days=1)).astype(str) + notes


class Seen(PythonModel):
    """Which tells what reaches it."""

    def predict(self, context: Any, model_input: Any) -> list[str]:
        if isinstance(model_input, pd.DataFrame):
            return [" ".join(f"{type(value).__name__}:{value!r}" for value in row) for row in model_input.to_numpy()]
        return [f"{model_input.dtype}:{row!r}" for row in model_input]


def folder() -> Path:
    return Path(tempfile.mkdtemp()) / "model"


def saved(flavor: Any, model: Any, **options: Any) -> Path:
    path = folder()
    flavor.save_model(model, path, **options)
    return path


def pyfunc(model: PythonModel, **options: Any) -> Path:
    path = folder()
    mlflow.pyfunc.save_model(path, python_model=model, **NO_PACKAGES, **options)
    return path


def tables(frame: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """MLflow's requests with a table."""
    document = json.loads(frame.to_json(orient="split", date_format="iso"))
    yield "dataframe_split", {"dataframe_split": document}
    document.pop("index")
    yield "dataframe_split without an index", {"dataframe_split": document}
    yield "dataframe_records", {"dataframe_records": json.loads(frame.to_json(orient="records", date_format="iso"))}


def models() -> Iterator[tuple[str, Path, list[tuple[str, Any]], pd.DataFrame | np.ndarray | None]]:
    """Each with requests that MLflow reads, and rows that its own `predict` takes, to be sent in the usual forms."""
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city", "zip", "member"]), (SimpleImputer(), ["age", "income"])
    )
    pipeline = make_pipeline(columns, LogisticRegression()).fit(PEOPLE, KIND)
    signed = infer_signature(PEOPLE, KIND)
    people = [*tables(PEOPLE), *tables(PEOPLE[:1])]
    columnar = {name: PEOPLE[name].tolist() for name in PEOPLE}
    people += [("inputs by column", {"inputs": columnar}), ("instances", {"instances": PEOPLE.to_dict("records")})]
    people += [("columns in another order", {"dataframe_split": PEOPLE[PEOPLE.columns[::-1]].to_dict("split")})]
    yield "pipeline", saved(mlflow.sklearn, pipeline, signature=signed, **QUICK), people, PEOPLE
    likely = saved(mlflow.sklearn, pipeline, signature=signed, pyfunc_predict_fn="predict_proba", **QUICK)
    yield "pipeline, probabilities", likely, people, PEOPLE
    yield "pipeline without a signature", saved(mlflow.sklearn, pipeline, **QUICK), [*tables(PEOPLE)], None

    forest = RandomForestClassifier(5, random_state=0).fit(X, KIND)
    lists = [("inputs", {"inputs": X.tolist()}), ("instances", {"instances": X[:1].tolist()})]
    tensor = saved(mlflow.sklearn, forest, signature=infer_signature(X, KIND), **QUICK)
    yield "forest of a tensor", tensor, [*lists, *tables(TABLE)], X
    yield "forest without a signature", saved(mlflow.sklearn, forest, **QUICK), lists, X
    small = TABLE.astype({"a": "float32", "b": "float32"}).assign(c=np.arange(N, dtype="int32"))
    signed = infer_signature(small, Y)
    line = saved(mlflow.sklearn, LinearRegression().fit(small, np.c_[Y, -Y]), signature=signed, **QUICK)
    yield "small numbers", line, [*tables(small)], small

    trees = xgboost.XGBClassifier(n_estimators=4).fit(TABLE, Y > 0)
    yield (
        "xgboost",
        saved(mlflow.xgboost, trees, signature=infer_signature(TABLE, Y), **NO_PACKAGES),
        [*tables(TABLE)],
        TABLE,
    )
    booster = saved(mlflow.xgboost, trees.get_booster(), signature=infer_signature(TABLE, Y), **NO_PACKAGES)
    yield "xgboost, booster", booster, [*tables(TABLE)], TABLE
    leaves = lightgbm.LGBMRegressor(n_estimators=4, min_child_samples=2, verbose=-1).fit(TABLE, Y)
    yield (
        "lightgbm",
        saved(mlflow.lightgbm, leaves, signature=infer_signature(TABLE, Y), **QUICK),
        [*tables(TABLE)],
        TABLE,
    )

    code = Path(tempfile.mkdtemp()) / "owners_scale.py"
    code.write_text("def scaled(values, factor):\n    return values * factor\n")
    factor = ParamSchema([ParamSpec("factor", "double", 2.0)])
    asked = [(f"{name} and params", {**body, "params": {"factor": 0.5}}) for name, body in tables(TABLE)]
    signature = ModelSignature(Schema([ColSpec("double", name) for name in "abc"]), params=factor)
    own = pyfunc(Scaled(), signature=signature, code_paths=[str(code)])
    yield "code_paths and params", own, [*asked, *tables(TABLE)], None
    two = Schema(
        [TensorSpec(np.dtype("float32"), (-1, 2, 2), "image"), TensorSpec(np.dtype("int64"), (-1, 1), "weight")]
    )
    rows = [{"image": [[1.5, 2], [3, 4]], "weight": [7]}, {"image": [[0, 1], [1, 0]], "weight": [2]}]
    by_name = {name: [row[name] for row in rows] for name in rows[0]}
    pairs = [("instances", {"instances": rows}), ("inputs", {"inputs": by_name})]
    yield "two tensors", pyfunc(Pair(), signature=ModelSignature(two)), pairs, None
    yield "one answer to all", pyfunc(Whole()), [*tables(TABLE), ("inputs", {"inputs": []})][:3], None
    single = [("inputs", {"inputs": ["a", "b"]}), ("instances", {"instances": ["a"]}), *tables(PEOPLE[["city"]])]
    named = pyfunc(Seen(), signature=infer_signature(PEOPLE[["city"]]))
    yield "a single column", named, single, PEOPLE[["city"]]
    words = np.array(["good day", "bad day"])
    texts = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(words, [1, 0])
    yield "texts", saved(mlflow.sklearn, texts, **QUICK), [("inputs", {"inputs": words.tolist()})], words
    yield "type hints", pyfunc(Upper()), [("inputs", {"inputs": ["a", "ä"]})], None
    optional = [ColSpec("datetime", "day"), ColSpec("string", "note", required=False), ColSpec("double", "x")]
    gaps = [*tables(DAYS), *tables(DAYS[["day", "x"]])]
    yield "days and gaps", pyfunc(Later(), signature=ModelSignature(Schema(optional))), gaps, None
    seen = [*tables(PEOPLE), *tables(DAYS[["note", "x"]]), ("inputs", {"inputs": [[1, 2], [3, 4]]})]
    yield "what reaches it", pyfunc(Seen()), [*seen, ("mixed", {"inputs": [[1, "a"]]})], None
    known = pyfunc(Seen(), signature=infer_signature(PEOPLE))
    yield "what reaches it by its signature", known, people, PEOPLE

    script = Path(tempfile.mkdtemp()) / "script.py"
    script.write_text(
        textwrap.dedent("""
        import mlflow
        class Sums(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input):
                return model_input.sum(axis=1)
        mlflow.models.set_model(Sums())
        """)
    )
    path = folder()
    mlflow.pyfunc.save_model(path, python_model=str(script), **NO_PACKAGES)
    yield "a model from code", path, [*tables(TABLE)], None

    old = saved(mlflow.sklearn, pipeline, **QUICK)
    (old / "MLmodel").write_text(OLD)
    for name in ("requirements.txt", "python_env.yaml"):
        (old / name).unlink()
    yield "of MLflow 1", old, [*tables(PEOPLE)], None


OLD = """\
artifact_path: model
flavors:
  python_function:
    env: conda.yaml
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.7.10
  sklearn:
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 0.24.1
run_id: 0b3ae11da5a943bbb2f4c2e1d0d0d0d0
utc_time_created: '2021-04-01 09:00:00.000000'
"""


def own_answer(model: Any, body: bytes, content_type: str) -> Any:
    """What `mlflow models serve` answers."""
    answer = scoring_server.invocations(body, content_type, model, model.metadata.get_input_schema())
    assert answer.status == 200, answer.response
    return without_nan(json.loads(answer.response)["predictions"])


def without_nan(value: Any) -> Any:
    """NaN as null, which JSON has."""
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_nan(part) for part in value]
    return None if value != value else value


def usual(rows: pd.DataFrame | np.ndarray) -> Iterator[tuple[str, bytes, str]]:
    """Rows in the forms that MLflow doesn't read."""
    names = [*rows.columns] if isinstance(rows, pd.DataFrame) else []
    values = rows.astype(object).to_numpy().tolist() if names else rows.tolist()
    yield "a bare list", json.dumps(values).encode(), JSON
    yield "instances of lists", json.dumps({"instances": values}).encode(), JSON
    yield "JSON Lines", "\n".join(map(json.dumps, values)).encode(), LINES
    if names:
        records = [dict(zip(names, row, strict=True)) for row in values]
        yield "records", json.dumps(records).encode(), JSON
        yield "split", json.dumps({"columns": names, "data": values}).encode(), JSON
        yield "CSV without a header", csv_of(values), CSV
        yield "CSV in another order", rows[names[::-1]].to_csv(index=False).encode(), CSV


def difference(answer: Answer, name: str, body: bytes, content_type: str, wanted: Any) -> str:
    try:
        seen = answer(body, content_type)
    except Exception as error:
        return f"{name}: {type(error).__name__}: {error}"
    return "" if seen == wanted else f"{name}: {str(seen)[:200]} in place of {str(wanted)[:200]}"


def compare(path: Path, requests: list[tuple[str, Any]], rows: pd.DataFrame | np.ndarray | None) -> str:
    """What the server answers otherwise than MLflow; empty if nothing."""
    model, answer = mlflow.pyfunc.load_model(str(path)), serve(path.parent)
    asked = [(name, json.dumps(document).encode(), JSON) for name, document in requests]
    if isinstance(rows, pd.DataFrame):
        asked.append(("CSV", rows.to_csv(index=False).encode(), CSV))
    cases = [(*one, own_answer(model, one[1], one[2])) for one in asked]
    if rows is not None:
        wanted = without_nan(plain(np.asarray(model.predict(rows))))
        cases += [(*one, wanted) for one in usual(rows)]
    return next(filter(None, (difference(answer, *case) for case in cases)), "")


def lists_beside_optional_columns() -> str:
    """What is answered otherwise to lists than to the same rows in MLflow's split form; MLflow itself refuses lists."""
    columns = [ColSpec("string", "note", required=False), ColSpec("long", "age"), ColSpec("boolean", "member")]
    answer = serve(pyfunc(Seen(), signature=ModelSignature(Schema(columns))).parent)
    rows = [["a", 2**53 + 1, True], [None, 2, False]]
    split = {"dataframe_split": {"columns": ["note", "age", "member"], "data": rows}}
    wanted, seen = (answer(json.dumps(body).encode(), JSON) for body in (split, {"instances": rows}))
    return "" if seen == wanted else f"{seen} in place of {wanted}"


REFUSED: dict[str, tuple[Any, str]] = {
    "an unknown parameter": ({"dataframe_records": [{"a": 1}], "params": {"size": 1}}, "no parameter size"),
    "two forms at once": ({"dataframe_records": [{"a": 1}], "instances": [[1]]}, "makes no use of"),
    "a column too few": ({"dataframe_records": [{"age": 1}]}, "missing inputs"),
    "a text for a number": ([["x", "Bern", "3000", 1.5, True]], "is not a number"),
    "a fraction for a whole number": ([[1.5, "Bern", "3000", 1.5, True]], "is not a whole number"),
    "a number for a text": ([[1, 7, "3000", 1.5, True]], "is not text"),
    "a number for true or false": ([[1, "Bern", "3000", 1.5, 3]], "true or false"),
    "no rows": ({"dataframe_records": []}, "no row"),
}


def refused(folder: Path, document: Any, words: str) -> str:
    """What happens to a request in place of a refusal with these words; empty if they are said."""
    try:
        return f"answered {serve(folder)(json.dumps(document).encode(), JSON)}"
    except Exception as error:
        return "" if words in str(error) else f"{type(error).__name__}: {error}"


def broken() -> Iterator[tuple[str, Path, str]]:
    """Models that can't be served, and the words that say why."""
    lacking = saved(mlflow.sklearn, LinearRegression().fit(X, Y), **QUICK)
    text = (lacking / "MLmodel").read_text()
    (lacking / "MLmodel").write_text(text.replace("loader_module: mlflow.sklearn", "loader_module: owners_package"))
    yield "without its package", lacking, "needs the module owners_package: run do/lock --model"
    foreign = saved(mlflow.sklearn, LinearRegression().fit(X, Y), **QUICK)
    (foreign / "MLmodel").write_text(text.replace("python_function", "crate"))
    yield "for R", foreign, "has no flavor python_function"
    empty = folder()
    empty.mkdir()
    yield "without an MLmodel", empty, "one folder with MLmodel"
    cut = saved(mlflow.sklearn, LinearRegression().fit(X, Y), **QUICK)
    (cut / "model.pkl").write_bytes((cut / "model.pkl").read_bytes()[:40])
    yield "cut off", cut, "can't be loaded"


def results() -> Iterator[tuple[str, str]]:
    for name, path, requests, rows in models():
        yield name, compare(path, requests, rows)
        shutil.rmtree(path.parent)
    yield "lists beside optional columns", lists_beside_optional_columns()
    path = pyfunc(Seen(), signature=infer_signature(PEOPLE))
    for name, (document, words) in REFUSED.items():
        yield f"refuses {name}", refused(path.parent, document, words)
    for name, path, words in broken():
        yield f"refuses a model {name}", refused(path.parent, [], words)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    print(json.dumps(dict(results())))
