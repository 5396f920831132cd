"""Waiting for AWS: asks again and again, and gives up in time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from lib.cli import ExitCode, VerbError, say

Answer = TypeVar("Answer")

SECONDS_BETWEEN = "DO_POLL_SECONDS"  # the variable that sets how long to wait between two questions
DEFAULT_SECONDS = 10.0


def seconds_between() -> float:
    """DO_POLL_SECONDS of the environment, else 10. Raises VerbError."""
    text = os.environ.get(SECONDS_BETWEEN, "")
    try:
        return float(text or DEFAULT_SECONDS)
    except ValueError:
        raise VerbError(f"{SECONDS_BETWEEN}={text!r} is no number of seconds", ExitCode.BAD_CONFIGURATION) from None


def until(
    ask: Callable[[], Answer], is_over: Callable[[Answer], bool], show: Callable[[Answer], str], patience: float
) -> Answer:
    """The first answer that ends it; each that is shown otherwise than the last is told. Raises VerbError.

    `patience` is in seconds.
    """
    began = time.monotonic()
    shown = ""
    while True:
        answer = ask()
        now = time.monotonic() - began
        if (text := show(answer)) != shown:
            say(f"{now:4.0f} s  {text}")
            shown = text
        if is_over(answer):
            return answer
        if now > patience:
            raise VerbError(
                f"it still goes on after {now / 60:.0f} minutes ({shown}): do/status shows how it is",
                ExitCode.AWS_ERROR,
            )
        time.sleep(seconds_between())


def retried(attempt: Callable[[], Answer], is_temporary: Callable[[VerbError], bool], why: str) -> Answer:
    """What `attempt` gives, tried for up to 5 minutes while its errors are temporary. Raises its last error.

    IAM takes up to minutes until a new role works everywhere. The pauses grow from a tenth to three times the
    seconds between two questions.
    """
    deadline = time.monotonic() + 300
    pause = seconds_between() / 10
    told = False
    while True:
        try:
            return attempt()
        except VerbError as error:
            if not is_temporary(error) or time.monotonic() > deadline:
                raise
        if not told:
            say(why)
            told = True
        time.sleep(pause)
        pause = min(pause * 2, 3 * seconds_between())
