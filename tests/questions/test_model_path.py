"""The answers that follow from a model file alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ROOT

MODELS = ROOT / "tests/inspection/models"
ANSWERED = {
    "sklearn-1.2.pkl": {"framework": "sklearn", "model_format": "pkl", "model_artifact": "model.pkl"},
    "sklearn-1.5.zlib.joblib": {"framework": "sklearn", "model_format": "joblib", "model_artifact": "model.joblib"},
    "xgboost-3.4.json": {"framework": "xgboost", "model_format": "json", "model_artifact": "model.json"},
    "xgboost-3.4.ubj": {"framework": "xgboost", "model_format": "ubj", "model_artifact": "model.ubj"},
    "tensorflow-2.21.keras": {"framework": "tensorflow", "model_format": "keras", "model_artifact": "model.keras"},
    "lightgbm-4.7.txt": {"framework": "lightgbm", "model_format": "txt", "model_artifact": "model.txt"},
    "skl2onnx-1.20.onnx": {"framework": "onnx", "model_format": "onnx", "model_artifact": "model.onnx"},
    "torch-2.13.pt2": {"framework": "pytorch", "model_format": "pt2", "model_artifact": "model.pt2"},
    "torch-2.13.weights.pt": {"framework": "pytorch", "model_format": "pt", "model_artifact": "model.pt"},
    "mlflow-3.17": {"framework": "mlflow", "model_format": "MLmodel", "model_artifact": "model", "lock_for": "--model"},
    "tensorflow-2.21": {"framework": "tensorflow", "model_format": "SavedModel", "model_artifact": "model"},
}
# What saved the file, where the template's own versions can't be relied on to load it.
VERSIONS = {
    "sklearn-1.2.pkl": {"framework_version": "1.2.2", "python_version": "3.11"},
    "sklearn-1.5.joblib": {"framework_version": "1.5.2", "python_version": ""},
    "xgboost-3.4.ubj": {"framework_version": "", "python_version": "", "lock_for": ""},
    "mlflow-3.17": {"framework_version": "", "python_version": "3.11"},
}
REFUSED = {
    "framework='tensorflow'": "answer xgboost, or leave framework out",
    "model_format='json'": "answer ubj, or leave model_format out",
}

Answers = dict[str, Any]


@pytest.mark.parametrize("name", ANSWERED)
def test_the_path_of_a_model_is_answer_enough(ask: Callable[..., Answers], name: str) -> None:
    values = ask(model_path=str(MODELS / name))

    assert values["model_source"] == "local"
    assert ANSWERED[name].items() <= values.items()


@pytest.mark.parametrize("name", VERSIONS)
def test_a_model_gets_the_version_that_saved_it_and_its_python(ask: Callable[..., Answers], name: str) -> None:
    values = ask(model_path=str(MODELS / name))

    assert VERSIONS[name].items() <= values.items()


def test_a_version_that_can_load_the_model_is_taken(ask: Callable[..., Answers]) -> None:
    values = ask(model_path=str(MODELS / "sklearn-1.5.joblib"), framework_version="1.5.0", python_version="3.11")

    assert (values["framework_version"], values["python_version"]) == ("1.5.0", "3.11")


@pytest.mark.parametrize("version", ["1.9.1", "1.4.2", ""])
def test_a_version_that_may_not_load_the_model_is_refused(refusal: Callable[..., str], version: str) -> None:
    line = refusal(model_path=str(MODELS / "sklearn-1.5.joblib"), framework_version=version)

    assert line.startswith("framework_version=")
    assert line.endswith(
        ": answer 1.5.2, or leave framework_version out: sklearn-1.5.joblib was saved by scikit-learn 1.5.2 "
        "(scikit-learn, joblib)"
    )


@pytest.mark.parametrize("answer", REFUSED)
def test_an_answer_that_contradicts_the_file_is_refused(refusal: Callable[..., str], answer: str) -> None:
    name, value = answer.split("=")
    line = refusal(model_path=str(MODELS / "xgboost-3.4.ubj"), **{name: value.strip("'")})

    saved = "xgboost-3.4.ubj was saved by xgboost 3.4.1 (XGBoost, UBJSON)"
    assert line == f"{answer}: {REFUSED[answer]}: {saved}"


def test_a_format_that_is_loaded_in_the_same_way_is_no_contradiction(ask: Callable[..., Answers]) -> None:
    values = ask(model_path=str(MODELS / "sklearn-1.5.joblib"), model_format="pkl")

    assert values["model_artifact"] == "model.pkl"


def test_a_file_that_tells_nothing_leaves_the_answers_to_the_user(
    ask: Callable[..., Answers], capfd: pytest.CaptureFixture[str]
) -> None:
    values = ask(model_path=str(MODELS / "make.py"), framework="xgboost")

    assert values["framework"] == "xgboost"
    assert "note: the model is taken to be what the answers say: make.py is source code" in capfd.readouterr().err


def test_a_file_that_is_no_model_is_refused_unless_a_framework_is_given(refusal: Callable[..., str]) -> None:
    line = refusal(model_path=str(MODELS / "make.py"))

    assert line.startswith("model_path=")
    assert line.endswith(
        "make.py is source code: give the file that it saves the model to (if your own code reads it, answer "
        "framework=python)"
    )
