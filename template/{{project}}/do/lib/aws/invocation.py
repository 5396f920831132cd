"""Requests to the endpoint, as its users send them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lib.aws import errors, names
from lib.aws.client import AwsClient
from lib.aws.errors import AwsError
from lib.cli import ExitCode, VerbError

SERVICE = "sagemaker-runtime"
# SageMaker itself waits 60 seconds for an answer, and 8 minutes for the end of a stream
READ_SECONDS = 500
CONNECTIONS = 64
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
    """AWS, for requests to the endpoint: each is sent once, whatever comes back."""
    aws = AwsClient()
    once = {"total_max_attempts": 1}
    aws.session.client(SERVICE, read_timeout=READ_SECONDS, max_pool_connections=CONNECTIONS, retries=once)
    return aws


def whole(aws: AwsClient, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
    """The body of the answer, and what came with it. Raises Refused, and VerbError where there is no answer."""
    found = _send(aws, "InvokeEndpoint", parameters)
    with errors.explained(SERVICE, "InvokeEndpoint"):
        return found["Body"].read(), found


def stream(aws: AwsClient, **parameters: Any) -> tuple[Iterator[bytes], dict[str, Any]]:
    """The body piece by piece, and what came before it. Raises Refused, and VerbError, also where it breaks off."""
    found = _send(aws, "InvokeEndpointWithResponseStream", parameters)
    return _pieces(found["Body"]), found


def _pieces(events: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    with errors.explained(SERVICE, "InvokeEndpointWithResponseStream"):
        for event in events:
            yield event.get("PayloadPart", {}).get("Bytes", b"")


def _send(aws: AwsClient, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    try:
        return aws.read(SERVICE, operation, EndpointName=names.project(), **parameters)
    except AwsError as error:
        if error.code == "ModelError":
            status, body = (error.details.get(key) for key in ("OriginalStatusCode", "OriginalMessage"))
            raise Refused(int(status or 500), str(body or "").encode()) from None
        if re.search(r"Endpoint .* not found", error.text):
            raise VerbError(
                f"there is no endpoint {names.project()}: type do/deploy", ExitCode.MISSING_PREREQUISITE
            ) from None
        raise
