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

name, target = sys.argv[1:]
rows = np.loadtxt(sys.stdin, delimiter=",", converters={0: lambda sex: "MFI".index(sex)}, encoding="utf-8")
features, rings = rows[:, :-1], rows[:, -1]
old = rings > 9
labels = {"value": rings, "label": np.where(old, "old", "young"), "number": old, "many": rings, "two": rows[:, -2:]}
model = getattr(ensemble, name)(n_estimators=20, random_state=0).fit(features[:2000], labels[target][:2000])
fast = exact_forest(model, model.predict, missing=True)
if fast is None:
    print("own predict")
else:
    expected, seen = model.predict(features), fast(features)
    assert seen.dtype == expected.dtype, (seen.dtype, expected.dtype)
    assert np.array_equal(seen, expected)
    assert np.array_equal(fast(features[:1]), expected[:1])
    features[::2, 3] = np.nan
    assert np.array_equal(fast(features), model.predict(features))
    print("exact")
"""


def abalones() -> np.ndarray:
    lines = ABALONE.read_text().replace("M", "0").replace("F", "1").replace("I", "2")
    return np.loadtxt(io.StringIO(lines), delimiter=",")[:, :-1]


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("RandomForestRegressor", "value", "exact"),
        ("ExtraTreesRegressor", "value", "exact"),
        ("RandomForestClassifier", "label", "exact"),
        ("RandomForestClassifier", "number", "exact"),
        ("RandomForestClassifier", "many", "exact"),
        ("ExtraTreesClassifier", "label", "exact"),
        ("RandomForestRegressor", "two", "own predict"),
        ("GradientBoostingRegressor", "value", "own predict"),
        ("BaggingRegressor", "value", "own predict"),
    ],
)
def test_a_fast_forest_is_exact_or_not_used(project: Project, name: str, target: str, expected: str) -> None:
    path = project(framework="sklearn", model_format="joblib", model_server="fastapi")

    printed = subprocess.run(
        [path / ".venv/bin/python", "-c", FORESTS, name, target],
        cwd=path,
        input=ABALONE.read_text(),
        capture_output=True,
        text=True,
    )

    assert (printed.stdout.strip(), printed.returncode) == (expected, 0), printed.stderr


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
