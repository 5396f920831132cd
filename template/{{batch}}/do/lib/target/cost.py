"""What transform jobs cost: their instances, from the start of a job to its end, and nothing between jobs.

AWS's price list has transform jobs apart from hosting, under names that we could not check, so only the owner's own
price counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib import config, costs, prices
from lib.costs import Estimate, Row

if TYPE_CHECKING:
    from lib.aws.client import AwsClient


def estimate(connect: Callable[[], AwsClient]) -> Estimate:
    """How many instances run when, and their price."""
    configuration = config.load()
    instance_type = configuration["INSTANCE_TYPE"]
    rows = [Row("at rest", 0), Row("while a job runs", int(configuration["TRANSFORM_INSTANCES"]), lasts=False)]
    what = f"transform jobs on {instance_type} in {configuration['AWS_REGION']}"
    return Estimate(what, "instances", prices.own(instance_type), rows, costs.own_price_of(instance_type))
