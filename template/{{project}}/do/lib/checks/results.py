"""How a check comes out: what it expected and saw, and why it could not look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Observation(NamedTuple):
    """What a check expected and what it saw, in words."""

    expected: str
    seen: str


class Mismatch(Exception):
    """A check failed."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; saw {seen}")
        self.observation = Observation(expected, seen)


class NotApplicable(Exception):
    """A check makes no sense for this model; the text says why."""


class NoAnswer(Exception):
    """The server did not answer a request; the text says what happened instead."""


@dataclass(frozen=True)
class Result:
    """How a check came out."""

    topic: str
    name: str
    outcome: Literal["ok", "FAIL", "n/a"]
    expected: str
    seen: str

    def __str__(self) -> str:
        if self.outcome == "n/a":
            return f"n/a   {self.name} - {self.seen}"
        return f"{self.outcome:4}  {self.name} - expected {self.expected}; saw {self.seen}"


def expect(passed: bool, expected: str, seen: str) -> Observation:
    """The observation of a check that passed. Raises Mismatch when it did not."""
    if not passed:
        raise Mismatch(expected, seen)
    return Observation(expected, seen)
