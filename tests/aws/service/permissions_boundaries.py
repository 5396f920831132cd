"""The permissions boundaries that an administrator has made for the projects of the account."""

from __future__ import annotations

from typing import Any

from tests.aws.service.protocols import Call, ServiceError


class PermissionsBoundaries:
    """Every project has one, until a test says otherwise."""

    service = "iam"

    def __init__(self) -> None:
        self.exist = True

    def GetPolicy(self, call: Call) -> dict[str, Any]:
        arn = call.parameters["PolicyArn"]
        if not self.exist:
            raise ServiceError("NoSuchEntity", f"Policy {arn} was not found.", 404)
        return {"Policy": {"PolicyName": arn.rpartition("/")[2], "Arn": arn}}

    def CreateRole(self, call: Call) -> dict[str, Any] | None:
        """Roles need a boundary that exists: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"""
        arn = call.parameters.get("PermissionsBoundary")
        if arn and not self.exist:
            raise ServiceError("NoSuchEntity", f"Policy {arn} was not found.", 404)
        return None
