"""Refusals that pass: what AWS says while it has not told all of itself of something new, see delays.yml."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from lib.aws import waiting
from lib.aws.errors import AwsError
from lib.aws.tables import read_table
from lib.cli import say

Answer = TypeVar("Answer")

TABLE = Path(__file__).with_name("delays.yml")


def outwaited(call: str, attempt: Callable[[], Answer]) -> Answer:
    """What `attempt` gives, tried again while its refusal passes by itself. Raises its last AwsError.

    `call` is the request as IAM names it. The pauses grow from a tenth to three times the seconds between two looks.
    """
    began = time.monotonic()
    pause = waiting.seconds_between() / 10
    told = ""
    while True:
        try:
            return attempt()
        except AwsError as error:
            row = _row(call, error)
            if not row or time.monotonic() - began > row["seconds"]:
                raise
        if row["waiting"] != told:
            told = row["waiting"]
            say(f"waiting {told}, up to {row['seconds'] / 60:.0f} minutes")
        time.sleep(pause)
        pause = min(pause * 2, 3 * waiting.seconds_between())


def _row(call: str, error: AwsError) -> dict[str, Any] | None:
    """The refusal in the table that this is; None if it stays."""
    said = f"{error.code} {error.text}"
    return next((row for row in _table() if re.fullmatch(row["call"], call) and re.search(row["refusal"], said)), None)


@cache
def _table() -> list[dict[str, Any]]:
    return list(read_table(TABLE))
