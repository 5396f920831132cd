"""What an endpoint's configuration would have, of which there is none, and what lies in the project's bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.aws.client import AwsClient

INPUTS, OUTPUTS = "batch/input/", "batch/output/"
# what is in the project's bucket because of the target, by prefix, and for how many days
KEPT_IN_BUCKET = {"batch/": 30}
LARGEST_BODY = (
    100 * 10**6
)  # bytes: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html


def parts(aws: AwsClient, model: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing."""
    return {}
