"""The service under test as SageMaker's endpoint: the same checks, as far as they can be made through it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx

from lib.aws import invocation
from lib.checks.http import suite
from lib.checks.http.http_client import Client
from lib.checks.http.suite import Check
from lib.checks.results import NoAnswer, NotApplicable
from lib.cli import VerbError
from lib.target import answers
from lib.target.endpoint_config import LARGEST_BODY

# checks of headers that SageMaker takes out of an answer
HIDDEN = {"a request without an id gets one of its own", "custom attributes are sent back with: an error"}
HIDDEN |= set() if answers.HEADERS else {"custom attributes are sent back with: an answer"}


def checks() -> list[Check]:
    """The checks whose answers SageMaker passes on."""
    return [one for one in suite.all_checks() if one.name not in HIDDEN]


class EndpointClient(Client):
    """Sends each request with InvokeEndpoint."""

    def __init__(self) -> None:
        self.aws = invocation.connect()

    def __exit__(self, *exception: object) -> None:
        pass

    def request(self, method: str, path: str, content: Any = None, **headers: str | None) -> httpx.Response:
        """A request to /invocations. Raises NotApplicable for what SageMaker does not pass on, and NoAnswer."""
        if (method, path) != ("POST", "/invocations"):
            raise NotApplicable(f"do/test --endpoint sends no {method} {path}")
        parameters = {_parameter(name): value for name, value in headers.items() if value is not None}
        if "ContentType" not in parameters:
            raise NotApplicable("do/test --endpoint gives each request a content type")
        try:
            body, found = answers.whole(self.aws, Body=_body(content), **parameters)
        except invocation.Refused as refusal:
            return _refusal(refusal)
        except VerbError as error:
            raise NoAnswer(str(error)) from None
        answered = {"content-type": found.get("ContentType", "")}
        if "CustomAttributes" in found:
            answered["x-amzn-sagemaker-custom-attributes"] = found["CustomAttributes"]
        return httpx.Response(200, content=body, headers=answered)


def _parameter(header: str) -> str:
    name = header.replace("_", "-")
    if name not in invocation.PARAMETERS:
        raise NotApplicable(f"do/test --endpoint doesn't send the header {name}")
    return invocation.PARAMETERS[name]


def _body(content: bytes | Iterable[bytes]) -> bytes:
    body = content if isinstance(content, bytes) else b"".join(content)
    if len(body) > LARGEST_BODY:
        raise NotApplicable("do/test --endpoint sends no larger bodies")
    return body


def _refusal(refusal: invocation.Refused) -> httpx.Response:
    """The container's error. SageMaker passes on its status and body only: the headers here are what they would be."""
    try:
        request_id = str(json.loads(refusal.body)["error"]["request_id"])
    except (ValueError, KeyError, TypeError):
        request_id = ""
    headers = {"content-type": "application/json", "x-request-id": request_id}
    return httpx.Response(refusal.status, content=refusal.body, headers=headers)
