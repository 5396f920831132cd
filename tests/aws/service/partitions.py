"""The partition that a region is in, as botocore knows it."""

from __future__ import annotations

from functools import cache

import botocore.session


@cache
def partition(region: str) -> str:
    """Such as `aws-cn`."""
    return str(botocore.session.get_session().get_partition_for_region(region))
