"""A small server that keeps the generative contract without a model; faults break it in every way that counts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

Document = dict[str, Any]
ROLES = ("system", "user", "assistant")


class Refusal(Exception):
    """An error for the caller."""

    status = 400


class RightServer:
    """Keeps the contract. Each method is something that a fault overrides."""

    context = 2000  # characters
    ids = count()

    def ping(self) -> int:
        return 200

    def parse(self, body: bytes) -> Document:
        try:
            return dict(json.loads(body))
        except (ValueError, TypeError) as error:
            raise Refusal(f"JSON decode error: {error}") from None

    def content_type(self, value: str) -> None:
        if value != "application/json":
            raise Refusal("only application/json")

    def check(self, request: Document) -> None:
        """Raise Refusal for what makes no sense."""
        self.check_messages(request)
        self.check_tokens(request.get("max_tokens", 16))
        self.check_length(request)

    def check_messages(self, request: Document) -> None:
        messages = request.get("messages")
        if isinstance(request.get("prompt"), str):
            return
        if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
            raise Refusal("messages must be a list of objects")

    def check_tokens(self, value: Any) -> None:
        if not isinstance(value, int) or value < 1:
            raise Refusal("max_tokens must be at least 1")

    def check_length(self, request: Document) -> None:
        if len(json.dumps(request)) > self.context:
            raise Refusal("longer than the context")

    def tokens(self, request: Document) -> int:
        return int(request.get("max_tokens", 16))

    def identity(self) -> str:
        return f"answer-{next(self.ids)}"

    def answer(self, request: Document) -> Document:
        used = self.tokens(request)
        choice: Document = {"index": 0, "finish_reason": "length"}
        kind = "text_completion" if "prompt" in request else "chat.completion"
        choice |= {"text": "a" * used} if "prompt" in request else {"message": self.message("a" * used)}
        return {"id": self.identity(), "object": kind, "choices": [choice]} | usage_of(used)

    def message(self, text: str) -> Document:
        return {"role": "assistant", "content": text}

    def events(self, request: Document) -> list[Document]:
        identity = self.identity()
        kind = "text_completion" if "prompt" in request else "chat.completion.chunk"
        last = range(self.tokens(request))[-1]
        events: list[Document] = []
        for number in range(last + 1):
            choice: Document = {"index": 0, "finish_reason": "length" if number == last else None}
            choice |= {"text": "a"} if "prompt" in request else {"delta": {"content": "a"}}
            events.append({"id": identity, "object": kind, "choices": [choice]})
        if (request.get("stream_options") or {}).get("include_usage"):
            events.append({"id": identity, "object": kind, "choices": []} | usage_of(last + 1))
        return events

    def stream(self, request: Document) -> list[str]:
        return [f"data: {json.dumps(event)}\n\n" for event in self.events(request)] + ["data: [DONE]\n\n"]

    def stream_type(self) -> str:
        return "text/event-stream; charset=utf-8"

    def refuse(self, refusal: Refusal) -> tuple[int, Document]:
        return refusal.status, {"error": {"message": str(refusal), "type": "BadRequestError", "code": refusal.status}}


def usage_of(tokens: int) -> Document:
    """What an answer says of the tokens in it."""
    return {"usage": {"completion_tokens": tokens}}


class TensorRtLlm(RightServer):
    """As strict as trtllm-serve: tensorrt_llm/serve/openai_protocol.py requires `model`, and its base class forbids
    fields that it doesn't know; the answer to either is 400 with the error as text.
    """

    known = frozenset({"model", "messages", "prompt", "max_tokens", "stream", "stream_options", "temperature", "stop"})

    def check(self, request: Document) -> None:
        if not isinstance(request.get("model"), str):
            raise Refusal("1 validation error: model: Field required")
        if unknown := request.keys() - self.known:
            raise Refusal(f"1 validation error: {min(unknown)}: Extra inputs are not permitted")
        super().check(request)

    def refuse(self, refusal: Refusal) -> tuple[int, Document]:
        return refusal.status, {"error": str(refusal)}


class NeverWell(RightServer):
    def ping(self) -> int:
        return 503


class SlowPing(RightServer):
    slow = 5  # the number of the ping that is: one while the model writes

    def ping(self) -> int:
        self.slow -= 1
        time.sleep(0 if self.slow else 2.1)
        return 200


class AnotherKindOfObject(RightServer):
    def answer(self, request: Document) -> Document:
        return super().answer(request) | {"object": "answer"}


class TooManyTokens(RightServer):
    def tokens(self, request: Document) -> int:
        return super().tokens(request) + 1


class OneIdForAll(RightServer):
    def identity(self) -> str:
        return "answer"


class NoEnd(RightServer):
    def stream(self, request: Document) -> list[str]:
        return super().stream(request)[:-1]


class NotAStream(RightServer):
    def stream_type(self) -> str:
        return "application/json"


class NoReason(RightServer):
    def events(self, request: Document) -> list[Document]:
        return super().events(request)[:1]


class NoUsage(RightServer):
    def events(self, request: Document) -> list[Document]:
        return super().events({**request, "stream_options": None})


class TakesAnyBody(RightServer):
    def parse(self, body: bytes) -> Document:
        try:
            return super().parse(body)
        except Refusal:
            return {"prompt": ""}


class FailsOnBadJson(RightServer):
    def parse(self, body: bytes) -> Document:
        try:
            return super().parse(body)
        except Refusal:
            failure = Refusal("Internal Server Error")
            failure.status = 500
            raise failure from None


class TakesAnyContentType(RightServer):
    def content_type(self, value: str) -> None:
        pass

    def parse(self, body: bytes) -> Document:
        return {"prompt": ""} if body == b"Hello" else super().parse(body)


class TakesAnyMessages(RightServer):
    def check_messages(self, request: Document) -> None:
        pass


class TakesAnyNumber(RightServer):
    def check_tokens(self, value: Any) -> None:
        pass

    def tokens(self, request: Document) -> int:
        return 8


class CutsLongPrompts(RightServer):
    def check_length(self, request: Document) -> None:
        pass


class FailsOnUnknownParameters(RightServer):
    def check(self, request: Document) -> None:
        if "no_such_parameter" in request:
            failure = Refusal("Internal Server Error")
            failure.status = 500
            raise failure
        super().check(request)


class DiesOfALongStream(RightServer):
    dead = False

    def stream(self, request: Document) -> list[str]:
        self.dead = self.dead or self.tokens(request) > 100
        return super().stream(request)

    def ping(self) -> int:
        return 503 if self.dead else 200


@contextmanager
def running(server: RightServer) -> Iterator[str]:
    """The URL of a server that runs in this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.send(server.ping(), b"", "text/plain")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                server.content_type(self.headers["Content-Type"])
                request = server.parse(body)
                server.check(request)
            except Refusal as refusal:
                status, document = server.refuse(refusal)
                return self.send(status, json.dumps(document).encode(), "application/json")
            if not request.get("stream"):
                return self.send(200, json.dumps(server.answer(request)).encode(), "application/json")
            return self.stream(request)

        def send(self, status: int, content: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def stream(self, request: Document) -> None:
            self.send_response(200)
            self.send_header("Content-Type", server.stream_type())
            self.end_headers()
            self.close_connection = True
            with suppress(OSError):  # the caller may go away
                for text in server.stream(request):
                    self.wfile.write(text.encode())

        def log_message(self, format: str, *values: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()
