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
import xgboost as xgb
from scipy import sparse
from sklearn import (
    calibration,
    cluster,
    compose,
    covariance,
    discriminant_analysis,
    dummy,
    ensemble,
    frozen,
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
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer

sys.path.insert(0, str(Path(__file__).parent))

from comparing import csv_of, difference, plain, serve

from serving import codecs, service
from serving.errors import BadRequest
from serving.handlers.base import UnusableModel
from serving.model_handler import ModelHandler

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
DATED = FRAME[["city"]].assign(joined=pd.to_datetime(random.choice(["2024-01-05", "2022-07-01"], N)))
TEXTS = [f"{word} day {i % 3}" for i, word in enumerate(["good", "bad", "fine", "awful"] * 30)]
POSTAL = FRAME.assign(zip=FRAME.zip.map({8001: "08001", 3000: "3000", 1200: "1200"}))  # text of digits
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


def as_days(table: pd.DataFrame) -> pd.DataFrame:
    """How owners turn dates into numbers."""
    return pd.DataFrame({"day": table["joined"].dt.dayofyear, "year": table["joined"].dt.year})


def in_lower_case(texts: Any) -> list[str]:
    return [text.lower() for text in texts]


def in_upper_case(texts: pd.Series) -> pd.Series:
    return texts.str.upper()


def as_they_are(words: list[str]) -> list[str]:
    return words


class Old(BaseEstimator, TransformerMixin):
    """A transformer of the owner's, which tells nothing of its columns and finds them by their names."""

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Old:
        return self

    def transform(self, rows: pd.DataFrame) -> Any:
        return rows[["age"]].assign(bern=rows["city"].eq("Bern")).to_numpy(float)


class First(BaseEstimator, RegressorMixin):
    """An estimator of the owner's, which answers with a plain list."""

    def fit(self, rows: Any, target: Any) -> First:
        return self

    def predict(self, rows: Any) -> list[float]:
        return [float(row[0]) for row in np.asarray(rows)]


class Rare(BaseEstimator, TransformerMixin):
    """An encoder of the owner's, which tells nothing of its columns and puts rare values together."""

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Rare:
        self.kept_ = {name: rows[name].value_counts().index[0] for name in rows}
        return self

    def transform(self, rows: pd.DataFrame) -> Any:
        return np.column_stack([rows[name] == kept for name, kept in self.kept_.items()])


class Cautious(BaseEstimator, RegressorMixin):
    """An estimator of the owner's around another, which alone knows the columns."""

    def fit(self, rows: pd.DataFrame, target: Any) -> Cautious:
        self.inner_ = ensemble.RandomForestRegressor(5, random_state=0).fit(rows, target)
        return self

    def predict(self, rows: pd.DataFrame) -> Any:
        return self.inner_.predict(rows) - 1


class Ranges(BaseEstimator, RegressorMixin):
    """An estimator of the owner's, which answers with a frame."""

    def fit(self, rows: pd.DataFrame, target: Any) -> Ranges:
        self.n_features_in_, self.feature_names_in_ = rows.shape[1], np.array(rows.columns, dtype=object)
        return self

    def predict(self, rows: Any) -> Any:
        return pd.DataFrame({"low": rows["age"] - 1, "high": rows["age"] + 1})


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
    cleaned = pipeline.make_pipeline(
        preprocessing.FunctionTransformer(in_lower_case), TfidfVectorizer(), linear_model.LogisticRegression()
    )
    yield "texts that a function cleans", cleaned.fit(TEXTS, LABELS), TEXTS
    grams = pipeline.FeatureUnion([("words", TfidfVectorizer()), ("letters", TfidfVectorizer(analyzer="char"))])
    yield (
        "texts in two ways",
        pipeline.make_pipeline(grams, linear_model.LogisticRegression()).fit(TEXTS, LABELS),
        TEXTS,
    )
    without = GAPS[["city", "income"]].astype(object).where(GAPS[["city", "income"]].notna(), None)
    filled = columns(
        (pipeline.make_pipeline(SimpleImputer(missing_values=None, strategy="most_frequent"), one_hot()), ["city"]),
        ("passthrough", ["income"]),
    )
    yield "gaps of None", pipeline.make_pipeline(filled, linear_model.Ridge()).fit(without, PRICE), without
    yield (
        "dates as categories",
        pipeline.make_pipeline(columns((one_hot(), ["joined", "city"])), linear_model.Ridge()).fit(DATED, PRICE),
        DATED,
    )
    yield (
        "dates for the owner's code",
        pipeline.make_pipeline(
            columns((preprocessing.FunctionTransformer(as_days), ["joined"]), (one_hot(), ["city"])),
            linear_model.Ridge(),
        ).fit(DATED, PRICE),
        DATED,
    )
    stacked = ensemble.StackingClassifier(
        [
            ("a", pipeline.make_pipeline(plain, linear_model.LogisticRegression())),
            ("b", pipeline.make_pipeline(flags, tree.DecisionTreeClassifier())),
        ],
        cv=3,
    )
    yield "stacking over pipelines", stacked.fit(FRAME, LABELS), FRAME
    postal = columns((one_hot(), ["city", "zip"]), ("passthrough", ["age"]))
    by_post = pipeline.make_pipeline(postal, tree.DecisionTreeClassifier(random_state=0)).fit(POSTAL, LABELS)
    frozen_model = calibration.CalibratedClassifierCV(frozen.FrozenEstimator(by_post)).fit(POSTAL, LABELS)
    yield "calibration of a frozen pipeline, with text of digits", frozen_model, POSTAL
    both = ensemble.VotingClassifier([("a", by_post), ("b", by_post)], voting="soft").fit(POSTAL, LABELS)
    yield "voting, with text of digits", both, POSTAL
    union = pipeline.FeatureUnion([("a", postal), ("b", columns((preprocessing.StandardScaler(), ["income"])))])
    yield "a union, with text of digits", pipeline.make_pipeline(union, linear_model.Ridge()).fit(POSTAL, PRICE), POSTAL
    labels = np.column_stack([LABELS, FRAME.city]).astype(object)
    yield "two labels with text of digits", multioutput.MultiOutputClassifier(by_post).fit(POSTAL, labels), POSTAL
    split = pipeline.make_pipeline(TfidfVectorizer(analyzer=as_they_are), linear_model.LogisticRegression())
    yield "words that the owner split", split.fit([text.split() for text in TEXTS], LABELS), [t.split() for t in TEXTS]
    categories = FRAME[["zip", "age"]].assign(zip=FRAME.zip.astype("category"))
    boosted = xgb.XGBClassifier(n_estimators=5, enable_categorical=True).fit(categories, LABELS == "up")
    yield "XGBoost's classifier with categories", boosted, categories
    yield "an estimator in one of the owner's", Cautious().fit(FRAME[["age", "zip"]], PRICE), FRAME[["age", "zip"]]
    empty = FRAME[["city"]].replace("Bern", "")
    yield "empty text as a category", pipeline.make_pipeline(one_hot(), linear_model.Ridge()).fit(empty, PRICE), empty
    yield "a frame of the owner's code", Ranges().fit(FRAME[["age"]], PRICE), FRAME[["age"]]
    words = pipeline.make_pipeline(TfidfVectorizer(), linear_model.LogisticRegression()).fit(TEXTS, LABELS)
    yield "raw texts", words, TEXTS
    shouted = pipeline.make_pipeline(
        preprocessing.FunctionTransformer(in_upper_case), TfidfVectorizer(lowercase=False), linear_model.Ridge()
    )
    series = pd.Series(TEXTS)
    yield "texts for code that wants a Series", shouted.fit(series, PRICE), series
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
    yield "a list of the owner's code", First().fit(X, Y), X
    several = sparse.csr_matrix(np.column_stack([Y > 0, X[:, 0] > 0]).astype(int))
    yield "sparse labels", multiclass.OneVsRestClassifier(linear_model.LogisticRegression()).fit(X, several), X
    chain = multioutput.ClassifierChain(linear_model.LogisticRegression())
    yield "a chain of classifiers", chain.fit(X, np.column_stack([Y > 0, X[:, 0] > 0]).astype(int)), X
    single = X.astype(np.float32)
    yield "clusters of float32", cluster.MiniBatchKMeans(3, random_state=0).fit(single), single
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
    if isinstance(rows, pd.Series):
        return difference(serve(folder), lambda part: model.predict(rows[part]), rows.tolist(), None)
    if not isinstance(rows, pd.DataFrame):
        found = difference(serve(folder), lambda part: dense(model.predict(rows[part])), plain(rows), None)
        return found or other_outputs(folder, model, rows[:7], plain(rows[:7]))
    values = json.loads(rows.to_json(orient="values", double_precision=15, date_format="iso", date_unit="s"))
    found = difference(serve(folder), lambda part: dense(model.predict(rows[part])), values, list(rows.columns))
    return found or other_outputs(folder, model, rows[:7], values[:7])


def other_outputs(folder: Path, model: Any, rows: Any, values: list[Any]) -> str:
    """What is answered otherwise to requests that choose their output."""
    handler = ModelHandler()
    loaded = service.load(handler, folder)
    body = json.dumps({"instances": values}).encode()
    for output in {*handler.selectable(loaded)} - {"predict"}:
        try:
            seen = handler.encode(
                handler.predict_output(loaded, handler.decode(body, codecs.JSON), output), codecs.JSON
            )
        except BadRequest:
            if output != "class_probabilities" or np.ndim(model.predict(rows)) == 1:
                raise
            continue
        wanted = json.loads(codecs.encode(expected_of(model, output, rows), codecs.JSON))
        if json.loads(seen) != wanted:
            return f"{output}: {seen!r} in place of {wanted}"
    return ""


def expected_of(model: Any, output: str, rows: Any) -> Any:
    """What the model itself has to say."""
    if output != "class_probabilities":
        answers = dense(getattr(model, output)(rows))
        return {f"output_{i}": one for i, one in enumerate(answers)} if isinstance(answers, list) else answers
    named = [
        dict(zip(map(str, model.classes_.tolist()), row, strict=True)) for row in model.predict_proba(rows).tolist()
    ]
    return {"label": model.predict(rows), "probabilities": np.array(named, dtype=object)}


def nearest() -> str:
    """What a search for neighbors answers otherwise than its own `kneighbors`."""
    folder = Path(tempfile.mkdtemp())
    model = neighbors.NearestNeighbors(n_neighbors=3).fit(X)
    joblib.dump(model, folder / "model.joblib")

    def expected(part: slice) -> Any:
        found = zip(*(answers.tolist() for answers in model.kneighbors(X[part])), strict=True)
        return [{"distances": far, "indices": which} for far, which in found]

    return difference(serve(folder, output="kneighbors"), expected, plain(X), None)


UNUSABLE = {
    "a model that is not fitted": (linear_model.Ridge(), "a Ridge that is not fitted"),
    "a pipeline that is not fitted": (pipeline.make_pipeline(linear_model.Ridge()), "a Pipeline that is not fitted"),
    "a class": (linear_model.Ridge, "the class Ridge itself"),
    "a transformer": (preprocessing.StandardScaler().fit(X), "set SERVING_OUTPUT to transform"),
    "a booster": (xgb.train({}, xgb.DMatrix(X, Y), 2), "save_model"),
    # the first bytes of files for which the sample's requirements lack a package
    "a file packed with lz4": (b'\x04"M\x18' + bytes(20), "run do/lock lz4"),
    "a file of skops": (b"PK\x03\x04" + bytes(20), "run do/lock skops"),
}


def served(content: Any, words: str) -> str:
    """What happens to a file with these bytes, or this object, instead of a refusal with these words; empty if none."""
    file = Path(tempfile.mkdtemp(), "model.joblib")
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        joblib.dump(content, file)
    try:
        serve(file.parent)
    except UnusableModel as error:
        return "" if words in str(error) else str(error)
    return "it was served"


def dense(answers: Any) -> Any:
    if isinstance(answers, pd.DataFrame):
        return answers.to_dict("records")
    return answers.toarray() if hasattr(answers, "toarray") else answers


def by_place(rows: list[Any]) -> str:
    """What is not refused of rows without names, and of names that can't be matched, by models that tell no columns."""
    folder = Path(tempfile.mkdtemp())
    joblib.dump(pipeline.make_pipeline(Old(), linear_model.Ridge()).fit(FRAME, PRICE), folder / "model.joblib")
    asked = [(serve(folder), {"instances": rows}, "send records")]
    other = Path(tempfile.mkdtemp())
    joblib.dump(First().fit(FRAME[["age", "income"]], PRICE), other / "model.joblib")
    records = [{"income": 1.0, "age": 2.0}]
    asked.append((serve(other), {"instances": records}, "takes its columns by place"))
    for answer, document, reason in asked:
        try:
            return f"{answer(json.dumps(document).encode(), codecs.JSON)} in place of a refusal"
        except BadRequest as error:
            if reason not in str(error):
                return str(error)
    return ""


def digits_of_csv() -> str:
    """What is answered in place of a refusal where a cell may be text or a number, or where an example tells which."""
    folder = Path(tempfile.mkdtemp())
    asked = POSTAL[["zip", "age"]].drop_duplicates("zip")
    rare = columns((Rare(), ["zip"]), ("passthrough", ["age"]))
    model = pipeline.make_pipeline(rare, linear_model.Ridge()).fit(POSTAL[["zip", "age"]], PRICE)
    joblib.dump(model, folder / "model.joblib")
    body = csv_of(asked.to_numpy(dtype=object).tolist())
    try:
        return f"{serve(folder)(body, codecs.CSV)} in place of a refusal"
    except BadRequest as error:
        if "CSV doesn't tell what column zip holds" not in str(error):
            return str(error)
    seen = serve(folder, example=asked.to_dict("records"))(body, codecs.CSV)
    wanted = model.predict(asked).tolist()
    return "" if seen == wanted else f"{seen} in place of {wanted}"


def unclear_cells_of_csv() -> str:
    """What is answered in place of a refusal where a cell of CSV may be missing or a text that the model knows."""
    place = FRAME[["city"]].replace({"Bern": "", "Genève": "NA"})
    gaps = place.copy()
    gaps.loc[::5, "city"] = np.nan
    filled = pipeline.make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot(), linear_model.Ridge())
    rare = pipeline.make_pipeline(columns((Rare(), ["city"])), linear_model.Ridge())
    asked = [
        (pipeline.make_pipeline(one_hot(), linear_model.Ridge()).fit(gaps, PRICE), "", "empty text and missing values"),
        (filled.fit(gaps, PRICE), "", "empty text and missing values"),
        (rare.fit(place.replace("", "NA"), PRICE), "NA", "CSV doesn't tell what column city holds"),
    ]
    for model, cell, reason in asked:
        folder = Path(tempfile.mkdtemp())
        joblib.dump(model, folder / "model.joblib")
        try:
            return f"{serve(folder)(csv_of([[cell]]), codecs.CSV)} in place of a refusal"
        except BadRequest as error:
            if reason not in str(error):
                return str(error)
    return ""


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    found = {name: compare(model, rows) for name, model, rows in (*typed_models(), *numeric_models())}
    found["neighbors"] = nearest()
    found |= {name: served(*case) for name, case in UNUSABLE.items()}
    found["rows that can't be matched"] = by_place(FRAME[["age", "zip"]].to_numpy().tolist())
    found["cells of CSV that may be missing"] = unclear_cells_of_csv()
    print(json.dumps({**found, "digits of CSV that may be text": digits_of_csv()}))
