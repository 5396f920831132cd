"""A stand-in of the Hugging Face Hub with one gated model; what it answers is what its client, in vLLM, asks for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

NAME = "org/tiny"
COMMIT = "c" * 40


@contextmanager
def running(folder: Path, token: str) -> Iterator[str]:
    """The URL of a Hub whose model is in this folder, for those who have the token."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if self.headers.get("Authorization") != f"Bearer {token}":
                return self.send(401, b"Access to model org/tiny is restricted", {"X-Error-Code": "GatedRepo"})
            if path.startswith(f"/api/models/{NAME}/tree/"):
                return self.send(200, json.dumps([described(file) for file in files()]).encode())
            if path.startswith(f"/api/models/{NAME}"):
                names = [{"rfilename": file.name} for file in files()]
                return self.send(200, json.dumps({"id": NAME, "sha": COMMIT, "siblings": names}).encode())
            file = folder / path.rpartition("/")[2]
            if not path.startswith(f"/{NAME}/resolve/") or not file.is_file():
                return self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
            content = file.read_bytes()
            return self.send(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"'})

        def do_HEAD(self) -> None:
            self.do_GET()

        def send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in {"X-Repo-Commit": COMMIT, **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    def files() -> list[Path]:
        return sorted(file for file in folder.iterdir() if file.is_file())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def described(file: Path) -> dict[str, str | int]:
    """A file as the Hub lists it."""
    content = file.read_bytes()
    return {"type": "file", "path": file.name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
