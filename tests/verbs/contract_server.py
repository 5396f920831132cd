"""A small server that keeps the contract, for a model that is a sum; `faults.py` breaks it in every way that counts."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import numpy as np

COLUMNS = ("length", "width", "height")
ROWS = np.array([[0.1, 20.0, 3.0], [4.0, 5.5, 6.0], [7.0, 8.0, 9.9], [-1.0, 0.5, 0.25], [1e-3, 2e3, 3.0]])
OUTPUTS = ("predict", "doubled")
LIMIT = 25 * 1024 * 1024
HANG_UP = 0  # the status of a reply that isn't sent

JSON, CSV, JSON_LINES, NPY = "application/json", "text/csv", "application/jsonlines", "application/x-npy"
ALIASES = {"application/x-ndjson": JSON_LINES, "application/x-jsonlines": JSON_LINES}
KNOWN = (JSON, CSV, JSON_LINES, NPY)
PATHS = {
    "/ping": "GET",
    "/invocations": "POST",
    "/metrics": "GET",
    "/execution-parameters": "GET",
    "/openapi.json": "GET",
}


def doubled(predictions: np.ndarray) -> np.ndarray:
    """The model's other output."""
    return predictions * 2


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Reply:
    """What the server answers."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An error for the client."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


class RightServer:
    """Keeps the contract. Each method is something that a fault overrides."""

    def __init__(self) -> None:
        self.predicted = 0

    def answer(self, request: Request) -> Reply:
        """Any request's answer."""
        try:
            reply = self.route(request)
        except Refusal as refusal:
            reply = self.refuse(refusal, request)
        except Exception as error:
            reply = self.refuse(Refusal(500, "internal_error", type(error).__name__), request)
        for name, value in self.echoed(request).items():
            reply.headers.setdefault(name, value)
        return reply

    def route(self, request: Request) -> Reply:
        if len(request.body) > self.limit(request):
            raise Refusal(413, "body_too_large", "the body is too large")
        method = PATHS.get(request.path)
        if not method:
            raise Refusal(404, "not_found", "there is nothing here")
        if method != request.method:
            raise Refusal(405, "method_not_allowed", "another method", Allow=method)
        answers: dict[str, Callable[[Request], Reply]] = {
            "/ping": self.ping,
            "/invocations": self.invocations,
            "/metrics": self.metrics,
            "/execution-parameters": self.execution_parameters,
            "/openapi.json": self.openapi,
        }
        return answers[request.path](request)

    def limit(self, request: Request) -> int:
        return LIMIT

    def echoed(self, request: Request) -> dict[str, str]:
        headers = {"X-Request-Id": self.request_id(request)}
        if attributes := request.headers.get("x-amzn-sagemaker-custom-attributes"):
            headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
        return headers

    def request_id(self, request: Request) -> str:
        given = request.headers.get("x-request-id", "")
        return given if re.fullmatch(r"[\w-]{1,99}", given) else uuid4().hex

    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        headers = self.echoed(request)
        error = {"code": refusal.code, "message": str(refusal), "request_id": headers["X-Request-Id"]}
        return Reply(refusal.status, json.dumps({"error": error}).encode(), headers | refusal.headers | typed(JSON))

    def ping(self, request: Request) -> Reply:
        return Reply()

    def invocations(self, request: Request) -> Reply:
        accept = self.accepted(request.headers.get("accept"))
        content_type = self.content_type(request.headers.get("content-type"))
        if not request.body:
            raise Refusal(400, "empty_body", "the body is empty")
        output = self.output(request.headers.get("x-amzn-sagemaker-custom-attributes", ""))
        predictions = self.predict(self.check(self.decode(request.body, content_type)))
        if output != OUTPUTS[0]:
            predictions = doubled(predictions)
        self.count(len(predictions))
        return Reply(body=self.encode(predictions, accept), headers=typed(accept))

    def output(self, attributes: str) -> str:
        """What the request asks for. Raises Refusal."""
        output = dict(part.strip().partition("=")[::2] for part in attributes.split(",")).get("output", OUTPUTS[0])
        if output not in OUTPUTS:
            raise Refusal(400, "unknown_output", "the model has no such output")
        return output

    def content_type(self, header: str | None) -> str:
        name = (header or "").partition(";")[0].strip().lower()
        name = ALIASES.get(name, name)
        if name not in KNOWN:
            raise Refusal(415, "unsupported_content_type", "unknown")
        return name

    def accepted(self, header: str | None) -> str:
        for name in by_preference(header or "*/*"):
            if name == "*/*" or name in KNOWN:
                return JSON if name == "*/*" else name
        raise Refusal(406, "not_acceptable", "can't write that")

    def decode(self, body: bytes, content_type: str) -> list[Any]:
        """The rows of a body, not looked at yet."""
        try:
            if content_type == NPY:
                return self.decode_npy(body)
            if content_type == CSV:
                return self.decode_csv(body.decode())
            if content_type == JSON:
                return self.rows_of(self.load_json(body))
            return [self.features_of(self.load_json(line)) for line in body.splitlines() if line.strip()]
        except (ValueError, RecursionError, csv.Error) as error:
            raise Refusal(400, "malformed_body", "the body is not what its content type says") from error

    def load_json(self, text: bytes) -> Any:
        return json.loads(text, parse_constant=self.not_json)

    def not_json(self, constant: str) -> float:
        raise ValueError(constant)

    def rows_of(self, document: Any) -> list[Any]:
        if isinstance(document, dict):
            document = next((document[key] for key in ("instances", "inputs", "data") if key in document), None)
        if not isinstance(document, list):
            raise Refusal(400, "malformed_body", "no rows")
        return document

    def features_of(self, line: Any) -> Any:
        return line["features"] if isinstance(line, dict) and set(line) == {"features"} else line

    def decode_csv(self, text: str) -> list[Any]:
        rows = csv.reader(io.StringIO(text, newline=""))
        return [[self.cell(cell) for cell in row] for row in rows if row]

    def cell(self, text: str) -> Any:
        try:
            return float(text.replace("_", "x"))
        except ValueError:
            return text

    def decode_npy(self, body: bytes) -> list[Any]:
        stream = io.BytesIO(body)
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.hasobject or len(body) - stream.tell() != np.prod(shape, dtype=float) * dtype.itemsize:
            raise ValueError(dtype)
        rows: list[Any] = np.load(io.BytesIO(body)).tolist()
        return rows

    def check(self, rows: list[Any]) -> np.ndarray:
        """The rows as numbers. Raises Refusal for any that aren't."""
        if not rows:
            raise Refusal(400, "empty_body", "no rows")
        rows = [self.values(row) for row in rows]
        self.check_width(rows)
        if not all(self.is_number(value) for row in rows for value in row):
            raise Refusal(400, "not_a_number", "something is not a number")
        return np.array(rows, dtype=float)

    def values(self, row: Any) -> list[Any]:
        if isinstance(row, dict):
            return self.by_name(row)
        if not isinstance(row, list):
            raise Refusal(400, "malformed_body", "a row is a list")
        return row

    def by_name(self, record: dict[str, Any]) -> list[Any]:
        if wrong := set(record) ^ set(COLUMNS):
            raise Refusal(400, "wrong_columns", f"other columns: {', '.join(wrong)}")
        return [record[name] for name in COLUMNS]

    def check_width(self, rows: list[list[Any]]) -> None:
        if any(len(row) != len(COLUMNS) for row in rows):
            raise Refusal(400, "wrong_columns", f"the model expects {len(COLUMNS)} columns")

    def is_number(self, value: Any) -> bool:
        return isinstance(value, int | float) and bool(np.isfinite(value))

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return model(rows)

    def count(self, rows: int) -> None:
        self.predicted += rows

    def encode(self, predictions: np.ndarray, content_type: str) -> bytes:
        values = predictions.tolist()
        if content_type == NPY:
            stream = io.BytesIO()
            np.save(stream, predictions)
            return stream.getvalue()
        if content_type == JSON:
            return json.dumps({"predictions": values}).encode()
        return "".join(f"{value!r}\n" for value in values).encode()

    def metrics(self, request: Request) -> Reply:
        body = f"# TYPE serving_predicted_rows_total counter\nserving_predicted_rows_total {self.predicted}.0\n"
        return Reply(body=body.encode(), headers=typed("text/plain; version=0.0.4; charset=utf-8"))

    def execution_parameters(self, request: Request) -> Reply:
        return as_json({"MaxConcurrentTransforms": 2, "BatchStrategy": "MultiRecord", "MaxPayloadInMB": 6})

    def openapi(self, request: Request) -> Reply:
        return as_json({"openapi": "3.1.0", "paths": {"/ping": {"get": {}}, "/invocations": {"post": {}}}})


def model(rows: np.ndarray) -> np.ndarray:
    """What the model itself answers."""
    return rows @ np.array([0.1, 0.7, 1.3])


def typed(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type}


def as_json(document: Any) -> Reply:
    return Reply(body=json.dumps(document).encode(), headers=typed(JSON))


def by_preference(header: str) -> list[str]:
    """The media types of an Accept header, most wanted first, those with q=0 left out."""
    wanted = []
    for part in header.split(","):
        name, _, parameters = part.strip().partition(";")
        wanted.append((float(parameters.strip().removeprefix("q=") or 1), name))
    return [name for quality, name in sorted(wanted, key=lambda item: -item[0]) if quality]


@contextmanager
def running(server: RightServer) -> Iterator[str]:
    """The URL of a server that runs in this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # it would hold each answer back for 40 ms

        def reply(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.answer(Request(self.command, self.path, headers, self.read_body()))
            self.close_connection = reply.status == HANG_UP
            if not self.close_connection:
                self.send(reply)

        def send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_DELETE = reply  # noqa: N815 (the base class's names)

        def read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def log_message(self, format: str, *values: object) -> None:
            """Print nothing."""

    class HttpServer(ThreadingHTTPServer):
        daemon_threads = False  # so that closing waits for them
        request_queue_size = 128

    with HttpServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()
