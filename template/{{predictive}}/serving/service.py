"""Everything between HTTP and the model that both web applications share; it knows neither."""

from __future__ import annotations

import gc
import logging
import re
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from uuid import uuid4

import numpy as np
import orjson

from serving import codecs, inference, metrics, openapi, outputs, tables
from serving.batching import Batcher, require_one_per_row
from serving.errors import (
    BodyTooLarge,
    MalformedBody,
    ModelNotReady,
    ServingError,
    UnsupportedContentEncoding,
)
from serving.handlers.base import Handler, UnusableModel, fast_path, learn
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
QUICK = 0.002  # seconds; a predict that takes no longer may hold up what else its process does
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
        self.handler: Handler = ModelHandler()
        self.model: Any = None
        self._outputs: tuple[str, ...] = ()  # what a request may ask for
        self._description = b""  # of the model's interface, once it is loaded
        self.watchdog = Watchdog(settings)
        self._large = threading.Lock()  # held by the one large body that is read or written at a time
        self.batcher: AnyBatcher = batcher_type(
            self._predict, batch_rows=settings.batch_rows, max_waiting=settings.max_waiting
        )

    @property
    def preload(self) -> bool:
        """Whether to load before forking; an owner's script may start threads, which a fork leaves behind."""
        return self.handler.preload and not inference.script_in(self.settings.model_dir)

    def load(self) -> None:
        """Load the model. Raises whatever the handler raises: without its model a process must not live."""
        began = time.monotonic()
        self.handler, self.model = open_model(self.settings.model_dir, self.settings.output)
        if not (self.settings.batching and self.handler.batching):
            self.batcher.batch_rows = 1
        measure = partial(quick_rows, self.handler, self.model, self.batcher.batch_rows)
        self.batcher.quick_rows = fast_path(measure, "a few rows") or 0
        expected = self.handler.row_format or "rows that it doesn't describe"
        log.info("model loaded in %.2f seconds; it expects %s", time.monotonic() - began, expected)
        example = self.settings.example.read_bytes() if self.settings.example.is_file() else None
        answer = self._answer_example(example) if example is not None else None
        self._outputs = tuple(dict.fromkeys((self.handler.output, *self.handler.selectable(self.model))))
        self._description = openapi.document(self.handler, example, answer, self._outputs)
        # what is alive now stays: full collections would stall requests, and would unshare memory after a fork
        gc.collect()
        gc.freeze()

    def _answer_example(self, example: bytes) -> bytes:
        """The answer to the owner's example: a server that can't give it is not ready. Raises UnusableModel.

        The example also tells the columns that the model doesn't tell.
        """
        try:
            rows = self.handler.receive(example, codecs.JSON, codecs.JSON)
            if isinstance(rows, tables.Table) and all(column.ndim == 1 for column in rows.columns.values()):
                self.handler.row_format = tables.with_example(self.handler.row_format, rows)
            predictions = self.handler.predict(self.model, rows)
            require_one_per_row(predictions, len(rows))
            return self.handler.respond(predictions, codecs.JSON)[0]
        except Exception as error:
            reason = error.message if isinstance(error, ServingError) else f"{type(error).__name__}: {error}"
            raise UnusableModel(
                f"the model can't answer {self.settings.example.name}: {' '.join(reason.split())[:500]}"
            ) from error

    def start(self) -> None:
        """Make this process answer; call it after forking."""
        if self.model is None:
            self.load()
        metrics.start()
        self.batcher.start()
        self.watchdog.start(self.batcher.waiting)

    def _predict(self, rows: Any) -> Any:
        with self.watchdog.step("predict", self.batcher.predicting):
            if isinstance(rows, tables.Selected):
                predictions = self.handler.predict_output(self.model, rows.rows, rows.output)
            else:
                predictions = self.handler.predict(self.model, rows)
        metrics.count_rows(len(rows))
        return predictions

    def begin(self, headers: Headers, body: bytes) -> Invocation:
        """Check and decode a request. Raises ServingError."""
        began = time.perf_counter()
        content_type, accept = self.handler.negotiate(headers.get("Content-Type"), headers.get("Accept"))
        if not self.batcher.alive:
            raise ModelNotReady("the model is not loaded")
        answer = echoed(headers)
        output = self._requested_output(answer)
        if is_large(headers, body):
            with self._large, self.watchdog.step("decode", [answer[REQUEST_ID]]):
                body = decompressed(body, headers.get("Content-Encoding"), self.settings.max_body_mb << 20)
                rows = self.handler.receive(body, content_type, accept)
        else:
            with self.watchdog.step("decode", [answer[REQUEST_ID]]):
                rows = self.handler.receive(body, content_type, accept)
        return Invocation(answer, accept, tables.Selected(rows, output) if output else rows, began)

    def _requested_output(self, answer: dict[str, str]) -> str | None:
        """The output that the request's custom attributes ask for, unless it is the server's own. Raises BadRequest."""
        attributes = answer.get(ATTRIBUTES)
        output = outputs.requested(attributes) if attributes else None
        if output is None or output == self.handler.output:
            return None
        outputs.check(output, self._outputs)
        return output

    def finish(self, invocation: Invocation, predictions: Any) -> Reply:
        """Encode the answer. Raises ServingError."""
        with self.watchdog.step("encode", [invocation.request_id]):
            body, content_type = self.handler.respond(predictions, invocation.accept)
        metrics.count_response(200)
        metrics.observe_request(time.perf_counter() - invocation.began)
        return Reply(200, body, invocation.headers | {"Content-Type": content_type})

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
        return Reply(200, self._description, {"Content-Type": codecs.JSON})


def quick_rows(handler: Handler, model: Any, most: int) -> int:
    """How many rows are predicted in QUICK seconds, of `most`; 0 if the time depends on more than their number."""
    # an owner's predict may wait for something
    if not handler.compiled or not handler.row_format or not _is_ours(type(handler).predict):
        return 0
    rows = 1
    while rows <= most and _seconds_of(handler, model, np.zeros((rows, *handler.row_format.shape))) < QUICK:
        rows *= 2
    return min(rows // 2, most)


def _is_ours(predict: Callable[..., Any]) -> bool:
    return predict.__module__.startswith("serving.handlers.")


def _seconds_of(handler: Handler, model: Any, rows: np.ndarray) -> float:
    """How long a predict takes when nothing comes between."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        handler.predict(model, rows)
        taken.append(time.perf_counter() - began)
    return min(taken)


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


def open_model(model_dir: Path, output: str | None) -> tuple[Handler, Any]:
    """The model, and who answers for it: the handler, or the functions of the owner's script. Raises what they raise.

    `output` is SERVING_OUTPUT.
    """
    handler = ModelHandler()
    handler.output = output or handler.output
    script = inference.script_in(model_dir)
    if not script:
        return handler, load(handler, model_dir)
    return inference.open_model(script, handler, model_dir)


def load(handler: Handler, model_dir: Path) -> Any:
    """The model, with the handler told what the model says of itself. Raises whatever the handler raises."""
    model = handler.load(model_dir)
    learn(handler, model)
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
