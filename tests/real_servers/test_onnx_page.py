"""The scripts of docs/onnx.md export real models, and the server answers with the exports what the models answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.exhaustive import exhaustive
from tests.programs import uv
from tests.real_servers.conftest import WHEELS, Project

PAGE = (ROOT / "docs/onnx.md").read_text()
SECTION = re.compile(r"^## (.+?)\n.*?```\npip install (.+?)\n```\n\n```python\n(.+?)```", re.MULTILINE | re.DOTALL)
SCRIPTS = {title: (packages.split(), script) for title, packages, script in SECTION.findall(PAGE)}
CHECK = SCRIPTS["Check the export"][1]
# builds for CPUs of what the page installs
FOR_CPUS = {"xgboost": "xgboost-cpu", "tensorflow": "tensorflow-cpu", "torch": "torch==2.13.0+cpu"}
ROWS = """
import numpy as np
random = np.random.default_rng(0)
rows = random.random((30, 4)).astype("float32")
target = rows @ [2, -1, 0.5, 1]
"""
# how an owner's model comes about, before the page's script; `expected` is what the model itself answers
MODELS = {
    "scikit-learn": """
from sklearn.ensemble import RandomForestClassifier
model = RandomForestClassifier(8, random_state=0).fit(rows, np.where(target > 1.2, "much", "little"))
expected = model.predict(rows)
""",
    "scikit-learn with text columns": """
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
rows = pd.DataFrame({"size": rows[:, 0], "city": random.choice(["Bern", "Genève"], 30), "age": rows[:, 1]})
columns = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
model = make_pipeline(columns, LinearRegression()).fit(rows, target)
expected = model.predict(rows)
""",
    "LightGBM": """
from lightgbm import LGBMRegressor
model = LGBMRegressor(n_estimators=9, min_child_samples=2, verbose=-1).fit(rows, target)
expected = model.predict(rows)
""",
    "XGBoost": """
import pandas as pd
from xgboost import XGBClassifier
model = XGBClassifier(n_estimators=9).fit(pd.DataFrame(rows, columns=list("abcd")), (target > 1.2).astype(int))
expected = model.predict(rows)
""",
    "CatBoost": """
from catboost import CatBoostRegressor
model = CatBoostRegressor(iterations=9, verbose=False, allow_writing_files=False).fit(rows, target)
expected = model.predict(rows)
""",
    "Keras": """
import keras
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="relu"), keras.layers.Dense(2)])
model.compile("sgd", "mse")
model.fit(rows, np.c_[target, -target], verbose=0)
expected = model.predict(rows, verbose=0)
""",
    "PyTorch": """
import torch
model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
rows = torch.from_numpy(rows)
expected = model(rows).detach().numpy()
""",
    "transformers": """
import torch, transformers
sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)
model = transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=99, num_labels=3, **sizes)).eval()
rows = {"input_ids": torch.from_numpy(random.integers(0, 99, (5, 7))), "attention_mask": torch.ones(5, 7).long()}
expected = model(**rows).logits.detach().numpy()
""",
}
KEEP = """
import json
if hasattr(rows, "to_dict"):
    instances = rows.to_dict("records")
elif isinstance(rows, dict):
    instances = [dict(zip(rows, row)) for row in zip(*(values.tolist() for values in rows.values()))]
else:
    instances = rows.tolist()
with open("kept.json", "w") as file:
    json.dump({"instances": instances, "expected": np.asarray(expected).tolist()}, file)
"""
SERVE = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from comparing import serve
kept = json.loads(Path("kept.json").read_text())
body = json.dumps({"instances": kept["instances"]}).encode()
print(json.dumps(serve(Path("model"))(body, "application/json")))
"""


def environment(folder: Path, packages: list[str]) -> Path:
    """The Python of a new environment with what the page installs."""
    uv("venv", "--python", sys.executable, folder)
    python = folder / "bin/python"
    wheels = ["--find-links", WHEELS] if WHEELS else []
    wanted = [FOR_CPUS.get(package, package) for package in packages]
    uv("pip", "install", "--python", python, *wheels, *wanted)
    return python


def run(python: Path, folder: Path, script: str, *arguments: str, **variables: str) -> str:
    options = {"cwd": folder, "env": os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | variables}
    done = subprocess.run([python, "-c", script, *arguments], **options, capture_output=True, text=True)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_every_script_of_the_page_is_tried() -> None:
    assert {*SCRIPTS} == {*MODELS, "Check the export"}
    assert PAGE.count("```python\n") == len(SCRIPTS)


@exhaustive
@pytest.mark.parametrize("title", MODELS)
def test_an_export_is_answered_as_the_original_model_answers(project: Project, tmp_path: Path, title: str) -> None:
    packages, script = SCRIPTS[title]
    path = project(framework="onnx", model_format="onnx", model_server="fastapi")
    (tmp_path / "model").mkdir()
    is_matrix = title in ("LightGBM", "CatBoost", "Keras")

    python = environment(tmp_path / "training", packages)
    run(python, tmp_path, "".join([ROWS, MODELS[title], script, KEEP, CHECK if is_matrix else ""]))
    printed = run(
        path / ".venv/bin/python", tmp_path, SERVE, str(ROOT / "tests/real_servers/strangers"), PYTHONPATH=str(path)
    )

    answers = [_first(answer) for answer in json.loads(printed.splitlines()[-1])]
    expected = json.loads((tmp_path / "kept.json").read_text())["expected"]
    if isinstance(expected[0], str):
        assert answers == expected
    else:
        np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-5)


def _first(answer: Any) -> Any:
    """A row's answer: the label of a classifier, which has probabilities, too; the only number of a row."""
    if isinstance(answer, dict):
        answer = answer.get("label", answer.get("output_label"))
    return answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
