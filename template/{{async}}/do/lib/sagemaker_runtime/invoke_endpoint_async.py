"""InvokeEndpointAsync: the request is an object in S3, and so is the response. Needs do/.venv.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from threading import Semaphore, Thread
from typing import Any
from uuid import uuid4

from lib import config
from lib.aws.client import AwsClient
from lib.cli import VerbError, say
from lib.sagemaker_runtime import errors, limits
from lib.sagemaker_runtime.container import BROKEN, Container
from lib.sagemaker_runtime.replies import Reply
from lib.sagemaker_runtime.requests import Request
from lib.target import endpoint_config

TTL_SECONDS = 21600  # SageMaker's default for the time that a request may wait
CONCURRENT = 4  # requests at once, where MAX_CONCURRENT_INVOCATIONS leaves it to SageMaker
READY_SECONDS = 0.2  # between two pings of a server that is starting


class Failure(Exception):
    """Why there is no response; the text goes to FailureLocation."""


@dataclass(frozen=True)
class Place:
    """An object in S3."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        """As callers write it."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Job:
    """A request in the queue."""

    request: Request
    inline: bytes | None
    output: Place
    failure: Place
    expires: float  # by time.monotonic


def answer(request: Request, container: Container) -> Reply:
    """Put a request into the queue, and say where its response will be. Raises InvocationError."""
    location = request.parameters.get("InputLocation")
    inline = request.body.read(limits.MAX_INLINE_BYTES)
    if bool(location) == bool(inline):
        raise errors.invalid("A request has either a Body or an InputLocation.")
    if location and not location.startswith("s3://"):
        raise errors.invalid(f"InputLocation {location} is not in S3: write s3://BUCKET/KEY.")
    name = str(uuid4())
    output = _place(endpoint_config.OUTPUTS, request.parameters, f"{name}.out")
    failure = _place(endpoint_config.FAILURES, {}, f"{name}-error.out")
    seconds = int(request.parameters.get("RequestTTLSeconds", TTL_SECONDS))
    job = Job(request, inline or None, output, failure, time.monotonic() + seconds)
    Thread(target=_carry_out, args=(job, container), daemon=True).start()
    headers = {
        "Content-Type": "application/json",
        "X-Amzn-SageMaker-OutputLocation": output.url,
        "X-Amzn-SageMaker-FailureLocation": failure.url,
    }
    identity = request.parameters.get("InferenceId", name)
    return Reply(202, headers, json.dumps({"InferenceId": identity}).encode())


@cache
def _aws() -> AwsClient:
    return AwsClient()


@cache
def _instance() -> Semaphore:
    """Lets as many requests through at once as an instance does."""
    return Semaphore(int(config.load()["MAX_CONCURRENT_INVOCATIONS"]) or CONCURRENT)


def _place(folder: str, parameters: Mapping[str, str], name: str) -> Place:
    extension = parameters.get("S3OutputPathExtension", "").strip("/")
    name = parameters.get("Filename", name)
    bucket, _, key = endpoint_config.url(_aws(), folder).removeprefix("s3://").partition("/")
    return Place(bucket, key + (f"{extension}/{name}" if extension else name))


def _carry_out(job: Job, container: Container) -> None:
    """Carry out a request, once the instance has room for it."""
    try:
        with _instance():
            _predict(job, container)
    except Failure as failure:
        _write(job.failure, str(failure).encode(), "text/plain")


def _predict(job: Job, container: Container) -> None:
    """Write the response of the container into S3. Raises Failure if there is none."""
    while not container.is_ready():
        time.sleep(READY_SECONDS)
        if time.monotonic() > job.expires:
            raise Failure("The request expired before the model was ready.")
    seconds = int(job.request.parameters.get("InvocationTimeoutSeconds", limits.SECONDS))
    body, length = _input(job)
    headers = job.request.for_container() | {"Content-Length": str(length)}
    try:
        with closing(container.post(body, headers, seconds)) as response:
            content = response.read()
    except TimeoutError:
        raise Failure(str(errors.timed_out())) from None
    except BROKEN:
        raise Failure(str(errors.hung_up())) from None
    if response.status != 200:
        raise Failure(str(errors.model_error(response.status, content)))
    _write(job.output, content, response.headers.get("Content-Type", ""))


def _input(job: Job) -> tuple[Any, int]:
    """The request's content, to be read, and its length. Raises Failure if it can't be read from S3."""
    if job.inline is not None:
        return job.inline, len(job.inline)
    location = job.request.parameters["InputLocation"]
    bucket, _, key = location.removeprefix("s3://").partition("/")
    try:
        found = _aws().read("s3", "GetObject", Bucket=bucket, Key=key)
    except VerbError as error:
        raise Failure(f"Unable to read {location}: {error}") from None
    if found["ContentLength"] > limits.MAX_BODY_BYTES:
        raise Failure(f"{location} has {found['ContentLength']} bytes, and the limit is {limits.MAX_BODY_BYTES}.")
    return found["Body"], found["ContentLength"]


def _write(place: Place, content: bytes, content_type: str) -> None:
    try:
        _aws().change("s3", "PutObject", Bucket=place.bucket, Key=place.key, Body=content, ContentType=content_type)
    except VerbError as error:  # nobody waits for this thread
        say(f"can't write {place.url}: {error}")
