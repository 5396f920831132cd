"""Checks of what goes in and out: every content type, every form of rows, every way to ask for an answer."""

from __future__ import annotations

import json

import numpy as np

from lib.checks.http.expectations import expect_predictions
from lib.checks.http.http_client import (
    CONTENT_TYPES,
    CSV,
    JSON,
    JSON_LINES,
    NPY,
    Client,
    encode,
    encode_values,
    media_type,
    predictions_of,
)
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check, check_each
from lib.checks.results import NotApplicable, Observation, expect

MANY_ROWS = 1000  # more than fit into one batch of the server


@check_each({f"{sent} in, {wanted} out": (sent, wanted) for sent in CONTENT_TYPES for wanted in CONTENT_TYPES})
def predictions_are_those_of_the_model_itself(
    client: Client, reference: Reference, sent: str, wanted: str
) -> Observation:
    response = client.invoke(encode(reference.rows, sent), sent, wanted)
    predictions = predictions_of(response)
    expect(media_type(response) == wanted, wanted, media_type(response))
    return expect_predictions(predictions, reference, as_csv=wanted == CSV)


@check_each({"one row": 1, "many rows": MANY_ROWS})
def there_is_one_prediction_for_each_row(client: Client, reference: Reference, count: int) -> Observation:
    chosen = np.arange(count) % len(reference.rows)
    response = client.invoke(encode(reference.rows[chosen], NPY), NPY)
    return expect_predictions(predictions_of(response), reference, reference.predictions[chosen])


@check_each({"instances": "instances", "inputs": "inputs", "data": "data", "a bare list": ""})
def json_rows_may_come_as(client: Client, reference: Reference, key: str) -> Observation:
    rows = reference.rows.tolist()
    body = json.dumps({key: rows} if key else rows).encode()
    return expect_predictions(predictions_of(client.invoke(body)), reference)


@check_each({name: name for name in ("application/x-ndjson", "application/x-jsonlines")})
def json_lines_have_other_names(client: Client, reference: Reference, name: str) -> Observation:
    response = client.invoke(encode(reference.rows, JSON_LINES), name)
    return expect_predictions(predictions_of(response), reference)


@check
def json_lines_may_be_features_records(client: Client, reference: Reference) -> Observation:
    body = encode_values([{"features": row} for row in reference.rows.tolist()], JSON_LINES)
    return expect_predictions(predictions_of(client.invoke(body, JSON_LINES)), reference)


@check_each({JSON: JSON, JSON_LINES: JSON_LINES})
def rows_may_be_records_with_column_names_in_any_order(
    client: Client, reference: Reference, content_type: str
) -> Observation:
    body = encode_values(records(reference), content_type)
    return expect_predictions(predictions_of(client.invoke(body, content_type)), reference)


@check_each(
    {
        "Application/JSON; charset=utf-8": ("Application/JSON; charset=utf-8", JSON),
        "text/csv;header=absent": ("text/csv;header=absent", CSV),
    }
)
def content_types_may_have_capitals_and_parameters(
    client: Client, reference: Reference, header: str, content_type: str
) -> Observation:
    response = client.invoke(encode(reference.rows, content_type), header)
    return expect_predictions(predictions_of(response), reference)


@check
def csv_may_have_windows_line_ends_and_a_blank_last_line(client: Client, reference: Reference) -> Observation:
    body = encode(reference.rows, CSV).replace(b"\n", b"\r\n") + b"\r\n"
    return expect_predictions(predictions_of(client.invoke(body, CSV)), reference)


@check_each(
    {
        "no Accept header": (None, JSON),
        "*/*": ("*/*", JSON),
        "text/csv;q=0.5, application/json": ("text/csv;q=0.5, application/json", JSON),
        "image/png, text/csv;q=0.1": ("image/png, text/csv;q=0.1", CSV),
    }
)
def the_answer_has_the_wanted_type(
    client: Client, reference: Reference, accept: str | None, wanted: str
) -> Observation:
    response = client.invoke(encode(reference.rows, JSON), JSON, accept)
    expect_predictions(predictions_of(response), reference, as_csv=media_type(response) == CSV)
    return expect(media_type(response) == wanted, wanted, media_type(response))


def records(reference: Reference) -> list[dict[str, float]]:
    """The rows by column name, the last column first. Raises NotApplicable for a model without names."""
    if not reference.columns:
        raise NotApplicable("the model was trained without column names")
    return [dict(reversed(list(zip(reference.columns, row, strict=True)))) for row in reference.rows.tolist()]
