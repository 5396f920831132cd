"""What an endpoint's configuration would have, which the operator makes, and how large requests can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.aws.client import AwsClient
from lib.sagemaker_runtime import limits

# what is in the project's bucket because of the target, by prefix, and for how many days
KEPT_IN_BUCKET: dict[str, int] = {}
LARGEST_BODY = limits.MAX_BODY_BYTES


def parts(aws: AwsClient, model: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing."""
    return {}
