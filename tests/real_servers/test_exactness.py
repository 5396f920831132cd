"""What is fast is also right: bit for bit what the model itself predicts."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.exhaustive import exhaustive
from tests.real_servers.conftest import Project, serving

ABALONE = Path(__file__).parents[2] / "template/{{sample}}/sample_model/abalone.data"

FORESTS = """
import sys
import numpy as np
from sklearn import ensemble
from serving.handlers.forests import exact_forest

table = np.loadtxt(sys.stdin, delimiter=",", converters={0: lambda sex: "MFI".index(sex)}, encoding="utf-8")
rows, rings = table[:, :-1], table[:, -1]
old = rings > 9
labels = {"value": rings, "label": np.where(old, "old", "young"), "number": old, "many": rings, "two": table[:, -2:]}


def tried(name, target):
    features = rows.copy()
    model = getattr(ensemble, name)(n_estimators=20, random_state=0).fit(features[:2000], labels[target][:2000])
    fast = exact_forest(model, model.predict, missing=True)
    if fast is None:
        return "own predict"
    expected, seen = model.predict(features), fast(features)
    assert seen.dtype == expected.dtype, (name, target, seen.dtype, expected.dtype)
    assert np.array_equal(seen, expected), (name, target)
    assert np.array_equal(fast(features[:1]), expected[:1]), (name, target)
    features[::2, 3] = np.nan
    assert np.array_equal(fast(features), model.predict(features)), (name, target)
    return "exact"


for case in sys.argv[1:]:
    print(case, tried(*case.split("-")))
"""
# which forests, by what they predict, have a fast path
FAST = {
    "RandomForestRegressor-value": "exact",
    "ExtraTreesRegressor-value": "exact",
    "RandomForestClassifier-label": "exact",
    "RandomForestClassifier-number": "exact",
    "RandomForestClassifier-many": "exact",
    "ExtraTreesClassifier-label": "exact",
    "RandomForestRegressor-two": "own predict",
    "GradientBoostingRegressor-value": "own predict",
    "BaggingRegressor-value": "own predict",
}


def abalones() -> np.ndarray:
    lines = ABALONE.read_text().replace("M", "0").replace("F", "1").replace("I", "2")
    return np.loadtxt(io.StringIO(lines), delimiter=",")[:, :-1]


def test_a_fast_forest_is_exact_or_not_used(project: Project) -> None:
    path = project(framework="sklearn", model_format="joblib", model_server="fastapi")

    printed = subprocess.run(
        [path / ".venv/bin/python", "-c", FORESTS, *FAST],
        cwd=path,
        input=ABALONE.read_text(),
        capture_output=True,
        text=True,
    )

    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.splitlines() == [f"{case} {expected}" for case, expected in FAST.items()]


LARGE_VALUES = """
import numpy as np
from sklearn import dummy, ensemble, linear_model, neighbors, svm, tree
from serving.errors import BadRequest
from serving.handlers.base import learn
from serving.handlers.sklearn import SklearnHandler

random = np.random.default_rng(0)
features = random.normal(size=(60, 3))
for estimator in [
    ensemble.RandomForestRegressor(5), ensemble.RandomForestClassifier(5), ensemble.ExtraTreesRegressor(5),
    ensemble.GradientBoostingRegressor(n_estimators=5), ensemble.HistGradientBoostingRegressor(max_iter=5),
    ensemble.IsolationForest(n_estimators=5), tree.DecisionTreeClassifier(), linear_model.LinearRegression(),
    linear_model.LogisticRegression(), neighbors.KNeighborsRegressor(), svm.SVC(), dummy.DummyClassifier(),
]:
    model = estimator.fit(features, features[:, 0] > 0)
    handler = SklearnHandler()
    learn(handler, model)
    for value in (1e39, -1e39, float(np.finfo(np.float32).max), 1e30, 1.0):
        rows = np.array([[0.1, 0.2, 0.3], [1.0, value, 2.0]])
        try:
            expected = model.predict(rows)
        except ValueError as error:
            expected = str(error).split(".")[0]
        try:
            seen = handler.predict(model, rows)
        except BadRequest as error:
            assert isinstance(expected, str) and expected in str(error), (estimator, value, error)
        else:
            assert np.array_equal(seen, expected), (estimator, value, expected)
    if "Forest" in type(estimator).__name__ and hasattr(estimator, "bootstrap") and handler.compiled:
        print(type(estimator).__name__)
"""


def test_a_value_too_large_for_the_model_is_refused_where_its_own_predict_refuses_it(project: Project) -> None:
    path = project(framework="sklearn", model_format="joblib", model_server="fastapi")

    printed = subprocess.run([path / ".venv/bin/python", "-c", LARGE_VALUES], cwd=path, capture_output=True, text=True)

    assert printed.returncode == 0, printed.stderr
    assert "RandomForestRegressor" in printed.stdout  # its fast path is in use


PREDICT_ALL = {
    "sklearn": """
import joblib, pandas
model = joblib.load("model/model.joblib")
predictions = model.predict(pandas.DataFrame(rows, columns=model.feature_names_in_))
""",
    "xgboost": """
import xgboost
model = xgboost.Booster(model_file="model/model.ubj")
predictions = model.predict(xgboost.DMatrix(rows, feature_names=model.feature_names))
""",
}


@pytest.mark.parametrize(
    ("framework", "model_format", "model_server"),
    [
        ("sklearn", "joblib", "flask"),
        ("xgboost", "ubj", "fastapi"),
        pytest.param("sklearn", "joblib", "fastapi", marks=exhaustive),
        pytest.param("xgboost", "ubj", "flask", marks=exhaustive),
    ],
)
def test_every_abalone_is_predicted_bit_for_bit(
    project: Project, tmp_path: Path, framework: str, model_format: str, model_server: str
) -> None:
    path = project(framework=framework, model_format=model_format, model_server=model_server)
    np.save(tmp_path / "rows.npy", abalones())
    load, save = "import sys, numpy\nrows = numpy.load(sys.argv[1])", "numpy.save(sys.argv[2], predictions)"
    script = f"{load}\n{PREDICT_ALL[framework]}\n{save}"
    subprocess.run(
        [path / ".venv/bin/python", "-W", "error", "-c", script, tmp_path / "rows.npy", tmp_path / "predictions.npy"],
        cwd=path,
        check=True,
    )
    expected = np.load(tmp_path / "predictions.npy")

    with serving(path, tmp_path / "log") as server:
        answer = server.client.post(
            f"{server.url}/invocations",
            content=(tmp_path / "rows.npy").read_bytes(),
            headers={"Content-Type": "application/x-npy", "Accept": "application/x-npy"},
        )
        seen = np.load(io.BytesIO(answer.content))
        one_by_one = [server.post([row]).json()["predictions"][0] for row in abalones()[:50].tolist()]

    assert seen.dtype == expected.dtype
    assert np.array_equal(seen, expected)
    assert one_by_one == expected[:50].astype(float).tolist()
