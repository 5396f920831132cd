"""The HTTP server that the verbs take for AWS. It hands each request to the account."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from werkzeug.datastructures import Headers

from tests.aws.service.protocols import NO_ANSWER, Answer, Request

Responder = Callable[[Request], Answer]

# of one connection only
HOP_BY_HOP = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


class HttpServer(ThreadingHTTPServer):
    """Listens on a port of its own; `respond` may be replaced between requests."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.respond: Responder | None = None
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: HttpServer

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        assert self.server.respond, "no test is running"
        answer = self.server.respond(Request(self.command, self.path, Headers([*self.headers.items()]), body))
        if answer == NO_ANSWER:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what was called is in `Account.calls`."""


for method in ("DELETE", "GET", "HEAD", "POST", "PUT"):
    setattr(Handler, f"do_{method}", Handler.handle_any)
