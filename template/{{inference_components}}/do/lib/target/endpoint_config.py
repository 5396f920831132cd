"""What the configuration of an endpoint with an inference component has besides its variant.

The role and the network are the endpoint's, because its instances start before they have a model.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.aws.client import AwsClient
from lib.sagemaker_runtime import limits

# what is in the project's bucket because of the target, by prefix, and for how many days
KEPT_IN_BUCKET: dict[str, int] = {}
LARGEST_BODY = limits.MAX_BODY_BYTES
OF_MODEL = ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")


def parts(aws: AwsClient, model: Mapping[str, Any]) -> dict[str, Any]:
    """What CreateModel's parameters say about the role and the network."""
    return {name: model[name] for name in OF_MODEL if name in model}
