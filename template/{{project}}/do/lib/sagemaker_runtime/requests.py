"""Requests to the SageMaker runtime: their parameters, checked by the patterns of the API's own model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from io import BufferedIOBase
from urllib.parse import unquote

from lib.aws import names
from lib.sagemaker_runtime import errors, limits
from lib.target import presence

PATH = re.compile(r"/endpoints/(?P<endpoint>[^/?]+)/(?P<operation>[a-z-]+)")
OPERATIONS = {
    "invocations": "InvokeEndpoint",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
    "async-invocations": "InvokeEndpointAsync",
}
AMZN = "X-Amzn-SageMaker-"
PIECE_BYTES = 1024 * 1024
# the header of each parameter; InvokeEndpoint has its content types in those of HTTP
HEADERS = {
    "ContentType": f"{AMZN}Content-Type",
    "Accept": f"{AMZN}Accept",
    "CustomAttributes": f"{AMZN}Custom-Attributes",
    "TargetModel": f"{AMZN}Target-Model",
    "TargetVariant": f"{AMZN}Target-Variant",
    "TargetContainerHostname": f"{AMZN}Target-Container-Hostname",
    "InferenceId": f"{AMZN}Inference-Id",
    "EnableExplanations": f"{AMZN}Enable-Explanations",
    "InferenceComponentName": f"{AMZN}Inference-Component",
    "SessionId": f"{AMZN}Session-Id",
    "InputLocation": f"{AMZN}InputLocation",
    "S3OutputPathExtension": f"{AMZN}S3OutputPathExtension",
    "Filename": f"{AMZN}Filename",
    "RequestTTLSeconds": f"{AMZN}RequestTTLSeconds",
    "InvocationTimeoutSeconds": f"{AMZN}InvocationTimeoutSeconds",
}
HTTP_HEADERS = {
    "InvokeEndpoint": {"ContentType": "Content-Type", "Accept": "Accept"},
    "InvokeEndpointWithResponseStream": {"ContentType": "Content-Type"},
    "InvokeEndpointAsync": {},
}
# the model's patterns and lengths in one
PATTERNS = {
    "ContentType": r"[\x00-\x7f]{0,1024}",
    "Accept": r"[\x00-\x7f]{0,1024}",
    "CustomAttributes": r"[\x00-\x7f]{0,1024}",
    "InferenceId": r"(?=.{1,64}$)\S[\x20-\x7e]*",
    "SessionId": r"(?=.{1,256}$)(NEW_SESSION|[a-zA-Z0-9](-*[a-zA-Z0-9])*)",
    "InputLocation": r"(?=.{1,1024}$)(https|s3)://([^/]+)/?(.*)",
    "S3OutputPathExtension": r"(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]{1,512}",
    "Filename": r"(?!.*\..*\.)(?=.{1,32}$)[a-zA-Z0-9][a-zA-Z0-9_.-]*",
}
RANGES = {"RequestTTLSeconds": (60, 21600), "InvocationTimeoutSeconds": (1, 3600)}
# what needs an endpoint of another kind than this template's
NEEDS = {
    "TargetModel": "a multi-model endpoint",
    "TargetContainerHostname": "an endpoint with several containers",
    "EnableExplanations": "an endpoint with an explainer",
}
# what reaches the container, and the headers it has there
PASSED_ON = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": HEADERS["CustomAttributes"],
    "SessionId": HEADERS["SessionId"],
}


@dataclass
class Body:
    """The body of a request, which is yet to be read."""

    source: BufferedIOBase
    length: int  # in bytes

    def read(self, most: int = limits.MAX_BODY_BYTES) -> bytes:
        """All of it. Raises InvocationError if it is larger than this."""
        if self.length > most:
            # in SageMaker's words: https://github.com/aws/sagemaker-python-sdk/issues/4271
            raise errors.invalid(f"Request has oversize body: {self.length} bytes, and the limit is {most}.")
        length, self.length = self.length, 0
        return self.source.read(length)

    def drain(self) -> None:
        """Read what nobody has read, because callers listen only after they have sent it."""
        while piece := self.source.read(min(self.length, PIECE_BYTES)):
            self.length -= len(piece)


@dataclass(frozen=True)
class Request:
    """A request: its operation, its parameters by their names in the API, and its body."""

    operation: str
    parameters: Mapping[str, str]
    body: Body

    def for_container(self) -> dict[str, str]:
        """The headers that the container gets."""
        return {header: self.parameters[name] for name, header in PASSED_ON.items() if name in self.parameters}


def parse(path: str, headers: Message, body: Body) -> Request:
    """The request that came with HTTP. Raises InvocationError for one that the endpoint can't take."""
    found = PATH.fullmatch(path)
    if not found or found["operation"] not in OPERATIONS:
        raise errors.InvocationError("UnknownOperationException", f"There is no operation at {path}.")
    if "Transfer-Encoding" in headers:
        raise errors.invalid("A request needs a Content-Length.")
    operation = OPERATIONS[found["operation"]]
    _require_endpoint(unquote(found["endpoint"]), operation)
    places = HEADERS | HTTP_HEADERS[operation]
    parameters = {name: headers[header] for name, header in places.items() if headers.get(header)}
    for name, value in parameters.items():
        _require_sound(name, value)
    _require_addressed(parameters)
    return Request(operation, parameters, body)


def _require_endpoint(name: str, operation: str) -> None:
    """Raise InvocationError for another endpoint than the project's, and for an operation that it doesn't take."""
    if name != names.project():
        raise errors.invalid(f"Endpoint {name} of account {errors.ACCOUNT} not found.")
    if operation not in limits.OPERATIONS:
        raise errors.invalid(f"Endpoint {name} does not take {operation}, only {' and '.join(limits.OPERATIONS)}.")


def _require_addressed(parameters: Mapping[str, str]) -> None:
    """Raise InvocationError unless the request names the inference component, if the endpoint has one."""
    given, own = (found.get("InferenceComponentName", "") for found in (parameters, presence.addressed()))
    if given and not own:
        raise errors.invalid("InferenceComponentName needs an endpoint with inference components.")
    if given != own:
        raise errors.invalid(f"InferenceComponentName is {given!r}, and the endpoint has {own!r} only.")


def _require_sound(name: str, value: str) -> None:
    """Raise InvocationError for a parameter that the API's model or this endpoint doesn't allow."""
    if name in NEEDS:
        raise errors.invalid(f"{name} needs {NEEDS[name]}.")
    if name == "TargetVariant" and value != names.VARIANT:
        raise errors.invalid(f"Variant {value} not found: the endpoint has one, {names.VARIANT}.")
    if name in PATTERNS and not re.fullmatch(PATTERNS[name], value):
        raise errors.invalid(f"Value {value!r} at {name} failed to satisfy constraint: {PATTERNS[name]}")
    if name in RANGES and not _is_in(value, *RANGES[name]):
        low, high = RANGES[name]
        raise errors.invalid(f"Value {value!r} at {name} failed to satisfy constraint: a number from {low} to {high}")


def _is_in(value: str, low: int, high: int) -> bool:
    return value.isdecimal() and low <= int(value) <= high
