"""How the pods answer: at once, or as a stream, through a port that kubectl forwards to one of them."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import httpx

from lib.aws import invocation, names
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError
from lib.local import probe
from lib.target import pods, product, serving
from lib.target.endpoint_config import LARGEST_BODY

STREAMS = True
HEADERS = True  # whether the container's own come with an answer

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
# SageMaker's names of what a request has beside its body, and the headers of the container
SENT = {"ContentType": "Content-Type", "Accept": "Accept", "CustomAttributes": ATTRIBUTES}


def require_serving(aws: AwsClient) -> None:
    """Raise VerbError unless a pod answers requests."""
    found = serving.named(product.connected(aws))
    if not found or not found.available:
        raise VerbError(f"the Deployment is {found or 'not there'}: run do/deploy", ExitCode.MISSING_PREREQUISITE)
    _client(aws)  # before there are threads that would each make one


def require_measurable(stream: bool) -> None:
    """Do nothing; the modules of other deployment targets raise VerbError here."""


def whole(aws: AwsClient, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
    """The body of the answer, and what came with it. Raises Refused, and VerbError if there is no answer."""
    pieces, found = stream(aws, **parameters)
    return b"".join(pieces), found


def stream(aws: AwsClient, **parameters: Any) -> tuple[Iterator[bytes], dict[str, Any]]:
    """The body piece by piece, and what came before it. Raises Refused, and VerbError, also where it breaks off."""
    _require_size(parameters["Body"])
    client = _client(aws)
    headers = {header: parameters[name] for name, header in SENT.items() if name in parameters}
    request = client.build_request("POST", "/invocations", content=parameters["Body"], headers=headers)
    try:
        answer = client.send(request, stream=True)
        if answer.status_code != httpx.codes.OK:
            raise invocation.Refused(answer.status_code, answer.read())
    except httpx.TransportError as error:
        raise _no_answer(error) from None
    attributes = {"CustomAttributes": answer.headers[ATTRIBUTES]} if ATTRIBUTES in answer.headers else {}
    return _pieces(answer), {"ContentType": answer.headers.get("content-type", ""), **attributes}


@cache
def _client(aws: AwsClient) -> httpx.Client:
    """The connection to a pod, for as long as the command runs. Raises VerbError."""
    open_until_the_end = ExitStack()
    atexit.register(open_until_the_end.close)
    place = f"service/{names.project()}"
    url = open_until_the_end.enter_context(product.connected(aws).forwarded(place, pods.PORT))
    client = open_until_the_end.enter_context(probe.connect(url))
    client.timeout = httpx.Timeout(invocation.READ_SECONDS, connect=5)
    return client


def _pieces(answer: httpx.Response) -> Iterator[bytes]:
    try:
        yield from answer.iter_bytes()
    except httpx.TransportError as error:
        raise _no_answer(error) from None
    finally:
        answer.close()


def _no_answer(error: httpx.TransportError) -> VerbError:
    return VerbError(f"no answer from the pod: {error or type(error).__name__}: run do/status", ExitCode.FAILED)


def _require_size(body: bytes) -> None:
    """Raise VerbError for a body that the server refuses."""
    if len(body) > LARGEST_BODY:
        raise VerbError(
            f"the request has {len(body) / 2**20:.1f} MiB, and the server takes {LARGEST_BODY / 2**20:.0f}: send "
            "less at once",
            ExitCode.BAD_CONFIGURATION,
        )
