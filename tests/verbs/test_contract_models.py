"""The contract suite fits models of every kind: good servers of them pass it, with reasons for what is n/a.

The servers answer with the project's real codecs and a handler of the owner's, in this process.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from prometheus_client import REGISTRY

from tests.exhaustive import exhaustive
from tests.verbs.conftest import Render
from tests.verbs.contract_server import Refusal, Reply, Request, RightServer, running, typed


class Project(NamedTuple):
    """The modules of a rendered project, imported here."""

    serving: Callable[[str], ModuleType]
    lib: Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def project(render: Render) -> Iterator[Project]:
    root = render(framework="sklearn", model_format="pkl", model_server="fastapi")
    folders = [str(root), str(root / "do")]
    before = dict(sys.modules)
    for name in [name for name in before if name.partition(".")[0] in ("serving", "lib")]:
        del sys.modules[name]
    for collector in [one for one, names in REGISTRY._collector_to_names.items() if "serving" in " ".join(names)]:
        REGISTRY.unregister(collector)  # of another copy of the server in this process
    sys.path[:0] = folders
    # its model handler needs scikit-learn, which isn't installed here
    sys.modules["serving.model_handler"] = ModuleType("serving.model_handler")
    sys.modules["serving.model_handler"].ModelHandler = object  # type: ignore[attr-defined]
    path = list(sys.path)
    yield Project(
        lambda name: importlib.import_module(f"serving.{name}"), lambda name: importlib.import_module(f"lib.{name}")
    )
    sys.path[:] = [folder for folder in path if folder not in folders]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("serving", "lib")]:
        del sys.modules[name]
    sys.modules.update({name: module for name, module in before.items() if name not in sys.modules})


class HandlerServer(RightServer):
    """Keeps the contract with a handler's own decode, predict and encode, as `serving/service.py` does."""

    def __init__(self, project: Project, handler: Any) -> None:
        super().__init__()
        self.codecs = project.serving("codecs")
        self.errors = project.serving("errors")
        self.handler = handler

    def invocations(self, request: Request) -> Reply:
        try:
            self.output(request.headers.get("x-amzn-sagemaker-custom-attributes", ""))
            accept = self.codecs.accepted_type(request.headers.get("accept"))
            content_type = self.codecs.content_type(request.headers.get("content-type"))
            rows = self.handler.decode(request.body, content_type)
            predictions = self.predict_rows(rows)
            self.count(len(rows))
            return Reply(body=self.handler.encode(predictions, accept), headers=typed(accept))
        except self.errors.ServingError as error:
            raise Refusal(error.status, error.code, error.message) from error

    def predict_rows(self, rows: Any) -> Any:
        return self.handler.predict(None, rows)


Make = Callable[[Project], Any]


def handler(project: Project, predict: Callable[[Any], Any], **attributes: Any) -> Any:
    """A handler with this `predict`; `attributes` are its methods and its row format."""
    base = project.serving("handlers.base").Handler
    methods = {"load": lambda self, folder: None, "predict": lambda self, model, rows: predict(rows)}
    made = type("ModelHandler", (base,), {"__module__": "serving.model_handler", **methods, **attributes})()
    made.allow_missing = bool(made.allow_missing)
    return made


def matrix(project: Project, *shape: int, names: tuple[str, ...] = ()) -> Any:
    return project.serving("codecs").RowFormat(shape, names)


def sums(rows: np.ndarray) -> np.ndarray:
    return np.array([float(np.sort(row, axis=None).sum()) for row in rows])


def labels(rows: np.ndarray) -> np.ndarray:
    return np.where(sums(rows) > 0, "yes", "1.50")


def typed_columns(project: Project) -> Any:
    tables = project.serving("tables")
    row_format = project.serving("codecs").RowFormat((2,), ("city", "age"), (tables.TEXT, tables.NUMBER))

    def predict(rows: Any) -> np.ndarray:
        cities, ages = rows.columns["city"], rows.columns["age"]
        return np.array([len(city) + float(age) for city, age in zip(cities, ages, strict=True)])

    def decode(self: Any, body: bytes, content_type: str) -> Any:
        return tables.decode(body, content_type, self.row_format)

    decode.__module__ = "serving.handlers.sklearn"  # as the template's own handlers read such rows
    return handler(project, predict, row_format=row_format, decode=decode)


def texts(project: Project) -> Any:
    tables = project.serving("tables")

    def decode(self: Any, body: bytes, content_type: str) -> Any:
        return tables.decode_values(body, content_type, str)

    decode.__module__ = "serving.handlers.sklearn"
    return handler(project, lambda rows: np.array([len(text) for text in rows]), decode=decode)


def own_decode(project: Project) -> Any:
    bad = project.serving("errors").BadRequest

    def decode(self: Any, body: bytes, content_type: str) -> Any:
        try:
            return [question["text"] for question in json.loads(body)["questions"]]
        except (ValueError, TypeError, KeyError):
            raise bad("send questions") from None

    return handler(project, lambda rows: np.array([len(row) for row in rows]), decode=decode)


def own_encode(project: Project) -> Any:
    def encode(self: Any, predictions: Any, accept: str) -> bytes:
        return json.dumps({"total": float(sum(predictions))}).encode()

    return handler(project, sums, row_format=matrix(project, 3), encode=encode)


def mixed_labels(project: Project) -> Any:
    def predict(rows: np.ndarray) -> np.ndarray:
        return np.array([1 if row[0] > 0.5 else "a" if row[0] > 0 else True for row in rows], dtype=object)

    return handler(project, predict, row_format=matrix(project, 3))


def several_outputs(project: Project) -> Any:
    return handler(
        project,
        lambda rows: {"label": labels(rows), "scores": np.stack([rows[:, 0], rows[:, 1]], axis=1)},
        row_format=matrix(project, 3),
    )


def strict_neighbors(project: Project) -> Any:
    return handler(project, lambda rows: rows.sum(axis=1) - rows.mean(), row_format=matrix(project, 2))


NUMBERS = {"instances": [[1, 2, 3], [0.5, -1, 4], [-9, 2, 1]]}
EXAMPLE = "the example request is answered as the model itself answers it"
RECORDS = [{"city": "Genève", "age": 40}, {"city": 'Bern, "BE"', "age": 2}, {"city": "Ulm", "age": -3}]

# what is served, the example request (None: made-up rows), and how many checks at least must be ok
KINDS: dict[str, tuple[Make, Any, int]] = {
    "numbers": (lambda p: handler(p, sums, row_format=matrix(p, 3)), None, 110),
    "numbers by name": (lambda p: handler(p, sums, row_format=matrix(p, 3, names=("a", "b", "c"))), NUMBERS, 115),
    "records": (
        lambda p: handler(p, sums, row_format=matrix(p, 2, names=("a", "b"))),
        {"instances": [{"b": 1, "a": 2.5}, {"a": 0, "b": 7}]},
        115,
    ),
    "whole numbers": (lambda p: handler(p, lambda rows: sums(rows).astype(int), row_format=matrix(p, 3)), NUMBERS, 110),
    "labels": (lambda p: handler(p, labels, row_format=matrix(p, 3)), None, 106),
    "labels of many types": (mixed_labels, NUMBERS, 100),
    "a matrix of answers": (
        lambda p: handler(p, lambda rows: np.stack([rows, -rows], axis=2), row_format=matrix(p, 3)),
        None,
        110,
    ),
    "a column of answers": (lambda p: handler(p, lambda rows: rows[:, :1], row_format=matrix(p, 3)), None, 110),
    "several outputs": (several_outputs, NUMBERS, 105),
    "missing values": (lambda p: handler(p, sums, row_format=matrix(p, 3), allow_missing=True), NUMBERS, 100),
    "gaps in the answers": (
        lambda p: handler(p, lambda rows: np.where(rows[:, 0] > 0, rows[:, 0], np.nan), row_format=matrix(p, 3)),
        NUMBERS,
        110,
    ),
    "one column": (lambda p: handler(p, sums, row_format=matrix(p, 1)), None, 100),
    "5,000 columns": (lambda p: handler(p, sums, row_format=matrix(p, 5000)), None, 110),
    "images": (lambda p: handler(p, sums, row_format=matrix(p, 8, 8, 3)), None, 105),
    "variable length": (lambda p: handler(p, sums), {"instances": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]}, 50),
    "typed columns": (typed_columns, {"instances": RECORDS}, 75),
    "typed columns, split": (
        typed_columns,
        {"columns": ["age", "city"], "data": [[40, "Genève"], [2, "Bern"]]},
        75,
    ),
    "texts": (texts, {"instances": ["good", "bad, very", "Genève"]}, 70),
    "texts in a list": (texts, ["good", "1"], 70),
    "decoded by the owner": (own_decode, {"questions": [{"text": "who"}, {"text": "where"}]}, 35),
    "encoded by the owner": (own_encode, NUMBERS, 40),
    "rows that depend on each other": (strict_neighbors, {"instances": [[1, 2], [3, 5], [7, 7]]}, 60),
}


def checked(
    project: Project, made: Any, request: Any, server: RightServer | None = None, names: tuple[str, ...] = ("",)
) -> dict[str, str]:
    """The lines of the checks whose names begin with one of these, by name."""
    body = json.dumps(request).encode() if request is not None else None
    document = json.loads(json.dumps(project.lib("model.answers").answers(made, None, body)))
    document["loading"] = {"seconds": 1.0, "memory": 0}
    reference = project.lib("checks.http.reference").of_answers(document, body or document["request"].encode())
    suite = project.lib("checks.http.suite")
    with (
        running(server or HandlerServer(project, made)) as url,
        project.lib("checks.http.http_client").Client(url) as client,
    ):
        chosen = [check for check in suite.all_checks() if check.name.startswith(names)]
        return {result.name: str(result) for result in suite.run(client, reference, chosen)}


# those that the codecs treat in ways of their own
DISTINCT = {"numbers", "records", "labels", "several outputs", "missing values", "images", "typed columns", "texts"}
DISTINCT |= {"variable length", "decoded by the owner", "encoded by the owner", "rows that depend on each other"}


@pytest.mark.parametrize("kind", [pytest.param(k, marks=[] if k in DISTINCT else [exhaustive]) for k in KINDS])
def test_a_good_server_of_any_kind_passes(project: Project, kind: str) -> None:
    make, request, least = KINDS[kind]

    outcomes = checked(project, make(project), request)

    assert [line for line in outcomes.values() if not line.startswith(("ok", "n/a"))] == []
    assert [line for line in outcomes.values() if line.startswith("n/a") and line.endswith(" - ")] == []
    assert sum(line.startswith("ok") for line in outcomes.values()) >= least
    assert outcomes[EXAMPLE].startswith("ok")


class Swaps(HandlerServer):
    """Answers with another row's prediction."""

    def predict_rows(self, rows: Any) -> Any:
        answer = super().predict_rows(rows)
        if isinstance(answer, dict):
            return {name: output[::-1] for name, output in answer.items()}
        return answer[::-1]


class Refuses(HandlerServer):
    """Can answer no request of this kind."""

    def predict_rows(self, rows: Any) -> Any:
        raise self.errors.BadRequest("not a number")


@pytest.mark.parametrize("wrong", [Swaps, Refuses])
@pytest.mark.parametrize(
    "kind",
    [
        "numbers",
        "labels",
        "several outputs",
        "typed columns",
        "texts",
        "images",
        "variable length",
        "decoded by the owner",
    ],
)
def test_a_bad_server_of_any_kind_fails(project: Project, kind: str, wrong: type[HandlerServer]) -> None:
    make, request, _ = KINDS[kind]
    made = make(project)

    outcomes = checked(project, made, request, wrong(project, made), names=(EXAMPLE,))

    assert outcomes[EXAMPLE].startswith("FAIL")


@pytest.mark.parametrize("make", [typed_columns, texts, own_decode, lambda p: handler(p, sums)])
def test_no_rows_are_made_up_for_a_model_that_may_want_others(project: Project, make: Make) -> None:
    answers = project.lib("model.answers")

    with pytest.raises(answers.NothingToAsk, match="write one request into example_request"):
        answers.answers(make(project), None, None)
