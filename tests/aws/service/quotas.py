"""Stands in for Service Quotas, of which moto lists none for SageMaker."""

from __future__ import annotations

from typing import Any

from tests.aws.service.protocols import Call, ServiceError


class Quotas:
    """Every instance type may be used ten times, until a test says otherwise."""

    service = "service-quotas"

    def __init__(self) -> None:
        self.values: dict[str, float] = {"ml.m5.large for endpoint usage": 10.0}

    def ListServiceQuotas(self, call: Call) -> dict[str, Any]:
        return {"Quotas": [_quota(call.parameters["ServiceCode"], *item) for item in self.values.items()]}

    def ListAWSDefaultServiceQuotas(self, call: Call) -> dict[str, Any]:
        return self.ListServiceQuotas(call)

    def GetServiceQuota(self, call: Call) -> dict[str, Any]:
        for item in self.values.items():
            quota = _quota(call.parameters["ServiceCode"], *item)
            if quota["QuotaCode"] == call.parameters["QuotaCode"]:
                return {"Quota": quota}
        raise ServiceError("NoSuchResourceException", "there is no such quota")


def _quota(service: str, name: str, value: float) -> dict[str, Any]:
    code = f"L-{sum(name.encode()):08X}"
    return {"ServiceCode": service, "QuotaName": name, "QuotaCode": code, "Value": value, "Adjustable": True}
