"""The service under test as SageMaker's endpoint: the same checks, as far as they can be made through it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from lib.aws import invocation
from lib.checks.http.http_client import JSON, Client
from lib.checks.results import NoAnswer, NotApplicable
from lib.cli import VerbError
from lib.target import answers


class EndpointClient(Client):
    """Sends each request with InvokeEndpoint, or InvokeEndpointWithResponseStream."""

    def __init__(self) -> None:
        self.aws = invocation.connect()

    def __exit__(self, *exception: object) -> None:
        pass

    def get(self, path: str) -> httpx.Response:
        """Raises NotApplicable."""
        raise NotApplicable(f"do/test --endpoint sends no GET {path}")

    def invoke(
        self, body: dict[str, Any] | bytes, headers: Mapping[str, str] | None = None, content_type: str = JSON
    ) -> httpx.Response:
        """A request that is answered at once. Raises NoAnswer."""
        try:
            answer, found = answers.whole(self.aws, **_parameters(body, headers, content_type))
        except invocation.Refused as refusal:
            return _refusal(refusal)
        except VerbError as error:
            raise NoAnswer(str(error)) from None
        return httpx.Response(200, content=answer, headers={"content-type": found.get("ContentType", "")})

    @contextmanager
    def stream(self, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """A request whose answer is read as it comes. Raises NoAnswer, and NotApplicable where nothing is streamed."""
        if not answers.STREAMS:
            raise NotApplicable("this endpoint streams no answer")
        try:
            pieces, found = answers.stream(self.aws, **_parameters(body, headers, JSON))
            yield httpx.Response(200, content=pieces, headers={"content-type": found.get("ContentType", "")})
        except invocation.Refused as refusal:
            yield _refusal(refusal)
        except VerbError as error:
            raise NoAnswer(str(error)) from None


def _parameters(
    body: dict[str, Any] | bytes, headers: Mapping[str, str] | None, content_type: str
) -> dict[str, str | bytes]:
    """The request as InvokeEndpoint takes it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": content_type, **(headers or {})}
    return {"Body": content, **{invocation.PARAMETERS[name.lower()]: value for name, value in sent.items()}}


def _refusal(refusal: invocation.Refused) -> httpx.Response:
    return httpx.Response(refusal.status, content=refusal.body, headers={"content-type": JSON})
