"""What an endpoint with an inference component costs: its instances, by the second, however many copies they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib import config, costs
from lib.costs import Estimate, Row

if TYPE_CHECKING:
    from lib.aws.client import AwsClient


def estimate(connect: Callable[[], AwsClient]) -> Estimate:
    """How many instances run when, and their price."""
    configuration = config.load()
    least, most = int(configuration["MIN_INSTANCES"]), int(configuration["MAX_INSTANCES"])
    rows = [Row("at rest", least), Row("at most", most)]
    if least:
        rows.append(Row("at rest with MIN_INSTANCES=0 and MIN_COPIES=0", 0))
    return costs.of_instances(rows, connect)
