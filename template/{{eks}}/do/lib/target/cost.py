"""What a deployment in a cluster costs: nothing that could be counted here, as the cluster is paid for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib import config, costs
from lib.costs import Estimate
from lib.target import product

if TYPE_CHECKING:
    from lib.aws.client import AwsClient


def estimate(connect: Callable[[], AwsClient]) -> Estimate:
    """Who pays for what."""
    name = config.load()[product.CLUSTER]
    note = (
        f"the instances of the {product.CLUSTERS} {name or f'that {product.CLUSTER} names'} are paid for by the "
        f"cluster, with or without this project{product.EXTRA_COSTS}"
    )
    return Estimate("", "instances", None, [], f"see {costs.PAGE}", note)
