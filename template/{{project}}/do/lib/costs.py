"""What a project costs: a price, and how many of what it buys run when. lib/target/cost.py counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from lib import config, prices
from lib.prices import Price

if TYPE_CHECKING:
    from lib.aws.client import AwsClient

MONTH = 730  # hours: a twelfth of a year, as AWS's calculator counts, https://calculator.aws
PAGE = "https://aws.amazon.com/sagemaker/ai/pricing"


class Row(NamedTuple):
    """How many run in a situation, such as `at rest`; `lasts` if it can go on for a month."""

    when: str
    number: int
    lasts: bool = True


class Estimate(NamedTuple):
    """What an hour of one of them costs, how many run when, and what to do if the price is not known.

    A `note` says what there is to say if there is nothing to count.
    """

    what: str
    unit: str
    price: Price | None
    rows: list[Row]
    advice: str
    note: str = ""

    def hourly(self, row: Row) -> float | None:
        """US dollars an hour; None if they aren't known. Nothing costs nothing."""
        if not row.number:
            return 0.0
        return self.price.usd * row.number if self.price else None

    def monthly(self, row: Row) -> float | None:
        """US dollars a month; None if they aren't known, or nothing goes on for a month."""
        hourly = self.hourly(row)
        return hourly * MONTH if hourly is not None and row.lasts else None

    @property
    def priced(self) -> str:
        """What is known of the price."""
        if self.note:
            return self.note
        if not self.price:
            return f"no price known for {self.what}"
        return f"{self.what}: {rate(self.price.usd)} an hour ({self.price.source})"


def of_instances(rows: list[Row], connect: Callable[[], AwsClient]) -> Estimate:
    """What hosting on the project's instance type costs. AWS is asked, through `connect`, only if it has to be."""
    configuration = config.load()
    instance_type, region = configuration["INSTANCE_TYPE"], configuration["AWS_REGION"]
    price = prices.of_hosting(instance_type, region, connect)
    return Estimate(f"{instance_type} in {region}", "instances", price, rows, own_price_of(instance_type))


def own_price_of(instance_type: str) -> str:
    """How to tell a price that the verbs can't find out."""
    data = f"'instance_prices={{{instance_type}: DOLLARS_AN_HOUR}}'"
    return f"run do/update --keep-version --data {data} with the price from {PAGE}"


def line(found: Estimate) -> str:
    """What is known, in one line."""
    known = ", ".join(_known(found))
    return f"{known}; {found.priced}" if known else found.priced


def rate(usd: float | None) -> str:
    """A price with all of its decimals, two at least."""
    if usd is None:
        return "unknown"
    whole, _, decimals = f"{usd:,.6f}".partition(".")
    return f"${whole}.{decimals.rstrip('0').ljust(2, '0')}"


def dollars(amount: float | None) -> str:
    """An amount, rounded to cents."""
    return "unknown" if amount is None else f"${amount:,.2f}"


def _known(found: Estimate) -> Iterator[str]:
    for row in found.rows:
        hourly, monthly = found.hourly(row), found.monthly(row)
        if monthly is not None:
            yield f"{row.when} {dollars(monthly)} a month"
        elif hourly is not None:
            yield f"{row.when} {rate(hourly)} an hour"
