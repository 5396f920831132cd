"""Models as LightGBM users train them, each with requests and what LightGBM's own `predict` answers to them.

Run in a rendered project, by a Python with the packages of its .venv and pandas: prints {case: "" or what differs}.
"""

from __future__ import annotations

import json
import pickle
import sys
import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn import pipeline, preprocessing

sys.path.insert(0, str(Path(__file__).parent))

from comparing import difference, labels_and_probabilities, plain, serve

random = np.random.default_rng(0)
N = 200
X = random.normal(size=(N, 3)).round(3)
Y = X @ [1.0, -2.0, 0.5]
KIND = np.where(Y > 1, "up", np.where(Y > 0, "mid", "down"))
GAPS = X.copy()
GAPS[::3, 1] = np.nan
SHOPS = pd.DataFrame(
    {
        "store": pd.Categorical(random.choice([10, 20, 30], N)),
        "city": pd.Categorical(random.choice(["Genève", "Bern", "Basel"], N)),
        "zip": pd.Categorical(random.choice(["08001", "3000"], N)),
        "open": random.choice([True, False], N),
        "size": X[:, 0],
    }
)
SALES = SHOPS["store"].astype(int) + (SHOPS["city"] == "Bern") * 7 + SHOPS["size"] + SHOPS["open"]
NEW = SHOPS.assign(city=pd.Categorical(["Rome", None, "Bern", "Basel"] * (N // 4)))
ORDERED = SHOPS.assign(
    store=pd.Categorical(random.choice(["S", "M", "L"], N), categories=["S", "M", "L"], ordered=True)
)
QUICK: dict[str, Any] = {"n_estimators": 8, "verbosity": -1, "min_child_samples": 5}
TRAINED: dict[str, Any] = {"verbosity": -1, "min_data_in_leaf": 5}


def boosters() -> Iterator[tuple[str, lgb.Booster, Any]]:
    """Each with the rows to ask for, as LightGBM takes them."""
    yield "numbers", lgb.train(TRAINED, lgb.Dataset(X, Y), 8), X
    yield "gaps", lgb.train(TRAINED, lgb.Dataset(GAPS, Y), 8), GAPS
    binary = lgb.train({**TRAINED, "objective": "binary"}, lgb.Dataset(X, Y > 0), 8)
    yield "probability", binary, X
    codes = pd.Series(KIND).astype("category").cat.codes
    classes = {**TRAINED, "objective": "multiclass", "num_class": 3}
    yield "probabilities of classes", lgb.train(classes, lgb.Dataset(X, codes), 8), X
    yield "dart", lgb.train({**TRAINED, "boosting": "dart"}, lgb.Dataset(X, Y), 8), X
    forest = {**TRAINED, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
    yield "random forest", lgb.train(forest, lgb.Dataset(X, Y), 8), X
    yield "linear trees", lgb.train({**TRAINED, "linear_tree": True}, lgb.Dataset(GAPS, Y), 8), GAPS
    ranker = lgb.train({**TRAINED, "objective": "lambdarank"}, lgb.Dataset(X, codes, group=[20] * 10), 8)
    yield "ranker", ranker, X
    codes_of_stores = np.column_stack([SHOPS["store"].astype(int), X])
    stores = lgb.train(TRAINED, lgb.Dataset(codes_of_stores, SALES, categorical_feature=[0]), 8)
    yield "categories without pandas", stores, codes_of_stores
    yield "zero is missing", lgb.train({**TRAINED, "zero_as_missing": True}, lgb.Dataset(X.round(), Y), 8), X.round()
    table = lgb.Dataset(X[:100], Y[:100] + random.normal(size=100))
    stopped = lgb.train(
        {**TRAINED, "metric": "l2"},
        table,
        100,
        valid_sets=[lgb.Dataset(X[100:], Y[100:], reference=table)],
        callbacks=[lgb.early_stopping(3, verbose=False)],
        keep_training_booster=True,  # else LightGBM drops the rounds after the best one
    )
    assert 0 < stopped.best_iteration < stopped.current_iteration()
    yield "early stopping", stopped, X
    named = lgb.train(TRAINED, lgb.Dataset(pd.DataFrame(X, columns=["a", "b", "c"]), Y), 8)
    yield "names", named, pd.DataFrame(X, columns=["a", "b", "c"])
    blanks = pd.DataFrame(X, columns=["sepal length (cm)", "b  c", "d"])  # LightGBM stores them with _
    yield "names with blanks", lgb.train(TRAINED, lgb.Dataset(blanks, Y), 8), blanks
    shops = lgb.train(TRAINED, lgb.Dataset(SHOPS, SALES), 8)
    yield "categories", shops, SHOPS
    yield "categories that training did not meet, and gaps", shops, NEW


def estimators() -> Iterator[tuple[str, lgb.LGBMModel, Any]]:
    """The same for its scikit-learn classes."""
    yield "regressor", lgb.LGBMRegressor(**QUICK).fit(X, Y), X
    yield "labels", lgb.LGBMClassifier(**QUICK).fit(X, KIND), X
    yield "two labels", lgb.LGBMClassifier(**QUICK).fit(X, np.where(Y > 0, "yes", "no")), X
    yield "booleans", lgb.LGBMClassifier(**QUICK).fit(X, Y > 0), X
    yield "labels by categories", lgb.LGBMClassifier(**QUICK).fit(SHOPS, KIND), SHOPS
    yield "labels and unknown categories", lgb.LGBMClassifier(**QUICK).fit(SHOPS, KIND), NEW
    yield "labels and names", lgb.LGBMClassifier(**QUICK).fit(pd.DataFrame(X, columns=["a", "b", "c"]), KIND), X
    stopped = lgb.LGBMClassifier(n_estimators=400, verbosity=-1, num_leaves=60)
    stopped.fit(X[:100], KIND[:100], eval_set=[(X[100:], KIND[100:])], callbacks=[lgb.early_stopping(2, verbose=False)])
    yield "labels after early stopping", stopped, X
    own = lgb.LGBMRegressor(objective=squared_error, **QUICK)
    yield "objective of one's own", own.fit(X, Y), X


def squared_error(labels: Any, predicted: Any) -> tuple[Any, Any]:
    return predicted - labels, np.ones_like(predicted)


def values_of(rows: Any) -> tuple[list[Any], list[str] | None]:
    """Rows as a client has them, and their columns' names."""
    if not isinstance(rows, pd.DataFrame):
        return plain(rows), None
    values = rows.astype(object).to_numpy().tolist()
    return [[None if value != value else value for value in row] for row in values], list(rows.columns)


def compare(model: Any, rows: Any, suffix: str, **attributes: Any) -> str:
    """What the server answers otherwise than LightGBM; empty if nothing. `attributes`: of the handler."""
    folder = Path(tempfile.mkdtemp())
    if suffix == "txt":
        model.save_model(folder / "model.txt")
    elif suffix == "pkl":
        (folder / "model.pkl").write_bytes(pickle.dumps(model))
    else:
        joblib.dump(model, folder / "model.joblib")
    output = attributes.get("output", "predict")
    asked = partial(labels_and_probabilities, model) if output == "class_probabilities" else getattr(model, output)
    values, names = values_of(rows)
    return difference(serve(folder, **attributes), lambda part: asked(rows[part]), values, names)


def results() -> Iterator[tuple[str, str]]:
    for name, booster, rows in boosters():
        for suffix in ("txt", "pkl"):
            yield f"{name}, {suffix}", compare(booster, rows, suffix)
    for name, model, rows in estimators():
        yield f"{name}, joblib", compare(model, rows, "joblib")
        if isinstance(model, lgb.LGBMClassifier):
            for output in ("predict_proba", "class_probabilities"):
                yield f"{name}, {output}", compare(model, rows, "pkl", output=output)
    ordered = lgb.train(TRAINED, lgb.Dataset(ORDERED, SALES), 8)
    yield "ordered categories", compare(ordered, ORDERED, "txt", category_columns=("store", "city", "zip"))
    for name, (file, content, words) in REFUSED.items():
        yield name, fails(file, content, words)
    yield (
        "ordered categories that nobody names",
        fails("model.txt", ordered.model_to_string().encode(), "name them all"),
    )


REFUSED = {
    "no model": ("model.txt", b"Notes on the model\n", "Unknown model format"),
    "an empty file": ("model.pkl", b"", "is empty"),
    "a pipeline": (
        "model.pkl",
        pickle.dumps(pipeline.make_pipeline(preprocessing.StandardScaler(), lgb.LGBMRegressor(**QUICK)).fit(X, Y)),
        "choose the framework sklearn",
    ),
    "a cross-validation": (
        "model.pkl",
        pickle.dumps(lgb.cv(TRAINED, lgb.Dataset(X, Y), 2, stratified=False, return_cvbooster=True)["cvbooster"]),
        "save one of its boosters",
    ),
    "a dict": ("model.pkl", pickle.dumps({"model": 1}), "return the model from load()"),
}


def fails(file: str, content: bytes, words: str) -> str:
    """What is said otherwise of a model that can't be served; empty if it is refused with these words."""
    folder = Path(tempfile.mkdtemp())
    (folder / file).write_bytes(content)
    try:
        serve(folder)
    except Exception as error:
        return "" if type(error).__name__ == "UnusableModel" and words in str(error) else f"{type(error)}: {error}"
    return "it was served"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(dict(results())))
