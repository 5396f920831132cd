"""How an endpoint of a HyperPod cluster answers: at once. Whether it can stream isn't documented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lib.aws import endpoint, errors, invocation
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError
from lib.target.endpoint_config import LARGEST_BODY

STREAMS = False
HEADERS = False  # whether the container's own come with an answer: not documented


def require_serving(aws: AwsClient) -> None:
    """Raise VerbError unless the endpoint answers requests."""
    endpoint.require_serving(aws)


def require_measurable(stream: bool) -> None:
    """Raise VerbError for what do/benchmark measures with streams: their first token comes with the last."""
    if stream:
        raise VerbError(
            "the endpoint of a HyperPod cluster doesn't stream, so a time to the first token can't be measured: "
            "measure the server itself with do/benchmark --url, or --serve",
            ExitCode.BAD_CONFIGURATION,
        )


def whole(aws: AwsClient, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
    """The body of the answer, and what came with it. Raises Refused, and VerbError if there is no answer."""
    if len(parameters["Body"]) > LARGEST_BODY:
        raise VerbError(
            f"the request has {len(parameters['Body']) / 2**20:.1f} MiB, and the endpoint takes "
            f"{LARGEST_BODY / 2**20:.0f}: send less at once, or use deploy_target=async",
            ExitCode.BAD_CONFIGURATION,
        )
    found = invocation.send(aws, "InvokeEndpoint", **parameters)
    with errors.explained(invocation.SERVICE, "InvokeEndpoint"):
        return found["Body"].read(), found


def stream(aws: AwsClient, **parameters: Any) -> tuple[Iterator[bytes], dict[str, Any]]:
    """As `whole`: the answer comes in one piece."""
    body, found = whole(aws, **parameters)
    return iter([body]), found
