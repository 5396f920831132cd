"""The connection to AWS: region, credentials, account. boto3 itself honours AWS_PROFILE and AWS_ENDPOINT_URL."""

from __future__ import annotations

import getpass
import os
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
import botocore.config
import botocore.session

from lib import config
from lib.aws import errors
from lib.cli import say

# how often botocore asks again when AWS throttles or fails; the environment may say otherwise
RETRIES = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "8"}


@dataclass(frozen=True)
class Identity:
    """Who asks: the number of the account, and the partition (aws, aws-cn, aws-us-gov)."""

    account: str
    partition: str


@dataclass
class Session:
    """Clients of the services of AWS in one region."""

    region: str
    boto: Any
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str, region: str = "", **options: Any) -> Any:
        """The client of a service, such as `sagemaker`. Raises AwsError.

        The first use decides on another `region`, for a service that isn't in all of them, and on botocore's `options`.
        """
        if service not in self._clients:
            with errors.explained(service, "connect"):
                configuration = botocore.config.Config(**options)
                self._clients[service] = self.boto.client(service, region or self.region, config=configuration)
        return self._clients[service]

    @property
    def dns_suffix(self) -> str:
        """What the names of AWS's hosts end with in the region's partition, such as amazonaws.com."""
        resolver = botocore.session.get_session().get_component("endpoint_resolver")
        return str(resolver.get_partition_dns_suffix(self.boto.get_partition_for_region(self.region)))

    @cached_property
    def identity(self) -> Identity:
        """The account that the credentials are for. Raises AwsError."""
        with errors.explained("sts", "GetCallerIdentity"):
            caller = self.client("sts").get_caller_identity()
        return Identity(caller["Account"], caller["Arn"].split(":")[1])


def connect() -> Session:
    """The connection to AWS_REGION of do/config. Raises VerbError, for a profile that doesn't exist too."""
    for variable, value in RETRIES.items():
        os.environ.setdefault(variable, value)
    settings = config.load()
    region, recorded = settings["AWS_REGION"], config.ANSWERS["AWS_REGION"]
    if region != recorded:  # many shells export it
        say(f"note: working in {region}, AWS_REGION of the environment, not in {recorded}, the project's own")
    # without a terminal, botocore's question for an MFA code would be read from standard input
    warnings.simplefilter("error", getpass.GetPassWarning)
    with errors.explained("boto3", "connect"):
        return Session(region, boto3.Session(region_name=region))
