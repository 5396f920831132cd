"""Run with an older scikit-learn: trains models in folders below the one that is named, with rows and own answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TEXTS = ["a good thing", "a bad thing", "good", "bad, very bad"] * 5


def models() -> Iterator[tuple[str, Any, Any]]:
    """Each with the rows that it was trained on."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({"age": random.integers(18, 90, 60), "income": random.normal(5, 1, 60)})
    labels = np.where(table.age + 10 * table.income > 100, "yes", "no")
    numbers = table.copy()
    table["city"] = random.choice(["Bern", "Genève"], 60)
    table.loc[::7, "income"] = np.nan
    table.loc[::5, "city"] = np.nan
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
        (
            make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
            ["city"],
        ),
    )
    yield "columns", make_pipeline(columns, GradientBoostingClassifier(n_estimators=9)).fit(table, labels), table
    gaps = table[["age", "income"]].to_numpy(float)
    yield "gaps", HistGradientBoostingRegressor(max_iter=9).fit(gaps, numbers.age), gaps
    yield "forest", RandomForestClassifier(9, random_state=0).fit(numbers, labels), numbers
    yield "texts", make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 1, 0] * 5), TEXTS
    yield "clusters", KMeans(3, n_init=2, random_state=0).fit(numbers.to_numpy()), numbers.to_numpy()


def plain(rows: Any) -> Any:
    """Rows as JSON can say them: a record a row of a table, gaps as null."""
    if isinstance(rows, pd.DataFrame):
        return [{name: plain(value) for name, value in row.items()} for row in rows.to_dict("records")]
    if isinstance(rows, np.ndarray | list):
        return [plain(value) for value in rows]
    return None if rows != rows else getattr(rows, "item", lambda: rows)()


for name, model, rows in models():
    folder = Path(sys.argv[1], name)
    folder.mkdir(parents=True)
    joblib.dump(model, folder / "model.joblib")
    answers = {"instances": plain(rows[:7]), "predictions": plain(model.predict(rows[:7]))}
    (folder.parent / f"{name}.json").write_text(json.dumps(answers))
