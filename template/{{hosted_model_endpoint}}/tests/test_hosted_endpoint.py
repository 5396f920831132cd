"""A deployed endpoint answers what the model answers. Name it: ENDPOINT_NAME=my-endpoint do/test --pytest"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import boto3
import pytest
from botocore.exceptions import ClientError

from lib import config
from lib.checks.http.reference import Reference
from lib.checks.results import NotApplicable
from lib.target import presence

ENDPOINT = os.environ.get("ENDPOINT_NAME", "")

pytestmark = pytest.mark.skipif(not ENDPOINT, reason="set ENDPOINT_NAME to test a deployed endpoint")

Invoke = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def invoke() -> Invoke:
    """Sends a JSON request to the endpoint, in the region of do/config, and returns the JSON answer."""
    runtime = boto3.client("sagemaker-runtime", region_name=config.load()["AWS_REGION"])

    def send(body: bytes) -> bytes:
        answer = runtime.invoke_endpoint(
            EndpointName=ENDPOINT,
            ContentType="application/json",
            Accept="application/json",
            Body=body,
            **presence.addressed(),
        )
        content: bytes = answer["Body"].read()
        return content

    return send


def test_it_predicts_what_the_model_predicts(invoke: Invoke, expected: Reference) -> None:
    answer = invoke(expected.example.body)

    if expected.answer:
        assert answer.decode() == expected.answer
    else:
        assert expected.predictions.difference(json.loads(answer)["predictions"]) == ""


def test_a_row_with_a_column_too_many_is_refused(invoke: Invoke, expected: Reference) -> None:
    try:
        body = expected.with_width(1)
    except NotApplicable as reason:
        pytest.skip(str(reason))

    with pytest.raises(ClientError) as refusal:
        invoke(body)

    assert refusal.value.response["OriginalStatusCode"] == 400
    assert "wrong_columns" in refusal.value.response["OriginalMessage"]
