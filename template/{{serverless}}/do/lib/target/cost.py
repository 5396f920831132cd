"""What a serverless endpoint costs: the seconds of its answers by their memory, and the containers that are kept ready.

AWS's price list has both, under names that we could not check, so there is no price of either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib import config, costs
from lib.costs import Estimate, Row
from lib.target import capacity

if TYPE_CHECKING:
    from lib.aws.client import AwsClient


def estimate(connect: Callable[[], AwsClient]) -> Estimate:
    """How many containers run when, without their price."""
    configuration = config.load()
    memory, region = configuration["MEMORY_SIZE_MB"], configuration["AWS_REGION"]
    rows = [
        Row("at rest", capacity.bounds()[0]),
        Row("while requests are answered", int(configuration["MAX_CONCURRENCY"]), lasts=False),
    ]
    what = f"a serverless endpoint with MEMORY_SIZE_MB={memory} in {region}"
    return Estimate(what, "containers", None, rows, f"see {costs.PAGE} for the price of a second")
