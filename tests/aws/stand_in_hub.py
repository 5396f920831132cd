"""A stand-in for the Hugging Face Hub, with one model; what it answers is documented, or what its client relies on.

Tree and revision: https://huggingface.co/docs/hub/api. Redirects, X-Linked-*, X-Error-Code and the digests:
huggingface_hub's file_download.py and utils/_http.py. Big files are at another address, which refuses the token, and
is good for a while. 429 with Retry-After: https://huggingface.co/docs/hub/rate-limits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qs, unquote, urlsplit

NAME = "org/tiny"
COMMIT = "c" * 40
TOKEN = "hf_secret"


class Hub:
    """What the Hub has, and how it is today. `requests` are those that it was asked."""

    def __init__(self, files: dict[str, bytes], big: int) -> None:
        self.files = files
        self.big = big  # from this size on, a file is kept by LFS
        self.gated = False
        self.busy = 0  # requests that it still answers with 429
        self.uses = 1000  # of an address before it expires
        self.requests: list[str] = []
        self.used = 0
        self.lock = Lock()

    def row(self, path: str) -> dict[str, object]:
        """A file as it is listed."""
        content = self.files[path]
        name = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        row: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": name}
        if len(content) >= self.big:
            row["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 135}
        return row


@contextmanager
def running(hub: Hub) -> Iterator[str]:
    """The URL of the Hub."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = unquote(parts.path)
            with hub.lock:
                hub.requests.append(f"{self.command} {path}")
                if hub.busy:
                    hub.busy -= 1
                    return self.send(429, b"", {"Retry-After": "0"})
                if path.startswith("/cdn/"):
                    return self.big(path.removeprefix("/cdn/"))
            if hub.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self.send(401, b"Access to model is restricted", {"X-Error-Code": "GatedRepo"})
            if not path.startswith((f"/api/models/{NAME}/", f"/{NAME}/")):
                return self.send(401, b"Invalid username or password.", {"X-Error-Code": "RepoNotFound"})
            if path.startswith(f"/api/models/{NAME}/revision/"):
                if path.rpartition("/")[2] not in ("main", COMMIT):
                    return self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
                return self.send(200, json.dumps({"id": NAME, "sha": COMMIT}).encode())
            if path.startswith(f"/api/models/{NAME}/tree/{COMMIT}"):
                return self.tree("cursor" in parse_qs(parts.query))
            return self.resolve(path.removeprefix(f"/{NAME}/resolve/{COMMIT}/"))

        def do_HEAD(self) -> None:
            self.do_GET()

        def tree(self, rest: bool) -> None:
            """The files on two pages."""
            rows = [hub.row(path) for path in hub.files] + [{"type": "directory", "path": "tokenizer", "oid": "0"}]
            link = {} if rest else {"Link": f'<{url}/api/models/{NAME}/tree/{COMMIT}?cursor=1>; rel="next"'}
            self.send(200, json.dumps(rows[1:] if rest else rows[:1]).encode(), link)

        def resolve(self, path: str) -> None:
            row = hub.row(path)
            if "lfs" in row:
                return self.send(302, b"", {"Location": f"{elsewhere}/cdn/{path}?signature=1", "X-Repo-Commit": COMMIT})
            return self.send(200, hub.files[path], {"ETag": f'"{row["oid"]}"', "X-Repo-Commit": COMMIT})

        def big(self, path: str) -> None:
            hub.used += 1
            if "Authorization" in self.headers or hub.used > hub.uses:
                hub.used = 0
                return self.send(403, b"expired")
            first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
            return self.send(206, hub.files[path][int(first) : int(last) + 1])

        def send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = server.server_address[1]
    url, elsewhere = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
