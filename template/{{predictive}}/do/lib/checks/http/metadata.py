"""Checks of what goes along with predictions: request ids, custom attributes, metrics, descriptions."""

from __future__ import annotations

import re
from typing import Any

from lib.checks.http.expectations import expect_error
from lib.checks.http.http_client import Client, media_type
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check, check_each
from lib.checks.results import Mismatch, Observation, expect

ATTRIBUTES = "trace=42,origin=contract"
GIVEN_ID = "contract-check-1"
UNSAFE_ID = 'a"} {"b'
COUNTER = "serving_predicted_rows_total"


@check
def a_given_request_id_is_sent_back(client: Client, reference: Reference) -> Observation:
    response = client.invoke(reference.example.body, x_request_id=GIVEN_ID)
    seen = str(response.headers.get("x-request-id"))
    return expect(response.status_code == 200 and seen == GIVEN_ID, GIVEN_ID, f"{seen} with {response.status_code}")


@check_each({"in the application": b"", "in the proxy": b" " * 26 * 1024 * 1024})
def a_given_request_id_is_in_an_error(client: Client, reference: Reference, body: bytes) -> Observation:
    if not body:
        reference.require_default_decode()
    response = client.invoke(body, x_request_id=GIVEN_ID)
    expect_error(response, response.status_code)
    seen = response.json()["error"]["request_id"]
    return expect(response.status_code != 200 and seen == GIVEN_ID, GIVEN_ID, seen)


@check
def a_request_without_an_id_gets_one_of_its_own(client: Client, reference: Reference) -> Observation:
    ids = [client.invoke(reference.example.body).headers.get("x-request-id", "") for _ in range(2)]
    return expect(all(ids) and ids[0] != ids[1], "two different ids", " and ".join(map(repr, ids)))


@check
def a_request_id_that_could_forge_log_lines_is_replaced(client: Client, reference: Reference) -> Observation:
    response = client.invoke(reference.example.body, x_request_id=UNSAFE_ID)
    seen = response.headers.get("x-request-id", "")
    return expect(bool(seen) and seen != UNSAFE_ID, "an id of the server's own", repr(seen))


@check_each({"an answer": True, "an error": False})
def custom_attributes_are_sent_back_with(client: Client, reference: Reference, good: bool) -> Observation:
    if not good:
        reference.require_default_decode()
    body = reference.example.body if good else b""
    response = client.invoke(body, x_amzn_sagemaker_custom_attributes=ATTRIBUTES)
    seen = str(response.headers.get("x-amzn-sagemaker-custom-attributes"))
    expect((response.status_code == 200) == good, "200" if good else "an error", str(response.status_code))
    return expect(seen == ATTRIBUTES, ATTRIBUTES, seen)


@check
def metrics_count_the_predicted_rows(client: Client, reference: Reference) -> Observation:
    before = counter(client)
    client.invoke(reference.example.body)
    growth = counter(client) - before
    # another client may be served at the same time
    return expect(
        growth >= reference.predicted, f"{COUNTER} to grow by {reference.predicted} or more", f"by {growth:g}"
    )


@check
def execution_parameters_ask_for_several_records_at_once(client: Client, reference: Reference) -> Observation:
    parameters = json_of(client, "/execution-parameters")
    concurrent, payload = parameters.get("MaxConcurrentTransforms"), parameters.get("MaxPayloadInMB")
    return expect(
        parameters.get("BatchStrategy") == "MultiRecord"
        and isinstance(concurrent, int)
        and concurrent >= 1
        and isinstance(payload, int)
        and 0 < payload <= 100,
        "BatchStrategy MultiRecord, MaxConcurrentTransforms of 1 or more, MaxPayloadInMB from 1 to 100",
        str(parameters),
    )


@check
def openapi_describes_ping_and_invocations(client: Client, reference: Reference) -> Observation:
    document = json_of(client, "/openapi.json")
    paths = document.get("paths", {})
    described = "get" in paths.get("/ping", {}) and "post" in paths.get("/invocations", {})
    version = str(document.get("openapi"))
    return expect(
        version.startswith("3.") and described,
        "OpenAPI 3 with GET /ping and POST /invocations",
        f"OpenAPI {version} with {', '.join(paths) or 'no paths'}",
    )


def counter(client: Client) -> float:
    """The counter's value over all processes; 0 before its first increment. Raises Mismatch."""
    response = client.get("/metrics")
    if response.status_code != 200 or media_type(response) not in ("text/plain", "application/openmetrics-text"):
        raise Mismatch("200 and Prometheus text", f"{response.status_code} and {media_type(response)}")
    values = re.findall(rf"^{COUNTER}(?:\{{[^}}]*\}})? (\S+)$", response.text, re.MULTILINE)
    return sum(map(float, values))


def json_of(client: Client, path: str) -> dict[str, Any]:
    """The JSON object at a path. Raises Mismatch."""
    response = client.get(path)
    try:
        document = response.json()
    except ValueError:
        document = None
    if response.status_code != 200 or not isinstance(document, dict):
        raise Mismatch("200 and a JSON object", f"{response.status_code} and {response.text[:80]!r}")
    return document
