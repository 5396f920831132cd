"""Back to what an endpoint served before: batch transform has none."""

from __future__ import annotations

from lib.aws.client import AwsClient
from lib.target import presence


def restored(aws: AwsClient) -> str:
    """Raise VerbError."""
    presence.require_endpoint()
    raise AssertionError
