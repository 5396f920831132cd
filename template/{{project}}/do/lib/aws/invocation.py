"""Requests to the endpoint, as its users send them."""

from __future__ import annotations

import re
from typing import Any

from lib.aws import delays, names
from lib.aws.client import AwsClient
from lib.aws.errors import AwsError
from lib.cli import ExitCode, VerbError
from lib.target import presence

SERVICE = "sagemaker-runtime"
# SageMaker itself waits 60 seconds for an answer, and 8 minutes for the end of a stream
READ_SECONDS = 500
CONNECTIONS = 128
# the headers that reach the container, and what they are called in these requests
PARAMETERS = {
    "content-type": "ContentType",
    "accept": "Accept",
    "x-amzn-sagemaker-custom-attributes": "CustomAttributes",
}


class Refused(Exception):
    """The container answered with an error: its status and body, as it sent them."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def connect() -> AwsClient:
    """AWS, for requests to the endpoint: each is sent once, whatever comes back. Raises VerbError."""
    presence.require_endpoint()
    aws = AwsClient()
    once = {"total_max_attempts": 1}
    aws.session.client(SERVICE, read_timeout=READ_SECONDS, max_pool_connections=CONNECTIONS, retries=once)
    return aws


def send(aws: AwsClient, operation: str, **parameters: Any) -> dict[str, Any]:
    """SageMaker's answer to a request to the endpoint. Raises Refused, and VerbError if there is no answer."""
    sent = {"EndpointName": names.project(), **presence.addressed(), **parameters}
    try:
        return delays.outwaited(f"{SERVICE}:{operation}", lambda: aws.read(SERVICE, operation, **sent))
    except AwsError as error:
        if error.code == "ModelError":
            status, body = (error.details.get(key) for key in ("OriginalStatusCode", "OriginalMessage"))
            raise Refused(int(status or 500), str(body or "").encode()) from None
        if re.search(r"Endpoint .* not found", error.text):
            raise VerbError(
                f"there is no endpoint {names.project()}: run do/deploy", ExitCode.MISSING_PREREQUISITE
            ) from None
        raise
