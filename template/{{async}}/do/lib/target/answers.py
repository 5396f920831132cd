"""How an asynchronous endpoint answers: a request and its answer are objects in S3.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-invoke-update-delete.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from lib import config
from lib.aws import endpoint, invocation, names, waiting
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError, say
from lib.target import endpoint_config

STREAMS = False
HEADERS = False  # whether the container's own come with an answer
SHORTEST_WAIT = 0.5  # seconds between two looks for an answer; they grow from there
START_SECONDS = 1800  # for the first instance of an endpoint that has none
# how SageMaker tells what a container answered: https://github.com/awsdocs/amazon-sagemaker-developer-guide/issues/203
CONTAINERS_ERROR = re.compile(r'Received (?:client|server) error \((\d{3})\) from \S+ with message "(.*)"', re.DOTALL)


def require_serving(aws: AwsClient) -> None:
    """Raise VerbError unless the endpoint answers requests."""
    endpoint.require_serving(aws)


def require_measurable(stream: bool) -> None:
    """Raise VerbError: what do/benchmark would measure is the queue."""
    raise VerbError(
        "an asynchronous endpoint answers through S3, where requests wait in a queue: measure the server itself with "
        "do/benchmark --url, or --serve",
        ExitCode.BAD_CONFIGURATION,
    )


def whole(aws: AwsClient, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
    """The body of the answer, and what came with it; waits. Raises Refused, and VerbError if there is no answer."""
    aws.session.client("s3", max_pool_connections=invocation.CONNECTIONS)
    bucket, key = names.bucket(aws.identity.account, aws.region), f"{endpoint_config.INPUTS}{uuid4().hex}"
    aws.change("s3", "PutObject", Bucket=bucket, Key=key, Body=parameters.pop("Body"))
    seconds = int(config.load()["INVOCATION_TIMEOUT"])
    sent = invocation.send(
        aws,
        "InvokeEndpointAsync",
        InputLocation=f"s3://{bucket}/{key}",
        InvocationTimeoutSeconds=seconds,
        **parameters,
    )
    return _awaited(aws, sent["OutputLocation"], sent["FailureLocation"], seconds + START_SECONDS)


def stream(aws: AwsClient, **parameters: Any) -> tuple[Iterator[bytes], dict[str, Any]]:
    """As `whole`: an asynchronous endpoint's answer comes in one piece."""
    body, found = whole(aws, **parameters)
    return iter([body]), found


def _awaited(aws: AwsClient, answer: str, failure: str, seconds: float) -> tuple[bytes, dict[str, Any]]:
    """The answer once it is there. A failure is written to another place, so both are looked at."""
    deadline, wait, told = time.monotonic() + seconds, min(SHORTEST_WAIT, waiting.seconds_between()), False
    while time.monotonic() < deadline:
        if found := _object(aws, answer):
            return found["Body"].read(), found
        if found := _object(aws, failure):
            raise _failed(found["Body"].read().decode(errors="replace"))
        if wait >= waiting.seconds_between() and not told:
            say(f"waiting for the answer, which SageMaker writes to {answer}")
            told = True
        time.sleep(wait)
        wait = min(2 * wait, waiting.seconds_between())
    raise VerbError(
        f"no answer in {seconds / 60:.0f} minutes; it will be at {answer}, or the reason at {failure}: check do/status",
        ExitCode.AWS_ERROR,
    )


def _object(aws: AwsClient, url: str) -> dict[str, Any] | None:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return aws.find("s3", "GetObject", Bucket=bucket, Key=key)


def _failed(text: str) -> Exception:
    """What a failure says: the container's own error, where it is one."""
    if found := CONTAINERS_ERROR.search(text):
        return invocation.Refused(int(found[1]), found[2].encode())
    return VerbError(f"the endpoint could not answer: {' '.join(text.split())[:500]}", ExitCode.FAILED)
