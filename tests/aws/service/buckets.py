"""Keeps the policies of buckets: moto would apply them without their conditions, and deny what is allowed over TLS."""

from __future__ import annotations

from typing import Any

from tests.aws.service.protocols import Call, ServiceError


class Buckets:
    """The policies of an account's buckets, by name."""

    service = "s3"

    def __init__(self) -> None:
        self.policies: dict[str, str] = {}

    def PutBucketPolicy(self, call: Call) -> dict[str, Any]:
        self.policies[call.parameters["Bucket"]] = call.parameters["Policy"]
        return {}

    def GetBucketPolicy(self, call: Call) -> dict[str, Any]:
        if call.parameters["Bucket"] not in self.policies:
            raise ServiceError("NoSuchBucketPolicy", "The bucket policy does not exist", 404)
        return {"Policy": self.policies[call.parameters["Bucket"]]}

    def DeleteBucketPolicy(self, call: Call) -> dict[str, Any]:
        self.policies.pop(call.parameters["Bucket"], None)
        return {}
