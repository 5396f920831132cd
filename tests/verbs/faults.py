"""Servers that break the contract: each in one way, with the checks that must catch it (the start of their names)."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np

from tests.verbs.contract_server import (
    COLUMNS,
    CSV,
    HANG_UP,
    JSON,
    JSON_LINES,
    LIMIT,
    NPY,
    OUTPUTS,
    Refusal,
    Reply,
    Request,
    RightServer,
    as_json,
    model,
    typed,
)

FAULTS: dict[type[RightServer], tuple[str, ...]] = {}


def caught_by(*checks: str) -> Any:
    """Register a faulty server with the checks that must fail for it."""

    def register(server: type[RightServer]) -> type[RightServer]:
        FAULTS[server] = checks
        return server

    return register


# health


@caught_by("ping answers 200 within 2 seconds", "ping answers within 2 seconds under load")
class NeverReady(RightServer):
    def ping(self, request: Request) -> Reply:
        raise Refusal(503, "model_not_ready", "not loaded")


@caught_by("ping answers 200 within 2 seconds")
class SlowPing(RightServer):
    def ping(self, request: Request) -> Reply:
        time.sleep(2.1)
        return Reply()


@caught_by("ping answers within 2 seconds under load")
class PingFailsWhilePredicting(RightServer):
    busy = 0

    def predict(self, rows: np.ndarray) -> np.ndarray:
        self.busy += 1
        time.sleep(0.02)
        self.busy -= 1
        return model(rows)

    def ping(self, request: Request) -> Reply:
        return Reply(503 if self.busy else 200)


@caught_by("ping answers 200 within 2 seconds", "an empty body is 400", "openapi describes ping and invocations")
class HangsUp(RightServer):
    def answer(self, request: Request) -> Reply:
        return Reply(HANG_UP)


# formats

ALL_PREDICTIONS = (
    "the example request is answered as the model itself answers it",
    "predictions are those of the model itself",
    "there is one prediction for each row",
    "json rows may come as",
    "json lines have other names",
    "json lines may be features records",
    "rows may be records",
    "content types may have capitals",
    "csv may have windows line ends",
    "the answer has the wanted type",
    "a body of 25 MB is accepted",
    "concurrent requests",
    "one bad request",
)


@caught_by(*ALL_PREDICTIONS)
class WrongInTheLastBit(RightServer):
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return np.nextafter(model(rows), np.inf)


@caught_by("predictions are those of the model itself: application/json in, text/csv out")
class Rounds(RightServer):
    def encode(self, predictions: np.ndarray, content_type: str) -> bytes:
        return super().encode(predictions.astype(np.float32) if content_type == CSV else predictions, content_type)


@caught_by("predictions are those of the model itself: text/csv in, application/json out")
class NumbersAsText(RightServer):
    def encode(self, predictions: np.ndarray, content_type: str) -> bytes:
        return super().encode(predictions.astype(str) if content_type == JSON else predictions, content_type)


@caught_by("predictions are those of the model itself: application/x-npy in, application/json out")
class WrapsEachPrediction(RightServer):
    def encode(self, predictions: np.ndarray, content_type: str) -> bytes:
        return super().encode(predictions[:, None] if content_type == JSON else predictions, content_type)


@caught_by("predictions are those of the model itself: application/json in, application/json out")
class OtherKey(RightServer):
    def encode(self, predictions: np.ndarray, content_type: str) -> bytes:
        return super().encode(predictions, content_type).replace(b"predictions", b"outputs")


@caught_by(
    "predictions are those of the model itself: application/json in, text/csv out",
    "predictions are those of the model itself: application/json in, application/x-npy out",
    "the answer has the wanted type: image/png, text/csv;q=0.1",
)
class AlwaysAnswersJson(RightServer):
    def invocations(self, request: Request) -> Reply:
        self.accepted(request.headers.get("accept"))
        return super().invocations(
            Request(request.method, request.path, {**request.headers, "accept": JSON}, request.body)
        )


@caught_by("the answer has the wanted type: text/csv;q=0.5")
class FirstAcceptWins(RightServer):
    def accepted(self, header: str | None) -> str:
        return super().accepted((header or "*/*").partition(",")[0].partition(";")[0])


@caught_by("the answer has the wanted type: no Accept header")
class WantsAnAccept(RightServer):
    def accepted(self, header: str | None) -> str:
        return super().accepted(header or "nothing/nothing")


@caught_by("the answer has the wanted type: */*")
class TakesAnythingAsCsv(RightServer):
    def accepted(self, header: str | None) -> str:
        return super().accepted(CSV if header == "*/*" else header)


@caught_by("there is one prediction for each row: many rows")
class LosesRowsBeyondTheBatch(RightServer):
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return model(rows[:256])


@caught_by("there is one prediction for each row: one row")
class UnwrapsASinglePrediction(RightServer):
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return model(rows) if len(rows) > 1 else np.array(model(rows)[0])

    def count(self, rows: int) -> None:
        """Count nothing."""

    def invocations(self, request: Request) -> Reply:
        try:
            return super().invocations(request)
        except TypeError:
            return as_json({"predictions": 1.0})


@caught_by("json rows may come as: inputs", "json rows may come as: data", "json rows may come as: a bare list")
class OnlyInstances(RightServer):
    def rows_of(self, document: Any) -> list[Any]:
        return super().rows_of({"instances": document["instances"]} if "instances" in document else {})


@caught_by("json rows may come as: instances")
class NoInstances(RightServer):
    def rows_of(self, document: Any) -> list[Any]:
        return super().rows_of({} if "instances" in document else document)


@caught_by(
    "json lines have other names: application/x-ndjson",
    "json lines have other names: application/x-jsonlines",
    "content types may have capitals",
)
class ExactContentTypes(RightServer):
    def content_type(self, header: str | None) -> str:
        if header not in (JSON, CSV, JSON_LINES, NPY):
            raise Refusal(415, "unsupported_content_type", "unknown")
        return header


@caught_by("json lines may be features records")
class NoFeatures(RightServer):
    def features_of(self, line: Any) -> Any:
        return line


@caught_by("rows may be records with column names")
class TakesRecordsInTheOrderSent(RightServer):
    def by_name(self, record: dict[str, Any]) -> list[Any]:
        return list(record.values())


@caught_by("csv may have windows line ends")
class CountsBlankLines(RightServer):
    def decode_csv(self, text: str) -> list[Any]:
        return [[self.cell(cell) for cell in line.split(",")] for line in text.removesuffix("\n").split("\n")]


# refusals


@caught_by("an unknown content type is 415")
class TakesAnyContentTypeAsJson(RightServer):
    def content_type(self, header: str | None) -> str:
        try:
            return super().content_type(header)
        except Refusal:
            return JSON


@caught_by("an unacceptable accept is 406")
class AnswersJsonToAnyAccept(RightServer):
    def accepted(self, header: str | None) -> str:
        try:
            return super().accepted(header)
        except Refusal:
            return JSON


@caught_by(
    "an unknown content type is 415",
    "an unacceptable accept is 406",
    "a malformed body is 400",
    "a wrong number of columns is 400",
    "rows of different lengths are 400",
    "a record with other columns is 400",
    "a value that is not a number is 400",
    "a missing value is 400",
    "an npy value that is not finite is 400",
    "npy text is 400",
    "an empty body is 400",
    "a body without rows is 400",
    "a body over the limit is 413",
    "a wrong method is 405",
    "an unknown path is 404",
    "one bad request among good ones",
)
class EveryErrorIs500(RightServer):
    """Predecessor F.2-2: malformed JSON, among others, was answered with 500."""

    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        return super().refuse(Refusal(500, "internal_error", str(refusal)), request)


@caught_by(
    "a malformed body is 400: JSON cut short",
    "a wrong number of columns is 400",
    "an empty body is 400",
    "a body over the limit is 413",
    "a wrong method is 405",
    "an unknown path is 404",
)
class OtherErrorShape(RightServer):
    """Predecessor F.2-6: two shapes of errors, neither with a code."""

    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        body = json.dumps({"detail": {"error": str(refusal)}}).encode()
        return Reply(refusal.status, body, refusal.headers | typed(JSON))


@caught_by("an unknown path is 404", "an empty body is 400")
class HtmlErrors(RightServer):
    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        return Reply(refusal.status, b"<h1>error</h1>", refusal.headers | typed("text/html"))


@caught_by("an empty body is 400", "an unknown path is 404")
class ErrorsAsPlainText(RightServer):
    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        reply = super().refuse(refusal, request)
        return Reply(reply.status, reply.body, reply.headers | typed("text/plain"))


@caught_by("an empty body is 400", "an unknown path is 404")
class ErrorsWithAnotherId(RightServer):
    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        reply = super().refuse(refusal, request)
        return Reply(reply.status, reply.body, reply.headers | {"X-Request-Id": "other"})


@caught_by("a malformed body is 400", "an unknown path is 404")
class LeaksItsInside(RightServer):
    """Predecessor F.2-6: the text of exceptions went to the client."""

    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        message = f'{refusal}: File "/opt/serving/app.py", line 7, in invocations'
        return super().refuse(Refusal(refusal.status, refusal.code, message, **refusal.headers), request)


@caught_by("a malformed body is 400", "rows of different lengths are 400")
class OneCodeForAll(RightServer):
    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        return super().refuse(Refusal(refusal.status, "bad", str(refusal), **refusal.headers), request)


@caught_by("a malformed body is 400: JSON without rows")
class NoRowsAreFine(RightServer):
    def rows_of(self, document: Any) -> list[Any]:
        return super().rows_of(document if document != {"foo": 1} else [[0, 0, 0]])


@caught_by("a malformed body is 400: NPY that holds a pickle")
class UnpicklesWhatItGets(RightServer):
    def decode_npy(self, body: bytes) -> list[Any]:
        if b"'O'" in body or b"|O" in body:
            return [[0, 0, 0]]
        return super().decode_npy(body)


@caught_by("a wrong number of columns is 400", "rows of different lengths are 400")
class CutsAndPadsRows(RightServer):
    def check_width(self, rows: list[list[Any]]) -> None:
        for row in rows:
            row[:] = [*row, *[0] * len(COLUMNS)][: len(COLUMNS)]


@caught_by("a wrong number of columns is 400 and names the right one")
class KeepsTheRightNumberToItself(RightServer):
    def check_width(self, rows: list[list[Any]]) -> None:
        try:
            super().check_width(rows)
        except Refusal:
            raise Refusal(400, "wrong_columns", "wrong number of columns, 13 or 30 would not do either") from None


@caught_by("a record with other columns is 400 and names them")
class FillsRecords(RightServer):
    def by_name(self, record: dict[str, Any]) -> list[Any]:
        return [record.get(name, 0) for name in COLUMNS]


@caught_by("a value that is not a number is 400", "a missing value is 400", "an npy value that is not finite is 400")
class TakesZeroForWhatIsNoNumber(RightServer):
    def not_json(self, constant: str) -> float:
        return 0

    def is_number(self, value: Any) -> bool:
        return True

    def values(self, row: Any) -> list[Any]:
        return [value if super(type(self), self).is_number(value) else 0 for value in super().values(row)]


@caught_by("a missing value is 400: JSON null", "a missing value is 400: CSV empty cell")
class PredictsMissingValues(RightServer):
    def is_number(self, value: Any) -> bool:
        return value is np.nan or super().is_number(value)

    def values(self, row: Any) -> list[Any]:
        return [np.nan if value in (None, "") else value for value in super().values(row)]


@caught_by("a value that is not a number is 400: CSV number with underscores")
class PythonsOwnNumbers(RightServer):
    def cell(self, text: str) -> Any:
        return super().cell(text.replace("_", ""))


@caught_by("npy text is 400")
class ReadsTextAsNumbers(RightServer):
    def is_number(self, value: Any) -> bool:
        return isinstance(value, str) or super().is_number(value)


@caught_by("an empty body is 400")
class EmptyBodyIsNoRequest(RightServer):
    def invocations(self, request: Request) -> Reply:
        return super().invocations(request) if request.body else as_json({"predictions": []})


@caught_by("a body without rows is 400")
class PredictsNothing(RightServer):
    def check(self, rows: list[Any]) -> np.ndarray:
        return super().check(rows) if rows else np.zeros((0, 3))


@caught_by("a body of 25 MB is accepted")
class SmallLimit(RightServer):
    def limit(self, request: Request) -> int:
        return 6 * 1024 * 1024


@caught_by("a body over the limit is 413")
class NoLimit(RightServer):
    def limit(self, request: Request) -> int:
        return 10 * LIMIT


@caught_by("a body over the limit is 413: in chunks")
class TrustsTheLengthGiven(RightServer):
    def limit(self, request: Request) -> int:
        return LIMIT if "content-length" in request.headers else 10 * LIMIT


@caught_by("a wrong method is 405")
class AnyMethod(RightServer):
    def route(self, request: Request) -> Reply:
        method = {"/ping": "GET", "/metrics": "GET", "/invocations": "POST"}.get(request.path, request.method)
        return super().route(Request(method, request.path, request.headers, request.body))


@caught_by("a wrong method is 405 and names the right one")
class NamesNoMethod(RightServer):
    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        return super().refuse(Refusal(refusal.status, refusal.code, str(refusal)), request)


@caught_by("an unknown path is 404")
class EverythingIsPing(RightServer):
    def route(self, request: Request) -> Reply:
        try:
            return super().route(request)
        except Refusal as refusal:
            if refusal.status == 404:
                return Reply()
            raise


# concurrency


@caught_by("concurrent requests each get their own answer")
class MixesUpRequests(RightServer):
    rows = np.zeros((0, 3))

    def predict(self, rows: np.ndarray) -> np.ndarray:
        self.rows = rows
        time.sleep(0.001)
        return model(self.rows)


@caught_by("one bad request among good ones harms no other")
class OneBadRequestSpoilsTheBatch(RightServer):
    def __init__(self) -> None:
        super().__init__()
        self.spoilt = threading.Event()

    def check(self, rows: list[Any]) -> np.ndarray:
        if self.spoilt.is_set():
            self.spoilt.clear()
            raise Refusal(400, "not_a_number", "another request's value")
        try:
            return super().check(rows)
        except Refusal:
            self.spoilt.set()
            raise


# metadata


@caught_by("a given request id is sent back", "a given request id is in an error")
class MakesItsOwnIds(RightServer):
    def request_id(self, request: Request) -> str:
        return "own-id"


@caught_by("a request without an id gets one of its own")
class OneIdForAll(RightServer):
    def request_id(self, request: Request) -> str:
        return request.headers.get("x-request-id", "id")


@caught_by("a request id that could forge log lines is replaced")
class EchoesAnyId(RightServer):
    def request_id(self, request: Request) -> str:
        return request.headers.get("x-request-id") or super().request_id(request)


@caught_by("custom attributes are sent back with: an answer", "custom attributes are sent back with: an error")
class DropsCustomAttributes(RightServer):
    def echoed(self, request: Request) -> dict[str, str]:
        return {"X-Request-Id": self.request_id(request)}


@caught_by("an unknown output is refused", "a request gets the output that it asks for")
class IgnoresTheOutput(RightServer):
    def output(self, attributes: str) -> str:
        return OUTPUTS[0]


@caught_by("metrics count the predicted rows")
class CountsRequestsOnly(RightServer):
    def count(self, rows: int) -> None:
        self.predicted += 1


@caught_by("metrics count the predicted rows")
class MetricsAsJson(RightServer):
    def metrics(self, request: Request) -> Reply:
        return as_json({"serving_predicted_rows_total": self.predicted})


@caught_by("execution parameters ask for several records at once")
class OneRecordAtATime(RightServer):
    def execution_parameters(self, request: Request) -> Reply:
        return as_json({"MaxConcurrentTransforms": 2, "BatchStrategy": "SingleRecord", "MaxPayloadInMB": 6})


@caught_by("openapi describes ping and invocations")
class DescribesOnlyPing(RightServer):
    def openapi(self, request: Request) -> Reply:
        return as_json({"openapi": "3.1.0", "paths": {"/ping": {"get": {}}}})
