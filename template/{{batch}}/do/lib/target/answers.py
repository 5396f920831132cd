"""How batch transform answers: with files, so there is nothing to ask at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lib.aws import endpoint
from lib.aws.client import AwsClient
from lib.target import presence

STREAMS = False
HEADERS = False  # whether the container's own come with an answer


def require_serving(aws: AwsClient) -> None:
    """Raise VerbError unless the endpoint answers requests."""
    endpoint.require_serving(aws)


def require_measurable(stream: bool) -> None:
    """Raise VerbError."""
    presence.require_endpoint()


def whole(aws: AwsClient, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
    """Raise VerbError."""
    presence.require_endpoint()
    raise AssertionError


def stream(aws: AwsClient, **parameters: Any) -> tuple[Iterator[bytes], dict[str, Any]]:
    """Raise VerbError."""
    presence.require_endpoint()
    raise AssertionError
