"""The one way in which verbs ask AWS and change something there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from botocore import xform_name

from lib.aws import delays, errors, session
from lib.aws.errors import AwsError
from lib.aws.redaction import redacted
from lib.aws.session import Identity
from lib.cli import log

REMOVING = ("Delete", "Deregister")
# parameters whose value says nothing to a reader, and may be a secret
HIDDEN = {"Body", "SecretString"}


class AwsClient:
    """AWS in the project's region. Operations are named as in AWS's API, such as ("sagemaker", "CreateModel").

    Every method raises AwsError. With `dry_run`, what would be changed is printed, and nothing is.
    """

    def __init__(self, dry_run: bool = False) -> None:
        self.dry_run = dry_run
        self.session = session.connect()

    @property
    def region(self) -> str:
        """AWS_REGION of do/config."""
        return self.session.region

    @property
    def identity(self) -> Identity:
        """The account and the partition."""
        return self.session.identity

    def read(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a request that changes nothing."""
        return self._call(service, operation, parameters)

    def find(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """The answer to a request that changes nothing; None if there is no such thing."""
        try:
            return self._call(service, operation, parameters)
        except AwsError as error:
            if error.not_found:
                return None
            raise

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """What a request lists under `key`, page after page."""
        _log(service, operation, parameters)
        paginator = self.session.client(service).get_paginator(xform_name(operation))
        with errors.explained(service, operation):
            for page in paginator.paginate(**parameters):
                yield from page.get(key, ())

    def change(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a request that changes something; empty with `dry_run`, where it is printed instead."""
        if self.dry_run:
            print(f"would call {service} {operation}\n{described(parameters)}")
            return {}
        try:
            return delays.outwaited(f"{service}:{operation}", lambda: self._call(service, operation, parameters))
        except AwsError as error:
            if error.not_found and operation.startswith(REMOVING):
                return {}  # done: by a request whose answer was lost, or by somebody else
            raise

    def _call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        _log(service, operation, parameters)
        client = self.session.client(service)
        with errors.explained(service, operation):
            return dict(getattr(client, xform_name(operation))(**parameters))


def described(parameters: Mapping[str, Any], indent: int | None = 2) -> str:
    """The parameters of a request as JSON, for people: no account numbers, no contents of files."""
    shown = {key: _hidden(value) if key in HIDDEN else value for key, value in parameters.items()}
    return redacted(json.dumps(shown, indent=indent, default=str))


def _hidden(value: Any) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes | str) else f"<{os.fspath(value.name)}>"


def _log(service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    log.debug("%s %s %s", service, operation, described(parameters, indent=None))
