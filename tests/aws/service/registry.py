"""What moto lacks of the Model Registry: it can't delete."""

from __future__ import annotations

from typing import Any

from moto.backends import get_backend

from tests.aws.service.protocols import Call, ServiceError


class Registry:
    """Deletes from moto's own tables, which are in this process."""

    service = "sagemaker"

    def DeleteModelPackage(self, call: Call) -> dict[str, Any]:
        packages = _backend(call).model_packages
        if call.parameters["ModelPackageName"] not in packages:
            raise ServiceError("ValidationException", "Could not find model package")
        del packages[call.parameters["ModelPackageName"]]
        return {}

    def DeleteModelPackageGroup(self, call: Call) -> dict[str, Any]:
        name = call.parameters["ModelPackageGroupName"]
        backend = _backend(call)
        if name not in backend.model_package_groups:
            raise ServiceError("ValidationException", f"Could not find model package group {name}")
        if any(package.model_package_group_name == name for package in backend.model_packages.values()):
            raise ServiceError("ConflictException", f"Model Package Group cannot be deleted: {name} is not empty")
        del backend.model_package_groups[name]
        return {}


def _backend(call: Call) -> Any:
    return get_backend("sagemaker")["123456789012"][call.region]
