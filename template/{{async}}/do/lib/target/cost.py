"""What an asynchronous endpoint costs: its instances, by the second, which can be none without requests.

AWS's price list has asynchronous inference apart (usage type AsyncInf), under names that we could not check; the price
of real-time hosting (Host) is taken for it. It was the same where both were published, for ml.g6e.2xlarge in us-east-1
on 2026-09-20.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib import costs
from lib.costs import Estimate, Row
from lib.target import capacity

if TYPE_CHECKING:
    from lib.aws.client import AwsClient


def estimate(connect: Callable[[], AwsClient]) -> Estimate:
    """How many instances run when, and their price."""
    least, most = capacity.bounds()
    rows = [Row("at rest", least), Row("at most", most)]
    if least:
        rows.append(Row("at rest with MIN_INSTANCES=0", 0))
    return costs.of_instances(rows, connect)
