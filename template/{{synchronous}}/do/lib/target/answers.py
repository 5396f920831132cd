"""How an endpoint answers whose callers wait: at once, or as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lib.aws import endpoint, errors, invocation
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError
from lib.target.endpoint_config import LARGEST_BODY

STREAMS = True
HEADERS = True  # whether the container's own come with an answer


def require_serving(aws: AwsClient) -> None:
    """Raise VerbError unless the endpoint answers requests."""
    endpoint.require_serving(aws)


def require_measurable(stream: bool) -> None:
    """Do nothing; the modules of other deployment targets raise VerbError here."""


def whole(aws: AwsClient, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
    """The body of the answer, and what came with it. Raises Refused, and VerbError if there is no answer."""
    _require_size(parameters["Body"])
    found = invocation.send(aws, "InvokeEndpoint", **parameters)
    with errors.explained(invocation.SERVICE, "InvokeEndpoint"):
        return found["Body"].read(), found


def stream(aws: AwsClient, **parameters: Any) -> tuple[Iterator[bytes], dict[str, Any]]:
    """The body piece by piece, and what came before it. Raises Refused, and VerbError, also where it breaks off."""
    _require_size(parameters["Body"])
    found = invocation.send(aws, "InvokeEndpointWithResponseStream", **parameters)
    return _pieces(found["Body"]), found


def _require_size(body: bytes) -> None:
    """Raise VerbError for a body that SageMaker refuses."""
    if len(body) > LARGEST_BODY:
        raise VerbError(
            f"the request has {len(body) / 2**20:.1f} MiB, and the endpoint takes {LARGEST_BODY / 2**20:.0f}: send "
            "less at once, or use deploy_target=async",
            ExitCode.BAD_CONFIGURATION,
        )


def _pieces(events: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    with errors.explained(invocation.SERVICE, "InvokeEndpointWithResponseStream"):
        for event in events:
            yield event.get("PayloadPart", {}).get("Bytes", b"")
