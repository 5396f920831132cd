"""A stand-in for an inference engine: no model, but the routes, readiness and end that the real ones have.

It notes how it was started in the file STAND_IN_RECORD. The folder STAND_IN_GATES holds its gates: where there is one,
it listens once `ready` is there, and ends a stream once `go_on` is. STAND_IN_FAILURE is what it says before it fails.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    record = {"words": sys.argv, "environment": dict(os.environ), "properties": properties()}
    Path(os.environ["STAND_IN_RECORD"]).write_text(json.dumps(record))
    if failure := os.environ.get("STAND_IN_FAILURE"):
        sys.exit(failure)
    wait_for("ready")
    server = Server(address(), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stopping.wait()
    server.shutdown()
    server.server_close()  # waits for requests in flight


stopping = threading.Event()


def stop(number: int, frame: object) -> None:
    stopping.set()


def properties() -> str:
    """The serving.properties that it was pointed to."""
    folders = [word.partition("file://")[2] for word in sys.argv if word.startswith("model=file://")]
    return (Path(folders[0]) / "serving.properties").read_text() if folders else ""


def address() -> tuple[str, int]:
    """Where to listen, as the real ones are told."""
    if url := os.environ.get("SERVING_INFERENCE_ADDRESS"):
        parsed = urlsplit(url)
        assert parsed.hostname
        assert parsed.port
        return parsed.hostname, parsed.port
    given = dict(zip(sys.argv, [*sys.argv[1:], ""], strict=True))
    return given["--host"], int(given["--port"])


def wait_for(gate: str) -> None:
    """Wait until a gate is open; without gates all are."""
    folder = os.environ.get("STAND_IN_GATES")
    while folder and not (Path(folder) / gate).exists() and not (gate == "ready" and stopping.is_set()):
        time.sleep(0.02)


class Server(ThreadingHTTPServer):
    daemon_threads = False


class Handler(BaseHTTPRequestHandler):
    """Answers what it was asked, and where."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(200 if self.path in ("/ping", "/health") else 404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if b'"stream"' in body:
            return self.stream()
        return self.answer(200, {"path": self.path, "bytes": len(body)})

    def answer(self, status: int, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunk("data: first\n\n")
        wait_for("go_on")
        self.chunk("data: last\n\n")
        self.chunk("")
        self.close_connection = True

    def chunk(self, text: str) -> None:
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())

    def log_message(self, format: str, *values: object) -> None:
        """Print nothing."""


if __name__ == "__main__":
    main()
