"""A deployed endpoint answers what the model answers. Name it: ENDPOINT_NAME=my-endpoint do/test --pytest"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError

from lib import config
from lib.checks.http.reference import Reference

ENDPOINT = os.environ.get("ENDPOINT_NAME", "")

pytestmark = pytest.mark.skipif(not ENDPOINT, reason="set ENDPOINT_NAME to test a deployed endpoint")

Invoke = Callable[[Any], Any]


@pytest.fixture(scope="module")
def invoke() -> Invoke:
    """Sends a JSON document to the endpoint, in the region of do/config, and returns the JSON answer."""
    runtime = boto3.client("sagemaker-runtime", region_name=config.load()["AWS_REGION"])

    def send(document: Any) -> Any:
        answer = runtime.invoke_endpoint(
            EndpointName=ENDPOINT, ContentType="application/json", Accept="application/json", Body=json.dumps(document)
        )
        return json.load(answer["Body"])

    return send


def test_it_predicts_what_the_model_predicts(invoke: Invoke, expected: Reference) -> None:
    answer = invoke({"instances": expected.rows.tolist()})

    assert expected.difference(answer["predictions"], expected.predictions) == ""


def test_a_row_with_a_column_too_many_is_refused(invoke: Invoke, expected: Reference) -> None:
    with pytest.raises(ClientError) as refusal:
        invoke([np.append(expected.rows[0], 1).tolist()])

    assert refusal.value.response["OriginalStatusCode"] == 400
    assert "wrong_columns" in refusal.value.response["OriginalMessage"]
