"""MAX_MONTHLY_COST: the most that the project may cost; without a policy, its owner can agree to more."""

from __future__ import annotations

import sys

from lib import cli, config, policy
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
    """Ask the person at the terminal if the project exceeds its limit, unless a policy holds that.

    Raises VerbError unless it is agreed.
    """
    why = problem(found)
    if not why:
        return
    held = policy.restricts(LIMIT)
    if held or not can_ask or not sys.stdin.isatty():
        less = f"run do/config set MAX_INSTANCES with less{'' if held else f', or {LIMIT} with more'}"
        raise VerbError(f"{why}: {less if found.price else found.advice}", ExitCode.BAD_CONFIGURATION)
    say(why)
    if not cli.agreed("Deploy it all the same?"):
        raise VerbError("nothing was changed", ExitCode.FAILED)
