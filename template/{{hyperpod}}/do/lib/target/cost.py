"""What a deployment on a HyperPod cluster costs: nothing that could be counted here, as the cluster is paid for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib import config, costs
from lib.costs import Estimate

if TYPE_CHECKING:
    from lib.aws.client import AwsClient


def estimate(connect: Callable[[], AwsClient]) -> Estimate:
    """Who pays for what."""
    cluster = config.load()["HYPERPOD_CLUSTER"] or "that HYPERPOD_CLUSTER names"
    note = (
        f"the instances of the HyperPod cluster {cluster} are paid for by the cluster, with or without this project; "
        "the operator adds a load balancer"
    )
    return Estimate("", "instances", None, [], f"see {costs.PAGE}", note)
