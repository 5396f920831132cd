"""MAX_MONTHLY_COST: the most that the project may cost, unless its owner agrees to more."""

from __future__ import annotations

import sys

from lib import cli, config
from lib.cli import ExitCode, VerbError, say
from lib.costs import Estimate, dollars

LIMIT = "MAX_MONTHLY_COST"


def problem(found: Estimate) -> str:
    """Why the project exceeds its limit, or may do so; empty if it doesn't, or has no limit."""
    limit = config.load().get(LIMIT, "")
    if not limit:
        return ""
    amounts = [found.monthly(row) for row in found.rows]
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return f"{found.priced}, so it may cost more than {LIMIT}={limit}"
    return f"it can cost {dollars(max(known))} a month, more than {LIMIT}={limit}" if max(known) > int(limit) else ""


def require(found: Estimate, can_ask: bool) -> None:
    """Ask the person at the terminal if the project exceeds its limit. Raises VerbError unless that is agreed."""
    why = problem(found)
    if not why:
        return
    if not can_ask or not sys.stdin.isatty():
        remedy = f"run do/config set {LIMIT} with more, or MAX_INSTANCES with less" if found.price else found.advice
        raise VerbError(f"{why}: {remedy}", ExitCode.BAD_CONFIGURATION)
    say(why)
    if not cli.agreed("Deploy it all the same?"):
        raise VerbError("nothing was changed", ExitCode.FAILED)
