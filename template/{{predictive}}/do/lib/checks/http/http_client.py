"""Requests to the server under test, and the four formats of predictions."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import httpx
import numpy as np

from lib.checks.results import Mismatch, NoAnswer
from lib.local import probe
from lib.model.documents import CONTENT_TYPES, CSV, JSON, JSON_LINES, NPY


class Client:
    """The server under test. Every method may be called from several threads."""

    def __init__(self, url: str) -> None:
        self.http = probe.connect(url)
        # no header that a check didn't ask for
        self.http.headers.pop("accept")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.http.close()

    def request(self, method: str, path: str, content: Any = None, **headers: str | None) -> httpx.Response:
        """Any request; `x_request_id="a"` sends the header X-Request-Id. Raises NoAnswer."""
        given = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        try:
            return self.http.request(method, path, content=content, headers=given)
        except httpx.TransportError as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from None

    def get(self, path: str) -> httpx.Response:
        """A plain GET. Raises NoAnswer."""
        return self.request("GET", path)

    def invoke(
        self,
        body: bytes | Iterable[bytes],
        content_type: str | None = JSON,
        accept: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """POST /invocations. Raises NoAnswer."""
        return self.request("POST", "/invocations", body, content_type=content_type, accept=accept, **headers)


def predictions_of(response: httpx.Response) -> Any:
    """The predictions in an answer, by its content type. Raises Mismatch for anything that isn't a good answer."""
    if response.status_code != 200:
        raise Mismatch("200", f"{response.status_code}: {response.text[:200]}")
    content_type = media_type(response)
    try:
        return DECODERS[content_type](response.content)
    except KeyError:
        raise Mismatch("predictions as " + ", ".join(CONTENT_TYPES), content_type or "no content type") from None
    except (ValueError, TypeError) as error:
        raise Mismatch(f"predictions as {content_type}", f"{response.content[:80]!r} ({error})") from None


def media_type(response: httpx.Response) -> str:
    """The content type of an answer, without parameters."""
    return response.headers.get("content-type", "").partition(";")[0].strip()


def _decode_json(content: bytes) -> Any:
    document = json.loads(content)
    if not isinstance(document, dict) or set(document) != {"predictions"}:
        raise ValueError('not {"predictions": [...]}')
    return document["predictions"]


def _decode_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def _decode_json_lines(content: bytes) -> Any:
    return [json.loads(line) for line in content.splitlines()]


def _decode_npy(content: bytes) -> Any:
    return np.load(io.BytesIO(content), allow_pickle=False)


DECODERS = {JSON: _decode_json, CSV: _decode_csv, JSON_LINES: _decode_json_lines, NPY: _decode_npy}
