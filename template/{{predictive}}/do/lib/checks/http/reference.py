"""What the answers of a server are compared with: an example request, and the model's own predictions for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lib import programs
from lib.checks.results import NotApplicable
from lib.cli import ROOT, ExitCode, VerbError
from lib.local import environment
from lib.model import artifacts, documents, example, memory
from lib.model.documents import JSON, Example, Unsendable
from lib.model.predictions import Predictions

NOTHING_TO_ASK = 6  # answers.py: without an example there is no request to make
MADE_UP = "the rows were made up: write a request of yours into example_request.json, and run do/test again"


@dataclass(frozen=True)
class Reference:
    """An example request and the model's own predictions for it; what is known of the rows that the model takes."""

    example: Example
    predictions: Predictions  # empty if `answer` is compared instead
    columns: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None  # of one row; None if the model doesn't tell
    matrix: bool = True  # rows are read as numbers, in every form, and anything else is refused
    own_decode: bool = False  # the owner's code reads the requests, with refusals of its own
    own_types: bool = False  # the owner's code decides what the headers Content-Type and Accept mean
    allow_missing: bool = False
    undivided: str = ""  # why the rows can't be sent alone or in other numbers
    answers: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)  # content type and body, by accepted type
    refused: Mapping[str, str] = field(default_factory=dict)  # forms that the handler doesn't read, and why
    differing: Mapping[str, Predictions] = field(default_factory=dict)  # forms that it reads in another way
    unwritable: Mapping[str, str] = field(default_factory=dict)  # content types that it can't answer with, and why
    outputs: Mapping[str, Predictions] = field(default_factory=dict)  # that a request may ask for, and what it gets
    note: str = ""  # for the last line of a report

    @property
    def answer(self) -> str:
        """The whole JSON answer of code of the owner's that writes its own; empty if the template writes it."""
        return self.answers[JSON][1].decode(errors="replace") if self.answers else ""

    @property
    def rows(self) -> list[Any]:
        """The example's rows. Raises NotApplicable if it has none that can be told apart."""
        if self.undivided or self.example.rows is None:
            raise NotApplicable(self.undivided or "the example request is not a list of rows")
        return self.example.rows

    @property
    def count(self) -> int:
        """How many different requests can be made of the example: one for each row, or the example itself."""
        return 1 if self.undivided else len(self.rows)

    @property
    def predicted(self) -> int:
        """How many rows the server has to predict for the example, at least."""
        return 1 if self.answer else len(self.predictions)

    @property
    def needs_every_form(self) -> bool:
        """Whether a server has to read the rows in every form, because they are nothing but numbers."""
        return self.matrix and self.shape is not None

    def request(self, form: str = JSON, chosen: Sequence[int] | None = None) -> tuple[bytes, Predictions]:
        """A body with all rows, or with those chosen, and what the model predicts. Raises NotApplicable."""
        if form == JSON and (chosen is None or self.undivided):
            return self.example.body, self.predictions
        if form in self.refused and not self.needs_every_form:
            raise NotApplicable(self.refused[form])
        rows = self.rows if chosen is None else [self.rows[number] for number in chosen]
        predictions = self.differing.get(form, self.predictions)
        return self.body(rows, form), predictions if chosen is None else predictions.take(chosen)

    def body(self, rows: list[Any], form: str = JSON) -> bytes:
        """Any rows as a body. Raises NotApplicable."""
        try:
            return self.example.encode(rows, form, self.columns)
        except Unsendable as reason:
            raise NotApplicable(str(reason)) from None

    def repeated(self, count: int, most_bytes: int, form: str = JSON) -> tuple[bytes, Predictions]:
        """So many rows, or as many as fit into a body of this size. Raises NotApplicable."""
        if self.undivided:
            return self.request(form)
        width = max(len(self.body([row], form)) for row in self.rows)
        fitting = max(1, min(count, most_bytes // width))
        return self.request(form, [number % len(self.rows) for number in range(fitting)])

    def lists(self) -> list[list[Any]]:
        """The rows as lists of values. Raises NotApplicable if they are anything else."""
        rows = [documents.as_list(row, self.columns) for row in self.rows]
        if not all(isinstance(row, list) and row for row in rows):
            raise NotApplicable("a row of this model is a single value")
        return rows

    def in_lists(self, rows: list[Any], content_type: str = JSON) -> bytes:
        """Rows of lists as a body, even if the example's own rows are records. Raises NotApplicable."""
        return self.body(rows, "instances" if content_type == JSON else content_type)

    def with_width(self, difference: int, content_type: str = JSON) -> bytes:
        """The example's rows with one value more (1) or fewer (-1) in each. Raises NotApplicable."""
        self.require_shape()
        rows = [documents.with_width(row, difference) for row in self.lists()]
        if not documents.leaves(rows):
            raise NotApplicable("the model has one column")
        return self.in_lists(rows, content_type)

    def require_shape(self) -> None:
        """Raise NotApplicable unless the number of columns is known and checked."""
        self.require_default_decode()
        if not self.shape:
            raise NotApplicable("the model doesn't tell how many columns it expects")

    def require_default_decode(self) -> None:
        """Raise NotApplicable if the owner's code reads the requests."""
        if self.own_decode:
            raise NotApplicable("the project's handler reads requests in its own way")

    def require_numbers(self) -> None:
        """Raise NotApplicable unless anything but a number is refused."""
        self.require_default_decode()
        if not self.matrix:
            raise NotApplicable("the model's columns are not known to hold only numbers")

    def require_default_types(self) -> None:
        """Raise NotApplicable if it is up to the owner's code which content types there are."""
        if self.own_types:
            raise NotApplicable("the project's own code decides which content types it reads and writes")

    def require_writable(self, accept: str) -> None:
        """Raise NotApplicable if the predictions can't be written as this content type."""
        reason = self.unwritable.get(accept)
        if reason and (self.answer or not self.predictions.is_one_array_of_numbers):
            raise NotApplicable(f"the project's handler can't answer so: {reason}")


def load(request: Path | None, model_dir: Path | None) -> Reference:
    """The sample model's expected answers if it is the one served, else what the model in `model_dir` answers.

    The request is `request`, else example_request.json, else made up. Raises VerbError.
    """
    if not request and example.OWN_REQUEST.exists():
        request = example.OWN_REQUEST
    if not request and model_dir in (None, artifacts.MODEL_DIR) and artifacts.trained():
        return _of_sample()
    return _of_model(request, model_dir or artifacts.MODEL_DIR)


def _of_sample() -> Reference:
    expected = json.loads(artifacts.EXPECTED.read_text())
    request = documents.read(example.SAMPLE_REQUEST.read_bytes())
    predictions = np.array(expected["predictions"], dtype=expected["dtype"])
    assert request.rows is not None
    return Reference(
        example=request,
        predictions=Predictions.of(predictions, expected["relative_tolerance"]),
        columns=tuple(expected["columns"] or ()),
        shape=np.shape(request.rows)[1:],
        allow_missing=expected.get("allow_missing", False),
    )


def _of_model(request: Path | None, model_dir: Path) -> Reference:
    if request and not request.is_file():
        raise VerbError(f"there is no file {request}", ExitCode.MISSING_FILE)
    answers = _ask_model(request, model_dir)
    return of_answers(answers, request.read_bytes() if request else answers["request"].encode())


def of_answers(answers: Mapping[str, Any], body: bytes) -> Reference:
    """From the document that answers.py prints for a request's body."""
    forms = answers["forms"]
    return Reference(
        example=documents.read(body),
        predictions=_predictions(answers),
        columns=tuple(answers["columns"]),
        shape=None if answers["shape"] is None else tuple(answers["shape"]),
        matrix=answers["matrix"],
        own_decode=answers["own_decode"],
        own_types=answers["own_types"],
        allow_missing=answers["allow_missing"],
        undivided=answers["undivided"],
        answers={
            accept: (content_type, body.encode(errors="surrogateescape"))
            for accept, (content_type, body) in answers.get("answers", {}).items()
        },
        refused={form: answer["refused"] for form, answer in forms.items() if "refused" in answer},
        differing={form: _predictions(answer) for form, answer in forms.items() if "predictions" in answer},
        unwritable={accept: reason for accept, reason in answers["writes"].items() if reason},
        outputs={name: _predictions(answer) for name, answer in answers["outputs"].items()},
        note="; ".join(_notes(answers)),
    )


def _notes(answers: Mapping[str, Any]) -> list[str]:
    loading = answers["loading"]
    made_up = [MADE_UP] if answers["made_up"] else []
    return made_up + memory.advice(loading["memory"], loading["seconds"])


def _predictions(answer: Mapping[str, Any]) -> Predictions:
    if answer["predictions"] is None:
        return Predictions({}, {})
    dtypes = answer["dtypes"]
    return Predictions.of(
        {name: np.array(output, dtype=dtypes[name]) for name, output in answer["predictions"].items()}
    )


def _ask_model(request: Path | None, model_dir: Path) -> dict[str, Any]:
    artifacts.require(model_dir)
    python = environment.serving_python()
    command = [str(python), str(ROOT / "do" / "lib" / "model" / "answers.py"), str(model_dir)]
    done = programs.attempt([*command, str(request)] if request else command)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        if done.returncode == NOTHING_TO_ASK:
            raise VerbError(lines[-1], ExitCode.FAILED)
        code = ExitCode.MISSING_FILE if done.returncode == ExitCode.MISSING_FILE else ExitCode.FAILED
        raise VerbError(f"can't tell what the model itself answers: {lines[-1]}", code)
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document
