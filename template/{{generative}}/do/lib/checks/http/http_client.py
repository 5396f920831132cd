"""Requests to the server under test, and the events of its streams."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from lib.checks.results import Mismatch, NoAnswer
from lib.local import probe

JSON = "application/json"
EVENTS = "text/event-stream"
DONE = "[DONE]"


class Client:
    """The server under test. Every method may be called from several threads."""

    def __init__(self, url: str) -> None:
        self.http = probe.connect(url)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.http.close()

    def get(self, path: str) -> httpx.Response:
        """A plain GET. Raises NoAnswer."""
        try:
            return self.http.get(path)
        except httpx.TransportError as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from None

    def invoke(
        self, body: dict[str, Any] | bytes, headers: Mapping[str, str] | None = None, content_type: str = JSON
    ) -> httpx.Response:
        """POST /invocations. Raises NoAnswer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            sent = {"Content-Type": content_type, **(headers or {})}
            return self.http.post("/invocations", content=content, headers=sent)
        except httpx.TransportError as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from None

    @contextmanager
    def stream(self, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """POST /invocations, with the answer read as it comes. Raises NoAnswer."""
        try:
            with self.http.stream("POST", "/invocations", json=body, headers=headers) as response:
                yield response
        except httpx.TransportError as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from None


def document_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a good answer. Raises Mismatch for anything else."""
    if response.status_code != 200:
        raise Mismatch("200", f"{response.status_code}: {response.text[:200]}")
    try:
        return dict(response.json())
    except (ValueError, TypeError):
        raise Mismatch("a JSON object", repr(response.text[:200])) from None


def events_of(response: httpx.Response) -> list[dict[str, Any]]:
    """The events of a good stream up to its end. Raises Mismatch for any other answer."""
    if response.status_code != 200:
        response.read()
        raise Mismatch("200", f"{response.status_code}: {response.text[:200]}")
    content_type = response.headers.get("content-type", "")
    if not content_type.startswith(EVENTS):
        raise Mismatch(f"content type {EVENTS}", content_type or "none")
    data = [line.removeprefix("data:").strip() for line in response.iter_lines() if line.startswith("data:")]
    if data[-1:] != [DONE]:
        raise Mismatch(f"a stream that ends with {DONE}", repr(data[-1:]))
    try:
        return [dict(json.loads(text)) for text in data[:-1]]
    except (ValueError, TypeError) as error:
        raise Mismatch("a JSON object in each event", str(error)) from None
