"""Stands in for ECR's scans of images, in which moto finds nothing."""

from __future__ import annotations

from typing import Any

from tests.aws.service.protocols import Call, ServiceError


class Scans:
    """Every image has these vulnerabilities, by severity; without any it was not scanned yet."""

    service = "ecr"

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def DescribeImageScanFindings(self, call: Call) -> dict[str, Any]:
        if not self.counts:
            raise ServiceError("ScanNotFoundException", "Image scan does not exist for the image")
        findings = {"findingSeverityCounts": self.counts, "findings": []}
        return {"imageId": call.parameters["imageId"], "imageScanFindings": findings}
