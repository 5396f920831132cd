"""What AWS offers where: the instance types of a region, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, pass_environment
from jinja2.ext import Extension

Row = Mapping[str, Any]
Catalog = Mapping[str, Mapping[str, Any]]

DEAREST = 10_000  # dollars an hour, far more than any type costs


class Offers(Extension):
    """Adds the filters `offered` and `prices_problem`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["offered"] = offered
        environment.filters["prices_problem"] = prices_problem


def offered(catalog: Catalog, region: str, own_prices: Row) -> Catalog:
    """The catalog as it is in a region: GPUs that are only `elsewhere` are marked, and the user's own prices count."""
    gpus = {
        name: {**row, "elsewhere": True} if region not in row.get("regions", [region]) else row
        for name, row in catalog["gpus"].items()
    }
    own = {name: {"usd": price} for name, price in own_prices.items()}
    return {**catalog, "gpus": gpus, "prices": {**catalog["prices"], **own}}


@pass_environment
def prices_problem(environment: Environment, given: Any, catalog: Catalog) -> str:
    """What is wrong with the answer to `instance_prices`, in one line; empty where it is right."""
    if not isinstance(given, dict):
        return "give instance types and their prices in dollars an hour, such as '{ml.g7e.2xlarge: 3.1}'"
    for name, price in given.items():
        if name not in catalog["instances"]:
            hint = environment.filters["did_you_mean"](str(name), catalog["instances"])
            return f"{name} is not an instance type of SageMaker hosting{hint}"
        if isinstance(price, bool) or not isinstance(price, int | float) or not 0 < price <= DEAREST:
            return f"{name}: give its price in dollars an hour, such as 3.1"
    return ""
