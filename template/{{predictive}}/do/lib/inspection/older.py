"""What older versions of a package need, by the catalog's table `older`: a row holds from its version on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .findings import numbers


def row_for(version: str, older: Mapping[str, Any]) -> Any:
    """The row of the newest version that is no newer than this one; None if there is none."""
    fitting = [since for since in older if numbers(since) <= numbers(version)]
    return older[max(fitting, key=numbers)] if fitting else None
