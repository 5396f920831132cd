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
        raise VerbError(f"{SECONDS_BETWEEN}={text!r} is not a number of seconds", ExitCode.BAD_CONFIGURATION) from None


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
                f"still in progress after {now / 60:.0f} minutes ({shown}): check do/status",
                ExitCode.AWS_ERROR,
            )
        time.sleep(seconds_between())
