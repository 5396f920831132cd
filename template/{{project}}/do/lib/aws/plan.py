"""Plans: what has to be done, told before it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lib.cli import say


class Step(NamedTuple):
    """A change that has to be made."""

    what: str
    make: Callable[[], object]


def carry_out(steps: Sequence[Step]) -> None:
    """Tell the plan, then do it. Raises whatever a step raises."""
    for step in steps:
        say(f"to do: {step.what}")
    for step in steps:
        step.make()
