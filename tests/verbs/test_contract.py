"""The contract suite catches every server that breaks the contract: each check has a server that it must refuse."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.verbs.conftest import Render
from tests.verbs.contract_server import COLUMNS, OUTPUTS, ROWS, RightServer, doubled, model, running
from tests.verbs.faults import FAULTS


class Suite:
    """The contract suite of a rendered project, imported here."""

    def __init__(self) -> None:
        self.module = importlib.import_module("lib.checks.http.suite")
        self.client = importlib.import_module("lib.checks.http.http_client").Client
        self.reference = importlib.import_module("lib.checks.http.reference").Reference
        self.predictions = importlib.import_module("lib.model.predictions").Predictions
        self.documents = importlib.import_module("lib.model.documents")
        self.checks = self.module.all_checks()

    def outcomes(self, server: RightServer, *names: str, **about_model: Any) -> dict[str, str]:
        """The lines of the checks whose names begin with one of these (of all, without names), by name."""
        reference = self.about(**about_model)
        chosen = [check for check in self.checks if check.name.startswith(names or ("",))]
        with running(server) as url, self.client(url) as client:
            return {result.name: str(result) for result in self.module.run(client, reference, chosen)}

    def about(self, **about_model: Any) -> Any:
        """What is known of the model of `contract_server`, or of another one."""
        known = {
            "example": self.documents.of_rows(ROWS.tolist()),
            "predictions": self.predictions.of(model(ROWS), 0),
            "columns": COLUMNS,
            "shape": (len(COLUMNS),),
            "outputs": {OUTPUTS[1]: self.predictions.of(doubled(model(ROWS)), 0)},
        }
        return self.reference(**{**known, **about_model})

    def difference(self, predictions: Any, seen: Any, relative_tolerance: float = 0) -> str:
        """What is wrong with answers, when the model predicts something."""
        difference: str = self.predictions.of(np.array(predictions), relative_tolerance).difference(seen)
        return difference


@pytest.fixture(scope="module")
def suite(render: Render) -> Iterator[Suite]:
    folder = str(render(framework="sklearn", model_format="pkl", model_server="fastapi") / "do")
    sys.path.insert(0, folder)
    yield Suite()
    sys.path.remove(folder)


@pytest.mark.alone
def test_a_server_that_keeps_the_contract_passes_every_check(suite: Suite) -> None:
    outcomes = suite.outcomes(RightServer())

    assert len(outcomes) == len(suite.checks) > 100
    assert [outcome for outcome in outcomes.values() if not outcome.startswith("ok")] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_server_that_breaks_it_fails_the_checks_for_that(suite: Suite, fault: type[RightServer]) -> None:
    outcomes = suite.outcomes(fault(), *FAULTS[fault])

    assert [name for name in FAULTS[fault] if not any(check.startswith(name) for check in outcomes)] == []
    assert [outcome for outcome in outcomes.values() if not outcome.startswith("FAIL")] == []


def test_every_check_has_a_server_that_it_refuses(suite: Suite) -> None:
    caught = tuple(name for names in FAULTS.values() for name in names)

    assert [check.name for check in suite.checks if not check.name.startswith(caught)] == []


def test_no_two_checks_have_one_name(suite: Suite) -> None:
    names = [check.name for check in suite.checks]

    assert sorted(names) == sorted(set(names))


def test_a_model_without_column_names_is_not_asked_for_records(suite: Suite) -> None:
    outcomes = suite.outcomes(RightServer(), "rows may be records", columns=())

    assert outcomes
    assert all("n/a" in outcome and "without column names" in outcome for outcome in outcomes.values())


def test_a_model_that_takes_missing_values_is_not_asked_to_refuse_them(suite: Suite) -> None:
    outcomes = suite.outcomes(RightServer(), "a missing value is 400", "an npy value", allow_missing=True)

    assert {outcome.split()[0] for name, outcome in outcomes.items() if "infinity" not in name} == {"n/a"}
    assert outcomes["an npy value that is not finite is 400: infinity"].startswith("ok")


@pytest.mark.parametrize(
    ("predictions", "seen"),
    [
        ([1.5, 2.5], [1.5, 2.5]),
        (np.array([0.1, 0.2], dtype=np.float32), [0.1, 0.2]),  # the shortest text of these float32
        ([1, 2], [1.0, 2.0]),  # as CSV tells them
        (["yes", "no"], ["yes", "no"]),
        ([[0.25, 0.75]], [[0.25, 0.75]]),
    ],
)
def test_the_models_own_predictions_are_recognised(suite: Suite, predictions: Any, seen: Any) -> None:
    assert suite.difference(predictions, seen) == ""


@pytest.mark.parametrize(
    ("predictions", "seen", "difference"),
    [
        ([1.5, 2.5], [1.5, 2.5000000000000004], "2.5000000000000004 instead of 2.5 for row 2"),
        ([1.5, 2.5], [1.5], "predictions of shape [1] instead of [2]"),
        ([1.5, 2.5], ["1.5", "2.5"], "['1.5', '2.5'], which are not all numbers"),
        ([1.5, 2.5], [1.5, None], "[1.5, None], which are not all numbers"),
        ([1.5, 2.5], [[1.5], [2.5, 3]], "predictions of different lengths: [[1.5], [2.5, 3]]"),
        ([1, 2], [1.7, 2.0], "1.7 instead of 1 for row 1"),
        (["yes", "no"], ["yes", "no way"], "no way instead of no for row 2"),
        (["yes", "no"], "yes", "predictions of shape [] instead of [2]"),
    ],
)
def test_other_predictions_are_told_apart(suite: Suite, predictions: Any, seen: Any, difference: str) -> None:
    assert suite.difference(predictions, seen) == difference


def test_a_tolerance_is_relative_to_the_largest_prediction(suite: Suite) -> None:
    assert suite.difference([0.0, 1000.0], [0.0001, 1000.0], relative_tolerance=1e-6) == ""
    assert suite.difference([0.0, 1000.0], [0.01, 1000.0], relative_tolerance=1e-6) != ""
