"""Models as scikit-learn users train them, each with requests and what its own `predict` answers to them.

Run in a rendered project, by the Python of its .venv: prints {case: "" or what differs} as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn import (
    cluster,
    compose,
    covariance,
    discriminant_analysis,
    dummy,
    ensemble,
    gaussian_process,
    isotonic,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer

sys.path.insert(0, str(Path(__file__).parent))

from comparing import difference, plain, serve

random = np.random.default_rng(0)
N = 120
X = random.normal(size=(N, 3)).round(3)
Y = (X @ [1.0, -2.0, 0.5]).round(3)
LABELS = np.where(Y > 0, "up", "down")
FRAME = pd.DataFrame(
    {
        "city": random.choice(["Genève", "Bern", "Zürich"], N),
        "zip": random.choice([8001, 3000, 1200], N),
        "member": random.choice([True, False], N),
        "age": X[:, 0],
        "income": X[:, 1],
    }
)
GAPS = FRAME.copy()
GAPS.loc[::5, "city"] = np.nan
GAPS.loc[::7, "age"] = np.nan
PRICE = FRAME.age * 2 + (FRAME.city == "Bern") * 3 + (FRAME.zip == 3000) - FRAME.member
TEXTS = [f"{word} day {i % 3}" for i, word in enumerate(["good", "bad", "fine", "awful"] * 30)]
BIG = np.array([2**53, 2**53 + 1] * 60).reshape(-1, 1)


def columns(*transformers: Any, **options: Any) -> compose.ColumnTransformer:
    """A ColumnTransformer of (transformer, columns)."""
    named = [(f"t{i}", transformer, names) for i, (transformer, names) in enumerate(transformers)]
    return compose.ColumnTransformer(named, **options)


def one_hot(**options: Any) -> preprocessing.OneHotEncoder:
    return preprocessing.OneHotEncoder(handle_unknown="ignore", **options)


def as_text(values: Any) -> Any:
    """Codes as text, as owners turn them into categories."""
    return values.astype(str)


def typed_models() -> Iterator[tuple[str, Any, pd.DataFrame | list[Any] | np.ndarray]]:
    """Each with the rows to ask for, in the form that the model itself takes."""
    plain = columns((one_hot(), ["city"]), (preprocessing.StandardScaler(), ["age", "income"]))
    yield "text and numbers", pipeline.make_pipeline(plain, linear_model.Ridge()).fit(FRAME, PRICE), FRAME
    gaps = columns(
        (pipeline.make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot()), ["city"]),
        (pipeline.make_pipeline(SimpleImputer(), preprocessing.StandardScaler()), ["age", "income"]),
    )
    yield "text and numbers with gaps", pipeline.make_pipeline(gaps, linear_model.Ridge()).fit(GAPS, PRICE), GAPS
    casted = columns((pipeline.make_pipeline(preprocessing.FunctionTransformer(as_text), one_hot()), ["zip"]))
    yield "integer codes cast to text", pipeline.make_pipeline(casted, linear_model.Ridge()).fit(FRAME, PRICE), FRAME
    flags = columns((one_hot(), ["member", "zip"]), ("passthrough", ["age"]))
    yield (
        "booleans and integer categories",
        pipeline.make_pipeline(flags, tree.DecisionTreeRegressor()).fit(FRAME, PRICE),
        FRAME,
    )
    ordinal = columns((preprocessing.OrdinalEncoder(), ["city"]), remainder="passthrough")
    forest = ensemble.RandomForestClassifier(20, random_state=0)
    yield "ordinal encoder before a forest", pipeline.make_pipeline(ordinal, forest).fit(FRAME, LABELS), FRAME
    target = columns((preprocessing.TargetEncoder(random_state=0), ["city"]), ("passthrough", ["age"]))
    yield "target encoder", pipeline.make_pipeline(target, linear_model.Ridge()).fit(FRAME, PRICE), FRAME
    selected = columns(
        (one_hot(), compose.make_column_selector(dtype_include=["object", "string"])),
        ("passthrough", compose.make_column_selector(dtype_include="number")),
    )
    yield "columns selected by type", pipeline.make_pipeline(selected, linear_model.Ridge()).fit(FRAME, PRICE), FRAME
    boosting = ensemble.HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
    categories = GAPS.astype({"city": "category"})
    yield "histogram boosting with categories and gaps", boosting.fit(categories, PRICE), GAPS
    search = model_selection.GridSearchCV(pipeline.make_pipeline(plain, linear_model.Ridge()), {"ridge__alpha": [1, 2]})
    yield "grid search around a pipeline", search.fit(FRAME, PRICE), FRAME
    logged = compose.TransformedTargetRegressor(
        pipeline.make_pipeline(plain, linear_model.Ridge()), func=np.sinh, inverse_func=np.arcsinh
    )
    yield "transformed target", logged.fit(FRAME, PRICE), FRAME
    voting = ensemble.VotingRegressor([("a", pipeline.make_pipeline(plain, linear_model.Ridge()))])
    yield "voting over a pipeline", voting.fit(FRAME, PRICE), FRAME
    yield "integers beyond 2**53", pipeline.make_pipeline(one_hot(), linear_model.Ridge()).fit(BIG, Y), BIG
    frame_of_ids = pd.DataFrame({"id": BIG[:, 0], "x": X[:, 0]})
    ids = columns((one_hot(), ["id"]), ("passthrough", ["x"]))
    yield (
        "integers beyond 2**53 in a frame",
        pipeline.make_pipeline(ids, linear_model.Ridge()).fit(frame_of_ids, Y),
        frame_of_ids,
    )
    words = pipeline.make_pipeline(TfidfVectorizer(), linear_model.LogisticRegression()).fit(TEXTS, LABELS)
    yield "raw texts", words, TEXTS
    in_frame = FRAME.assign(note=TEXTS)
    notes = columns((TfidfVectorizer(), "note"), (one_hot(), ["city"]))
    yield "a column of texts", pipeline.make_pipeline(notes, linear_model.Ridge()).fit(in_frame, PRICE), in_frame
    dicts = FRAME.to_dict("records")
    yield "records", pipeline.make_pipeline(DictVectorizer(), linear_model.Ridge()).fit(dicts, PRICE), dicts
    table = FRAME[["city", "age"]].to_numpy(dtype=object)
    by_place = columns((one_hot(), [0]), ("passthrough", [1]))
    yield "mixed columns without names", pipeline.make_pipeline(by_place, linear_model.Ridge()).fit(table, PRICE), table
    letters = FRAME[["city"]].to_numpy(dtype=object)
    yield "text without names", pipeline.make_pipeline(one_hot(), linear_model.Ridge()).fit(letters, PRICE), letters
    imputed = pipeline.make_pipeline(KNNImputer(), linear_model.Ridge())
    with_gaps = X.copy()
    with_gaps[::4, 1] = np.nan
    yield "imputer before a numeric model", imputed.fit(with_gaps, Y), with_gaps


def numeric_models() -> Iterator[tuple[str, Any, np.ndarray]]:
    """Estimators of every kind, trained on an array of numbers."""
    both = np.column_stack([Y, -Y])
    names = np.column_stack([LABELS, LABELS[::-1]])
    regressors = [
        linear_model.LinearRegression(),
        linear_model.Lasso(alpha=0.01),
        linear_model.BayesianRidge(),
        linear_model.HuberRegressor(),
        linear_model.TweedieRegressor(),
        svm.SVR(),
        svm.LinearSVR(),
        neighbors.KNeighborsRegressor(),
        tree.DecisionTreeRegressor(random_state=0),
        ensemble.ExtraTreesRegressor(10, random_state=0),
        ensemble.RandomForestRegressor(10, random_state=0),
        ensemble.GradientBoostingRegressor(n_estimators=5),
        ensemble.HistGradientBoostingRegressor(max_iter=5),
        ensemble.AdaBoostRegressor(n_estimators=5),
        ensemble.BaggingRegressor(n_estimators=5),
        neural_network.MLPRegressor(hidden_layer_sizes=(4,), max_iter=20),
        gaussian_process.GaussianProcessRegressor(),
        dummy.DummyRegressor(),
        pipeline.make_pipeline(
            preprocessing.StandardScaler(), preprocessing.PolynomialFeatures(), linear_model.Ridge()
        ),
        ensemble.StackingRegressor([("a", linear_model.Ridge()), ("b", svm.SVR())]),
    ]
    classifiers = [
        linear_model.LogisticRegression(),
        linear_model.SGDClassifier(random_state=0),
        svm.SVC(),
        svm.SVC(probability=False, kernel="linear"),
        neighbors.KNeighborsClassifier(),
        naive_bayes.GaussianNB(),
        tree.DecisionTreeClassifier(),
        ensemble.RandomForestClassifier(10),
        ensemble.ExtraTreesClassifier(10),
        ensemble.HistGradientBoostingClassifier(max_iter=5),
        discriminant_analysis.LinearDiscriminantAnalysis(),
        multiclass.OneVsRestClassifier(svm.SVC()),
        ensemble.VotingClassifier([("a", naive_bayes.GaussianNB())]),
        model_selection.GridSearchCV(neighbors.KNeighborsClassifier(), {"n_neighbors": [3, 5]}),
    ]
    unsupervised = [
        cluster.KMeans(3, random_state=0),
        ensemble.IsolationForest(n_estimators=20, random_state=0),
        svm.OneClassSVM(),
        mixture.GaussianMixture(2, random_state=0),
        neighbors.LocalOutlierFactor(novelty=True),
        covariance.EllipticEnvelope(random_state=0),
    ]
    for model in regressors:
        yield f"{type(model).__name__} {len(str(model))}", model.fit(X, Y), X
    for model in classifiers:
        yield f"{type(model).__name__} {len(str(model))}", model.fit(X, LABELS), X
    for model in unsupervised:
        yield type(model).__name__, model.fit(X), X
    yield "two outputs", ensemble.RandomForestRegressor(10).fit(X, both), X
    yield "two outputs of text", ensemble.RandomForestClassifier(10).fit(X, names), X
    yield "MultiOutputRegressor", multioutput.MultiOutputRegressor(linear_model.Ridge()).fit(X, both), X
    yield "forest of one class", ensemble.RandomForestClassifier(10).fit(X, np.zeros(N)), X
    yield "one column", linear_model.Ridge().fit(X[:, :1], Y), X[:, :1]
    yield "isotonic", isotonic.IsotonicRegression().fit(X[:, 0], Y), np.clip(X[:, :1], X[:, 0].min(), X[:, 0].max())
    gaps = X.copy()
    gaps[::3, 1] = np.nan
    yield "forest trained with gaps", ensemble.RandomForestRegressor(20, random_state=0).fit(gaps, Y), gaps
    yield "classifier trained with gaps", ensemble.RandomForestClassifier(20, random_state=0).fit(gaps, LABELS), gaps
    yield "histogram boosting with gaps", ensemble.HistGradientBoostingRegressor(max_iter=5).fit(gaps, Y), gaps
    stores = np.column_stack([random.choice([10, 20, 30], N), X])
    boosting = ensemble.HistGradientBoostingRegressor(max_iter=5, categorical_features=[0])
    yield "histogram boosting with integer categories", boosting.fit(stores, Y), stores
    yield (
        "frame of numbers",
        ensemble.RandomForestRegressor(10).fit(FRAME[["age", "income"]], Y),
        FRAME[["age", "income"]],
    )


def compare(model: Any, rows: Any) -> str:
    """What the server answers otherwise than the model; empty if nothing."""
    folder = Path(tempfile.mkdtemp())
    joblib.dump(model, folder / "model.joblib")
    if not isinstance(rows, pd.DataFrame):
        return difference(serve(folder), lambda part: model.predict(rows[part]), plain(rows), None)
    values = json.loads(rows.to_json(orient="values", double_precision=15))
    return difference(serve(folder), lambda part: model.predict(rows[part]), values, list(rows.columns))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps({name: compare(model, rows) for name, model, rows in (*typed_models(), *numeric_models())}))
