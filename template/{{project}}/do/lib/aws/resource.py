"""Something that the project has in AWS, or in a cluster there, as do/status shows it and do/clean removes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

Tags = list[dict[str, str]]


@dataclass(frozen=True)
class Resource:
    """Something in AWS: its kind in words, how it is, since when, and how it is removed.

    `tags` say whose it is, and `mark` gives it this project's. What `is_over` stays: AWS has no way to remove it.
    """

    kind: str
    name: str
    remove: Callable[[], object]
    tags: Tags
    mark: Callable[[], object]
    state: str = ""
    created: datetime | None = None
    is_over: bool = False
