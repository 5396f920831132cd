"""Stands in for the AWS Price List, of which moto has nothing.

Filters, pages and errors: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html.
What a product is: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file.html.
The regions that serve it are those of botocore's endpoints.json.
"""

from __future__ import annotations

import json
from typing import Any

from tests.aws.service.protocols import Call, ServiceError

REGIONS = {"us-east-1", "eu-central-1", "ap-south-1"}


class Prices:
    """Products of SageMaker: `hosting` has regions and instance types with their price, as the list writes it."""

    service = "pricing"

    def __init__(self) -> None:
        self.hosting: list[tuple[str, str, str]] = [("us-east-1", "ml.m5.large", "0.1150000000")]
        self.page = 100  # products, the most that AWS returns at once

    def GetProducts(self, call: Call) -> dict[str, Any]:
        if call.region not in REGIONS:
            raise ServiceError("UnknownEndpoint", f"there is no price list in {call.region}", 404)
        if call.parameters["ServiceCode"] != "AmazonSageMaker":
            raise ServiceError("NotFoundException", "the stand-in has SageMaker's products only")
        found = [product for product in self._products() if _fits(product, call.parameters.get("Filters", []))]
        token = call.parameters.get("NextToken", "0")
        if not token.isdecimal():
            raise ServiceError("InvalidNextTokenException", "The pagination token is invalid")
        first = int(token)
        last = first + min(self.page, call.parameters.get("MaxResults", self.page))
        answer = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(product) for product in found[first:last]]}
        return answer | ({"NextToken": str(last)} if last < len(found) else {})

    def _products(self) -> list[dict[str, Any]]:
        """Each instance type for hosting, and for training, at a price that nobody must take for it."""
        return [
            _product(region, name, component, usd)
            for region, name, price in self.hosting
            for component, usd in (("Hosting", price), ("Training", "999.0000000000"))
        ]


def _product(region: str, name: str, component: str, usd: str) -> dict[str, Any]:
    sku = f"{sum(f'{region} {name} {component}'.encode()):016d}"
    attributes = {
        "servicecode": "AmazonSageMaker",
        "regionCode": region,
        "component": component,
        "instanceName": name,
        "instanceType": f"{name}-{component}",
    }
    dimension = {"unit": "Hrs", "endRange": "Inf", "beginRange": "0", "pricePerUnit": {"USD": usd}, "appliesTo": []}
    term = {"sku": sku, "offerTermCode": "JRTCKXETXF", "priceDimensions": {f"{sku}.JRTCKXETXF.6YS6EN2CT7": dimension}}
    return {
        "product": {"productFamily": "ML Instance", "attributes": attributes, "sku": sku},
        "serviceCode": "AmazonSageMaker",
        "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": term}},
    }


def _fits(product: dict[str, Any], filters: list[dict[str, str]]) -> bool:
    """Only products that match all filters are returned."""
    for row in filters:
        if row["Type"] != "TERM_MATCH":
            raise ServiceError("InvalidParameterException", f"the stand-in has no filter {row['Type']}")
        if product["product"]["attributes"].get(row["Field"]) != row["Value"]:
            return False
    return True
