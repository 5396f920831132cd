"""AWS's price list: what an instance type costs on demand.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html; which products are
those of hosting: https://github.com/awslabs/llmeter (llmeter/callbacks/cost).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lib import config
from lib.aws.client import AwsClient

# where the partition `aws` has it; it says the prices of all regions
REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")
# a price is worth a few seconds only
PATIENCE = {"connect_timeout": 5, "read_timeout": 10, "retries": {"mode": "standard", "total_max_attempts": 2}}


def hosting(aws: AwsClient, instance_type: str) -> float | None:
    """US dollars an hour of hosting on an instance type in the project's region; None if the list doesn't say.

    Raises AwsError.
    """
    if config.PARTITIONS[aws.region] != "aws":  # others have other lists, currencies and accounts
        return None
    aws.session.client("pricing", aws.region if aws.region in REGIONS else REGIONS[0], **PATIENCE)
    wanted = {"regionCode": aws.region, "component": "Hosting", "instanceName": instance_type}
    products = aws.pages(
        "pricing",
        "GetProducts",
        "PriceList",
        ServiceCode="AmazonSageMaker",
        FormatVersion="aws_v1",
        Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()],
    )
    rates = {rate for product in products for rate in _hourly(json.loads(product))}
    return rates.pop() if len(rates) == 1 else None  # several say nothing certain


def _hourly(product: dict[str, Any]) -> Iterator[float]:
    """The prices of a product on demand, by the hour.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file.html
    """
    for term in product["terms"].get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension["unit"] == "Hrs" and "USD" in dimension["pricePerUnit"]:
                yield float(dimension["pricePerUnit"]["USD"])
