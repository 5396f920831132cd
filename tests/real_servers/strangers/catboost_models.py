"""Models as CatBoost users train them, each with requests and what CatBoost's own `predict` answers to them.

Run in a rendered project, by the Python of its .venv: prints {case: "" or what differs} as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import catboost as cb
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

from comparing import csv_of, difference, labels_and_probabilities, plain, serve

random = np.random.default_rng(0)
N = 60
X = random.normal(size=(N, 3)).round(3)
Y = X @ [1.0, -2.0, 0.5]
KIND = np.where(Y > 1, "up", np.where(Y > 0, "mid", "down"))
GAPS = X.copy()
GAPS[::3, 1] = np.nan
SHOPS = pd.DataFrame(
    {
        "store": random.choice([10, 20, 30], N),
        "city": random.choice(["Genève", "Bern", "Basel"], N),
        "zip": random.choice(["08001", "3000"], N),
        "size": GAPS[:, 1],
        "age": random.integers(1, 90, N),
    }
)
CATEGORIES = ["store", "city", "zip"]
SALES = SHOPS["store"] + (SHOPS["city"] == "Bern") * 7 + X[:, 0]
NEW = SHOPS.assign(store=99, city="Rome")
WORDS = [f"{word} day {i % 3}" for i, word in enumerate(["good", "bad", "fine", "awful"] * (N // 4))]
REVIEWS = pd.DataFrame({"text": WORDS, "stars": X[:, 0], "city": SHOPS["city"]})
QUICK: dict[str, Any] = {"iterations": 8, "verbose": False, "allow_writing_files": False, "thread_count": 1}


def models() -> Iterator[tuple[str, cb.CatBoost, Any, str]]:
    """Each with the rows to ask for, and the formats that it can be saved in."""
    both, binary = "cbm json", "cbm"
    yield "numbers", cb.CatBoostRegressor(**QUICK).fit(X, Y), X, both
    yield "gaps", cb.CatBoostRegressor(**QUICK).fit(GAPS, Y), GAPS, both
    yield "names", cb.CatBoostRegressor(**QUICK).fit(pd.DataFrame(X, columns=["a", "b", "c"]), Y), X, both
    yield "labels", cb.CatBoostClassifier(**QUICK).fit(X, KIND), X, both
    yield "two labels", cb.CatBoostClassifier(**QUICK).fit(X, np.where(Y > 0, "yes", "no")), X, both
    yield "numbers as labels", cb.CatBoostClassifier(**QUICK).fit(X, (Y > 0).astype(int) + 3), X, both
    yield "booleans", cb.CatBoostClassifier(**QUICK).fit(X, Y > 0), X, both
    yield "Poisson", cb.CatBoostRegressor(loss_function="Poisson", **QUICK).fit(X, abs(Y)), X, both
    yield "uncertainty", cb.CatBoostRegressor(loss_function="RMSEWithUncertainty", **QUICK).fit(X, Y), X, binary
    yield "two outputs", cb.CatBoostRegressor(loss_function="MultiRMSE", **QUICK).fit(X, np.c_[Y, -Y]), X, both
    ranker = cb.CatBoostRanker(loss_function="YetiRank", **QUICK).fit(X, Y > 0, group_id=np.repeat([1, 2, 3], N // 3))
    yield "ranker", ranker, X, binary
    stopped = cb.CatBoostRegressor(**{**QUICK, "iterations": 200, "learning_rate": 0.5}, early_stopping_rounds=3)
    stopped.fit(X[:30], Y[:30], eval_set=(X[30:], Y[30:]))
    assert stopped.tree_count_ < 200
    yield "early stopping", stopped, X, both
    shops = cb.CatBoostRegressor(**QUICK, cat_features=CATEGORIES).fit(SHOPS, SALES)
    yield "categories", shops, SHOPS, both
    yield "categories that training did not meet", shops, NEW, binary
    yield (
        "labels by categories",
        cb.CatBoostClassifier(**QUICK, cat_features=CATEGORIES).fit(SHOPS, KIND),
        SHOPS,
        binary,
    )
    columns = cb.CatBoostRegressor(**QUICK, cat_features=[0, 1]).fit(SHOPS[["zip", "store", "age"]].to_numpy(), SALES)
    yield "categories without names", columns, SHOPS[["zip", "store", "age"]].to_numpy(), both
    texts = cb.CatBoostClassifier(**QUICK, text_features=["text"], cat_features=["city"]).fit(REVIEWS, KIND)
    yield "text and categories", texts, REVIEWS, binary


def compare(model: Any, rows: Any, suffix: str, **attributes: Any) -> str:
    """What the server answers otherwise than CatBoost; empty if nothing. `attributes`: of the handler."""
    folder = Path(tempfile.mkdtemp())
    pool = cb.Pool(rows, cat_features=model.get_cat_feature_indices() or None) if suffix == "json" else None
    file = folder / f"model.{suffix}"
    model.save_model(file, format=suffix, pool=pool)
    saved = type(model)().load_model(file, format=suffix)  # JSON rounds the last digit of leaves
    names = model.feature_names_ if model.feature_names_[0] != "0" else None
    values = rows.astype(object).to_numpy().tolist() if isinstance(rows, pd.DataFrame) else rows.tolist()
    output = attributes.get("output", "predict")
    asked = partial(labels_and_probabilities, saved) if output == "class_probabilities" else getattr(saved, output)
    return difference(serve(folder, **attributes), lambda part: asked(rows[part]), plain(values), names)


def results() -> Iterator[tuple[str, str]]:
    for name, model, rows, formats in models():
        for suffix in formats.split():
            yield f"{name}, {suffix}", compare(model, rows, suffix)
        if isinstance(model, cb.CatBoostClassifier):
            for output in ("predict_proba", "class_probabilities"):
                yield f"{name}, {output}", compare(model, rows, "cbm", output=output)
    shops = cb.CatBoostRegressor(**QUICK, cat_features=CATEGORIES).fit(SHOPS, SALES)
    folder = Path(tempfile.mkdtemp())
    shops.save_model(folder / "model.cbm")
    for name, (row, words) in REFUSED.items():
        yield f"refuses {name}", refused(folder, row, words)
    yield "booleans of CSV that may be text", booleans_of_csv()
    vectors = pd.DataFrame({"vector": X.tolist(), "age": SHOPS["age"]})
    cb.CatBoostRegressor(**QUICK, embedding_features=["vector"]).fit(vectors, Y).save_model(folder / "model.cbm")
    yield "refuses embeddings", refused(folder, [], "the columns vector hold embeddings")
    (folder / "model.cbm").write_bytes(b"notes")
    yield "refuses another file", refused(folder, [], "can't be loaded")


def booleans_of_csv() -> str:
    """What is answered in place of a refusal where a cell may be text or a boolean, or where an example tells which."""
    folder = Path(tempfile.mkdtemp())
    rows = SHOPS[["age"]].assign(open=random.choice([True, False], N))
    model = cb.CatBoostRegressor(**QUICK, cat_features=["open"]).fit(rows, rows["open"] * 9 + rows["age"])
    model.save_model(folder / "model.cbm")
    body, asked = csv_of(rows[:9].to_numpy(dtype=object).tolist()), rows[:9].to_dict("records")
    try:
        return f"{serve(folder)(body, 'text/csv')} in place of a refusal"
    except Exception as error:
        if "CSV doesn't tell what column open holds" not in str(error):
            return str(error)
    seen, wanted = serve(folder, example=asked)(body, "text/csv"), model.predict(rows[:9]).tolist()
    return "" if seen == wanted else f"{seen} in place of {wanted}"


REFUSED: dict[str, tuple[list[Any], str]] = {
    "a gap among categories": ([10, None, "3000", 1.5, 40], "NaN values should be converted to string"),
    "a fraction among categories": ([10.5, "Bern", "3000", 1.5, 40], "must be integer or string"),
    "text among numbers": ([10, "Bern", "3000", "much", 40], "is not a number"),
    "a column too few": ([10, "Bern", "3000", 1.5], "has 4 columns"),
}


def refused(folder: Path, row: list[Any], words: str) -> str:
    """What happens to a row, or to the model, in place of a refusal with these words; empty if they are said."""
    try:
        return f"answered {serve(folder)(json.dumps([row]).encode(), 'application/json')}"
    except Exception as error:
        return "" if words in str(error) else f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(dict(results())))
