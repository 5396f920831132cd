"""Checks of what goes in and out: every content type, every form of rows, every way to ask for an answer."""

from __future__ import annotations

from lib.checks.http.expectations import expect_answer
from lib.checks.http.http_client import Client, media_type
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check, check_each
from lib.checks.results import Observation, expect
from lib.model.documents import BARE_LIST, CONTENT_TYPES, CSV, FEATURES, JSON, JSON_LINES, KEYS, RECORD_LINES, RECORDS

MANY_ROWS = 1000  # more than fit into one batch of the server
MOST_BYTES = 24 * 1024 * 1024  # of a body that SageMaker takes


@check
def the_example_request_is_answered_as_the_model_itself_answers_it(client: Client, reference: Reference) -> Observation:
    """The one check that is never n/a: without it nothing of the owner's kind would have been answered."""
    return expect_answer(client.invoke(reference.example.body), reference)


@check_each({f"{sent} in, {wanted} out": (sent, wanted) for sent in CONTENT_TYPES for wanted in CONTENT_TYPES})
def predictions_are_those_of_the_model_itself(
    client: Client, reference: Reference, sent: str, wanted: str
) -> Observation:
    reference.require_writable(wanted)
    body, predictions = reference.request(sent)
    response = client.invoke(body, sent, wanted)
    observation = expect_answer(response, reference, predictions, wanted)
    if not reference.own_types:
        expect(media_type(response) == wanted, wanted, media_type(response))
    return observation


@check_each({"one row": 1, "many rows": MANY_ROWS})
def there_is_one_prediction_for_each_row(client: Client, reference: Reference, count: int) -> Observation:
    body, predictions = reference.repeated(count, MOST_BYTES)
    return expect_answer(client.invoke(body), reference, predictions)


@check_each({key: key for key in (*KEYS, BARE_LIST)})
def json_rows_may_come_as(client: Client, reference: Reference, key: str) -> Observation:
    return expect_form(client, reference, key, JSON)


@check_each({name: name for name in ("application/x-ndjson", "application/x-jsonlines")})
def json_lines_have_other_names(client: Client, reference: Reference, name: str) -> Observation:
    return expect_form(client, reference, JSON_LINES, name)


@check
def json_lines_may_be_features_records(client: Client, reference: Reference) -> Observation:
    return expect_form(client, reference, FEATURES, JSON_LINES)


@check_each({JSON: (RECORDS, JSON), JSON_LINES: (RECORD_LINES, JSON_LINES)})
def rows_may_be_records_with_column_names_in_any_order(
    client: Client, reference: Reference, form: str, content_type: str
) -> Observation:
    return expect_form(client, reference, form, content_type)


@check_each(
    {
        "Application/JSON; charset=utf-8": ("Application/JSON; charset=utf-8", JSON),
        "text/csv;header=absent": ("text/csv;header=absent", CSV),
    }
)
def content_types_may_have_capitals_and_parameters(
    client: Client, reference: Reference, header: str, content_type: str
) -> Observation:
    reference.require_default_types()
    return expect_form(client, reference, content_type, header)


@check
def csv_may_have_windows_line_ends_and_a_blank_last_line(client: Client, reference: Reference) -> Observation:
    reference.require_default_decode()
    body, predictions = reference.request(CSV)
    return expect_answer(client.invoke(body.replace(b"\n", b"\r\n") + b"\r\n", CSV), reference, predictions)


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
    reference.require_default_types()
    reference.require_writable(wanted)
    response = client.invoke(reference.example.body, JSON, accept)
    expect_answer(response, reference, accept=wanted)
    return expect(media_type(response) == wanted, wanted, media_type(response))


def expect_form(client: Client, reference: Reference, form: str, content_type: str) -> Observation:
    """The example's rows in another form are answered as the project's own handler answers them."""
    body, predictions = reference.request(form)
    return expect_answer(client.invoke(body, content_type), reference, predictions)
