"""What an endpoint's configuration would have, of which there is none, and how large requests can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.aws.client import AwsClient

# what is in the project's bucket because of the target, by prefix, and for how many days
KEPT_IN_BUCKET: dict[str, int] = {}
LARGEST_BODY = 25 * 1024 * 1024  # the server's own limit


def parts(aws: AwsClient, model: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing."""
    return {}
