"""Checks of the output that a request asks for in its custom attributes."""

from __future__ import annotations

from lib.checks.http.expectations import expect_answer, expect_error
from lib.checks.http.http_client import Client
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check, check_each
from lib.checks.results import NotApplicable, Observation
from lib.model.documents import CSV, JSON


@check
def an_unknown_output_is_refused(client: Client, reference: Reference) -> Observation:
    response = client.invoke(reference.example.body, x_amzn_sagemaker_custom_attributes="output=no_such_output")
    return expect_error(response, 400, "unknown_output")


@check_each({"JSON": JSON, "CSV": CSV})
def a_request_gets_the_output_that_it_asks_for(client: Client, reference: Reference, accept: str) -> Observation:
    if not reference.outputs:
        raise NotApplicable("no other output of the model is known")
    seen = []
    for output, predictions in reference.outputs.items():
        attributes = f"origin=contract, output={output}"
        body = reference.example.body
        response = client.invoke(body, accept=accept, x_amzn_sagemaker_custom_attributes=attributes)
        seen.append((output, expect_answer(response, reference, predictions, accept)))
    names = ", ".join(output for output, _ in seen)
    return Observation(f"the model's own {names}", seen[-1][1].seen)
