"""A request may choose what it is answered with, and never shares a batch with others then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving import codecs, outputs, tables
from serving.errors import BadRequest, UnknownOutput
from serving.handlers.base import Handler


class Classifier:
    """Knows two labels, with scikit-learn's methods."""

    classes_ = np.array(["no", "yes"])

    def predict(self, rows: Any) -> Any:
        return self.classes_[(rows[:, 0] > 0.2).astype(int)]  # not the likeliest: a threshold of its own

    def predict_proba(self, rows: Any) -> Any:
        return np.column_stack([1 - rows[:, 0], rows[:, 0]])

    def set_params(self, rows: Any) -> Any: ...


ROWS = np.array([[0.1], [0.3]])


def answered(model: Any, output: str, rows: np.ndarray = ROWS) -> Any:
    return outputs.answered(model, output, lambda method: getattr(model, method)(rows))


@pytest.mark.parametrize(
    ("attributes", "output"),
    [
        ("output=predict_proba", "predict_proba"),
        ("trace=1, output=predict_proba ,x", "predict_proba"),
        ("trace=1", None),
        ("my_output=a", None),
        ("output=a,output=a", "a"),
        ("output=", ""),
    ],
)
def test_custom_attributes_name_an_output(attributes: str, output: str | None) -> None:
    assert outputs.requested(attributes) == output


def test_two_outputs_in_one_request_are_refused() -> None:
    with pytest.raises(UnknownOutput, match="more than one"):
        outputs.requested("output=a,output=b")


def test_callers_choose_among_methods_that_answer_and_no_others() -> None:
    known = outputs.of_methods(Classifier())

    assert known == ("predict", "predict_proba", "class_probabilities")
    with pytest.raises(UnknownOutput, match="no output 'set_params'; choose predict, predict_proba"):
        outputs.check("set_params", known)


def test_class_probabilities_are_the_models_label_and_the_probability_of_each_class() -> None:
    answer = answered(Classifier(), "class_probabilities")

    assert json.loads(codecs.encode(answer, codecs.JSON))["predictions"] == [
        {"label": "no", "probabilities": {"no": 0.9, "yes": 0.1}},
        {"label": "yes", "probabilities": {"no": 0.7, "yes": 0.3}},
    ]
    assert codecs.encode(answer, codecs.CSV) == b"no,0.9,0.1\nyes,0.7,0.3\n"
    assert len(codecs.encode(answer, codecs.JSON_LINES).splitlines()) == 2


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (np.array([0, 1]), ["0", "1"]),
        (np.array([False, True]), ["false", "true"]),
        (np.array([0.5, 1.0]), ["0.5", "1.0"]),
        (np.array(["0", "ü"], dtype=object), ["0", "ü"]),
    ],
)
def test_a_class_is_named_as_json_writes_its_label(classes: Any, names: list[str]) -> None:
    model = Classifier()
    model.classes_ = classes

    assert list(answered(model, "class_probabilities")["probabilities"][0]) == names


def test_a_model_of_several_labels_a_row_refuses_class_probabilities() -> None:
    model = Classifier()
    model.predict = lambda rows: np.zeros((len(rows), 2))  # type: ignore[method-assign]

    with pytest.raises(BadRequest, match="one label a row"):
        answered(model, "class_probabilities")


def test_a_request_for_another_output_shares_no_batch() -> None:
    chosen = tables.Selected(ROWS, "predict_proba")

    assert tables.form(chosen) != tables.form(ROWS)
    assert tables.form(chosen) != tables.form(tables.Selected(ROWS, "predict_proba"))


class Own(Handler):
    """A handler whose owner wrote predict."""

    def load(self, model_dir: Path) -> Any: ...

    def predict(self, model: Any, rows: Any) -> Any: ...

    def outputs(self, model: Any) -> tuple[str, ...]:
        return ("predict", "predict_proba")


def test_a_predict_of_the_owner_is_never_bypassed() -> None:
    assert Own().selectable(None) == ()
