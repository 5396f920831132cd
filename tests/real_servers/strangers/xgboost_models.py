"""Boosters as XGBoost users train them, each with requests and what XGBoost's own `predict` answers to them.

Run in a rendered project, by a Python with the packages of its .venv and pandas: prints {case: "" or what differs}.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb

sys.path.insert(0, str(Path(__file__).parent))

from comparing import difference, plain, serve

random = np.random.default_rng(0)
N = 200
X = random.normal(size=(N, 3)).round(3)
Y = X @ [1.0, -2.0, 0.5]
KIND = (Y > 0).astype(int) + (Y > 1)
GAPS = X.copy()
GAPS[::3, 1] = np.nan
SHOPS = pd.DataFrame(
    {
        "store": pd.Categorical(random.choice([10, 20, 30], N)),
        "city": pd.Categorical(random.choice(["Geneva", "Bern", "Basel"], N)),
        "size": X[:, 0],
    }
)
SALES = SHOPS["store"].astype(int) + (SHOPS["city"] == "Bern") * 7 + SHOPS["size"]


def models() -> Iterator[tuple[str, xgb.Booster | xgb.XGBModel, Any]]:
    """Each with the rows to ask for, as XGBoost takes them."""
    quick: dict[str, Any] = {"n_estimators": 8, "max_depth": 4}
    yield "regressor", xgb.XGBRegressor(**quick).fit(X, Y), X
    yield "gaps", xgb.XGBRegressor(**quick).fit(GAPS, Y), GAPS
    yield "integer and text categories", xgb.XGBRegressor(**quick, enable_categorical=True).fit(SHOPS, SALES), SHOPS
    missing = SHOPS.copy()
    missing.loc[::4, "city"] = np.nan
    yield "categories with gaps", xgb.XGBRegressor(**quick, enable_categorical=True).fit(missing, SALES), missing
    stopped = xgb.XGBRegressor(n_estimators=400, early_stopping_rounds=3, max_depth=8)
    yield "early stopping", stopped.fit(X[:100], Y[:100], eval_set=[(X[100:], Y[100:])], verbose=False), X
    yield "linear booster", xgb.train({"booster": "gblinear"}, xgb.DMatrix(X, Y), 8), X
    yield "dart", xgb.train({"booster": "dart", "rate_drop": 0.5}, xgb.DMatrix(X, Y), 8), X
    classes = {"objective": "multi:softprob", "num_class": 3}
    yield "probabilities of classes", xgb.train(classes, xgb.DMatrix(X, KIND), 8), X
    yield "classes", xgb.train({**classes, "objective": "multi:softmax"}, xgb.DMatrix(X, KIND), 8), X
    yield (
        "two outputs",
        xgb.XGBRegressor(**quick, multi_strategy="multi_output_tree").fit(X, np.stack([Y, -Y], axis=1)),
        X,
    )
    groups = xgb.DMatrix(X, KIND, group=[10] * 20)
    yield "ranker", xgb.train({"objective": "rank:pairwise"}, groups, 8), X
    yield "logistic", xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(X, KIND > 0), 8), X
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    yield "frame of numbers", xgb.XGBRegressor(**quick).fit(frame, Y), frame


def compare(model: Any, rows: Any, suffix: str) -> str:
    """What the server answers otherwise than XGBoost; empty if nothing."""
    folder = Path(tempfile.mkdtemp())
    model.save_model(folder / f"model.{suffix}")

    def expected(part: slice) -> Any:
        if isinstance(model, xgb.Booster):
            return model.predict(xgb.DMatrix(rows[part]))
        return model.predict(rows[part])

    if not isinstance(rows, pd.DataFrame):
        return difference(serve(folder), expected, plain(rows), None)
    values = [[None if value != value else value for value in row] for row in rows.astype(object).to_numpy().tolist()]
    return difference(serve(folder), expected, values, list(rows.columns))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(
        json.dumps(
            {
                f"{name}, {suffix}": compare(model, rows, suffix)
                for name, model, rows in models()
                for suffix in ("json", "ubj")
            }
        )
    )
