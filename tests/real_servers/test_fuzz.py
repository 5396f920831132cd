"""Neither requests made from the servers' own description nor random bytes get an answer of another form, or a 5xx.

`make test` sends a few, `make fuzz` as many as the environment variables here say; always the same.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.conftest import ROOT
from tests.exhaustive import exhaustive
from tests.programs import uv
from tests.real_servers import raw
from tests.real_servers.conftest import Server

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "1500"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "unsupported_method", "allow_header_conformance"),
)

ROW = [1, 0.455, 0.365, 0.095, 0.514, 0.2245, 0.101, 0.15]
NPY = raw.npy(np.array([ROW]))


def request(line: str, body: bytes = b"", *headers: str) -> bytes:
    head = [line, "Host: model", "Connection: close", *headers, *([f"Content-Length: {len(body)}"] if body else [])]
    return "\r\n".join([*head, "", ""]).encode() + body


# what is made worse at random
GOOD = [
    request("GET /ping HTTP/1.1"),
    request("GET /metrics HTTP/1.1", b"", "Accept: text/plain"),
    request("GET /openapi.json?a=b HTTP/1.1", b"", "X-Request-Id: some-id"),
    request("POST /invocations HTTP/1.1", json.dumps({"instances": [ROW]}).encode(), "Content-Type: application/json"),
    request("POST /invocations HTTP/1.1", b"1,2,3,4,5,6,7,8\n", "Content-Type: text/csv", "Accept: text/csv;q=0.5"),
    request("POST /invocations HTTP/1.1", NPY, "Content-Type: application/x-npy", "Accept: application/x-npy"),
    request("POST /invocations HTTP/1.1", json.dumps(ROW).encode(), "Content-Type: application/jsonlines"),
    request("POST /invocations HTTP/1.1", b"", "Content-Type: text/csv", "Transfer-Encoding: chunked")
    + b"10\r\n1,2,3,4,5,6,7,8\n\r\n0\r\n\r\n",
]
PIECES = [
    *(b"\r\n", b"\n", b"\x00", b"\xff\xfe", b" ", b":", b",", b"%2e%2e/", b"/../", b"%", b'"', b"[", b"{", b"}"),
    *(b"]" * 50, b"nan", b"1e999", b"-0", b"9" * 400, b"null", b"true", b"\\ud800", b"[" * 3000, b"HTTP/0.9"),
    *(b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n", b"\xef\xbb\xbf"),
    *(b"Host: a\r\n", b"Connection: upgrade\r\n", b"Range: bytes=0-1\r\n", b"a" * 9000, b"\x93NUMPY", b"'descr': '|O'"),
    b"Content-Length: 5\r\n",
]


def made_worse(source: random.Random) -> Iterator[bytes]:
    """Requests with one to four changes."""
    while True:
        data = bytearray(source.choice(GOOD))
        for _ in range(source.randint(1, 4)):
            where = source.randrange(len(data) + 1)
            end = min(len(data), where + source.choice([1, 1, 2, 8, 40]))
            change = source.randrange(5)
            if change == 0:
                data[where:where] = source.choice(PIECES)
            elif change == 1:
                data[where:end] = source.choice(PIECES)
            elif change == 2:
                del data[where:end]
            elif change == 3:
                data[where:where] = data[where:end] * source.choice([1, 3, 50])
            else:
                data[where:end] = source.randbytes(end - where)
        yield bytes(data)


def fault(seen: bytes) -> str:
    """What is wrong with an answer; empty if nothing."""
    if not seen.startswith(b"HTTP/"):
        return ""  # nothing to answer, or HTTP/0.9, whose answers have no head
    head, _, body = seen.partition(b"\r\n\r\n")
    status = int(re.match(rb"HTTP/1\.[01] (\d{3})", head)[1])  # type: ignore[index]
    if status == 100:
        return fault(body)
    if status >= 500:
        return f"status {status}"
    if status >= 400 and body:  # HEAD has none
        try:
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            error = json.loads(body[: int(length[1])] if length else body)["error"]
            return "" if set(error) == {"code", "message", "request_id"} else f"error {error}"
        except (ValueError, KeyError, TypeError):
            return "an error of another form"
    return ""


def test_random_bytes_are_answered_in_the_one_form_and_harm_nobody(server: Server) -> None:
    server.await_workers(2)
    workers = server.workers()
    requests = [*islice(made_worse(random.Random(SEED)), REQUESTS)]

    with ThreadPoolExecutor(16) as pool:
        answers = [*pool.map(lambda data: raw.everything(server.port, data), requests)]

    wrong = [(fault(seen), data[:300], seen[:300]) for data, seen in zip(requests, answers, strict=True) if fault(seen)]
    assert wrong[:5] == []
    assert sum(map(bool, answers)) > REQUESTS / 3  # some are no whole request
    assert server.post([ROW]).status_code == 200
    assert [worker.pid for worker in server.workers()] == [worker.pid for worker in workers]
    assert all(worker.status() != psutil.STATUS_ZOMBIE for worker in workers)


@pytest.fixture(scope="module")
def schemathesis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, in an environment of its own."""
    folder = tmp_path_factory.mktemp("schemathesis") / "environment"
    python = folder / "bin/python"
    uv("venv", folder)
    options = ("--require-hashes", "--python", python, "-r", ROOT / "requirements/fuzz.txt")
    uv("pip", "install", *options)
    return folder / "bin/schemathesis"


@exhaustive
def test_requests_made_from_the_description_are_answered_as_it_says(
    server: Server, schemathesis: Path, tmp_path: Path
) -> None:
    options = ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--checks", ",".join(CHECKS)]

    done = subprocess.run(
        [schemathesis, "run", f"{server.url}/openapi.json", "--no-color", "--workers", "1", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert server.post([ROW]).status_code == 200
