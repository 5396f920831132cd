"""Stands in for Service Quotas, of which moto lists none for SageMaker."""

from __future__ import annotations

from typing import Any

from tests.aws.service.protocols import Call, ServiceError


class Quotas:
    """Every instance type may be used ten times, until a test says otherwise.

    A quota without an applied value is listed among the defaults only:
    https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html
    """

    service = "service-quotas"

    def __init__(self) -> None:
        self.values: dict[str, float] = {"ml.m5.large for endpoint usage": 10.0}
        self.defaults: dict[str, float] = {}

    def ListServiceQuotas(self, call: Call) -> dict[str, Any]:
        return _quotas(call, self.values)

    def ListAWSDefaultServiceQuotas(self, call: Call) -> dict[str, Any]:
        return _quotas(call, self.defaults)

    def GetServiceQuota(self, call: Call) -> dict[str, Any]:
        for item in self.values.items():
            quota = _quota(call.parameters["ServiceCode"], *item)
            if quota["QuotaCode"] == call.parameters["QuotaCode"]:
                return {"Quota": quota}
        raise ServiceError("NoSuchResourceException", "there is no such quota")


def _quotas(call: Call, values: dict[str, float]) -> dict[str, Any]:
    return {"Quotas": [_quota(call.parameters["ServiceCode"], *item) for item in values.items()]}


def _quota(service: str, name: str, value: float) -> dict[str, Any]:
    code = f"L-{sum(name.encode()):08X}"
    return {"ServiceCode": service, "QuotaName": name, "QuotaCode": code, "Value": value, "Adjustable": True}
