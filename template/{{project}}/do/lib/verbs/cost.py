"""do/cost: what this project costs in AWS with its settings. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib import budget, cli, config
from lib.cli import ExitCode
from lib.costs import Estimate, dollars, rate
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient

EPILOG = """\
Prints the price of an instance with its source, and what the instances cost per hour and per month (730 hours) at rest,
which is without requests, and at most. The price is your answer instance_prices, or AWS's price list, which is kept for
a week in ~/.cache/mcc-template (or XDG_CACHE_HOME), or the template's dated copy of it for us-east-1. Without access to
AWS it prints what is known without.

examples:
  do/cost
  MAX_INSTANCES=4 do/cost    as if that were set"""

NOT_INCLUDED = "not included: disks, data transfer, S3, images, logs, builds, discounts and taxes"


def main() -> int:
    cli.parse(cli.parser("Show what this project costs in AWS.", EPILOG))
    config.require_sound()
    from lib.target import cost

    found = cost.estimate(connected)
    print(found.priced if found.price else f"{found.priced}: {found.advice}")
    print()
    if found.rows:
        for line in table(found):
            print(line)
        print()
    if problem := budget.problem(found):
        print(f"note: {problem}")
    print(NOT_INCLUDED)
    return ExitCode.OK


def connected() -> AwsClient:
    """AWS, which is asked for a price that is not known here. Raises VerbError."""
    environment.enter_verbs()
    from lib.aws.client import AwsClient

    return AwsClient()


def table(found: Estimate) -> list[str]:
    """A line for each situation, below the headings."""
    width = max(len(row.when) for row in found.rows)
    lines = [_line(width, "", found.unit, "an hour", "a month")]
    for row in found.rows:
        monthly = dollars(found.monthly(row)) if row.lasts else ""
        lines.append(_line(width, row.when, str(row.number), rate(found.hourly(row)), monthly))
    return lines


def _line(width: int, when: str, count: str, hourly: str, monthly: str) -> str:
    return f"{when:{width}}  {count:>10}  {hourly:>11}  {monthly:>13}".rstrip()
