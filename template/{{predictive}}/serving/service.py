"""Everything between HTTP and the model that both web applications share; it knows neither."""

from __future__ import annotations

import gc
import logging
import re
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from uuid import uuid4

import orjson

from serving import codecs, metrics, tables
from serving.batching import Batcher, require_one_per_row
from serving.errors import (
    BodyTooLarge,
    MalformedBody,
    ModelNotReady,
    ServingError,
    UnsupportedContentEncoding,
)
from serving.handlers.base import Handler, UnusableModel
from serving.model_handler import ModelHandler
from serving.settings import Settings
from serving.watchdog import Watchdog

log = logging.getLogger(__name__)

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
REQUEST_ID = "X-Request-Id"
METHODS = {
    "/ping": "GET",
    "/invocations": "POST",
    "/metrics": "GET",
    "/execution-parameters": "GET",
    "/openapi.json": "GET",
}

LARGE_BODY = 100_000  # bytes; more take a while to read or write
MANY_ROWS = 2_000  # predictions; more take a while to write
GZIP = 31  # zlib's number for it

_SAFE_ID = re.compile(r"[\w.:/=+-]{1,128}\Z", re.ASCII)

AnyBatcher = TypeVar("AnyBatcher", bound=Batcher)


class Headers(Protocol):
    """A request's headers, by name in any case; Flask and Starlette have different types for them."""

    def get(self, key: str, /) -> str | None:
        """A header's value."""


@dataclass(frozen=True)
class Reply:
    """An HTTP response."""

    status: int
    body: bytes
    headers: dict[str, str]


class Invocation:
    """One request to /invocations, from its body to its answer."""

    __slots__ = ("accept", "began", "headers", "rows")

    def __init__(self, headers: dict[str, str], accept: str, rows: Any, began: float) -> None:
        self.headers = headers
        self.accept = accept
        self.rows = rows
        self.began = began

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self.headers[REQUEST_ID]


class Service(Generic[AnyBatcher]):
    """The model of this process and what is done with it. `batcher_type` says how requests wait."""

    def __init__(self, settings: Settings, batcher_type: type[AnyBatcher]) -> None:
        self.settings = settings
        self.handler = ModelHandler()
        self.model: Any = None
        self.watchdog = Watchdog(settings)
        self._large = threading.Lock()  # held by the one large body that is read or written at a time
        self.batcher: AnyBatcher = batcher_type(
            self._predict, batch_rows=settings.batch_rows, max_waiting=settings.max_waiting
        )

    def load(self) -> None:
        """Load the model. Raises whatever the handler raises: without its model a process must not live."""
        began = time.monotonic()
        if self.settings.output:
            self.handler.output = self.settings.output
        self.model = load(self.handler, self.settings.model_dir)
        if not (self.settings.batching and self.handler.batching):
            self.batcher.batch_rows = 1
        expected = self.handler.row_format or "rows that it doesn't describe"
        log.info("model loaded in %.2f seconds; it expects %s", time.monotonic() - began, expected)
        if self.settings.example.is_file():
            self._answer_example(self.settings.example)
        # what is alive now stays: full collections would stall requests, and would unshare memory after a fork
        gc.collect()
        gc.freeze()

    def _answer_example(self, file: Path) -> None:
        """Answer the owner's example once: a server that can't is not ready. Raises UnusableModel.

        The example also tells the columns that the model doesn't tell.
        """
        try:
            rows = self.handler.decode(file.read_bytes(), codecs.JSON)
            if isinstance(rows, tables.Table) and all(column.ndim == 1 for column in rows.columns.values()):
                self.handler.row_format = tables.with_example(self.handler.row_format, rows)
            predictions = self.handler.predict(self.model, rows)
            require_one_per_row(predictions, len(rows))
            self.handler.encode(predictions, codecs.JSON)
        except Exception as error:
            reason = error.message if isinstance(error, ServingError) else f"{type(error).__name__}: {error}"
            raise UnusableModel(f"the model can't answer {file.name}: {' '.join(reason.split())[:500]}") from error

    def start(self) -> None:
        """Make this process answer; call it after forking."""
        if self.model is None:
            self.load()
        metrics.start()
        self.batcher.start()
        self.watchdog.start(self.batcher.waiting)

    def _predict(self, rows: Any) -> Any:
        with self.watchdog.step("predict", self.batcher.predicting):
            predictions = self.handler.predict(self.model, rows)
        metrics.count_rows(len(rows))
        return predictions

    def begin(self, headers: Headers, body: bytes) -> Invocation:
        """Check and decode a request. Raises ServingError."""
        began = time.perf_counter()
        accept = codecs.accepted_type(headers.get("Accept"))
        content_type = codecs.content_type(headers.get("Content-Type"))
        if not self.batcher.alive:
            raise ModelNotReady("the model is not loaded")
        answer = echoed(headers)
        if is_large(headers, body):
            with self._large, self.watchdog.step("decode", [answer[REQUEST_ID]]):
                body = decompressed(body, headers.get("Content-Encoding"), self.settings.max_body_mb << 20)
                rows = self.handler.decode(body, content_type)
        else:
            with self.watchdog.step("decode", [answer[REQUEST_ID]]):
                rows = self.handler.decode(body, content_type)
        return Invocation(answer, accept, rows, began)

    def finish(self, invocation: Invocation, predictions: Any) -> Reply:
        """Encode the answer. Raises ServingError."""
        with self.watchdog.step("encode", [invocation.request_id]):
            body = self.handler.encode(predictions, invocation.accept)
        metrics.count_response(200)
        metrics.observe_request(time.perf_counter() - invocation.began)
        return Reply(200, body, invocation.headers | {"Content-Type": invocation.accept})

    def ping(self) -> Reply:
        """200 once predictions can be made; never runs one."""
        if not self.batcher.alive:
            raise ModelNotReady("the model is not loaded")
        return Reply(200, b"", {"Content-Type": codecs.JSON})

    def metrics(self) -> Reply:
        """What Prometheus scrapes."""
        return Reply(200, metrics.exposition(), {"Content-Type": metrics.CONTENT_TYPE})

    def execution_parameters(self) -> Reply:
        """What batch transform asks before it sends records."""
        parameters = {
            "MaxConcurrentTransforms": self.settings.workers,
            "BatchStrategy": "MultiRecord",
            "MaxPayloadInMB": min(self.settings.max_body_mb, 6),
        }
        return Reply(200, orjson.dumps(parameters), {"Content-Type": codecs.JSON})

    def openapi(self) -> Reply:
        """The description of this interface."""
        return Reply(200, Path(__file__).with_name("openapi.json").read_bytes(), {"Content-Type": codecs.JSON})


def is_large(headers: Headers, body: bytes) -> bool:
    """Whether a body takes long enough to read that others would have to wait; a compressed one may be any size."""
    return len(body) > LARGE_BODY or headers.get("Content-Encoding") is not None


def decompressed(body: bytes, encoding: str | None, most: int) -> bytes:
    """A body as it was before compression. Raises ServingError, also if it would be larger than `most` bytes."""
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return body
    if name not in ("gzip", "x-gzip"):
        raise UnsupportedContentEncoding(f"content encoding {name[:40]!r} is not supported; send gzip, or none")
    parts: list[bytes] = []
    try:
        while body:
            member = zlib.decompressobj(GZIP)
            parts.append(member.decompress(body, most + 1 - sum(map(len, parts))))
            if sum(map(len, parts)) > most:
                raise BodyTooLarge(f"the body is larger than {most >> 20} MiB when it is decompressed")
            if not member.eof:
                raise MalformedBody("the gzip body is cut off")
            body = member.unused_data
    except zlib.error:
        raise MalformedBody("the body is not gzip, as its Content-Encoding says") from None
    return b"".join(parts)


def load(handler: Handler, model_dir: Path) -> Any:
    """The model, with the handler told what the model says of itself. Raises whatever the handler raises."""
    model = handler.load(model_dir)
    handler.row_format = handler.describe(model)
    if handler.allow_missing is None:
        handler.allow_missing = handler.takes_missing(model)
    handler.prepare(model)
    return model


def echoed(headers: Headers) -> dict[str, str]:
    """The headers that every answer carries: the request's id (nginx gives one) and its custom attributes."""
    request_id = headers.get(REQUEST_ID) or ""
    answer = {REQUEST_ID: request_id if _SAFE_ID.match(request_id) else uuid4().hex}
    if attributes := headers.get(ATTRIBUTES):
        answer[ATTRIBUTES] = attributes
    return answer


def refusal(error: Exception, path: str, headers: Headers) -> Reply:
    """The answer to a request that failed. Anything but a ServingError is logged and not shown."""
    answer = echoed(headers)
    if not isinstance(error, ServingError):
        log.error("unexpected error", exc_info=error, extra={"request_id": answer[REQUEST_ID]})
        error = ServingError("an unexpected error; the reason is in the log")
    if path == "/invocations":
        metrics.count_response(error.status)
        log.info("refused", extra={"request_id": answer[REQUEST_ID], "status": error.status, "code": error.code})
    body = error.body(answer[REQUEST_ID])
    return Reply(error.status, body, answer | error.headers | {"Content-Type": codecs.JSON})
