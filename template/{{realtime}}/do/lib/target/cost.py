"""What a real-time endpoint costs: its instances, by the second, with or without requests."""

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
    return costs.of_instances([Row("at rest", least), Row("at most", most)], connect)
