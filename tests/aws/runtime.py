"""Stands in for SageMaker's runtime: passes requests to a server of the contract, and wraps its answers and errors."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import httpx

from tests.verbs.contract_server import JSON, Reply, Request, RightServer, typed

if TYPE_CHECKING:
    from tests.aws.service.account import Account

ERROR = "X-Amzn-ErrorType"
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
PASSED_ON = ("content-type", "accept", ATTRIBUTES)
ANSWERED = {"Content-Type": "Content-Type", "X-Amzn-SageMaker-Custom-Attributes": "X-Amzn-SageMaker-Custom-Attributes"}
COMPONENT = "x-amzn-sagemaker-inference-component"
# https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
NO_CAPACITY = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if "
    "configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)
STREAMED = "/invocations-response-stream"


class Container(Protocol):
    """What the endpoint's instances run."""

    def answer(self, request: Request) -> Reply:
        """The answer to a request as SageMaker passes it on."""


@dataclass(frozen=True)
class Listening:
    """A container that listens at this URL."""

    url: str

    def answer(self, request: Request) -> Reply:
        found = httpx.post(self.url + request.path, content=request.body, headers=request.headers)
        return Reply(found.status_code, found.content, typed(found.headers["Content-Type"]))


class Runtime(RightServer):
    """SageMaker's side of the endpoint `my-model`."""

    def __init__(self, container: Container, breaks_off: bool = False) -> None:
        super().__init__()
        self.container = container
        self.breaks_off = breaks_off
        self.requests: list[Request] = []

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        name, streamed = request.path.removeprefix("/endpoints/").split("/", 1)
        if name != "my-model":
            return refused(f"Endpoint {name} of account 123456789012 not found.")
        headers = {key: value for key, value in request.headers.items() if key in PASSED_ON}
        reply = self.container.answer(Request("POST", "/invocations", headers, request.body))
        if reply.status != 200:
            return model_error(reply)
        if streamed == STREAMED.removeprefix("/"):
            return self.stream(reply)
        return Reply(200, reply.body, {key: value for key, value in reply.headers.items() if key in ANSWERED})

    def stream(self, reply: Reply) -> Reply:
        """The answer in two pieces, or one and an error."""
        middle = len(reply.body) // 2
        first, second = (event("PayloadPart", piece) for piece in (reply.body[:middle], reply.body[middle:]))
        if self.breaks_off:
            error = json.dumps({"Message": "the container hung up", "ErrorCode": "StreamBroken"}).encode()
            second = event("ModelStreamError", error, kind="exception")
        content_type = {"X-Amzn-SageMaker-Content-Type": reply.headers["Content-Type"]}
        return Reply(200, first + second, typed("application/vnd.amazon.eventstream") | content_type)


class ComponentRuntime(Runtime):
    """The same with an inference component, which answers if it has a copy."""

    def __init__(self, container: Container, account: Account) -> None:
        super().__init__(container)
        self.account = account

    def answer(self, request: Request) -> Reply:
        name = request.headers.get(COMPONENT, "")
        if name not in self.account.components.components:
            return refused(f"Inference component {name} not found.")
        if not self.account.components.copies_for(name):
            self.account.components.refuse_for_lack_of_capacity(name)
            return refused(NO_CAPACITY)
        return super().answer(request)


def refused(message: str) -> Reply:
    """A refusal of SageMaker itself."""
    return Reply(400, json.dumps({"message": message}).encode(), typed(JSON) | {ERROR: "ValidationError"})


def model_error(reply: Reply) -> Reply:
    """An error of the container, as callers of the endpoint get it."""
    error = {"OriginalStatusCode": reply.status, "OriginalMessage": reply.body.decode(), "Message": "from main"}
    return Reply(424, json.dumps(error).encode(), typed(JSON) | {ERROR: "ModelError"})


def event(name: str, payload: bytes, kind: str = "event") -> bytes:
    """A message of an event stream: https://smithy.io/2.0/aws/amazon-eventstream.html"""
    headers = header(":message-type", kind) + header(f":{kind}-type", name)
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


def header(name: str, value: str) -> bytes:
    """A header of such a message, whose value is a text."""
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
