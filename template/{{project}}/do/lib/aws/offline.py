"""An account that is only named: for what can be said without access to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lib.aws import session
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError


class Offline(AwsClient):
    """AWS without credentials. Every request raises VerbError."""

    def __init__(self, account: str) -> None:
        self.dry_run = False
        self.session = session.connect()
        partition = self.session.boto.get_partition_for_region(self.session.region)
        self.session.identity = session.Identity(account, partition)

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        raise self._refusal(service, operation)

    def _call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        raise self._refusal(service, operation)

    @staticmethod
    def _refusal(service: str, operation: str) -> VerbError:
        return VerbError(
            f"these settings need {service}:{operation} to be looked up: run it with credentials for the account, and "
            "without --account",
            ExitCode.MISSING_PREREQUISITE,
        )
