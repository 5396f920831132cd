"""Rows with typed columns: what each form of a body becomes, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from serving import errors, tables
from serving.codecs import CSV, JSON, JSON_LINES, RowFormat
from serving.tables import BOOLEAN, NUMBER, TEXT, Table

SHOP = RowFormat((3,), ("city", "zip", "size"), (TEXT, None, NUMBER))


def values_of(rows: Any) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in rows.columns.items()}


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (JSON, b'{"instances": [["Bern", 3000, 1.5], ["Basel", 4000, 2]]}'),
        (JSON, b'[{"zip": 3000, "city": "Bern", "size": 1.5}, {"zip": 4000, "city": "Basel", "size": 2}]'),
        (JSON, b'{"columns": ["size", "zip", "city"], "data": [[1.5, 3000, "Bern"], [2, 4000, "Basel"]]}'),
        (JSON, b'{"instances": [{"features": ["Bern", 3000, 1.5]}, {"features": ["Basel", 4000, 2]}]}'),
        (JSON_LINES, b'["Bern", 3000, 1.5]\n["Basel", 4000, 2]\n'),
        (CSV, b"Bern,3000,1.5\r\nBasel,4000,2\r\n"),
        (CSV, b"\xef\xbb\xbfsize,city,zip\n1.5,Bern,3000\n2,Basel,4000\n"),
    ],
)
def test_all_forms_of_a_body_are_the_same_rows(media_type: str, body: bytes) -> None:
    rows = tables.decode(body, media_type, SHOP)

    assert isinstance(rows, Table)
    assert values_of(rows) == {"city": ["Bern", "Basel"], "zip": [3000, 4000], "size": [1.5, 2.0]}
    assert [column.dtype.kind for column in rows.columns.values()] == ["O", "i", "f"]


@pytest.mark.parametrize(
    ("media_type", "body", "expected"),
    [
        (JSON, b'[{"a": 9007199254740993}]', [9007199254740993]),
        (JSON, b'[{"a": 18446744073709551615}]', [18446744073709551615]),
        (JSON, b'[{"a": true}, {"a": false}]', [True, False]),
        (CSV, b"a\nTrue\nFalse\n", [True, False]),
        (CSV, b"a\n9007199254740993\n", [9007199254740993]),
        (JSON, b'[{"a": "x"}, {"a": 1}]', ["x", 1]),
    ],
)
def test_values_keep_their_type(media_type: str, body: bytes, expected: list[Any]) -> None:
    rows = tables.decode(body, media_type, RowFormat((1,), ("a",)))

    assert values_of(rows) == {"a": expected}
    assert list(map(type, values_of(rows)["a"])) == list(map(type, expected))


def test_gaps_are_nan_in_columns_of_numbers_and_of_text() -> None:
    rows = tables.decode(b"city,zip,size\n,3000,\nBern,,NA\n", CSV, SHOP)
    assert isinstance(rows, Table)

    assert [type(value) for value in values_of(rows)["city"]] == [float, str]
    assert math.isnan(values_of(rows)["city"][0])
    assert np.isnan(rows.columns["size"]).all()
    assert np.isnan(rows.columns["zip"][1])


def test_numbers_in_a_column_of_text_stay_text_in_csv() -> None:
    rows = tables.decode(b"08001\n", CSV, RowFormat((1,), ("zip",), (TEXT,)))

    assert values_of(rows) == {"zip": ["08001"]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'[["Bern", 3000, "large"]]', r"row 1, column 3 \(size\): 'large' is not a number"),
        (b"[[7, 3000, 1]]", r"row 1, column 1 \(city\): '7' is not text"),
        (b'[["Bern", 3000]]', "row 1 has 2 columns; the model expects 3 columns"),
        (b'[{"city": "Bern", "zip": 1}]', "row 1 lacks size"),
        (b'[["Bern", [1], 1]]', "is not a single value"),
        (b'[["Bern", 9007199254740993, 1], ["Bern", null, 1]]', "9007199254740993 is too large to stand beside"),
        (b'{"columns": ["city", "zip"], "data": [["Bern", 1]]}', "row 1 lacks size"),
        (b'{"columns": ["city", "zip", "size"], "data": [["Bern", 1]]}', "row 1 of 'data' doesn't fit"),
        (b'{"instances": [["Bern", 1, 1]], "signature_name": "other"}', "makes no use of 'signature_name'"),
        (b"[]", "no row"),
        (b"7", "list of rows"),
    ],
)
def test_what_would_be_lost_or_guessed_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(errors.BadRequest, match=words):
        tables.decode(body, JSON, SHOP)


def test_an_example_tells_the_columns_that_the_model_does_not() -> None:
    example = tables.decode(b'[{"city": "Bern", "zip": 3000, "member": true, "note": null}]', JSON, None)
    assert isinstance(example, Table)

    assert tables.with_example(None, example) == RowFormat(
        (4,), ("city", "zip", "member", "note"), (TEXT, NUMBER, BOOLEAN, None)
    )


def digits_and_count(rows: Table) -> np.ndarray:
    """A model that reads postal codes as text, and counts as numbers."""
    return np.array([zip == "3000" for zip in rows.columns["zip"]]) + rows.columns["count"] / 2


def same_either_way(rows: Table) -> np.ndarray:
    return rows.columns["zip"].astype(str) == "3000"


def numbers_only(rows: Table) -> np.ndarray:
    return rows.columns["zip"] + rows.columns["count"]


def text_only(rows: Table) -> np.ndarray:
    return np.array([zip.startswith("3") for zip in rows.columns["zip"].tolist()])


@pytest.mark.parametrize(
    ("model", "expected", "kinds"),
    [
        (same_either_way, [True], {}),
        (numbers_only, [3004], {"zip": NUMBER, "count": NUMBER}),
        (text_only, [True], {"zip": TEXT}),
    ],
)
def test_cells_that_may_be_text_are_read_as_the_model_takes_them(
    model: Callable[[Table], Any], expected: list[Any], kinds: dict[str, str]
) -> None:
    rows = tables.decode(b"3000,4\n", CSV, RowFormat((2,), ("zip", "count")))
    assert isinstance(rows, tables.Readings)

    answer, learned = tables.answered(rows, model)

    assert (answer.tolist(), learned) == (expected, kinds)


def test_cells_that_the_model_answers_differently_as_text_are_refused() -> None:
    rows = tables.decode(b"3000,4\n", CSV, RowFormat((2,), ("zip", "count")))
    assert isinstance(rows, tables.Readings)

    with pytest.raises(errors.BadRequest, match="column zip holds, and the model answers 3000 and '3000' differently"):
        tables.answered(rows, digits_and_count)


def test_cells_that_may_be_text_are_predicted_alone() -> None:
    rows = tables.decode(b"3000,4\n", CSV, RowFormat((2,), ("zip", "count")))

    assert tables.form(rows) != tables.form(rows)


def test_rows_of_one_form_are_stacked_and_others_are_not() -> None:
    one, two = (tables.decode(b'[["Bern", 1, 2.5]]', JSON, SHOP), tables.decode(b'[["Basel", 2, 0.5]]', JSON, SHOP))
    third = tables.decode(b'[["Basel", 2.5, 0.5]]', JSON, SHOP)

    assert tables.form(one) == tables.form(two) != tables.form(third)
    assert tables.stack([one, two]).tolist() == [
        {"city": "Bern", "zip": 1, "size": 2.5},
        {"city": "Basel", "zip": 2, "size": 0.5},
    ]


DATED = RowFormat((1,), ("day",), (tables.DATE,))


def test_dates_are_read_as_iso_8601() -> None:
    rows = tables.decode(b'[{"day": "2024-01-05"}, {"day": "2024-01-05T12:30:00"}, {"day": null}]', JSON, DATED)

    expected = np.array(["2024-01-05", "2024-01-05T12:30", "NaT"], dtype="datetime64[us]")
    assert isinstance(rows, Table)
    assert np.array_equal(rows.columns["day"], expected, equal_nan=True)


@pytest.mark.parametrize("value", ['"5 January"', '"2024-01-05T12:30:00+01:00"', "20240105", "true"])
def test_what_is_no_date_is_refused_with_its_place(value: str) -> None:
    with pytest.raises(errors.NotANumber, match=r"row 1, column 1 \(day\): .* is not a date without time zone"):
        tables.decode(f'[{{"day": {value}}}]'.encode(), JSON, DATED)


def test_a_cell_too_many_is_refused_where_the_model_knows_the_categories() -> None:
    known = RowFormat((2,), ("city", "age"), ("text", "number"), (("Bern", "Basel"), ()))

    with pytest.raises(errors.WrongColumns, match="row 1 has 3 columns"):
        tables.decode(b"Bern,3,4\n", CSV, known)
