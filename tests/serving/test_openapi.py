"""The description of the interface is that of this model: names, types, categories and the owner's example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from serving import codecs, openapi, transcoding
from serving.codecs import RowFormat
from serving.handlers.base import Handler
from serving.tables import NUMBER, TEXT


class Numbers(Handler):
    """A handler that reads as the template does."""

    def load(self, model_dir: Path) -> Any: ...

    def predict(self, model: Any, rows: Any) -> Any: ...


class Own(Numbers):
    """A handler with a decode of the owner's."""

    def decode(self, body: bytes, content_type: str) -> Any: ...


MIXED = RowFormat((3,), ("city", "age", "new"), (TEXT, NUMBER, None), (("Bern", "Genève"), (), ()))


def described(row_format: RowFormat | None, example: Any = None, handler: Handler | None = None, **of: Any) -> Any:
    made = handler or Numbers()
    made.row_format = row_format
    for name, value in of.items():
        setattr(made, name, value)
    body = None if example is None else json.dumps(example).encode()
    return json.loads(openapi.document(made, body, b'{"predictions":["yes"]}'))


def rows_are_valid(document: Any, rows: Any) -> bool:
    schema = {**document["components"]["schemas"]["Rows"], "components": document["components"]}
    return bool(jsonschema.Draft202012Validator(schema).is_valid({"instances": rows}))


@pytest.mark.parametrize(
    ("row_format", "gaps", "example", "good", "bad"),
    [
        (RowFormat((2,)), False, None, [[1, 2.5]], [[[1]], [[1, 2, 3]], [["a", 1]], [[None, 1]], [{"a": 1, "b": 2}]]),
        (RowFormat((2,)), True, None, [[None, 2.5]], [[["a", 1]]]),
        (RowFormat((2,), ("a", "b")), False, None, [{"b": 1, "a": 2}], [[{"a": 1}], [{"a": 1, "b": 2, "c": 3}]]),
        (
            MIXED,
            True,
            None,
            [["Bern", 41, True], {"city": None, "age": 1.5, "new": "x"}],
            [[[1, 41, True]], [["a", "b", 1]]],
        ),
        (RowFormat((2, 1)), False, None, [[[1], [2]]], [[[1, 2]], [[[1], [2], [3]]]]),
        (None, True, {"instances": ["so good", "so bad"]}, ["fine"], [[7], [["a"]]]),
        (None, True, [{"age": 41, "tags": ["a"]}], [{"age": 1.5, "tags": []}], [[{"age": "x"}], ["a"]]),
    ],
)
def test_rows_are_described_as_the_model_takes_them(
    row_format: RowFormat | None, gaps: bool, example: Any, good: Any, bad: list[Any]
) -> None:
    document = described(row_format, example, allow_missing=gaps)

    assert rows_are_valid(document, good)
    assert [rows for rows in bad if rows_are_valid(document, rows)] == []


def test_categories_names_and_the_owners_example_are_shown() -> None:
    example = {"instances": [{"city": "Bern", "age": 41, "new": True}]}
    document = described(MIXED, example)
    operation = document["paths"]["/invocations"]["post"]

    record = document["components"]["schemas"]["Row"]["oneOf"][0]
    assert record["properties"]["city"]["examples"] == ["Bern", "Genève"]
    assert operation["requestBody"]["content"][codecs.JSON]["example"] == example
    assert operation["responses"]["200"]["content"][codecs.JSON]["example"] == {"predictions": ["yes"]}
    assert "city,age,new" in operation["requestBody"]["content"][codecs.CSV]["schema"]["description"]


def test_what_the_owners_code_reads_is_not_described_as_rows() -> None:
    document = described(RowFormat((2,)), handler=Own())

    assert rows_are_valid(document, "anything")
    assert "own code" in document["components"]["schemas"]["Rows"]["description"]


@pytest.mark.parametrize("example", [{"signature_name": "f", "instances": [1]}, {"inputs": {"a": [1]}}, 7, "no JSON"])
def test_an_example_in_a_form_of_its_own_is_shown_and_describes_no_rows(example: Any) -> None:
    document = described(None, example)

    assert document["paths"]["/invocations"]["post"]["requestBody"]["content"][codecs.JSON]["example"] == example


def test_further_content_types_are_listed() -> None:
    content = described(RowFormat((2,)), also_reads=(transcoding.LIBSVM,))["paths"]["/invocations"]["post"][
        "requestBody"
    ]

    assert transcoding.LIBSVM in content["content"]
    assert transcoding.PARQUET not in content["content"]  # pyarrow is not installed here
