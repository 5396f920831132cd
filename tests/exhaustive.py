"""Which rows of a table `make test` runs: one for each thing that differs. `make test-exhaustive` runs the others.

CI runs both. The mark itself is for a test that repeats, at length, what other tests have shown.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pytest

exhaustive = pytest.mark.exhaustive

# The frameworks whose packages are installed and imported in seconds: make test serves the samples of these. The others
# are served in images, by make test-containers.
LIGHT = ("sklearn", "xgboost")


def first_of_each(rows: Mapping[str, tuple[Any, ...]], differs: Callable[..., Hashable]) -> list[Any]:
    """The rows, by their ids, as parameters; all but the first of those that `differs` calls the same are marked."""
    seen: set[Hashable] = set()
    parameters = []
    for name, row in rows.items():
        kind = differs(*row)
        parameters.append(pytest.param(*row, id=name, marks=[exhaustive] if kind in seen else []))
        seen.add(kind)
    return parameters
