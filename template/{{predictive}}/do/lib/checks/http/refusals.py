"""Checks of what is refused: the right status and code, a message that helps, nothing of the server's inside."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from lib.checks.http.expectations import expect_answer, expect_error
from lib.checks.http.http_client import Client
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check, check_each
from lib.checks.results import NotApplicable, Observation, expect
from lib.model import documents
from lib.model.documents import CONTENT_TYPES, CSV, JSON, JSON_LINES, NPY

MEBIBYTE = 1024 * 1024
LIMIT = 25 * MEBIBYTE  # SageMaker's own
TOO_LARGE = 26 * MEBIBYTE
DEPTH = 100_000


def npy(array: np.ndarray) -> bytes:
    """An array as an NPY body, even one that only a pickle can hold."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def npy_header(shape: tuple[int, ...]) -> bytes:
    """An NPY body that claims to hold an array of this shape, and ends after the header."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue()


@check_each({"none": None, "image/png": "image/png", "text/plain": "text/plain", "not a type": "json"})
def an_unknown_content_type_is_415(client: Client, reference: Reference, content_type: str | None) -> Observation:
    reference.require_default_types()
    response = client.invoke(reference.example.body, content_type)
    return expect_error(response, 415, "unsupported_content_type")


@check_each({accept: accept for accept in ("image/png", "text/html, application/xml", "application/json;q=0")})
def an_unacceptable_accept_is_406(client: Client, reference: Reference, accept: str) -> Observation:
    reference.require_default_types()
    return expect_error(client.invoke(reference.example.body, JSON, accept), 406, "not_acceptable")


@check_each(
    {
        "JSON cut short": (JSON, b'{"instances": [[1, 2'),
        "text instead of JSON": (JSON, b"1,2,3"),
        "JSON that is not UTF-8": (JSON, b'{"instances": "\xff\xfe"}'),
        "JSON without rows": (JSON, b'{"foo": 1}'),
        "a JSON number": (JSON, b"7"),
        "JSON rows that are not a list": (JSON, b'{"instances": {"a": 1}}'),
        "very deep JSON": (JSON, b"[" * DEPTH + b"]" * DEPTH),
        "a JSON line cut short": (JSON_LINES, b"[1, 2"),
        "CSV that is not text": (CSV, b"\xff\xfe\x00\x01"),
        "NPY that isn't": (NPY, b"[[1, 2, 3]]"),
        "NPY cut short": (NPY, npy(np.zeros((10, 10)))[:-8]),
        "NPY that claims terabytes": (NPY, npy_header((10**9, 1000))),
        "NPY that holds a pickle": (NPY, npy(np.array([[{}]], dtype=object))),
    }
)
def a_malformed_body_is_400(client: Client, reference: Reference, content_type: str, body: bytes) -> Observation:
    reference.require_default_decode()
    codes = ("malformed_body", "not_a_number") if reference.needs_every_form else ()
    return expect_error(client.invoke(body, content_type), 400, *codes)


@check_each(
    {
        f"{content_type}, one {word}": (content_type, difference)
        for content_type in CONTENT_TYPES
        for word, difference in {"more": 1, "fewer": -1}.items()
    }
)
def a_wrong_number_of_columns_is_400_and_names_the_right_one(
    client: Client, reference: Reference, content_type: str, difference: int
) -> Observation:
    reference.request(content_type)
    body = reference.with_width(difference, content_type)
    response = client.invoke(body, content_type)
    assert reference.shape
    return expect_error(response, 400, "wrong_columns", mentions=str(reference.shape[-1]))


@check_each({JSON: JSON, JSON_LINES: JSON_LINES, CSV: CSV})
def rows_of_different_lengths_are_400(client: Client, reference: Reference, content_type: str) -> Observation:
    reference.require_shape()
    reference.request(content_type)
    row = reference.lists()[0]
    response = client.invoke(reference.in_lists([row, row + row], content_type), content_type)
    return expect_error(response, 400, "wrong_columns", "malformed_body", "not_a_number")


@check_each({"a missing column": ("-", "lacks"), "an unknown column": ("+", "surplus_column")})
def a_record_with_other_columns_is_400_and_names_them(
    client: Client, reference: Reference, change: str, mentioned: str
) -> Observation:
    reference.require_default_decode()
    if not reference.columns:
        raise NotApplicable("the model was trained without column names")
    reference.request(documents.RECORDS)
    record = dict(zip(reference.columns, reference.lists()[0], strict=True))
    if change == "-":
        mentioned = next(iter(record))
        del record[mentioned]
    else:
        record[mentioned] = 1
    response = client.invoke(reference.body([record], "instances"))
    return expect_error(response, 400, "wrong_columns", mentions=mentioned)


@check_each(
    {
        "JSON text": (JSON, "abc"),
        "JSON true in quotes": (JSON, "true"),
        "JSON object": (JSON, {}),
        "JSON line with text": (JSON_LINES, "abc"),
        "CSV text": (CSV, "abc"),
        "CSV number with underscores": (CSV, "1_000"),
        "JSON Infinity": (JSON, float("inf")),
        "JSON line with Infinity": (JSON_LINES, float("-inf")),
        "CSV inf": (CSV, "inf"),
        "CSV number beyond all floats": (CSV, "1e999"),
    }
)
def a_value_that_is_not_a_number_is_400(
    client: Client, reference: Reference, content_type: str, value: Any
) -> Observation:
    reference.require_numbers()
    response = client.invoke(body_with(value, reference, content_type), content_type)
    return expect_error(response, 400, "not_a_number", "malformed_body")


@check_each(
    {
        "JSON NaN": (JSON, float("nan")),
        "JSON null": (JSON, None),
        "JSON line with null": (JSON_LINES, None),
        "CSV nan": (CSV, "nan"),
        "CSV empty cell": (CSV, ""),
    }
)
def a_missing_value_is_400(client: Client, reference: Reference, content_type: str, value: Any) -> Observation:
    require_no_missing(reference)
    response = client.invoke(body_with(value, reference, content_type), content_type)
    # in CSV with one column, an empty cell makes a blank line
    return expect_error(response, 400, "not_a_number", "malformed_body", *["wrong_columns"] * (value == ""))


@check_each({"NaN": np.nan, "infinity": np.inf})
def an_npy_value_that_is_not_finite_is_400(client: Client, reference: Reference, value: float) -> Observation:
    reference.require_numbers()
    if np.isnan(value):
        require_no_missing(reference)
    rows = array_of(reference)
    rows.reshape(-1)[0] = value
    return expect_error(client.invoke(npy(rows), NPY), 400, "not_a_number")


@check
def npy_text_is_400(client: Client, reference: Reference) -> Observation:
    reference.require_numbers()
    response = client.invoke(npy(array_of(reference).astype(str)), NPY)
    return expect_error(response, 400, "not_a_number", "malformed_body")


@check_each({content_type: content_type for content_type in CONTENT_TYPES})
def an_empty_body_is_400(client: Client, reference: Reference, content_type: str) -> Observation:
    reference.require_default_decode()
    codes = ("empty_body",) if reference.needs_every_form else ()
    return expect_error(client.invoke(b"", content_type), 400, *codes)


@check_each({JSON: (JSON, b'{"instances": []}'), CSV: (CSV, b"\n"), JSON_LINES: (JSON_LINES, b"\n")})
def a_body_without_rows_is_400(client: Client, reference: Reference, content_type: str, body: bytes) -> Observation:
    reference.require_default_decode()
    codes = ("empty_body",) if reference.needs_every_form else ()
    return expect_error(client.invoke(body, content_type), 400, *codes)


@check
def a_body_of_25_MB_is_accepted(client: Client, reference: Reference) -> Observation:
    return expect_answer(client.invoke(reference.example.body.ljust(LIMIT)), reference)


@check_each({"with its length given": False, "in chunks": True})
def a_body_over_the_limit_is_413(client: Client, reference: Reference, chunked: bool) -> Observation:
    body = reference.example.body.ljust(TOO_LARGE)
    response = client.invoke(in_chunks(body) if chunked else body)
    return expect_error(response, 413, "body_too_large")


@check_each(
    {
        "GET /invocations": ("GET", "/invocations", "POST"),
        "DELETE /invocations": ("DELETE", "/invocations", "POST"),
        "POST /ping": ("POST", "/ping", "GET"),
        "PUT /metrics": ("PUT", "/metrics", "GET"),
    }
)
def a_wrong_method_is_405_and_names_the_right_one(
    client: Client, reference: Reference, method: str, path: str, right: str
) -> Observation:
    response = client.request(method, path)
    observation = expect_error(response, 405, "method_not_allowed")
    allow = response.headers.get("allow", "")
    expect(right in allow.replace(" ", "").split(","), f"Allow: {right}", f"Allow: {allow}")
    return observation


@check_each({"GET /": ("GET", "/"), "POST /invocations/more": ("POST", "/invocations/more")})
def an_unknown_path_is_404(client: Client, reference: Reference, method: str, path: str) -> Observation:
    return expect_error(client.request(method, path), 404, "not_found")


def body_with(value: Any, reference: Reference, content_type: str) -> bytes:
    """A text body whose first value is replaced; the other rows are good. Raises NotApplicable."""
    reference.request(content_type)
    rows = [documents.with_first_leaf(reference.rows[0], value), *reference.rows[1:]]
    if content_type == CSV and isinstance(value, float):
        rows = [documents.with_first_leaf(rows[0], str(value)), *rows[1:]]
    return reference.body(rows, content_type)


def array_of(reference: Reference) -> np.ndarray:
    """The example's rows as an array. Raises NotApplicable."""
    reference.request(NPY)
    return np.array(reference.lists(), dtype=np.float64)


def in_chunks(body: bytes) -> Iterator[bytes]:
    """A body that is sent without its length."""
    for start in range(0, len(body), MEBIBYTE):
        yield body[start : start + MEBIBYTE]


def require_no_missing(reference: Reference) -> None:
    """Raise NotApplicable for a model that takes missing values."""
    reference.require_numbers()
    if reference.allow_missing:
        raise NotApplicable("the handler takes missing values (allow_missing)")
