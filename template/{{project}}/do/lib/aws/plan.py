"""Plans: what has to be done, told before it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from lib.aws import waiting
from lib.aws.errors import AwsError
from lib.cli import ExitCode, VerbError, say

Answer = TypeVar("Answer")

LOOKS = 10  # at what there is, while something else changes it: every look but the last gets further


def reconciled(look_and_change: Callable[[], Answer]) -> Answer:
    """What it gives, done again if something has changed what it saw: a lost answer's request, or another verb.

    Raises VerbError if that goes on.
    """
    for look in range(1, LOOKS + 1):
        try:
            return look_and_change()
        except AwsError as error:
            if not error.is_conflict:
                raise
            if look == LOOKS:
                raise VerbError(
                    f"something else changes the same in AWS, likely another verb of this project: run the same again "
                    f"when that has ended ({error})",
                    ExitCode.AWS_ERROR,
                ) from None
        say("it was made or changed in AWS meanwhile: looking again")
        time.sleep(waiting.seconds_between())  # what was made a moment ago may not be seen at once
    raise AssertionError


class Step(NamedTuple):
    """A change that has to be made."""

    what: str
    make: Callable[[], object]


def tell(steps: Sequence[Step]) -> None:
    """Say what is going to be done."""
    for step in steps:
        say(f"to do: {step.what}")


def make(steps: Sequence[Step]) -> None:
    """Do what was told. Raises whatever a step raises."""
    for step in steps:
        step.make()


def carry_out(steps: Sequence[Step]) -> None:
    """Tell the plan, then do it. Raises whatever a step raises."""
    tell(steps)
    make(steps)
